"""Checks of what a stranger is told: nothing of threads, records and agreements, nor what a body said."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from conformance import jose
from conformance.lab import Lab, check
from conformance.target import Answer
from conformance.wire import together

__all__ = ["alike"]

_MOVING = {"date", "connection", "keep-alive", "server-timing", "x-request-id", "traceparent", "via", "age"}


def _lines(answer: Answer) -> Mapping[str, str]:
    return {n.lower(): v for n, v in answer.headers.items() if n.lower() not in _MOVING}


def alike(lab: Lab, requirement: str, what: str, there: Answer, nothing: Answer, again: Answer) -> None:
    """An answer is that to what does not exist, byte for byte; ``again`` shows which headers move."""
    lab.holds(requirement, there.status == nothing.status, f"{nothing.status} for {what}", there.status)
    lab.holds(requirement, there.data == nothing.data, f"{nothing.text} for {what}", there.text)
    one, two, three = _lines(there), _lines(nothing), _lines(again)
    steady = {name for name in two if two[name] == three.get(name)}
    wrong = [n for n in {*one, *two} if (n in steady and one.get(n) != two[n]) or (n in one) != (n in two)]
    told = {name: (one.get(name), two.get(name)) for name in wrong}
    lab.holds(requirement, not wrong, f"the same headers for {what}", told)


@check("VRM-HOM-018")
async def a_stranger_reads_what_nobody_reads(lab: Lab) -> None:
    """Threads and records of others in every state are answered like ids that do not exist."""
    person, vendor = lab.person(), await lab.vendor()
    stranger, other = lab.person(), await lab.vendor()
    open_ = await lab.proffered(person, vendor)
    agreed = await lab.agreed(person, vendor)
    ended = await lab.agreed(lab.person(), vendor)
    await lab.say(ended.first, "agreement.terminate", {}, ended)
    mine = await lab.proffered(stranger, other)
    records = lab.target.endpoint("records")
    for reader in (stranger, other):
        for url, query in (
            (lab.thread_url("{}"), ""),
            (lab.thread_url("{}"), "?from=1&limit=1"),
            (lab.thread_url("{}"), "?from=99"),
            (f"{records}/{{}}", ""),
        ):

            async def ask(id_: str, url: str = url, query: str = query, reader: Any = reader) -> Answer:
                token = lab.talk.signed(reader.key, reader.id, "GET", url.format(id_))
                headers = {"Authorization": f"VRM {token}"}
                return await lab.talk.request("GET", url.format(id_) + query, headers=headers, label="a read")

            nothing = await ask(jose.digest(secrets.token_bytes(9)))
            again = await ask(jose.digest(secrets.token_bytes(9)))
            lab.refused("VRM-HOM-018", nothing, "not-found")
            lab.holds("VRM-HOM-018", nothing.data == again.data, nothing.text, again.text)
            ids = [thread.thid for thread in (open_, agreed, ended)]
            ids += [said.mid for thread in (agreed, ended) for said in thread.said]
            for there in await together(ask(id_) for id_ in dict.fromkeys(ids)):
                alike(lab, "VRM-HOM-018", "what is of others", there, nothing, again)
    read = await lab.get(stranger, lab.thread_url(mine.thid))
    lab.holds("VRM-HOM-018", read.status == 200, "200 for a thread of one's own", read.said)
    for method in ("DELETE", "PUT", "POST"):
        token = lab.talk.signed(stranger.key, stranger.id, method, lab.thread_url(agreed.thid))
        headers = {"Authorization": f"VRM {token}"}
        there = await lab.talk.request(method, lab.thread_url(agreed.thid), headers=headers)
        gone = lab.thread_url(jose.digest(b"nothing"))
        token = lab.talk.signed(stranger.key, stranger.id, method, gone)
        headers = {"Authorization": f"VRM {token}"}
        nothing = await lab.talk.request(method, gone, headers=headers)
        alike(lab, "VRM-HOM-018", f"{method} on what is of others", there, nothing, nothing)


@check("VRM-THR-002")
async def a_thread_of_others_is_like_none(lab: Lab) -> None:
    """Whatever a stranger sends there is answered in every member as if there were no such thread."""
    vendor, stranger = await lab.vendor(), lab.person()
    thread = await lab.proffered(lab.person(), vendor)
    for type_, made in (
        ("terms.withdraw", {}),
        ("terms.reject", {}),
        ("terms.accept", lab.bodies.accept(thread.thid)),
        ("agreement.terminate", {}),
    ):
        answers: list[Answer] = []
        for thid in (thread.thid, jose.digest(secrets.token_bytes(9)), jose.digest(secrets.token_bytes(9))):
            said = await lab.attempt(stranger, type_, made, aud=vendor.id, thid=thid, prev=thid)
            lab.refused("VRM-THR-002", said, "thread-unknown")
            answers.append(said.answer)
        alike(lab, "VRM-THR-002", f"{type_} in a thread of others", *answers)


@check("VRM-PRV-003")
async def a_stranger_writes_to_what_nobody_knows(lab: Lab) -> None:
    """A thread, a parent or an agreement of others in a message, and the same with ids that do not exist."""
    person, vendor = lab.person(), await lab.vendor()
    stranger, other = lab.person(), await lab.vendor()
    thread = await lab.agreed(person, vendor)
    ended = await lab.agreed(lab.person(), vendor)
    await lab.say(ended.first, "agreement.terminate", {}, ended)
    body = lab.bodies
    reads = [
        await lab.get(stranger, lab.thread_url(id_))
        for id_ in (thread.thid, jose.digest(secrets.token_bytes(9)), jose.digest(secrets.token_bytes(9)))
    ]
    alike(lab, "VRM-PRV-003", "a read of a thread of others", *reads)
    nothing = jose.digest(secrets.token_bytes(9))
    strange = jose.digest(secrets.token_bytes(9))

    async def write(sender: Any, type_: str, made: Any, aud: str, **claims: Any) -> Answer:
        return (await lab.attempt(sender, type_, made, aud=aud, **claims)).answer

    async def compared(sender: Any, aud: str, type_: str, made: Any) -> None:
        pair = {"thid": nothing, "prev": nothing}
        gone = await write(sender, type_, made, aud, **pair)
        lab.refused("VRM-PRV-003", gone, "thread-unknown")
        again = await write(sender, type_, made, aud, thid=strange, prev=strange)
        for one in (thread, ended):
            for prev in (one.head, nothing):
                there = await write(sender, type_, made, aud, thid=one.thid, prev=prev)
                alike(lab, "VRM-PRV-003", f"{type_} in a thread of others", there, gone, again)

    await together(
        compared(sender, aud, type_, made)
        for sender in (stranger, other)
        for aud in (vendor.id, person.id)
        for type_, made in (
            ("agreement.terminate", {}),
            ("terms.withdraw", {}),
            ("terms.accept", body.accept(thread.thid)),
            ("terms.alternative", body.alternative(thread.thid)),
            ("terms.proffer", body.proffer()),
            ("agent.rotate", {"replaces": person.id}),
        )
    )
    agreement = thread.said[1].mid
    for name, code, theirs in (
        ("agr", "agreement-unknown", (agreement, thread.thid, ended.said[1].mid)),
        ("pthid", "parent-unknown", (thread.thid, agreement, ended.thid)),
    ):
        gone = await write(stranger, "terms.proffer", body.proffer(), vendor.id, **{name: nothing})
        again = await write(stranger, "terms.proffer", body.proffer(), vendor.id, **{name: strange})
        lab.refused("VRM-PRV-003", gone, code)
        for id_ in theirs:
            there = await write(stranger, "terms.proffer", body.proffer(), vendor.id, **{name: id_})
            alike(lab, "VRM-PRV-003", f"{name} of others", there, gone, again)
    forged = [
        thread.said[1].token.rpartition(".")[0],
        jose.token(stranger.key, lab.claims(vendor, "terms.proffer", person.id, body.proffer())).rpartition(
            "."
        )[0],
    ]
    bad = [await lab.talk.send(f"{said}.{jose.b64(bytes(64))}".encode(), "forged") for said in forged]
    for answer in bad:
        lab.refused("VRM-PRV-003", answer, "signature-invalid")
    lab.holds("VRM-PRV-003", bad[0].code == bad[1].code, "one answer", [a.said for a in bad])
    polled = [await lab.talk.poll(stranger.key, stranger.id, ack=[id_]) for id_ in (thread.head, nothing)]
    alike(lab, "VRM-PRV-003", "an ack of what is of others", polled[0], polled[1], polled[1])


@check("VRM-PRV-002")
async def a_problem_does_not_say_what_the_body_said(lab: Lab) -> None:
    """Values of a body that is refused by its schema, by a guard or as a poll stand nowhere in the answer."""
    person, vendor = lab.person(), await lab.vendor()
    bodies, rng = lab.bodies, lab.rng
    number = rng.randrange(10**9, 10**10)
    canary = f"canary{number}\u00e9\U0001f426"
    plain = f"canary{number}"
    digest = jose.digest(canary.encode())
    odd = {**bodies.agreement("SD-BASE"), "digest": digest}
    changed: list[dict[str, Any]] = [
        {"lang": canary},
        {"lang": plain},
        {"place": canary},
        {"place": plain},
        {"purpose": f"https://w3id.org/dpv#{plain}"},
        {"purpose": plain},
        {"answer_by": plain},
        {"answer_by": number},
        {"answer_by": bodies.at(-(number % 10**7))},
        {"ends": [plain]},
        {"roster": canary},
        {"roster": {"id": plain, "version": "1.0"}},
        {"roster": {"id": "vrm-reference-roster", "version": str(number)}},
        {"preferred": plain},
        {"preferred": {**odd, "id": f"SD-{number}"}},
        {"preferred": odd},
        {"preferred": {**odd, "version": plain}},
        {"acceptable": [odd]},
        {"acceptable": [{"id": plain}]},
        {"acceptable": plain},
        {"more": canary},
        {"more": {"deep": [plain, number]}},
        {"lang": number},
        {"lang": [canary]},
        {"lang": {"a": plain}},
        {"lang": plain * 500},
    ]
    needles = [plain, str(number), digest, quote("\U0001f426"), "\U0001f426", "\\ud83d\\udc26"]

    def silent(answer: Answer) -> None:
        lab.holds("VRM-PRV-002", answer.status >= 400, "a refusal", answer.said)
        said = answer.text + "".join(f"{n}: {v}\n" for n, v in answer.headers.items())
        told = [needle for needle in needles if needle in said]
        lab.holds("VRM-PRV-002", not told, "no value of the body", f"{told} in {answer.text}")

    for change in changed:
        made = {**bodies.proffer(), **change}
        said = await lab.attempt(person, "terms.proffer", made, aud=vendor.id)
        silent(said.answer)
    for whole in (plain, number, [plain], [canary] * 50, None, {plain[:3]: canary}):
        said = await lab.attempt(person, "terms.proffer", whole, aud=vendor.id)
        if said.answer.status >= 400:
            silent(said.answer)
    thread = await lab.proffered(person, vendor)
    accept = bodies.accept(thread.thid)
    for type_, body in (
        ("terms.reject", {"reason": canary * 60}),
        ("terms.reject", {"reason": number}),
        ("terms.accept", {**accept, "accepts": digest}),
        ("terms.accept", {**accept, "agreement": odd}),
        ("terms.accept", {**accept, "agreement": {**odd, "id": f"SD-{number}"}}),
        ("terms.alternative", bodies.alternative(digest)),
        ("terms.alternative", {**bodies.alternative(thread.thid), "agreement": odd}),
        ("terms.withdraw", {"secret": canary}),
        ("agreement.terminate", {"reason": canary}),
    ):
        said = await lab.attempt(vendor, type_, body, thread)
        silent(said.answer)
    for body in (
        {"ack": [plain]},
        {"ack": canary},
        {"maxEvents": plain},
        {"maxEvents": number},
        {"returnImmediately": canary},
    ):
        answer = await lab.talk.poll(vendor.key, vendor.id, label="a poll of a wrong form", **body)
        silent(answer)
