"""Vectors of rotation, and of what it rebinds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests import forge
from tests.forge import Key
from tests.make_vectors.base import (
    DAY,
    LAST,
    NEXT,
    NOW,
    OTHER,
    OTHER_ID,
    PERSON,
    SHOP,
    SHOP_ID,
    STRANGER,
    Story,
    Vector,
    agreed,
    agreed_once,
    chapter,
    proffered,
    proof,
    published,
    refused,
    rotation,
    taken,
    time,
)


@chapter
def rotations() -> Iterator[Vector]:
    story = agreed_once()

    def bad(slug: str, requirement: str, what: str, token: bytes, at: Story = story, **more: Any) -> Vector:
        return refused(slug, requirement, "thread-unknown", what, token, **at.case(**more))

    def rotate(at: Story = story, new: Key = NEXT, old: Key = PERSON, **body: Any) -> bytes:
        return at.token(new, "agent.rotate", rotation(at, new, old, **body))

    committed = story.add(rotate(nkt=LAST.kid), "agreed")
    what = "Another key comes than the one committed to, with a right proof."
    yield bad("rotate-not-committed", "VRM-ID-020", what, rotate(committed, STRANGER, NEXT), committed)
    yield bad("rotate-without-proof", "VRM-ID-021", "No proof, and nothing committed.", rotate(proof=None))
    for slug, what, text_ in (
        ("own", "The new key makes the proof.", proof(story, PERSON, NEXT, signer=NEXT)),
        ("sub", "The proof is for another identifier.", proof(story, PERSON, STRANGER)),
        ("iss", "The proof is of another identifier.", proof(story, STRANGER, NEXT)),
        (
            "aud",
            "The proof is for another organisation.",
            proof(story, PERSON, NEXT, aud="https://other.example"),
        ),
        (
            "home",
            "The proof is for another home.",
            proof(story, PERSON, NEXT, home="https://elsewhere.example"),
        ),
        ("thread", "The proof is for another thread.", proof(story, PERSON, NEXT, thid=story.head)),
        ("old", "The proof is 86400 seconds old.", proof(story, PERSON, NEXT, iat=NOW - DAY)),
        ("future", "The proof is dated 61 seconds ahead.", proof(story, PERSON, NEXT, iat=NOW + 61)),
        ("claim", "The proof has a claim too many.", proof(story, PERSON, NEXT, jti="a" * 22)),
    ):
        yield bad(f"rotate-proof-{slug}", "VRM-ID-021", what, rotate(proof=text_))
    as_message = forge.token(PERSON, json.loads(forge.unb64(proof(story, PERSON, NEXT).split(".")[1])))
    what = "The proof has the `typ` of a message."
    token = rotate(proof=as_message.decode())
    yield bad("rotate-proof-typ", "VRM-ID-021", what, token, covers=("VRM-ENV-014",))
    young = rotate(proof=proof(story, PERSON, NEXT, iat=NOW - DAY + 1))
    yield taken("rotate-proof-in-time", "agreed", "The proof is 86399 seconds old.", young, **story.case())

    ahead = rotate(proof=proof(story, PERSON, NEXT, iat=NOW + 60))
    yield taken(
        "rotate-proof-ahead-60", "agreed", "The proof is dated 60 seconds ahead.", ahead, **story.case()
    )
    taken_by = proffered(NEXT, "mine")
    both = replace(story, sent=(*story.sent, replace(taken_by.sent[0], file="3.jwt")))
    what = "The new identifier has a thread with the same organisation already."
    yield bad("rotate-taken", "VRM-ID-022", what, rotate(), both)
    what = "The new identifier is the old one."
    yield bad("rotate-same", "VRM-ID-022", what, rotate(new=PERSON))
    token = rotate(old=STRANGER)
    yield bad("rotate-stranger", "VRM-THR-002", "The identifier replaced is no party.", token)

    moved = story.add(rotate(), "agreed")
    token = moved.token(PERSON, "agreement.terminate")
    what = "The old identifier ends the agreement, after its rotation."
    yield bad("rotate-old-sender", "VRM-THR-002", what, token, moved, covers=("VRM-ID-024",))
    token = moved.token(SHOP, "agreement.terminate")
    what = "The organisation writes to the old identifier, after its rotation."
    what += " It stays an addressee, though nobody lists it."
    yield refused(
        "rotate-old-addressee",
        "VRM-THR-003",
        "aud-mismatch",
        what,
        token,
        covers=("VRM-ID-025", "VRM-ENV-025"),
        **moved.case(),
    )

    forged = proof(story, PERSON, NEXT)
    start = forged.rpartition(".")[0].encode()
    what = "The proof has the right `iss` and `kid`, and the signature of a stranger."
    token = rotate(proof=forge.sealed(STRANGER, start).decode())
    yield bad("rotate-proof-forged", "VRM-ID-021", what, token, covers=("VRM-ENV-030",))
    said = json.loads(forge.unb64(forged.split(".")[1]))
    for slug, what, member, rule in (
        ("kid", "The proof's `kid` is that of another key, the signature right.", {"kid": STRANGER.kid}, 8),
        ("alg", "The proof's `alg` is ES256; key and signature are Ed25519.", {"alg": "ES256"}, 6),
    ):
        made = forge.token(PERSON, said, forge.header(PERSON, typ="vrm-proof+jwt", **member))
        token = rotate(proof=made.decode())
        yield bad(f"rotate-proof-{slug}", "VRM-ID-021", what, token, covers=(f"VRM-ID-{rule:03d}",))

    what = "The key that was committed to comes, beside a proof that a stranger signed: none is asked for."
    body = {"replaces": NEXT.did, "proof": proof(committed, NEXT, LAST, signer=STRANGER)}
    token = committed.token(LAST, "agent.rotate", body)
    yield taken("rotate-committed-proof", "agreed", what, token, covers=("VRM-ID-020",), **committed.case())
    done = committed.add(committed.token(LAST, "agent.rotate", {"replaces": NEXT.did}), "agreed")
    what = "The last rotation committed to no key, the one before it had: a proof is due again."
    yield bad("rotate-forgotten", "VRM-ID-021", what, rotate(done, STRANGER, LAST, proof=None), done)
    what = "The last rotation committed to no key, the one before it had: a right proof is taken."
    token = rotate(done, STRANGER, LAST)
    yield taken("rotate-forgotten-proof", "agreed", what, token, covers=("VRM-ID-021",), **done.case())


@chapter
def rebinding() -> Iterator[Vector]:
    """A rotation in one thread, and the other threads of the pair."""

    def rotated(story: Story, **body: Any) -> Story:
        return story.add(story.token(NEXT, "agent.rotate", rotation(story, **body)), "agreed")

    first, offer = agreed(), proffered(salt="second")
    second = agreed(salt="goods", agreement="PDC-GOOD")
    moved = rotated(first)

    def after(story: Story, *more: Story) -> Story:
        """The story of a thread that was there already when the rotation came in another."""
        return story.among(*more, after=[moved])

    rebound = ("VRM-ID-023",)
    at = replace(after(offer), person=NEXT)
    what = "A rotation in one thread rebinds another, a proffered one: the new identifier withdraws there."
    token = at.token(NEXT, "terms.withdraw")
    yield taken("rebind-proffered", "withdrawn", what, token, covers=rebound, **at.case())
    what = "A rotation in one thread rebinds another: the old identifier withdraws there."
    token = at.token(PERSON, "terms.withdraw")
    yield refused(
        "rebind-old-sender",
        "VRM-THR-002",
        "thread-unknown",
        what,
        token,
        covers=("VRM-ID-023", "VRM-ID-024"),
        **at.case(),
    )
    what = "A rotation in one thread rebinds another: the organisation rejects there, to the old identifier."
    token = at.token(SHOP, "terms.reject", aud=PERSON.did)
    yield refused(
        "rebind-old-addressee",
        "VRM-THR-003",
        "aud-mismatch",
        what,
        token,
        covers=("VRM-ID-023", "VRM-ID-025"),
        **at.case(),
    )
    what = "A rotation in one thread rebinds another: the organisation rejects there, to the new identifier."
    token = at.token(SHOP, "terms.reject")
    yield taken("rebind-new-addressee", "rejected", what, token, covers=rebound, **at.case())

    at = replace(after(second), person=NEXT)
    what = "A rotation in one thread rebinds another that is agreed: the new identifier ends it."
    token = at.token(NEXT, "agreement.terminate")
    yield taken("rebind-agreed", "terminated", what, token, covers=rebound, **at.case())
    what = "A rotation in one thread rebinds another that is agreed: the old identifier ends it."
    token = at.token(PERSON, "agreement.terminate")
    yield refused(
        "rebind-agreed-old",
        "VRM-THR-002",
        "thread-unknown",
        what,
        token,
        covers=("VRM-ID-023", "VRM-ID-024"),
        **at.case(),
    )
    later = agreed(NEXT, "later")
    at = replace(moved.among(after=[later]), person=NEXT)
    what = "After a rotation a later agreement of the class is made: the one from before is superseded."
    token = at.token(SHOP, "agreement.terminate")
    yield refused(
        "rebind-superseded",
        "VRM-THR-005",
        "state-conflict",
        what,
        token,
        covers=("VRM-TRM-011", "VRM-ID-023"),
        **at.case(),
    )

    keys = {SHOP_ID: published(SHOP), OTHER_ID: published(OTHER)}
    other = agreed(salt="other", shop=OTHER)
    at = after(other)
    what = "A rotation leaves the thread with another organisation alone: the old identifier ends it."
    token = at.token(PERSON, "agreement.terminate")
    frame = at.case(keys=keys, known=(OTHER_ID,))
    yield taken("rebind-not-others", "terminated", what, token, covers=rebound, **frame)
    what = "A rotation leaves the thread with another organisation alone: the new identifier is a stranger."
    token = at.token(NEXT, "agreement.terminate")
    yield refused("rebind-not-others-new", "VRM-THR-002", "thread-unknown", what, token, **frame)
    what = "A rotation leaves the thread with another organisation alone: it writes to the old identifier."
    token = at.token(OTHER, "agreement.terminate")
    yield taken("rebind-not-others-second", "terminated", what, token, covers=rebound, **frame)

    moved = rotated(first, nkt=LAST.kid)
    at = replace(after(second), person=NEXT)
    what = "What was committed to in one thread counts in another: the key comes, and needs no proof."
    token = at.token(LAST, "agent.rotate", {"replaces": NEXT.did})
    yield taken("rotate-committed-elsewhere", "agreed", what, token, covers=("VRM-ID-020",), **at.case())
    what = "What was committed to in one thread counts in another: another key comes, with a right proof."
    token = at.token(STRANGER, "agent.rotate", rotation(at, STRANGER, NEXT))
    yield refused("rotate-not-committed-elsewhere", "VRM-ID-020", "thread-unknown", what, token, **at.case())
    at = replace(other.among(after=[moved]), person=PERSON)
    what = "What was committed to towards one organisation does not count towards another: a proof does."
    token = at.token(STRANGER, "agent.rotate", rotation(at, STRANGER, PERSON))
    frame = at.case(keys=keys, known=(OTHER_ID,))
    yield taken("rotate-committed-to-others", "agreed", what, token, covers=("VRM-ID-021",), **frame)

    ends = NOW + 2 * DAY
    short = rotated(agreed(ends=time(ends)))
    at = replace(short.at(ends), person=NEXT)
    what = "After a rotation the agreement still ends by its date: the new identifier ends it in that second."
    token = at.token(NEXT, "agreement.terminate")
    yield refused("rotate-ends", "VRM-THR-006", "deadline-passed", what, token, **at.case())
    at = replace(short.at(ends - 1), person=NEXT)
    what = "After a rotation the agreement runs until its date: the new identifier ends it a second before."
    token = at.token(NEXT, "agreement.terminate")
    yield taken("rotate-ends-before", "terminated", what, token, **at.case())
