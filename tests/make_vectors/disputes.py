"""Vectors of disputes: about what, who opens, who closes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tests import forge
from tests.forge import Key
from tests.make_vectors.base import (
    EXT,
    NEXT,
    PERSON,
    SHOP,
    SHOP_ID,
    STRANGER,
    Sent,
    Story,
    Vector,
    agreed,
    chapter,
    claims,
    proffered,
    refused,
    rotation,
    taken,
    who,
    without_none,
)
from tests.make_vectors.market import OFFERED

NOTHING = forge.mid(b"nothing.")


def dispute(**changes: Any) -> dict[str, Any]:
    return without_none({"clause": "tracking", "facts": "I am followed through all your pages.", **changes})


def opening(about: Story, key: Key = PERSON, body: Mapping[str, Any] | None = None, **changes: Any) -> bytes:
    """The message that opens a dispute about a thread of terms."""
    aud = about.person.did if who(key) == who(about.shop) else who(about.shop)
    made = {"aud": aud, "pthid": about.thid, "body": dict(body or dispute()), "salt": f"{len(about.sent)}"}
    return forge.token(key, claims(key, "dispute.open", **{**made, **changes}))


def opened(about: Story, key: Key = PERSON, **body: Any) -> tuple[Story, dict[str, Any]]:
    """The dispute as a story of its own, and the frame that has both."""
    token = opening(about, key, dispute(**body))
    state = "open" if key is about.person else "claimed"
    story = replace(Story(person=about.person, shop=about.shop).add(token, state), now=about.now)
    return story, about.case()


def after(about: Story, story: Story) -> dict[str, Any]:
    """The frame of a vector in a dispute: what was said in the agreement's thread, then in this one."""
    sent: list[Sent] = [*about.sent, *story.sent]
    return about.case(thread=tuple(replace(s, file=f"{n}.jwt") for n, s in enumerate(sent, 1)))


@chapter
def disputing() -> Iterator[Vector]:
    live, shows = agreed(), ("VRM-DSP-001",)
    ended = live.add(live.token(SHOP, "agreement.terminate"), "terminated")
    for slug, what, about, key, state in (
        ("dispute-open", "A person disputes an agreement that is in force.", live, PERSON, "open"),
        ("dispute-claim", "An organisation disputes one.", live, SHOP, "claimed"),
        ("dispute-ended", "A person disputes an agreement that has ended.", ended, PERSON, "open"),
        ("dispute-claim-ended", "An organisation disputes one that has ended.", ended, SHOP, "claimed"),
    ):
        yield taken(slug, state, what, opening(about, key), covers=shows, **about.case())
    body = dispute(messages=[live.thid, live.head], clause="share-third-party")
    what = "A dispute that names the messages it is about."
    yield taken("dispute-full", "open", what, opening(live, body=body), **live.case())
    body = {"facts": "The car never came."}
    offer = OFFERED
    token = offer.write(PERSON, "dispute.open", body, aud=SHOP_ID, pthid=offer.offers[0])
    what = "A dispute about an offer, which is an agreement, too."
    yield taken("dispute-offer", "open", what, token, covers=shows, **offer.case())
    token = offer.write(PERSON, "dispute.open", body, aud=SHOP_ID, pthid=offer.intent)
    what = "A dispute about an intent, in whose thread nothing is agreed."
    yield refused("dispute-intent", "VRM-THR-009", "parent-unknown", what, token, **offer.case())
    story = proffered()
    rejected = story.add(story.token(SHOP, "terms.reject"), "rejected")
    for slug, what, about in (
        ("proffered", "A dispute about terms that nobody has accepted yet.", story),
        ("rejected", "A dispute about terms that were rejected.", rejected),
    ):
        sent = opening(about)
        yield refused(f"dispute-{slug}", "VRM-THR-009", "parent-unknown", what, sent, **about.case())
    for slug, what, token in (
        ("nothing", "A dispute about a thread that does not exist.", opening(live, pthid=NOTHING)),
        ("stranger", "A dispute of somebody who is no party.", opening(live, STRANGER, aud=SHOP_ID)),
        ("record", "`pthid` is the record, and not the thread.", opening(live, pthid=live.head)),
    ):
        yield refused(f"dispute-{slug}", "VRM-THR-009", "parent-unknown", what, token, **live.case())
    what = "A dispute that names no thread."
    token = opening(live, pthid=None)
    yield refused("dispute-no-parent", "VRM-THR-007", "claim-missing", what, token, **live.case())
    what = "A dispute with `agr`."
    token = opening(live, agr=live.head)
    yield refused("dispute-agr", "VRM-THR-008", "claim-unknown", what, token, **live.case())
    what = "A dispute that is sent to somebody else."
    token = opening(live, aud=STRANGER.did)
    known = live.case(known=(STRANGER.did,))
    yield refused("dispute-aud", "VRM-THR-003", "aud-mismatch", what, token, **known)
    for slug, what, body in (
        ("clause", "A clause that there is not.", dispute(clause="politeness")),
        ("facts", "Nothing is said.", dispute(facts="")),
        ("many", "Twenty-one messages.", dispute(messages=[NOTHING] * 21)),
        ("none", "A list of no messages.", dispute(messages=[])),
    ):
        token = opening(live, body=body)
        yield refused(f"dispute-{slug}", "VRM-ENV-035", "body-invalid", what, token, **live.case())


@chapter
def arguing() -> Iterator[Vector]:
    live = agreed()
    close = {"outcome": "settled", "text": "The address is erased."}
    shows = ("VRM-DSP-003",)
    for opener, key, state in (("hers", PERSON, "open"), ("its", SHOP, "claimed")):
        story, _ = opened(live, key)
        for slug, by, name in (("her", PERSON, "the person"), ("shop", SHOP, "the organisation")):
            token = story.token(by, "dispute.note", {"text": "It was not so.", "answers": story.thid})
            what = f"A note of {name} in a dispute that is {state}."
            yield taken(f"dispute-note-{slug}-{opener}", state, what, token, **after(live, story))
        noted = story.add(story.token(SHOP, "dispute.note", {"text": "No."}), state)
        token = noted.token(PERSON, "dispute.close", close, prev=NOTHING)
        what = f"The person closes a dispute that is {state}, with a `prev` that names no message."
        both = (*shows, "VRM-THR-014")
        yield taken(f"dispute-close-her-{opener}", "closed", what, token, covers=both, **after(live, noted))
    story, _ = opened(live)
    token = story.token(SHOP, "dispute.close", close)
    what, frame = "The organisation closes what the person has opened.", after(live, story)
    slug, rule = "dispute-close-shop-hers", "VRM-THR-004"
    yield refused(slug, rule, "role-forbidden", what, token, covers=("VRM-DSP-004",), **frame)
    story, _ = opened(live, SHOP)
    token, what = story.token(SHOP, "dispute.close", close), "The organisation closes what it has opened."
    yield taken("dispute-close-shop-its", "closed", what, token, **after(live, story))
    what = "The organisation closes, and its `prev` names no message."
    token = story.token(SHOP, "dispute.close", close, prev=NOTHING)
    yield refused("dispute-close-prev", "VRM-THR-011", "prev-unknown", what, token, **after(live, story))
    closed = story.add(story.token(PERSON, "dispute.close", close), "closed")
    for slug, kind, body in (("note", "dispute.note", {"text": "Yet."}), ("twice", "dispute.close", close)):
        token, what = closed.token(PERSON, kind, body), "After the end of the dispute."
        yield refused(
            f"dispute-closed-{slug}", "VRM-THR-005", "state-conflict", what, token, **after(live, closed)
        )
    what = "A dispute inside a dispute."
    token = forge.token(PERSON, story.next(PERSON, "dispute.open", dispute()))
    yield refused("dispute-inside", "VRM-THR-005", "state-conflict", what, token, **after(live, story))
    what = "An outcome that there is not."
    token = story.token(PERSON, "dispute.close", {"outcome": "won"})
    yield refused("dispute-close-odd", "VRM-ENV-035", "body-invalid", what, token, **after(live, story))
    what = "A note carries an extension."
    token = story.token(PERSON, "dispute.note", {"text": "See there."}, ext={EXT: {"any": 1}})
    yield taken("dispute-note-ext", "claimed", what, token, covers=("VRM-ENV-033",), **after(live, story))


@chapter
def rotating() -> Iterator[Vector]:
    """A rotation rebinds a dispute with the other threads of the pair."""
    live = agreed()
    story, _ = opened(live)
    moved = live.token(NEXT, "agent.rotate", rotation(live))
    last = Sent("x", moved, live.now, "agreed")
    frame = after(live, story)
    sent = [*frame["thread"], replace(last, file=f"{len(frame['thread']) + 1}.jwt")]
    frame = {**frame, "thread": tuple(sent)}
    token = replace(story, person=NEXT).token(NEXT, "dispute.note", {"text": "It is still so."})
    what = "A note under the key that has taken the place of the one that opened the dispute."
    yield taken("dispute-note-rotated", "open", what, token, covers=("VRM-ID-023",), **frame)
    token = story.token(PERSON, "dispute.note", {"text": "It is still so."})
    what = "A note under the key that was replaced."
    shows = ("VRM-ID-024",)
    yield refused("dispute-note-old", "VRM-THR-002", "thread-unknown", what, token, covers=shows, **frame)
