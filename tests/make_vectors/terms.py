"""Vectors of terms: types, rows, guards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests import forge
from tests.make_vectors.base import (
    DAY,
    HOME,
    LAST,
    NEXT,
    NOW,
    PERSON,
    REFERENCE,
    ROSTER,
    SHOP,
    SHOP_EC,
    SHOP_ID,
    STRANGER,
    Story,
    Vector,
    acceptance,
    agreed,
    agreed_once,
    alternative,
    chapter,
    claims,
    countered,
    opening,
    proffer,
    proffered,
    published,
    refused,
    rotation,
    taken,
    time,
)

__all__ = ["HOME", "PERSON", "claims", "time"]
"""What `tests/test_feed.py` takes from here; it stands in `base`."""


@chapter
def types() -> Iterator[Vector]:
    start = proffered()
    yield taken("terms-proffer", "proffered", "A proffer opens a thread.", start.sent[0].token)
    full = opening(
        body=proffer(place="ZZ", lang="de-CH", ends=time(NOW + 400 * DAY), answer_by=time(NOW + 30 * DAY))
    )
    what = "A proffer with an end and the longest time to answer."
    yield taken("terms-proffer-full", "proffered", what, full)
    token = start.token(SHOP, "terms.accept", acceptance(start))
    yield taken(
        "terms-accept", "agreed", "The organisation accepts what is preferred.", token, **start.case()
    )
    token = start.token(SHOP_EC, "terms.accept", acceptance(start, agreement=REFERENCE["SD-BASE"]))
    what = "The organisation accepts what is acceptable, under ES256."
    yield taken("terms-accept-acceptable", "agreed", what, token, **start.case())
    token = start.token(SHOP, "terms.reject", {"reason": "Not for this service"})
    yield taken("terms-reject", "rejected", "The organisation rejects.", token, **start.case())
    token = start.token(PERSON, "terms.withdraw")
    yield taken("terms-withdraw", "withdrawn", "The person withdraws.", token, **start.case())
    token = start.token(SHOP, "terms.alternative", alternative(start))
    yield taken(
        "terms-alternative", "countered", "The organisation offers an alternative.", token, **start.case()
    )
    story = countered()
    body = acceptance(story, agreement=REFERENCE["SD-BASE-A"])
    token = story.token(PERSON, "terms.accept", body)
    yield taken(
        "terms-accept-alternative", "agreed", "The person accepts the alternative.", token, **story.case()
    )
    token = story.token(PERSON, "terms.reject", {})
    yield taken(
        "terms-reject-alternative", "rejected", "The person rejects the alternative.", token, **story.case()
    )
    token = story.token(PERSON, "terms.withdraw", prev=story.thid)
    what = "The person withdraws after the alternative, and names an older message as `prev`."
    yield taken("terms-withdraw-countered", "withdrawn", what, token, covers=("VRM-THR-013",), **story.case())
    story = agreed_once()
    token = story.token(SHOP, "agreement.terminate", {"reason": "We close"})
    yield taken(
        "agreement-terminate-second",
        "terminated",
        "The organisation ends the agreement.",
        token,
        **story.case(),
    )
    token = story.token(PERSON, "agreement.terminate", prev=forge.mid(b"nothing."))
    what = "The person ends the agreement, with a `prev` that does not exist."
    yield taken(
        "agreement-terminate-first",
        "terminated",
        what,
        token,
        covers=("VRM-THR-014", "VRM-TRM-010"),
        **story.case(),
    )
    token = story.token(NEXT, "agent.rotate", rotation(story, nkt=LAST.kid))
    yield taken(
        "agent-rotate",
        "agreed",
        "The person changes her key, and commits to the next.",
        token,
        **story.case(),
    )
    story = story.add(token, "agreed")
    token = story.token(LAST, "agent.rotate", {"replaces": NEXT.did})
    what = "The key that was committed to comes, and needs no proof."
    yield taken("agent-rotate-committed", "agreed", what, token, **story.case())
    moved = replace(story, person=NEXT)
    token = moved.token(SHOP, "agreement.terminate")
    what = "After a rotation the organisation writes to the new identifier."
    yield taken("agent-rotate-rebound", "terminated", what, token, covers=("VRM-ID-023",), **moved.case())
    start = proffered(ends=time(NOW + 10 * DAY))
    story = start.add(start.token(SHOP, "terms.alternative", alternative(start)), "countered")
    body = acceptance(story, agreement=REFERENCE["SD-BASE-A"])
    story = story.add(story.token(PERSON, "terms.accept", body), "agreed").at(NOW + 11 * DAY)
    token = story.token(SHOP, "agreement.terminate")
    what = "An alternative without an end was accepted: the end of the proffer does not count."
    yield taken(
        "agreement-outlives-proffer", "terminated", what, token, covers=("VRM-TRM-009",), **story.case()
    )


@chapter
def thread_rules() -> Iterator[Vector]:
    story, done = proffered(), agreed_once()

    def bad(
        slug: str, number: int, code: str, what: str, token: bytes, at: Story = story, **more: Any
    ) -> Vector:
        return refused(slug, f"VRM-THR-{number:03d}", code, what, token, **at.case(**more))

    free = {"thid": None, "prev": None}
    token = story.token(SHOP, "terms.reject", **free)
    yield bad("thread-missing", 1, "thread-missing", "A rejection names no thread.", token)
    token = story.token(PERSON, "terms.withdraw", thid=forge.mid(b"nothing."))
    yield bad("thread-unknown", 2, "thread-unknown", "No such thread.", token)
    token = story.token(STRANGER, "terms.withdraw")
    yield bad("thread-of-others", 2, "thread-unknown", "A thread of others: the same answer.", token)
    token = done.token(STRANGER, "agreement.terminate")
    yield bad(
        "thread-of-others-exit", 2, "thread-unknown", "A stranger ends an agreement of others.", token, done
    )
    token = story.token(SHOP, "terms.accept", acceptance(story), aud=STRANGER.did)
    what = "The organisation writes in the thread to someone else."
    yield bad("aud-mismatch", 3, "aud-mismatch", what, token, known=(STRANGER.did,))
    token = story.token(PERSON, "terms.withdraw", aud="https://other.example")
    what = "The person writes in the thread to another organisation."
    yield bad("aud-mismatch-first", 3, "aud-mismatch", what, token, known=("https://other.example",))

    token = story.token(PERSON, "terms.accept", acceptance(story))
    yield bad("role-accept-own", 4, "role-forbidden", "The person accepts her own proffer.", token)
    token = story.token(SHOP, "terms.withdraw")
    yield bad("role-withdraw", 4, "role-forbidden", "The organisation withdraws the proffer.", token)
    other = countered()
    token = other.token(SHOP, "terms.accept", acceptance(other, agreement=REFERENCE["SD-BASE-A"]))
    yield bad(
        "role-accept-alternative",
        4,
        "role-forbidden",
        "The organisation accepts its alternative.",
        token,
        other,
    )

    yield bad(
        "state-terminate-early",
        5,
        "state-conflict",
        "Nothing is agreed yet.",
        story.token(SHOP, "agreement.terminate"),
    )
    token = done.token(SHOP, "terms.reject")
    yield bad("state-reject-late", 5, "state-conflict", "A rejection after the acceptance.", token, done)
    token = done.token(SHOP, "terms.accept", acceptance(story))
    yield bad("state-accept-twice", 5, "state-conflict", "A second acceptance.", token, done)
    token = other.token(
        SHOP,
        "terms.alternative",
        alternative(other, agreement=REFERENCE["SD-BASE-AT"], alternative_to=other.thid),
    )
    what = "A second alternative."
    yield bad("state-alternative-twice", 5, "state-conflict", what, token, other, covers=("VRM-TRM-008",))
    ended = done.add(done.token(PERSON, "agreement.terminate"), "terminated")
    yield bad(
        "state-terminate-twice",
        5,
        "state-conflict",
        "The agreement has ended.",
        ended.token(SHOP, "agreement.terminate"),
        ended,
    )
    token = story.token(PERSON, "terms.proffer", proffer())
    yield bad("state-proffer-in-thread", 5, "state-conflict", "A proffer inside a thread.", token)
    first, second = agreed(salt="old"), agreed(salt="new")
    renamed = tuple(replace(s, file=f"{n}.jwt") for n, s in enumerate(second.sent, start=3))
    both = replace(first, sent=(*first.sent, *renamed))
    what = "A later agreement of its class was made between the two: this one is superseded."
    token = both.token(SHOP, "agreement.terminate")
    yield bad("state-superseded", 5, "state-conflict", what, token, both, covers=("VRM-TRM-011",))

    late = story.at(NOW + DAY)
    token = late.token(SHOP, "terms.accept", acceptance(story))
    what = "An acceptance in the second of `answer_by`."
    yield bad(
        "deadline-accept", 6, "deadline-passed", what, token, late, covers=("VRM-THR-017", "VRM-THR-018")
    )
    early = story.at(NOW + DAY - 1)
    token = early.token(SHOP, "terms.accept", acceptance(story))
    what = "An acceptance in the second before `answer_by`."
    yield taken("deadline-accept-before", "agreed", what, token, covers=("VRM-THR-017",), **early.case())
    late = other.at(NOW + DAY)
    token = late.token(PERSON, "terms.withdraw")
    yield bad("deadline-withdraw", 6, "deadline-passed", "The alternative's time is over.", token, late)
    short = agreed(ends=time(NOW + 2 * DAY)).at(NOW + 2 * DAY)
    token = short.token(PERSON, "agreement.terminate")
    yield bad("deadline-ended", 6, "deadline-passed", "The agreement has ended by its date.", token, short)

    token = done.token(SHOP, "agreement.terminate", agr=done.head)
    what = "`agr` names an agreement that exists and is the sender's, where the row needs none."
    yield bad("agr-unneeded", 8, "claim-unknown", what, token, done)
    token = forge.token(PERSON, claims(PERSON, salt="again", agr=done.head))
    yield bad("agr-unneeded-opening", 8, "claim-unknown", what, token, done)
    for slug, at, parent in (
        ("parent-none", story, forge.mid(b"nothing.")),
        ("parent-kind", done, done.thid),
    ):
        token = at.token(PERSON, "terms.proffer", proffer(), **free, pthid=parent)
        what = (
            "`pthid` names no thread."
            if at is story
            else "`pthid` names a thread of a kind not allowed here."
        )
        yield bad(slug, 9, "parent-unknown", what, token, at)
    token = done.token(PERSON, "agreement.terminate", pthid=done.thid)
    yield bad("parent-in-thread", 9, "parent-unknown", "`pthid` stands beside `thid`.", token, done)
    token = story.token(PERSON, "terms.withdraw", agr=forge.mid(b"nothing."))
    yield bad("agreement-none", 10, "agreement-unknown", "`agr` names no agreement.", token)
    token = forge.token(STRANGER, claims(STRANGER, agr=done.head))
    yield bad(
        "agreement-of-others",
        10,
        "agreement-unknown",
        "`agr` names an agreement of others: the same answer.",
        token,
        done,
    )

    token = story.token(SHOP, "terms.reject", prev=forge.mid(b"nothing."))
    yield bad("prev-unknown", 11, "prev-unknown", "`prev` names no message.", token)
    token = done.token(SHOP, "agreement.terminate", prev=forge.mid(b"nothing."))
    what = "The organisation ends the agreement with a `prev` that does not exist; only the person may."
    yield bad("prev-unknown-exit", 11, "prev-unknown", what, token, done)
    strange = proffered(STRANGER)
    mixed = replace(story, sent=(*story.sent, replace(strange.sent[0], file="2.jwt")))
    token = story.token(SHOP, "terms.reject", prev=strange.thid)
    yield bad(
        "prev-of-other-thread", 11, "prev-unknown", "`prev` names a message of another thread.", token, mixed
    )
    body = acceptance(other, agreement=REFERENCE["SD-BASE-A"])
    token = other.token(PERSON, "terms.accept", body, prev=other.thid)
    yield bad(
        "prev-stale", 12, "prev-stale", "`prev` names the proffer, after the alternative.", token, other
    )


@chapter
def guard_rules() -> Iterator[Vector]:
    story = proffered()

    def offer(slug: str, requirement: str, code: str, what: str, **body: Any) -> Vector:
        return refused(slug, requirement, code, what, opening(body=proffer(**body)))

    def answer(slug: str, number: int, code: str, what: str, token: bytes, at: Story = story) -> Vector:
        return refused(slug, f"VRM-TRM-{number:03d}", code, what, token, **at.case())

    past, soon, far = time(NOW - 1), time(NOW + DAY), time(NOW + 30 * DAY + 1)
    yield offer("deadline-past", "VRM-THR-020", "deadline-invalid", "`answer_by` is past.", answer_by=past)
    yield offer("deadline-now", "VRM-THR-020", "deadline-invalid", "`answer_by` is now.", answer_by=time(NOW))
    yield offer(
        "deadline-far",
        "VRM-THR-020",
        "deadline-invalid",
        "`answer_by` is more than 30 days ahead.",
        answer_by=far,
    )
    near = opening(body=proffer(answer_by=time(NOW + 2)))
    yield taken("deadline-near", "proffered", "`answer_by` is in two seconds.", near, covers=("VRM-THR-022",))
    what = "`ends` is `answer_by`."
    yield offer("deadline-order", "VRM-THR-021", "deadline-invalid", what, answer_by=soon, ends=soon)
    what = "`ends` lies before `answer_by`."
    yield offer("deadline-order-past", "VRM-THR-021", "deadline-invalid", what, answer_by=soon, ends=past)
    token = story.token(SHOP, "terms.alternative", alternative(story, answer_by=time(NOW)))
    what = "`answer_by` of an alternative is now."
    yield refused("deadline-alternative", "VRM-THR-020", "deadline-invalid", what, token, **story.case())
    token = story.token(SHOP, "terms.alternative", alternative(story, ends=soon))
    what = "`ends` of an alternative is its `answer_by`."
    yield refused(
        "deadline-order-alternative", "VRM-THR-021", "deadline-invalid", what, token, **story.case()
    )

    token = forge.token(SHOP, claims(SHOP, aud=PERSON.did))
    frame = {"known": (PERSON.did,), "keys": {SHOP_ID: published(SHOP)}}
    yield refused(
        "person-required", "VRM-THR-024", "person-required", "An organisation proffers.", token, **frame
    )

    what = "The roster named is not held here."
    yield offer(
        "roster-unknown", "VRM-TRM-001", "roster-unknown", what, roster={"id": "other", "version": "1.0"}
    )
    yield offer("roster-version", "VRM-TRM-001", "roster-unknown", what, roster={**ROSTER, "version": "9.0"})
    strange = {**REFERENCE["SD-BASE"], "id": "SD-OTHER"}
    what = "The roster has no such agreement."
    yield offer("roster-agreement", "VRM-TRM-001", "roster-unknown", what, preferred=strange)
    yield offer(
        "roster-acceptable", "VRM-TRM-001", "roster-unknown", what, acceptable=[REFERENCE["SD-BASE"], strange]
    )
    mixed = {**REFERENCE["SD-BASE"], "digest": REFERENCE["SD-BASE-DP"]["digest"]}
    what = "The digest is that of another agreement."
    yield offer("agreement-mismatch", "VRM-TRM-002", "agreement-mismatch", what, preferred=mixed)
    yield offer(
        "agreement-mismatch-acceptable", "VRM-TRM-002", "agreement-mismatch", what, acceptable=[mixed]
    )
    wrong = {**REFERENCE["SD-BASE-A"], "digest": REFERENCE["SD-BASE-DP"]["digest"]}
    token = story.token(SHOP, "terms.alternative", alternative(story, agreement=wrong))
    yield answer("agreement-mismatch-alternative", 2, "agreement-mismatch", what, token)

    token = story.token(SHOP, "terms.accept", acceptance(story, accepts=forge.mid(b"nothing.")))
    yield answer("accept-nothing", 4, "terms-not-offered", "`accepts` names no proffer.", token)
    other = countered()
    body = acceptance(other, agreement=REFERENCE["SD-BASE-A"], accepts=other.thid)
    token = other.token(PERSON, "terms.accept", body)
    yield answer(
        "accept-proffer-late",
        4,
        "terms-not-offered",
        "`accepts` names the proffer, after the alternative.",
        token,
        other,
    )
    token = story.token(SHOP, "terms.accept", acceptance(story, agreement=REFERENCE["SD-BASE-A"]))
    yield answer("accept-not-offered", 5, "terms-not-offered", "The agreement was not offered.", token)
    token = story.token(SHOP, "terms.accept", acceptance(story, agreement=mixed))
    yield answer("accept-other-digest", 5, "terms-not-offered", "The digest is not the one offered.", token)
    token = other.token(PERSON, "terms.accept", acceptance(other))
    yield answer(
        "accept-proffered-late",
        5,
        "terms-not-offered",
        "The person accepts her own terms, after the alternative.",
        token,
        other,
    )
    token = other.token(PERSON, "terms.accept", acceptance(other, agreement=REFERENCE["SD-BASE"]))
    what = "The person accepts what the proffer listed as acceptable, after the alternative."
    yield answer("accept-acceptable-late", 5, "terms-not-offered", what, token, other)
    token = story.token(SHOP, "terms.alternative", alternative(story, agreement=strange))
    yield answer("alternative-unknown", 6, "roster-unknown", "The alternative is not in the roster.", token)
    version = {**REFERENCE["SD-BASE-A"], "version": "2.0"}
    token = story.token(SHOP, "terms.alternative", alternative(story, agreement=version))
    yield answer(
        "alternative-version",
        6,
        "roster-unknown",
        "The alternative is of a version not in the roster.",
        token,
    )
    for slug, name in (("preferred", "SD-BASE-DP"), ("acceptable", "SD-BASE")):
        token = story.token(SHOP, "terms.alternative", alternative(story, agreement=REFERENCE[name]))
        yield answer(
            f"alternative-{slug}", 7, "alternative-not-new", f"The alternative is what was {slug}.", token
        )
    token = story.token(SHOP, "terms.alternative", alternative(story, alternative_to=forge.mid(b"nothing.")))
    yield answer(
        "alternative-to-nothing", 7, "alternative-not-new", "`alternative_to` names no proffer.", token
    )
