"""Vectors of the end of a relationship, of what ends with it, and of keys that change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.forge import Key
from tests.make_vectors.base import (
    DAY,
    EXT,
    LAST,
    NEXT,
    NOW,
    OTHER,
    PERSON,
    REFERENCE,
    SHOP,
    SHOP_ID,
    Story,
    Vector,
    acceptance,
    agreed,
    chapter,
    refused,
    rotation,
    taken,
    time,
)
from tests.make_vectors.bonds import (
    ASIDE,
    BESIDE,
    BOTH,
    ENDED,
    FIRST,
    INVITED,
    LIVE,
    NOTHING,
    PAUSED,
    RETURNING,
    STATES,
    STRANGE,
    TERMINATED,
    Bond,
    attestation,
    bound,
    clock,
    last,
    opening,
    with_all,
)
from tests.make_vectors.market import OFFERED, OPEN, Market


@chapter
def ending() -> Iterator[Vector]:
    """VRM-REL-009, and attestations."""
    shows = ("VRM-REL-009",)
    for state, at in STATES:
        for slug, key, name in (("her", PERSON, "She"), ("shop", SHOP, "The organisation")):
            what = f"{name} ends a relationship that is {state}."
            token = at.write(key, "end", {"reason": "It is over.", "attest_within": "P2W"})
            yield taken(f"relationship-end-{slug}-{state}", "ended", what, token, covers=shows, **at.case())
        token = at.write(PERSON, "end", prev=NOTHING)
        what = f"She ends a relationship that is {state}, with a `prev` that names no message."
        both = (*shows, "VRM-THR-014")
        yield taken(f"relationship-end-{state}-astray", "ended", what, token, covers=both, **at.case())
        token = at.write(SHOP, "end", prev=NOTHING)
        what = f"The organisation ends a relationship that is {state}, and its `prev` names no message."
        unknown = "VRM-THR-011", "prev-unknown"
        yield refused(f"relationship-end-shop-{state}-astray", *unknown, what, token, **at.case())
    low = FIRST.write(PERSON, "end", ext={EXT: "so"})
    what = "She ends it at the lowest rung, with an extension."
    yield taken("relationship-end-ext", "ended", what, low, covers=(*shows, "VRM-ENV-033"), **FIRST.case())
    gone = RETURNING.after(last(TERMINATED))
    for slug, key in (("her", PERSON), ("shop", SHOP)):
        what = "A relationship is ended whose agreement is in force no longer."
        token = gone.write(key, "end")
        yield taken(f"relationship-end-{slug}-terminated", "ended", what, token, covers=shows, **gone.case())
    conflict = ("VRM-THR-005", "state-conflict")
    for slug, what, at in (
        ("ended", "It has ended already.", ENDED),
        ("closed", "It is closed.", ENDED.closed()),
        ("overdue", "It has ended, and the attestation is overdue.", ENDED.at(NOW + 40 * DAY)),
    ):
        for who_, key in (("her", PERSON), ("shop", SHOP)):
            token = at.write(key, "end")
            yield refused(f"relationship-end-{who_}-{slug}", *conflict, what, token, **at.case())
    body_ = ("VRM-ENV-035", "body-invalid")
    for slug, what, body in (
        ("long", "It has longer than a month to attest.", {"attest_within": "P31D"}),
        ("none", "It has no time to attest.", {"attest_within": "PT0S"}),
        ("date", "Until when it has to attest is a date.", {"attest_within": time(NOW + DAY)}),
    ):
        token = RETURNING.write(PERSON, "end", body)
        yield refused(f"relationship-end-body-{slug}", *body_, what, token, **RETURNING.case())

    short = RETURNING.ended(attest_within="P1D")
    kept = {"what": "the invoice", "why": "tax law", "until": time(NOW + 400 * DAY)}
    for slug, what, at in (
        ("ended", "What she has left is attested to be erased.", ENDED),
        ("month", "It attests when a month is over.", ENDED.at(clock("2027-02-15T08:00:00"))),
        ("overdue", "It attests when the time that she has named is over.", short.at(NOW + 3 * DAY)),
        ("own", "It attests what it has ended itself.", RETURNING.ended(SHOP)),
    ):
        token = at.write(SHOP, "attest", {**attestation(at.story.now), "kept": [kept]})
        yield taken(f"relationship-attest-{slug}", "closed", what, token, **at.case())
    token = ENDED.write(SHOP, "attest", attestation(), ext={EXT: 1})
    what = "An attestation carries an extension."
    yield taken("relationship-attest-ext", "closed", what, token, covers=("VRM-ENV-033",), **ENDED.case())
    for slug, what, at in (
        ("open", "Nothing has ended yet.", INVITED),
        ("twice", "It has attested already.", ENDED.closed()),
    ):
        token = at.write(SHOP, "attest", attestation())
        name = "relationship-attest-early" if slug == "open" else f"relationship-attest-{slug}"
        yield refused(name, *conflict, what, token, **at.case())
    token = ENDED.write(SHOP, "attest", {"erased_at": time(NOW)})
    what = "An attestation that does not say what is kept."
    yield refused("relationship-attest-body", *body_, what, token, **ENDED.case())


@chapter
def severing() -> Iterator[Vector]:
    """VRM-REL-010 and VRM-REL-011: whether an agreement goes on is seen by whether it can be ended."""
    conflict, shows = ("VRM-THR-005", "state-conflict"), ("VRM-REL-010",)
    late = RETURNING.after(BESIDE)

    def goes(slug: str, what: str, live: Story, at: Bond, key: Key = SHOP, **more: Any) -> Vector:
        token = live.at(at.story.now).token(key, "agreement.terminate")
        case = at.case(**more)
        return refused(f"relationship-sever-{slug}", *conflict, what, token, covers=shows, **case)

    def stays(slug: str, what: str, live: Story, at: Bond, key: Key = SHOP, **more: Any) -> Vector:
        token = live.at(at.story.now).token(key, "agreement.terminate")
        mine = ("VRM-REL-011",) if "covers" not in more else more.pop("covers")
        return taken(f"relationship-sever-{slug}", "terminated", what, token, covers=mine, **at.case(**more))

    what = "With the relationship the agreement has ended: there is nothing to terminate."
    yield goes("shop", what, LIVE, ENDED)
    yield goes("her", what, LIVE, ENDED, PERSON)
    yield goes(
        "by-shop",
        "The organisation has ended it, and the agreement with it.",
        LIVE,
        RETURNING.ended(SHOP),
        PERSON,
    )
    what = "An agreement of another class, made since the opening, has ended, too."
    yield goes("beside", what, BESIDE, late.ended())
    yield goes("first", "The agreement of the opening has ended beside another one.", LIVE, late.ended())
    yield goes("closed", "The relationship is closed; the agreement stays ended.", LIVE, ENDED.closed())
    yield goes("paused", "The relationship rested when it was ended.", LIVE, PAUSED.ended())
    before = BESIDE.among()
    early = bound(LIVE.among(before))
    what = "An agreement that was made before that of the opening, and not named, has ended."
    yield goes("unnamed", what, BESIDE, replace(early, agr=LIVE.head).ended())
    token = LIVE.token(NEXT, "agent.rotate", rotation(LIVE))
    what = "She cannot change her key in the thread of an agreement that has ended with the relationship."
    yield refused("relationship-sever-rotate", *conflict, what, token, covers=shows, **ENDED.case())
    stale = (
        replace(RETURNING, story=RETURNING.story.among())
        .after(agreed(salt="newer", agreement="SD-BASE"))
        .ended()
    )
    what = "An agreement that was superseded stays so."
    yield goes("superseded", what, LIVE, stale)
    fresh = agreed(salt="fresh", agreement="SD-BASE")
    renewed = bound(fresh)
    again = replace(renewed, story=renewed.story.among(ENDED.story)).ended()
    what = "The end of a second relationship ends the agreement that was made after the first."
    yield goes("second", what, fresh, again)

    yield stays("later", "An agreement that was made after the end goes on.", fresh, ENDED.after(fresh))
    proffer = Story(fresh.sent[:1], fresh.thid, fresh.thid)
    accepted = replace(fresh, sent=fresh.sent[1:])
    waits = RETURNING.after(proffer).ended().after(accepted)
    what = "Terms that were proffered before the end, and accepted after it, go on."
    yield stays("accepted-later", what, fresh, waits)
    open_ = RETURNING.after(proffer).ended()
    token = proffer.token(
        SHOP, "terms.accept", acceptance(proffer, agreement=REFERENCE["SD-BASE"]), salt="fresh"
    )
    what = "Terms that were proffered before the end are accepted after it."
    yield taken(
        "relationship-sever-proffered", "agreed", what, token, covers=("VRM-REL-011",), **open_.case()
    )
    what = "A later agreement of the class of one that has ended with the relationship goes on."
    wide = agreed(salt="after", agreement="SD-BASE-ATP", now=NOW + DAY)
    yield stays("newer", what, wide, ENDED.after(wide).at(NOW + DAY), PERSON)
    more: dict[str, Any] = {**BOTH, "covers": ("VRM-REL-010",)}
    what = "Her agreement with another organisation goes on."
    yield stays("other-shop", what, ASIDE, RETURNING.after(ASIDE).ended(), OTHER, **more)
    what = "The organisation's agreement with another person goes on."
    yield stays("other-person", what, STRANGE, RETURNING.after(STRANGE).ended(), covers=("VRM-REL-010",))
    what = "The relationship rests: nothing has ended."
    yield stays("not-paused", what, LIVE, PAUSED, covers=shows)
    what = "An agreement that the two terminate does not end their relationship: she pauses it."
    gone = RETURNING.after(last(TERMINATED))
    token = gone.write(PERSON, "pause")
    yield taken("relationship-terminated-pause", "paused", what, token, **gone.case())

    ends = NOW + 2 * DAY
    dated = agreed(agreement="SD-BASE", ends=time(ends))
    cause = ("VRM-THR-019", "VRM-REL-010")
    for slug, now, number, code, what in (
        ("same-second", ends, 6, "deadline-passed", "in the second of its date: that is what has ended it"),
        (
            "second-before",
            ends - 1,
            5,
            "state-conflict",
            "a second before its date: that is what has ended it",
        ),
    ):
        at = bound(dated).at(now).ended().at(ends + DAY)
        token = dated.at(at.story.now).token(PERSON, "agreement.terminate")
        what = f"The relationship has ended {what}."
        rule = (f"VRM-THR-{number:03d}", code)
        yield refused(f"relationship-sever-{slug}", *rule, what, token, covers=cause, **at.case())

    yield from offers_go_on()


def offers_go_on() -> Iterator[Vector]:
    """What an offer has made goes on after the end."""
    shows = ("VRM-REL-011",)

    def after(market: Market, at: Bond) -> dict[str, Any]:
        sent = with_all(Story(market.sent), Story(at.story.sent[len(LIVE.sent) :]))
        return market.case(thread=sent)

    parties: dict[str, Any] = {"aud": SHOP_ID, "agr": OFFERED.offers[0]}
    story = Story(LIVE.sent, person=PERSON, shop=SHOP)
    opened = Bond(story.add(opening(LIVE, **parties), "open"), OFFERED.offers[0])
    ended = opened.ended()
    what = "The offer under which the relationship was opened is accepted after its end."
    frame = after(OFFERED, ended)
    yield taken("relationship-sever-offer", "accepted", what, OFFERED.accepting(), covers=shows, **frame)
    what = "An offer is made after the end, on an intent of before."
    started = Story(OPEN.sent).among(after=[ENDED.story])
    token = OPEN.making()
    yield taken(
        "relationship-sever-offering", "offered", what, token, covers=shows, **OPEN.case(thread=started.sent)
    )
    what = "Another relationship, under the agreement of the offer, which goes on."
    token = opening(LIVE, salt="again", **parties)
    both = ("VRM-REL-004", *shows)
    yield taken("relationship-sever-offer-again", "open", what, token, covers=both, **frame)
    what = "An offer of the two that was not named goes on, too."
    beside = OFFERED.accepted()
    frame = beside.case(thread=with_all(ENDED.story, Story(beside.sent)))
    yield taken(
        "relationship-sever-offer-beside", "confirmed", what, beside.confirming(), covers=shows, **frame
    )


@chapter
def changing_keys() -> Iterator[Vector]:
    """A rotation in a relationship, and relationships after a rotation elsewhere."""
    for state, at in STATES:
        story = at.story
        token = story.token(NEXT, "agent.rotate", rotation(story))
        what = f"She changes her key in a relationship that is {state}."
        yield taken(f"relationship-rotate-{state}", state, what, token, **at.case())
        without = story.token(NEXT, "agent.rotate", rotation(story, proof=None))
        what = f"She changes her key in a relationship that is {state}, without a proof."
        unknown = ("VRM-ID-021", "thread-unknown")
        yield refused(f"relationship-rotate-{state}-unproven", *unknown, what, without, **at.case())
    story = ENDED.story
    token = story.token(NEXT, "agent.rotate", rotation(story))
    what = "She changes her key in a relationship that has ended."
    yield refused("relationship-rotate-ended", "VRM-THR-005", "state-conflict", what, token, **ENDED.case())
    moved = rotated(RETURNING)
    rebound = ("VRM-ID-023",)
    new, old = ("VRM-ID-024",), PERSON
    for slug, what, token in (
        ("step", "She steps up under her new key.", moved.step("subscriber")),
        (
            "rotate",
            "She changes her key once more.",
            moved.story.token(LAST, "agent.rotate", rotation(moved.story, LAST, NEXT)),
        ),
    ):
        yield taken(f"relationship-rotated-{slug}", "open", what, token, covers=rebound, **moved.case())
    what = "It invites her under her new key."
    token = moved.invite("subscriber")
    yield taken("relationship-rotated-invite", "invited", what, token, covers=rebound, **moved.case())
    what = "She pauses under the key that was replaced."
    token = moved.write(old, "pause")
    yield refused(
        "relationship-rotated-old", "VRM-THR-002", "thread-unknown", what, token, covers=new, **moved.case()
    )
    what = "She opens a second one under her new key."
    again = opening(replace(LIVE, person=NEXT), NEXT, salt="again")
    yield refused("relationship-rotated-second", "VRM-REL-003", "already-open", what, again, **moved.case())
    ended = rotated(RETURNING).ended()
    what = "She has changed her key and ended the relationship; the agreement of her old key has ended."
    token = replace(LIVE, person=NEXT).token(SHOP, "agreement.terminate")
    shows = ("VRM-REL-010",)
    yield refused(
        "relationship-rotated-severed",
        "VRM-THR-005",
        "state-conflict",
        what,
        token,
        covers=shows,
        **ended.case(),
    )
    ended = ENDED
    later = agreed(salt="fresh", agreement="SD-BASE")
    turned = later.add(later.token(NEXT, "agent.rotate", rotation(later)), "agreed")
    at = ended.after(turned)
    what = "She has changed her key after the end, and the agreement of before stays ended."
    token = replace(LIVE, person=NEXT).token(SHOP, "agreement.terminate")
    yield refused(
        "relationship-severed-rotated",
        "VRM-THR-005",
        "state-conflict",
        what,
        token,
        covers=shows,
        **at.case(),
    )
    token = replace(turned, person=NEXT).token(SHOP, "agreement.terminate")
    what = "She has changed her key in an agreement made after the end, and it goes on."
    yield taken(
        "relationship-severed-later-rotated", "terminated", what, token, covers=("VRM-REL-011",), **at.case()
    )
    elsewhere = LIVE.add(LIVE.token(NEXT, "agent.rotate", rotation(LIVE)), "agreed")
    beside = RETURNING.after(last(elsewhere))
    beside = replace(beside, story=replace(beside.story, person=NEXT))
    what = "She has changed her key in the thread of the agreement, and steps up under the new one."
    token = beside.step("subscriber")
    yield taken("relationship-rotated-beside", "open", what, token, covers=rebound, **beside.case())


def rotated(at: Bond) -> Bond:
    """After her key was changed in the relationship."""
    turned = at.add(at.story.token(NEXT, "agent.rotate", rotation(at.story)), "open")
    return replace(turned, story=replace(turned.story, person=NEXT))
