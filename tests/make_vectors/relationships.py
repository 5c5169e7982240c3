"""Vectors of relationships: under which agreements they are opened, and who may do what in which state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tests import forge
from tests.make_vectors.base import (
    DAY,
    EXT,
    NOW,
    OTHER_ID,
    PERSON,
    REFERENCE,
    SHOP,
    SHOP_ID,
    STRANGER,
    Story,
    Vector,
    agreed,
    chapter,
    claims,
    refused,
    taken,
    time,
)
from tests.make_vectors.bonds import (
    ASIDE,
    BESIDE,
    BOTH,
    DEAD,
    ENDED,
    INVITE,
    INVITED,
    LADDER,
    LIVE,
    NOTHING,
    PAUSED,
    RETURNING,
    STATES,
    STRANGE,
    TERMINATED,
    WIDE,
    Bond,
    asked,
    attestation,
    bound,
    last,
    opening,
    with_all,
)
from tests.make_vectors.market import OFFERED, WITHDRAWN


@chapter
def opening_one() -> Iterator[Vector]:
    """VRM-REL-001 to VRM-REL-004 for the message that opens."""
    ladder = {"ladder": LADDER}
    full = {**ladder, "preferences": {"zone": "UTC", "rate": {"most": 3, "within": "P1W"}}}
    shows = ("VRM-REL-001",)
    what = "A person opens a relationship under an agreement that is in force."
    yield taken("relationship-open", "open", what, opening(LIVE), covers=shows, **LIVE.case())
    what = "A relationship is opened, with preferences."
    yield taken("relationship-open-full", "open", what, opening(LIVE, body=full), **LIVE.case())
    what = "The opening carries an extension."
    token = opening(LIVE, ext={EXT: {"any": 1}})
    yield taken("relationship-open-ext", "open", what, token, covers=("VRM-ENV-033",), **LIVE.case())
    what = "A relationship is opened, and no agreement is named."
    token = opening(LIVE, agr=None)
    yield refused("relationship-open-no-agr", "VRM-THR-007", "claim-missing", what, token, **LIVE.case())
    unknown = "VRM-THR-010", "agreement-unknown"
    frame = LIVE.case(thread=with_all(LIVE, STRANGE))
    for slug, what, token, case in (
        ("unknown", "`agr` is no message at all.", opening(LIVE, agr=NOTHING), LIVE.case()),
        ("thread", "`agr` is the proffer and not the record.", opening(LIVE, agr=LIVE.thid), LIVE.case()),
        ("stranger", "`agr` is the agreement of somebody else.", opening(LIVE, agr=STRANGE.head), frame),
    ):
        yield refused(f"relationship-open-agr-{slug}", *unknown, what, token, **case)
    what = "`agr` is the agreement with another organisation than `aud`."
    frame = {**LIVE.case(thread=with_all(LIVE, ASIDE), **BOTH)}
    token = opening(LIVE, agr=ASIDE.head)
    yield refused("relationship-open-agr-other", "VRM-THR-003", "aud-mismatch", what, token, **frame)
    what = "The organisation opens a relationship."
    token = opening(LIVE, SHOP)
    yield refused("relationship-open-shop", "VRM-THR-004", "role-forbidden", what, token, **LIVE.case())
    what = "A relationship is opened below a thread of terms."
    token = opening(LIVE, pthid=LIVE.thid)
    yield refused("relationship-open-parent", "VRM-THR-009", "parent-unknown", what, token, **LIVE.case())

    ends = NOW + 2 * DAY
    dated = agreed(agreement="SD-BASE", ends=time(ends))
    late, early = dated.at(ends), dated.at(ends - 1)
    newer = LIVE.among(after=[WIDE])
    for slug, what, at in (
        ("terminated", "The agreement was terminated.", replace(TERMINATED, head=LIVE.head)),
        ("past", "The agreement ends in this second.", late),
        ("superseded", "A later agreement of its class was made between the two.", newer),
    ):
        token = opening(at)
        yield refused(f"relationship-open-{slug}", *DEAD, what, token, **at.case())
    for slug, what, at in (
        ("last-second", "The agreement ends in the next second.", early),
        ("newer", "The later one of two agreements of a class is named.", WIDE.among(LIVE)),
        (
            "beside",
            "A later agreement of another class was made: this one is in force.",
            LIVE.among(after=[BESIDE]),
        ),
        ("one-of-two", "The other one of two agreements that are in force.", BESIDE.among(LIVE)),
    ):
        yield taken(f"relationship-open-{slug}", "open", what, opening(at), covers=shows, **at.case())
    parties: dict[str, Any] = {"aud": SHOP_ID, "agr": OFFERED.offers[0]}
    for slug, what, market in (
        ("offer", "The agreement was made by an offer.", OFFERED),
        ("offer-accepted", "The agreement was made by an offer that she has accepted.", OFFERED.accepted()),
    ):
        token = opening(LIVE, **parties)
        yield taken(f"relationship-open-{slug}", "open", what, token, covers=shows, **market.case())
    what = "The agreement was made by an offer that was withdrawn."
    token = opening(LIVE, **parties)
    yield refused("relationship-open-offer-withdrawn", *DEAD, what, token, **WITHDRAWN.case())

    for slug, what, body in (
        ("ladder", "The ladder is named by a word.", {"ladder": "reference"}),
        ("zone", "A zone that there is not.", {"preferences": {"zone": "Europe/Atlantis"}}),
        ("no-zone", "Preferences without a zone.", {"preferences": {"rate": {"most": 1, "within": "P1D"}}}),
        ("no-hours", "A list of no hours.", {"preferences": {"zone": "UTC", "quiet": []}}),
        (
            "hour",
            "An hour that no day has.",
            {"preferences": {"zone": "UTC", "quiet": [{"from": "24:00", "to": "07:00"}]}},
        ),
        (
            "often",
            "A rate of more than a hundred.",
            {"preferences": {"zone": "UTC", "rate": {"most": 101, "within": "P1D"}}},
        ),
        (
            "long",
            "A rate for two months.",
            {"preferences": {"zone": "UTC", "rate": {"most": 1, "within": "P2M"}}},
        ),
    ):
        token = opening(LIVE, body={**ladder, **body})
        yield refused(
            f"relationship-open-body-{slug}", "VRM-ENV-035", "body-invalid", what, token, **LIVE.case()
        )


@chapter
def one_alone() -> Iterator[Vector]:
    """VRM-REL-003 and VRM-REL-004."""
    rule = ("VRM-REL-003", "already-open")
    for state, at in STATES:
        token, what = (
            opening(LIVE.at(at.story.now), salt="again"),
            f"A second one, while the first is {state}.",
        )
        yield refused(f"relationship-second-{state}", *rule, what, token, **at.case())
    twice = RETURNING.after(BESIDE)
    what = "A second one, under another agreement than the first."
    token = opening(BESIDE, salt="again")
    yield refused("relationship-second-beside", *rule, what, token, **twice.case())
    again = RETURNING.ended(attest_within="P1D").after(agreed(salt="again", agreement="SD-BASE"))
    second = bound(agreed(salt="again", agreement="SD-BASE"))
    renewed = replace(again, story=again.story.among(after=[last(second.story)]))
    what = "A third one: the first has ended, and the second has not."
    yield refused("relationship-third", *rule, what, opening(second.story, agr=second.agr), **renewed.case())

    shows, fresh = ("VRM-REL-004", "VRM-REL-011"), agreed(salt="fresh", agreement="SD-BASE")
    late = NOW + 40 * DAY
    ended = RETURNING.ended()
    for slug, what, at, when in (
        ("ended", "The first has ended, and is not attested yet.", ended, NOW),
        ("closed", "The first is closed.", ended.closed(), NOW),
        ("overdue", "The first has ended, and the attestation is overdue.", ended, late),
        ("ended-by-shop", "The organisation has ended the first.", RETURNING.ended(SHOP), NOW),
    ):
        case = at.after(fresh).at(when).case()
        token = opening(fresh.at(when))
        yield taken(f"relationship-again-{slug}", "open", f"Another one. {what}", token, covers=shows, **case)
    what = "Another one after the end, under the agreement of the first, which has ended with it."
    token = opening(LIVE, salt="again")
    more = {"covers": ("VRM-REL-010",), **ended.case()}
    yield refused("relationship-again-same", *DEAD, what, token, **more)
    what = "Another one, with another organisation."
    frame = RETURNING.after(ASIDE).case(**BOTH)
    yield taken("relationship-second-shop", "open", what, opening(ASIDE, aud=OTHER_ID), **frame)
    what = "Another one of the organisation, with another person."
    frame = RETURNING.after(STRANGE).case()
    yield taken("relationship-second-person", "open", what, opening(STRANGE, STRANGER), **frame)


@chapter
def under_agreements() -> Iterator[Vector]:
    """VRM-REL-001 and VRM-REL-002 for steps and invitations."""
    unknown, missing = ("VRM-THR-010", "agreement-unknown"), ("VRM-THR-007", "claim-missing")
    beside = RETURNING.under(BESIDE)
    gone = RETURNING.after(last(TERMINATED))
    dated = bound(agreed(agreement="SD-BASE", ends=time(NOW + 2 * DAY)))
    past = dated.stepped("returning").at(NOW + 2 * DAY)
    newer = RETURNING.after(agreed(salt="newer", agreement="SD-BASE"))
    aside = RETURNING.after(ASIDE)
    strange = RETURNING.after(STRANGE)

    def step(at: Bond, **changes: Any) -> bytes:
        return at.step("subscriber", **changes)

    def invite(at: Bond, **changes: Any) -> bytes:
        return at.invite("subscriber", **changes)

    for name, write, state in (("step", step, "open"), ("invite", invite, "invited")):
        mine = ("VRM-REL-002", "VRM-REL-001")
        what = f"A message of the type {name} under another agreement than that of the opening."
        yield taken(f"relationship-{name}-beside", state, what, write(beside), covers=mine, **beside.case())
        what = f"A message of the type {name} under the agreement of the opening, beside another one."
        token = write(RETURNING)
        yield taken(f"relationship-{name}-first", state, what, token, covers=mine, **beside.case())
        renewed = newer.under(agreed(salt="renewed", agreement="SD-BASE"))
        what = f"A message of the type {name} under the last of three agreements of a class."
        yield taken(f"relationship-{name}-newer", state, what, write(renewed), covers=mine, **renewed.case())
        for slug, what, at in (
            ("terminated", "The agreement was terminated since.", gone),
            ("past", "The agreement ends in this second.", past),
            ("superseded", "A later agreement of its class was made since.", newer),
        ):
            yield refused(f"relationship-{name}-{slug}", *DEAD, what, write(at), **at.case())
        what = "`agr` is no message at all."
        token = write(RETURNING, agr=NOTHING)
        yield refused(f"relationship-{name}-agr-unknown", *unknown, what, token, **RETURNING.case())
        what = "No agreement is named."
        token = write(RETURNING, agr=None)
        yield refused(f"relationship-{name}-no-agr", *missing, what, token, **RETURNING.case())
    what = "She steps, and `agr` is her agreement with another organisation."
    token = step(aside, agr=ASIDE.head)
    yield refused("relationship-step-agr-other", *DEAD, what, token, **aside.case(**BOTH))
    what = "It invites, and `agr` is its agreement with another person."
    token = invite(strange, agr=STRANGE.head)
    yield refused("relationship-invite-agr-other", *DEAD, what, token, **strange.case())
    what = "It invites, and `agr` is her agreement with another organisation."
    token = invite(aside, agr=ASIDE.head)
    yield refused("relationship-invite-agr-strange", *unknown, what, token, **aside.case(**BOTH))
    first = RETURNING.under(BESIDE).after(last(TERMINATED))
    what = "The agreement of the opening was terminated; another one is in force, and she steps under it."
    yield taken(
        "relationship-step-goes-on", "open", what, step(first), covers=("VRM-REL-002",), **first.case()
    )
    market = OFFERED.confirmed()
    at = Bond(replace(RETURNING.story, sent=(*RETURNING.story.sent,)), market.offers[0])
    frame = market.case(thread=with_all(at.story, Story(market.sent)))
    for name, token, state in (("step", step(at), "open"), ("invite", invite(at), "invited")):
        what = f"A message of the type {name} under an agreement that an offer has made."
        mine = ("VRM-REL-001", "VRM-REL-002")
        yield taken(f"relationship-{name}-offer", state, what, token, covers=mine, **frame)
    gone = Bond(RETURNING.story, WITHDRAWN.offers[0])
    frame = WITHDRAWN.case(thread=with_all(gone.story, Story(WITHDRAWN.sent)))
    for name, token in (("step", step(gone)), ("invite", invite(gone))):
        what = f"A message of the type {name} under an agreement of an offer that was withdrawn."
        yield refused(f"relationship-{name}-offer-withdrawn", *DEAD, what, token, **frame)
    unneeded = ("VRM-THR-008", "claim-unknown")
    for name, at, key, body in (
        ("decline", INVITED, PERSON, {}),
        ("pause", RETURNING, PERSON, {}),
        ("resume", PAUSED, PERSON, {}),
        ("retreat", RETURNING, PERSON, {"stage": "anonymous"}),
        ("prefer", RETURNING, PERSON, {"preferences": {"zone": "UTC"}}),
        ("end", RETURNING, PERSON, {}),
        ("attest", ENDED, SHOP, attestation()),
    ):
        token = at.write(key, name, body, agr=LIVE.head)
        what = f"A message of the type {name} names an agreement."
        yield refused(f"relationship-{name}-agr", *unneeded, what, token, **at.case())


@chapter
def moving() -> Iterator[Vector]:
    """The rows: who may do what in which state, and on which message."""
    body: Mapping[str, Any]
    prefer: dict[str, Any] = {
        "preferences": {"zone": "Asia/Kolkata", "quiet": [{"from": "22:00", "to": "07:00"}]}
    }
    down = {"stage": "anonymous"}
    ext = {"ext": {EXT: [None]}}
    what = "She steps up, invited."
    yield taken("relationship-step-invited", "open", what, INVITED.step("subscriber"), **INVITED.case())
    what = "She is invited to one rung, and steps to another one."
    yield taken("relationship-step-elsewhere", "open", what, INVITED.step("commenter"), **INVITED.case())
    what = "She declines, and says why."
    token = INVITED.write(PERSON, "decline", {"reason": "not now"})
    yield taken("relationship-decline", "open", what, token, **INVITED.case())
    for name, at, state in (("pause", RETURNING, "paused"), ("resume", PAUSED, "open")):
        token, what = at.write(PERSON, name), f"A message of the type {name}."
        yield taken(f"relationship-{name}", state, what, token, **at.case())
        token, what = at.write(PERSON, name, **ext), f"A message of the type {name} carries an extension."
        yield taken(f"relationship-{name}-ext", state, what, token, covers=("VRM-ENV-033",), **at.case())
    token = INVITED.write(PERSON, "pause")
    yield taken("relationship-pause-invited", "paused", "She pauses, invited.", token, **INVITED.case())
    for state, at in STATES:
        for name, body in (("prefer", prefer), ("retreat", down)):
            token, what = at.write(PERSON, name, body), f"A message of the type {name}: the state stays."
            yield taken(f"relationship-{name}-{state}", state, what, token, **at.case())
            if name == "retreat":
                mine = ("VRM-LAD-012", "VRM-THR-014")
                what = f"She steps down in the state {state}, and `prev` names no message."
                token = at.write(PERSON, name, body, prev=NOTHING)
                yield taken(
                    f"relationship-{name}-{state}-astray", state, what, token, covers=mine, **at.case()
                )

    role, conflict, late = "role-forbidden", "state-conflict", "deadline-passed"
    for name, key, at, body, made in (
        ("step-shop", SHOP, RETURNING, {"stage": "subscriber", "ladder": LADDER}, {"agr": LIVE.head}),
        ("invite-her", PERSON, RETURNING, INVITE, {"agr": LIVE.head}),
        ("decline-shop", SHOP, INVITED, {}, {}),
        ("pause-shop", SHOP, RETURNING, {}, {}),
        ("resume-shop", SHOP, PAUSED, {}, {}),
        ("retreat-shop", SHOP, RETURNING, down, {}),
        ("prefer-shop", SHOP, RETURNING, prefer, {}),
        ("attest-her", PERSON, ENDED, attestation(), {}),
    ):
        token = at.write(key, name.partition("-")[0], body, **made)
        what = "The other party says what is not its to say."
        yield refused(f"relationship-{name}", "VRM-THR-004", role, what, token, **at.case())
    for name, key, at, body in (
        ("invite-invited", SHOP, INVITED, INVITE),
        ("invite-paused", SHOP, PAUSED, INVITE),
        ("step-paused", PERSON, PAUSED, {"stage": "subscriber", "ladder": LADDER}),
        ("decline-open", PERSON, RETURNING, {}),
        ("decline-paused", PERSON, INVITED.said("pause", "paused"), {}),
        ("decline-resumed", PERSON, INVITED.said("pause", "paused").said("resume", "open"), {}),
        ("pause-paused", PERSON, PAUSED, {}),
        ("resume-open", PERSON, RETURNING, {}),
        ("resume-invited", PERSON, INVITED, {}),
        ("attest-open", SHOP, RETURNING, attestation()),
        ("retreat-ended", PERSON, ENDED, down),
        ("prefer-ended", PERSON, ENDED, prefer),
        ("resume-ended", PERSON, PAUSED.ended(), {}),
        ("step-ended", PERSON, ENDED, {"stage": "subscriber", "ladder": LADDER}),
        ("invite-ended", SHOP, ENDED, INVITE),
    ):
        what = "The state does not take this."
        token = at.write(key, name.partition("-")[0], body)
        yield refused(f"relationship-{name}", "VRM-THR-005", conflict, what, token, **at.case())
    after = INVITED.at(NOW + DAY)
    what = "She declines in the second in which she was to have answered."
    token = after.write(PERSON, "decline")
    yield refused("relationship-decline-late", "VRM-THR-006", late, what, token, **after.case())
    before = INVITED.at(NOW + DAY - 1)
    what = "She declines in the last second in which she may answer."
    token = before.write(PERSON, "decline")
    yield taken("relationship-decline-last", "open", what, token, **before.case())
    shows = ("VRM-THR-018",)
    for slug, what, token, state in (
        ("step", "She steps up after she was to have answered.", after.step("subscriber"), "open"),
        ("invite", "It invites again after she was to have answered.", after.invite("subscriber"), "invited"),
    ):
        yield taken(f"relationship-{slug}-unanswered", state, what, token, covers=shows, **after.case())
    kept = RETURNING.invited("subscriber").said("retreat", "invited", {"stage": "returning"}).at(NOW + DAY)
    what = "She steps down while invited; the time to answer runs on, and is over."
    token = kept.write(PERSON, "decline")
    yield refused("relationship-decline-after-retreat", "VRM-THR-006", late, what, token, **kept.case())

    behind = ("VRM-THR-013",)
    old = INVITED.story.thid
    declined = INVITED.said("decline", "open")
    for name, token, at, state in (
        ("invite", RETURNING.invite("subscriber", prev=old), RETURNING, "invited"),
        ("decline", INVITED.write(PERSON, "decline", prev=old), INVITED, "open"),
        ("pause", INVITED.write(PERSON, "pause", prev=old), INVITED, "paused"),
        ("resume", PAUSED.write(PERSON, "resume", prev=old), PAUSED, "open"),
        ("prefer", declined.write(PERSON, "prefer", prefer, prev=old), declined, "open"),
        ("end", INVITED.write(SHOP, "end", prev=old), INVITED, "ended"),
        ("attest", ENDED.write(SHOP, "attest", attestation(), prev=old), ENDED, "closed"),
    ):
        what = f"A message of the type {name} that has not seen the last one."
        yield taken(f"relationship-{name}-behind", state, what, token, covers=behind, **at.case())
    stale, astray = ("VRM-THR-012", "prev-stale"), ("VRM-THR-011", "prev-unknown")
    what = "She steps up, and has not seen that she is invited."
    token = INVITED.step("subscriber", prev=RETURNING.story.head)
    yield refused("relationship-step-stale", *stale, what, token, **INVITED.case())
    for name, token, at in (
        ("step", RETURNING.step("subscriber", prev=NOTHING), RETURNING),
        ("invite", RETURNING.invite("subscriber", prev=NOTHING), RETURNING),
        ("decline", INVITED.write(PERSON, "decline", prev=NOTHING), INVITED),
        ("pause", RETURNING.write(PERSON, "pause", prev=NOTHING), RETURNING),
        ("resume", PAUSED.write(PERSON, "resume", prev=NOTHING), PAUSED),
        ("prefer", RETURNING.write(PERSON, "prefer", prefer, prev=NOTHING), RETURNING),
        ("attest", ENDED.write(SHOP, "attest", attestation(), prev=NOTHING), ENDED),
    ):
        what = f"A message of the type {name} whose `prev` names no message."
        yield refused(f"relationship-{name}-astray", *astray, what, token, **at.case())
    named: dict[str, Any] = {"aud": SHOP_ID, "thid": old, "prev": old, "body": {}}
    token = forge.token(STRANGER, claims(STRANGER, "relationship.pause", **named))
    what = "Somebody else pauses."
    yield refused(
        "relationship-pause-stranger", "VRM-THR-002", "thread-unknown", what, token, **RETURNING.case()
    )
    ahead = ("VRM-THR-020", "deadline-invalid")
    token = RETURNING.invite("subscriber", body={"answer_by": time(NOW)})
    what = "She is to answer by now."
    yield refused("relationship-invite-now", *ahead, what, token, **RETURNING.case())
    token = RETURNING.invite("subscriber", body={"answer_by": time(NOW + 2)})
    what = "She is to answer within two seconds."
    yield taken(
        "relationship-invite-soon", "invited", what, token, covers=("VRM-THR-022",), **RETURNING.case()
    )
    invalid = ("VRM-ENV-035", "body-invalid")
    purpose = [{**asked("EmailAddress")[0], "purpose": "https://w3id.org/dpv#Purpose"}]
    for slug, what, body in (
        ("benefit", "It does not say what she gains.", {"benefit": None}),
        ("stage", "A rung in capital letters.", {"stage": "Subscriber"}),
        ("purpose", "Asked for a purpose that there is not.", {"asks": purpose}),
        ("answer", "It does not say until when she may answer.", {"answer_by": None}),
    ):
        token = RETURNING.invite("subscriber", body=body)
        yield refused(f"relationship-invite-body-{slug}", *invalid, what, token, **RETURNING.case())
    full = {"terms": REFERENCE["SD-BASE-ATP"]}
    token = RETURNING.invite("subscriber", "EmailAddress", "Language", body=full, **ext)
    what = "An invitation with all that it may say, and an extension."
    yield taken(
        "relationship-invite-full", "invited", what, token, covers=("VRM-ENV-033",), **RETURNING.case()
    )
