"""Data and corrections: asking, giving, reporting, and what is put right field by field."""

from __future__ import annotations

import asyncio
from typing import Any

from conformance.bodies import CARE, MARKETING, OPTIMISING, ORDERS, TRAINING
from conformance.checks.below import (
    NOTHING,
    ask,
    begun,
    below,
    nothing,
    opening,
    organisation,
    quiet,
    rate,
    report,
    share,
    shown,
)
from conformance.checks.offers import pages
from conformance.checks.relationships import related, step, terms
from conformance.lab import Lab, Party, Said, Thread, check

__all__ = ["correct"]


# --- data -----------------------------------------------------------------------------------------


@check("VRM-DAT-001", profile="relationship")
async def a_request_is_judged_by_all_that_was_said(lab: Lab) -> None:
    """Its purpose, the rung, its categories, her preferences, her refusals; under each agreement anew."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor, rule = thread.first, organisation(thread), "VRM-DAT-001"
    other = (await terms(lab, person, vendor, "PDC-AI")).said[1].mid
    for agr in (record, other):
        lab.refused(rule, await ask(lab, thread, agr, OPTIMISING), "terms-prohibit")
        lab.refused(rule, await ask(lab, thread, agr, MARKETING), "consent-needed")
        lab.refused(rule, await ask(lab, thread, agr, CARE, "Username"), "stage-forbids")
    lab.refused(rule, await ask(lab, thread, record, TRAINING), "consent-needed")
    lab.taken(rule, await ask(lab, thread, other, TRAINING), "requested")
    for body in (quiet(lab), rate(1)):
        await lab.say(person, "relationship.prefer", body, thread)
        said = await ask(lab, thread, record)
        lab.refused(rule, said, "preference-forbids")
        await nothing(lab, rule, said, person)
    await lab.say(person, "relationship.prefer", {"preferences": {"zone": "UTC"}}, thread)
    asked = below(thread, lab.taken(rule, await ask(lab, thread, record, ORDERS), "requested"))
    await shown(lab, rule, asked, "requested")
    waiting = await lab.inbox(person)
    lab.holds(rule, asked.thid in waiting, "the request in her inbox", waiting)
    await lab.say(person, "data.refuse", {}, asked)
    for agr in (record, other):
        lab.refused(rule, await ask(lab, thread, agr, ORDERS), "asked-again")
    await lab.say(person, "relationship.retreat", {"stage": "returning"}, thread)
    lab.refused(rule, await ask(lab, thread, record), "stage-forbids")
    lab.taken(rule, await step(lab, thread, record, "commenter"), "open")
    lab.taken(rule, await ask(lab, thread, record, CARE, "Username"), "requested")
    said = await opening(lab, thread, person, "data.request", lab.bodies.request(), record)
    lab.refused(rule, said, "role-forbidden")


@check("VRM-DAT-002", profile="relationship")
async def what_she_shares_is_taken(lab: Lab) -> None:
    """For each purpose, on the lowest rung, in quiet hours, at rest; under an agreement in force only."""
    thread, record = await related(lab, "SD-BASE")
    person, vendor, rule = thread.first, organisation(thread), "VRM-DAT-002"
    await lab.say(person, "relationship.prefer", quiet(lab), thread)
    for purpose in lab.spec.purposes:
        one = below(thread, lab.taken(rule, await share(lab, thread, record, purpose), "shared"))
    for purpose in (CARE, OPTIMISING, MARKETING):
        body = lab.bodies.share(purpose, "Disability", "Name", fields={"name": "A.", "other": "B."})
        said = await opening(lab, thread, person, "data.share", body, record)
        one = below(thread, lab.taken(rule, said, "shared"))
        await shown(lab, rule, one, "shared")
        waiting = await lab.inbox(vendor)
        lab.holds(rule, said.mid in waiting, "the data in the other's inbox", waiting)
        lab.taken(rule, await lab.attempt(person, "data.share", body, one, agr=record), "shared")
        await lab.say(person, "relationship.pause", {}, thread)
        lab.taken(rule, await lab.attempt(person, "data.share", body, one, agr=record), "shared")
        lab.taken(rule, await share(lab, thread, record, purpose), "shared")
        await lab.say(person, "relationship.resume", {}, thread)
        said = await lab.attempt(vendor, "data.share", body, one, agr=record)
        lab.refused(rule, said, "role-forbidden")
    newer = await terms(lab, person, vendor)
    lab.refused(rule, await share(lab, thread, record), "agreement-not-live")
    one = below(thread, lab.taken(rule, await share(lab, thread, newer.said[1].mid), "shared"))
    said = await lab.attempt(person, "data.share", lab.bodies.share(), one, agr=record)
    lab.refused(rule, said, "agreement-not-live")
    await lab.say(vendor, "agreement.terminate", {}, newer)
    for agr in (record, newer.said[1].mid):
        said = await share(lab, thread, agr)
        lab.refused(rule, said, "agreement-not-live")
        await nothing(lab, rule, said, vendor)


@check("VRM-DAT-003", profile="relationship")
async def she_refuses_a_request(lab: Lab) -> None:
    """With a reason or without, on any message of it, once the agreement is over, at rest; nobody else."""
    about = await related(lab, stage="subscriber")
    thread, record = about
    person, vendor, rule = thread.first, organisation(thread), "VRM-DAT-003"
    other = await terms(lab, person, vendor, "PDC-AI")
    purposes = [p for p, c in lab.spec.purposes.items() if c == "service-delivery"]
    requests = []
    for purpose in purposes:
        said = lab.taken(rule, await ask(lab, thread, other.said[1].mid, purpose), "requested")
        requests.append(below(thread, said))
    said = await lab.attempt(vendor, "data.refuse", {}, requests[0])
    lab.refused(rule, said, "role-forbidden")
    for n, body in enumerate(({}, {"reason": "You do not need it."})):
        lab.taken(rule, await lab.attempt(person, "data.refuse", body, requests[n]), "refused")
        await shown(lab, rule, requests[n], "refused")
        said = await lab.attempt(person, "data.share", lab.bodies.share(), requests[n], agr=record)
        lab.refused(rule, said, "state-conflict")
    await lab.say(vendor, "agreement.terminate", {}, other)
    lab.taken(rule, await lab.attempt(person, "data.refuse", {}, requests[2]), "refused")
    await lab.say(person, "relationship.pause", {}, thread)
    lab.taken(rule, await lab.attempt(person, "data.refuse", {}, requests[3]), "refused")
    await lab.say(person, "relationship.retreat", {"stage": "anonymous"}, thread)
    lab.taken(rule, await lab.attempt(person, "data.refuse", {}, requests[4]), "refused")
    waiting = await lab.inbox(vendor)
    right = {one.head for one in requests[:5]}
    lab.holds(rule, right <= set(waiting), "each refusal in the other's inbox", waiting)


@check("VRM-DAT-004", profile="relationship")
async def a_report_of_what_is_held_is_taken(lab: Lab) -> None:
    """On the lowest rung, in quiet hours, beyond any rate, of each category; anew and anew."""
    thread, record = await related(lab)
    person, vendor, rule = thread.first, organisation(thread), "VRM-DAT-004"
    for body in ({"preferences": {"zone": "UTC"}}, quiet(lab), rate(0, "P1M")):
        await lab.say(person, "relationship.prefer", body, thread)
        made = lab.bodies.report(CARE, "Disability", "Name", fields={"name": "A. Jansen", "note": ""})
        said = await opening(lab, thread, vendor, "data.report", made, record)
        held = below(thread, lab.taken(rule, said, "reported"))
        await shown(lab, rule, held, "reported")
        waiting = await lab.inbox(person)
        lab.holds(rule, said.mid in waiting, "the report in her inbox", waiting)
        for _ in range(3):
            lab.taken(rule, await lab.attempt(vendor, "data.report", made, held, agr=record), "reported")
        verified = {"as_of": lab.bodies.at(0)}
        lab.taken(rule, await lab.attempt(person, "data.verify", verified, held), "reported")
        said = await lab.attempt(vendor, "data.verify", verified, held)
        lab.refused(rule, said, "role-forbidden")
        said = await lab.attempt(person, "data.report", made, held, agr=record)
        lab.refused(rule, said, "role-forbidden")


@check("VRM-DAT-005", profile="relationship")
async def data_threads_are_closed_with_the_relationship(lab: Lab) -> None:
    """Asked for, shared, reported; what had ended before stays as it ended; those of others go on."""
    for by in ("first", "second"):
        thread, record = await related(lab, stage="subscriber")
        person, vendor, rule = thread.first, organisation(thread), "VRM-DAT-005"
        asked = [below(thread, await ask(lab, thread, record, p)) for p in (CARE, ORDERS, CARE, CARE)]
        await lab.say(person, "data.refuse", {}, asked[1])
        await lab.say(vendor, "data.retract", {}, asked[2])
        await lab.say(person, "data.share", lab.bodies.share(), asked[3], agr=record)
        given = [
            below(thread, await share(lab, thread, record)),
            below(thread, await report(lab, thread, record)),
        ]
        beside, elsewhere = await related(lab, stage="subscriber")
        apart = below(beside, await report(lab, beside, elsewhere))
        await lab.say(person if by == "first" else vendor, "relationship.end", {}, thread)
        later = (await terms(lab, person, vendor)).said[1].mid
        states = ("closed", "refused", "retracted", "closed", "closed", "closed")
        for one, state in zip([*asked, *given], states, strict=True):
            await shown(lab, rule, one, state)
        tries: list[tuple[Party, str, Any, Thread, str | None]] = [
            (person, "data.share", lab.bodies.share(), asked[0], later),
            (person, "data.refuse", {}, asked[0], None),
            (vendor, "data.retract", {}, asked[0], None),
            (person, "data.share", lab.bodies.share(), given[0], later),
            (vendor, "data.report", lab.bodies.report(), given[1], later),
            (person, "data.verify", {"as_of": lab.bodies.at(0)}, given[1], None),
            (person, "data.close", {}, given[1], None),
        ]
        for party, type_, body, one, agr in tries:
            said = await lab.attempt(party, type_, body, one, agr=agr)
            lab.refused(rule, said, "state-conflict")
        await shown(lab, rule, apart, "reported")


@check("VRM-DAT-001", "VRM-THR-018", profile="relationship", slow=True, patient=True)
async def a_request_for_data_expires(lab: Lab) -> None:
    """Then it is neither given nor refused, and has not been refused: it may be asked for again."""
    thread, record = await related(lab, stage="subscriber")
    until, made = lab.target.now() + 3, lab.bodies
    said = await ask(lab, thread, record, answer_by=made.at(until - made.now))
    one = below(thread, lab.taken("VRM-DAT-001", said, "requested"))
    await asyncio.sleep(max(0.0, until + 1.2 - lab.target.now()))
    await shown(lab, "VRM-THR-018", one, "expired")
    said = await lab.attempt(thread.first, "data.share", made.share(), one, agr=record)
    lab.refused("VRM-THR-018", said, "deadline-passed")
    said = await lab.attempt(thread.first, "data.refuse", {}, one)
    lab.refused("VRM-THR-018", said, "deadline-passed")
    lab.taken("VRM-DAT-001", await ask(lab, thread, record), "requested")


# --- corrections ----------------------------------------------------------------------------------


async def correct(
    lab: Lab, about: Thread, *patch: dict[str, str], of: str = "", by: Party | None = None, **body: Any
) -> Said:
    """She submits a correction of a message of a data thread, or tries to."""
    made = lab.bodies.correction(of or about.thid, *patch, **body)
    return await opening(lab, about, by or about.first, "correction.submit", made)


FIELDS = {"email": "a@old.example", "phone": "020 1234567", "note": ""}


async def _held(lab: Lab, thread: Thread, record: str) -> Thread:
    """A report with three fields."""
    made = lab.bodies.report(CARE, fields=FIELDS)
    said = await opening(lab, thread, organisation(thread), "data.report", made, record)
    return below(thread, lab.taken("VRM-DAT-004", said, "reported"))


@check("VRM-COR-001", "VRM-THR-009", profile="relationship")
async def a_correction_is_of_fields_of_its_data_thread(lab: Lab) -> None:
    """Of a report, a share, an answer to a request; of no other message and of no other thread."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor, rule = thread.first, organisation(thread), "VRM-COR-001"
    held = below(thread, await report(lab, thread, record))
    again = await lab.say(vendor, "data.report", lab.bodies.report(), held, agr=record)
    verified = await lab.say(person, "data.verify", {"as_of": lab.bodies.at(0)}, held)
    given = below(thread, await share(lab, thread, record))
    asked = below(thread, await ask(lab, thread, record))
    refused = await correct(lab, asked)
    lab.refused(rule, refused, "patch-failed")
    answer = await lab.say(person, "data.share", lab.bodies.share(), asked, agr=record)
    talk = await begun(lab, thread, record)
    beside, elsewhere = await related(lab, stage="subscriber")
    apart = below(beside, await report(lab, beside, elsewhere))
    lab.refused(rule, await correct(lab, asked), "patch-failed")
    for about, of in (
        (held, verified.mid),
        (held, given.thid),
        (held, talk.thid),
        (held, apart.thid),
        (held, NOTHING),
        (given, held.thid),
        (given, answer.mid),
        (asked, asked.thid),
    ):
        said = await correct(lab, about, of=of)
        lab.refused(rule, said, "patch-failed")
        await nothing(lab, rule, said, vendor)
    for about, of in ((held, held.thid), (held, again.mid), (given, given.thid), (asked, answer.mid)):
        said = lab.taken(rule, await correct(lab, about, of=of), "submitted")
        one = below(thread, said)
        await shown(lab, rule, one, "submitted")
        waiting = await lab.inbox(vendor)
        lab.holds(rule, said.mid in waiting, "the correction in the other's inbox", waiting)
        lab.refused("VRM-THR-009", await correct(lab, one, of=of), "parent-unknown")
    lab.refused(rule, await correct(lab, held, by=vendor), "role-forbidden")
    for about in (thread, talk):
        lab.refused("VRM-THR-009", await correct(lab, about, of=held.thid), "parent-unknown")
    stranger = Thread(held.thid, lab.person(), vendor)
    lab.refused("VRM-THR-009", await correct(lab, stranger), "parent-unknown")


@check("VRM-COR-001", profile="relationship", beside="intent")
async def a_file_is_not_corrected_by_its_fields(lab: Lab) -> None:
    """A report that refers to a file has no fields in clear."""
    thread, record = await related(lab, stage="subscriber")
    vendor, data = organisation(thread), lab.rng.randbytes(40)
    lab.holds("VRM-COR-001", (await lab.put(vendor, data)).status == 201, "201 to a blob")
    made = {**lab.bodies.report(), "content": {"ref": lab.bodies.reference(data, lab.blobs)}}
    held = below(thread, await opening(lab, thread, vendor, "data.report", made, record))
    lab.taken("VRM-DAT-004", held.said[0], "reported")
    for patch in (
        {"op": "add", "path": "/email", "value": "a"},
        {"op": "replace", "path": "/ref", "value": "a"},
    ):
        lab.refused("VRM-COR-001", await correct(lab, held, patch), "patch-failed")
    clear = await lab.say(vendor, "data.report", lab.bodies.report(), held, agr=record)
    lab.taken("VRM-COR-001", await correct(lab, held, of=clear.mid), "submitted")


def _op(op: str, name: str, value: str | None = None) -> dict[str, str]:
    made = {"op": op, "path": f"/{name}"}
    return made if value is None else {**made, "value": value}


EMAIL, PHONE = FIELDS["email"], FIELDS["phone"]
APPLIES: list[list[dict[str, str]]] = [
    [_op("replace", "email", "b")],
    [_op("add", "email", "b")],
    [_op("add", "city", "b")],
    [_op("add", "city", "")],
    [_op("remove", "email")],
    [_op("remove", "email", "whatever")],
    [_op("test", "email", EMAIL)],
    [_op("test", "note", "")],
    [_op("test", "email", EMAIL), _op("replace", "email", "b"), _op("test", "email", "b")],
    [_op("add", "city", "b"), _op("test", "city", "b"), _op("replace", "city", "c"), _op("remove", "city")],
    [_op("remove", "email"), _op("add", "email", "b"), _op("replace", "email", "c")],
    [_op("remove", name) for name in FIELDS],
    [_op("replace", "email", EMAIL)],
]
FAILS: list[list[dict[str, str]]] = [
    [_op("replace", "city", "b")],
    [_op("remove", "city")],
    [_op("test", "city", "b")],
    [_op("test", "city", "")],
    [_op("test", "email", "b")],
    [_op("test", "email", "")],
    [_op("test", "email", EMAIL.upper())],
    [_op("test", "email", f"{EMAIL} ")],
    [_op("test", "email", PHONE)],
    [_op("test", "email")],
    [_op("test", "note")],
    [_op("replace", "email")],
    [_op("add", "city")],
    [_op("add", "email")],
    [_op("replace", "email", "b"), _op("test", "email", EMAIL)],
    [_op("remove", "email"), _op("replace", "email", "b")],
    [_op("remove", "email"), _op("remove", "email")],
    [_op("remove", "email"), _op("test", "email", EMAIL)],
    [_op("replace", "city", "c"), _op("add", "city", "b")],
    [_op("test", "city", "b"), _op("add", "city", "b")],
    [_op("replace", "email", "b"), _op("replace", "phone", "b"), _op("remove", "city")],
    [_op("test", "phone", "b"), _op("replace", "email", "b")],
    [_op("replace", "email", "b"), _op("test", "phone", "b"), _op("replace", "note", "b")],
]


@check("VRM-COR-002", profile="relationship")
async def a_patch_applies_as_a_whole_or_not_at_all(lab: Lab) -> None:
    """Each operation, on what the ones before have left, in their order."""
    thread, record = await related(lab, stage="subscriber")
    held = await _held(lab, thread, record)
    for patch in FAILS:
        lab.refused("VRM-COR-002", await correct(lab, held, *patch), "patch-failed")
    said = await correct(lab, held, *FAILS[-1])
    await nothing(lab, "VRM-COR-002", said, organisation(thread))
    for patch in APPLIES:
        lab.taken("VRM-COR-002", await correct(lab, held, *patch), "submitted")
    for patch in FAILS:
        lab.refused("VRM-COR-002", await correct(lab, held, *patch), "patch-failed")


@check("VRM-COR-002", profile="relationship")
async def a_correction_leaves_the_message_as_it_is(lab: Lab) -> None:
    """Applied or not: the next one is of the same fields, and a newer report has its own."""
    thread, record = await related(lab, stage="subscriber")
    vendor, rule = organisation(thread), "VRM-COR-002"
    held = await _held(lab, thread, record)
    patch = [_op("test", "email", EMAIL), _op("replace", "email", "b"), _op("remove", "phone")]
    for type_, state in (("correction.apply", "applied"), ("correction.refuse", "refused"), ("", "")):
        one = below(thread, lab.taken(rule, await correct(lab, held, *patch), "submitted"))
        body: dict[str, Any] = {"reasons": {"/email": "No.", "/phone": "No."}}
        if type_ == "correction.apply":
            body = {"applied_at": lab.bodies.at(0)}
        if type_:
            lab.taken(rule, await lab.attempt(vendor, type_, body, one), state)
            await shown(lab, rule, one, state)
    said = await correct(lab, held, _op("test", "email", "b"))
    lab.refused(rule, said, "patch-failed")
    made = lab.bodies.report(CARE, fields={"email": "b"})
    newer = await lab.say(vendor, "data.report", made, held, agr=record)
    lab.taken(rule, await correct(lab, held, _op("test", "email", "b"), of=newer.mid), "submitted")
    lab.refused(rule, await correct(lab, held, *patch, of=newer.mid), "patch-failed")
    lab.taken(rule, await correct(lab, held, *patch), "submitted")
    shown_ones = [m["token"] for m in await pages(lab, rule, thread.first, held.thid)]
    lab.holds(
        rule, shown_ones == [one.token for one in held.said], "the reports as they were", len(shown_ones)
    )


@check("VRM-COR-003", profile="relationship", slow=True, patient=True)
async def a_late_answer_to_a_correction_is_taken(lab: Lab) -> None:
    """Overdue, each answer of the organisation is taken, and she may still withdraw it."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor, rule = thread.first, organisation(thread), "VRM-COR-003"
    held = await _held(lab, thread, record)
    until, made = lab.target.now() + 3, lab.bodies
    turns: list[tuple[Party, str, Any, str]] = [
        (vendor, "correction.apply", {"applied_at": made.at(0)}, "applied"),
        (vendor, "correction.refuse", {"reasons": {"/email": "It is right."}}, "refused"),
        (person, "correction.withdraw", {}, "withdrawn"),
    ]
    threads = []
    for _ in turns:
        said = await correct(lab, held, answer_by=made.at(until - made.now))
        threads.append(below(thread, lab.taken(rule, said, "submitted")))
    early = below(thread, await correct(lab, held, answer_by=made.at(until - made.now)))
    lab.taken(rule, await lab.attempt(vendor, "correction.apply", turns[0][2], early), "applied")
    await asyncio.sleep(max(0.0, until + 1.2 - lab.target.now()))
    await shown(lab, rule, early, "applied")
    for one, (party, type_, body, state) in zip(threads, turns, strict=True):
        await shown(lab, rule, one, "overdue")
        other = vendor if party is person else person
        lab.refused(rule, await lab.attempt(other, type_, body, one), "role-forbidden")
        lab.taken(rule, await lab.attempt(party, type_, body, one), state)
        await shown(lab, rule, one, state)
        lab.refused(rule, await lab.attempt(party, type_, body, one), "state-conflict")


@check("VRM-COR-004", profile="relationship")
async def corrections_outlive_agreement_and_relationship(lab: Lab) -> None:
    """Submitted and answered once the agreement is over, at rest, of a closed thread, ended and attested."""
    thread, record = await related(lab, stage="subscriber")
    person, vendor, rule = thread.first, organisation(thread), "VRM-COR-004"
    made = lab.bodies
    held = await _held(lab, thread, record)
    closed = await _held(lab, thread, record)
    await lab.say(vendor, "data.close", {}, closed)
    given = below(thread, await share(lab, thread, record))
    waiting: list[Thread] = []
    answers: list[tuple[Party, str, Any, str]] = [
        (vendor, "correction.apply", {"applied_at": made.at(0)}, "applied"),
        (vendor, "correction.refuse", {"reasons": {"/email": "It is right."}}, "refused"),
        (person, "correction.withdraw", {}, "withdrawn"),
    ]

    async def turn() -> None:
        """Those that wait from before are answered, and so are new ones; three are left waiting."""
        for about in (held, closed, given):
            waiting.append(below(thread, lab.taken(rule, await correct(lab, about), "submitted")))
        for n in range(len(waiting)):
            party, type_, body, state = answers[n % 3]
            one = waiting.pop(0)
            lab.taken(rule, await lab.attempt(party, type_, body, one), state)
            await shown(lab, rule, one, state)
        for about in (given, held, closed):
            waiting.append(below(thread, lab.taken(rule, await correct(lab, about), "submitted")))
        for reader in (person, vendor):
            await lab.poll(reader, ack=await lab.inbox(reader))

    await turn()
    newer = await terms(lab, person, vendor, "SD-BASE")
    await turn()
    await lab.say(person, "agreement.terminate", {}, newer)
    await turn()
    await lab.say(person, "relationship.pause", {}, thread)
    await turn()
    await lab.say(person, "relationship.end", {}, thread)
    await turn()
    await lab.say(vendor, "relationship.attest", {"erased_at": made.at(0), "kept": []}, thread)
    await turn()
    said = await correct(lab, held, _op("remove", "city"))
    lab.refused("VRM-COR-004", said, "patch-failed")


# --- extensions -----------------------------------------------------------------------------------


@check("VRM-ENV-033", profile="relationship")
async def an_extension_is_kept_in_data_and_corrections(lab: Lab) -> None:
    """Each type whose schema takes ``ext`` is taken with one that nobody knows, and shows it unchanged."""
    ext = {"https://ext.example/a": {"deep": [[1, {"\U0001f697": None}]]}, "urn:example:b": "\u05d0"}
    above, record = await related(lab, stage="subscriber")
    person, vendor, made = above.first, organisation(above), lab.bodies

    async def opened(by: Party, type_: str, body: Any, over: Thread, agr: str | None = record) -> Thread:
        said = await lab.attempt(by, type_, body, aud=over.other(by), pthid=over.thid, agr=agr, ext=ext)
        return below(above, lab.taken("VRM-ENV-033", said))

    async def said(by: Party, type_: str, body: Any, about: Thread, agr: str | None = None) -> None:
        lab.taken("VRM-ENV-033", await lab.attempt(by, type_, body, about, agr=agr, ext=ext))

    asked = [await opened(vendor, "data.request", made.request(p), above) for p in (CARE, CARE, ORDERS)]
    await said(person, "data.share", made.share(), asked[0], record)
    await said(vendor, "data.retract", {}, asked[1])
    await said(person, "data.refuse", {}, asked[2])
    given = await opened(person, "data.share", made.share(), above)
    held = await opened(vendor, "data.report", made.report(), above)
    await said(vendor, "data.report", made.report(), held, record)
    await said(person, "data.verify", {"as_of": made.at(0)}, held)
    body = made.correction(held.thid)
    corrections = [await opened(person, "correction.submit", body, held, None) for _ in range(3)]
    await said(vendor, "correction.apply", {"applied_at": made.at(0)}, corrections[0])
    await said(vendor, "correction.refuse", {"reasons": {"/email": "No."}}, corrections[1])
    await said(person, "correction.withdraw", {}, corrections[2])
    await said(vendor, "data.close", {"reason": "moved on"}, held)
    for thread in (*asked, given, held, *corrections):
        for party in (person, vendor):
            read = [m["token"] for m in await pages(lab, "VRM-ENV-033", party, thread.thid)]
            right = [one.token for one in thread.said]
            lab.holds("VRM-ENV-033", read == right, "the bytes that were sent", len(read))
