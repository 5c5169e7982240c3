"""Vectors of ladders: which are held, the rung by which a message is judged, steps up and down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests import forge
from tests.make_vectors.base import (
    DAY,
    NOW,
    PERSON,
    SHOP_ID,
    Vector,
    agreed,
    chapter,
    refused,
    taken,
)
from tests.make_vectors.bonds import (
    BESIDE,
    FIRST,
    INVITED,
    LADDER,
    LIVE,
    NOTHING,
    PAUSED,
    RETURNING,
    STATES,
    WIDE,
    Bond,
    bound,
    opening,
)
from tests.make_vectors.market import PICTURE

PERSONAL, ANALYTICS = (f"https://w3id.org/dpv#Service{name}" for name in ("Personalisation", "Optimisation"))


def rung(stage: str, *purposes: str, asks: tuple[str, ...] = (), invites: bool = True) -> dict[str, Any]:
    return {
        "stage": stage,
        "title": stage.capitalize(),
        "purposes": list(purposes),
        "types": ["relationship.invite"] if invites else [],
        "categories": [f"https://w3id.org/dpv/pd#{name}" for name in asks],
    }


def ladder(*rungs: dict[str, Any], **changes: Any) -> bytes:
    made = {"id": "shop-ladder", "version": "1.0", "lang": "en", "rungs": list(rungs), **changes}
    return json.dumps(made, indent=1).encode() + b"\n"


OWN = ladder(
    rung("guest"),
    rung("returning"),
    rung("friend", asks=("Name",)),
    rung("profiled", PERSONAL),
    rung("fan", ANALYTICS),
)
"""A ladder of the shop, with the names of two rungs of the other one."""
STEEP = ladder(rung("reader", PERSONAL), rung("writer", PERSONAL), rung("maker", ANALYTICS))
"""A ladder whose lowest rung asks for more than SD-BASE has."""


def put(data: bytes = OWN, by: str = PERSON.did, now: int = NOW) -> dict[str, Any]:
    return {"blobs": [{"by": by, "now": now}], "blob": data}


@chapter
def held() -> Iterator[Vector]:
    """VRM-LAD-001."""
    rule, shows = ("VRM-LAD-001", "ladder-unknown"), ("VRM-LAD-001",)
    own, hour = forge.digest(OWN), 3600
    late = LIVE.at(NOW + hour)
    right = opening(LIVE, body={"ladder": own})
    what = "A relationship is opened with a ladder that she has put before."
    yield taken("ladder-open-put", "open", what, right, covers=shows, **LIVE.case(**put()))
    what = "She steps to a rung of a ladder that she has put before."
    token = FIRST.step("returning", own)
    yield taken("ladder-step-put", "open", what, token, covers=shows, **FIRST.case(**put()))
    for slug, what, digest, case in (
        ("never", "A ladder that nobody has put.", NOTHING, {}),
        ("shop", "A ladder that the organisation has put, and she has not.", own, put(by=SHOP_ID)),
        ("picture", "A blob that she has put, and that is no ladder.", forge.digest(PICTURE), put(PICTURE)),
    ):
        token = opening(LIVE, body={"ladder": digest})
        yield refused(f"ladder-open-{slug}", *rule, what, token, **LIVE.case(**case))
        token = RETURNING.step("subscriber", digest)
        yield refused(f"ladder-step-{slug}", *rule, what, token, **RETURNING.case(**case))
    for slug, what, data in (
        ("no-rungs", "A ladder without a rung.", ladder()),
        ("no-stage", "A rung without a name.", ladder({**rung("guest"), "stage": ""})),
        ("no-purposes", "A rung that does not say its purposes.", ladder(without(rung("guest"), "purposes"))),
        (
            "odd-purpose",
            "A purpose that there is not.",
            ladder(rung("guest", "https://w3id.org/dpv#Purpose")),
        ),
        ("many", "Twenty-one rungs.", ladder(*[rung(f"rung-{chr(97 + n)}") for n in range(21)])),
        ("list", "The rungs alone.", json.dumps([rung("guest")]).encode()),
        ("cut", "A ladder that is cut off.", OWN[:-10]),
    ):
        token = opening(LIVE, body={"ladder": forge.digest(data)})
        what = f"A blob that she has put, and that is no ladder. {what}"
        yield refused(f"ladder-none-{slug}", *rule, what, token, **LIVE.case(**put(data)))
    data = ladder(*[rung(f"rung-{chr(97 + n)}") for n in range(20)], note="more is allowed")
    what = "A ladder of twenty rungs, with a member that nobody knows."
    token = opening(LIVE, body={"ladder": forge.digest(data)})
    yield taken("ladder-open-twenty", "open", what, token, covers=shows, **LIVE.case(**put(data)))
    token = opening(late, body={"ladder": own})
    what = "A ladder put an hour ago."
    yield taken("ladder-open-an-hour-ago", "open", what, token, covers=shows, **late.case(**put()))
    what = "A ladder put an hour and a second ago."
    frame = late.case(**put(now=NOW - 1))
    yield refused("ladder-open-too-early", *rule, what, token, **frame)
    later = RETURNING.at(NOW + hour)
    token = later.step("friend", own)
    what = "A step with a ladder put an hour ago."
    yield taken("ladder-step-an-hour-ago", "open", what, token, covers=shows, **later.case(**put()))
    what = "A step with a ladder put an hour and a second ago."
    yield refused("ladder-step-too-early", *rule, what, token, **later.case(**put(now=NOW - 1)))
    force = bound(LIVE, ladder=own).at(NOW + 2 * DAY)
    what = "A step with the ladder in force, which was put two days ago."
    token = force.step("friend", own)
    yield taken("ladder-step-in-force", "open", what, token, covers=shows, **force.case(**put()))
    what = "A step with the ladder of the spec, from another one that is in force."
    token = force.step("returning")
    yield taken("ladder-step-of-the-spec", "open", what, token, covers=shows, **force.case(**put()))
    gone = bound(LIVE, ladder=own).add(bound(LIVE, ladder=own).step("returning"), "open").at(NOW + 2 * DAY)
    what = "A step with the ladder of the opening, put two days ago; another one is in force since."
    yield refused("ladder-step-no-longer", *rule, what, gone.step("friend", own), **gone.case(**put()))
    fresh = agreed(salt="fresh", agreement="SD-BASE", now=NOW + 2 * DAY)
    ended = force.ended().after(fresh)
    what = "A second relationship with the ladder that was in force in the first, put two days ago."
    token = opening(fresh, body={"ladder": own})
    yield refused("ladder-open-of-another", *rule, what, token, **ended.case(**put()))


def without(made: dict[str, Any], name: str) -> dict[str, Any]:
    return {n: v for n, v in made.items() if n != name}


@chapter
def in_force() -> Iterator[Vector]:
    """VRM-LAD-003 and VRM-LAD-004."""
    own, steep = forge.digest(OWN), forge.digest(STEEP)
    rule, shows = ("VRM-LAD-009", "step-forbidden"), ("VRM-LAD-003",)
    begun = bound(LIVE, ladder=own)
    turned = RETURNING.add(RETURNING.step("friend", own), "open")
    back = turned.add(turned.step("subscriber"), "open")
    wide = bound(WIDE, ladder=own).add(bound(WIDE, ladder=own).step("friend", own), "open")
    for slug, what, at, stage in (
        (
            "open",
            "The ladder of the opening is in force: it invites to the second rung of it.",
            begun,
            "returning",
        ),
        (
            "step",
            "The ladder of her last step is in force: it invites to the rung after friend.",
            wide,
            "profiled",
        ),
        ("back", "The ladder of the spec is in force again.", back.under(later_wide()), "profiled"),
    ):
        token = at.invite(stage)
        yield taken(f"ladder-in-force-{slug}", "invited", what, token, covers=shows, **at.case(**put()))
    for slug, what, at, stage in (
        ("left", "It invites to the next rung of the ladder that was in force.", turned, "commenter"),
        (
            "open-left",
            "It invites to a rung of the ladder of the spec; another one is in force.",
            begun,
            "subscriber",
        ),
        ("back-left", "It invites to a rung of a ladder that is in force no longer.", back, "fan"),
    ):
        token = at.invite(stage)
        yield refused(f"ladder-not-in-force-{slug}", *rule, what, token, covers=shows, **at.case(**put()))
    what = (
        "It asks for a category that the ladder in force lists at this rung, and that of the spec does not."
    )
    at = begun.add(begun.step("returning", own), "open")
    token = at.invite("friend", "Name")
    yield taken("ladder-in-force-asks", "invited", what, token, covers=shows, **at.case(**put()))
    forbids = ("VRM-LAD-011", "stage-forbids")
    token = at.invite("friend", "EmailAddress")
    what = "It asks for a category that the ladder in force does not list."
    yield refused("ladder-in-force-asks-more", *forbids, what, token, covers=shows, **at.case(**put()))

    begins = ("VRM-LAD-004",)
    what = "She is at the lowest rung, and steps to the second one."
    yield taken("ladder-begin-step", "open", what, FIRST.step("returning"), covers=begins, **FIRST.case())
    what = "She steps to the lowest rung, at which she is."
    token, below = FIRST.step("anonymous"), ("VRM-LAD-006", "step-forbidden")
    yield refused("ladder-begin-lowest", *below, what, token, covers=begins, **FIRST.case())
    what = "It invites from the lowest rung, which lists no type."
    lists = ("VRM-LAD-010", "stage-forbids")
    yield refused(
        "ladder-begin-invite", *lists, what, FIRST.invite("returning"), covers=begins, **FIRST.case()
    )
    fresh = agreed(salt="fresh", agreement="SD-BASE")
    again = bound(fresh)
    up = RETURNING.stepped("subscriber").ended()
    again = replace(again, story=again.story.among(up.story))
    what = "In a second relationship she is at the lowest rung, however far she has come in the first."
    token = again.invite("returning")
    yield refused("ladder-begin-again", *lists, what, token, covers=begins, **again.case())
    token = again.step("returning")
    yield taken("ladder-begin-again-step", "open", what, token, covers=begins, **again.case())

    lacks = RETURNING.stepped("subscriber")
    from_lowest = ("VRM-LAD-006",)
    token = lacks.step("returning", own)
    what = "The ladder of her step lacks the rung on which she was: she comes from the lowest of it."
    yield taken("ladder-step-other", "open", what, token, covers=from_lowest, **lacks.case(**put()))
    token = lacks.step("guest", own)
    what = "She steps to the lowest rung of a ladder that lacks the one on which she was."
    yield refused("ladder-step-other-lowest", *below, what, token, **lacks.case(**put()))
    known = RETURNING.step("friend", own)
    what = "The ladder of her step has the rung on which she was: she goes one up there."
    yield taken("ladder-step-known", "open", what, known, covers=from_lowest, **RETURNING.case(**put()))
    token = RETURNING.step("returning", own)
    what = "She steps, by another ladder, to the rung on which she is."
    yield refused("ladder-step-known-same", *below, what, token, **RETURNING.case(**put()))
    reached, judged = ("VRM-LAD-007", "step-forbidden"), ("VRM-LAD-005",)
    start = bound(LIVE, ladder=steep)
    frame = start.case(**put(STEEP))
    what = "The agreement reaches no rung of the ladder: she is at the lowest, and it invites to the next."
    token = start.invite("writer")
    yield taken("ladder-reaches-none", "invited", what, token, covers=judged, **frame)
    what = "The agreement reaches no rung of the ladder: she cannot step up."
    yield refused("ladder-reaches-none-step", *reached, what, start.step("writer", steep), **frame)
    token = start.step("reader", steep)
    what = "The agreement reaches no rung of the ladder: she steps to the lowest, at which she is."
    yield refused("ladder-reaches-none-lowest", *below, what, token, covers=judged, **frame)


def later_wide() -> Any:
    return agreed(salt="later wide", agreement="SD-BASE-ATP")


@chapter
def steps() -> Iterator[Vector]:
    """VRM-LAD-006 to VRM-LAD-008."""
    below, beyond = ("VRM-LAD-006", "step-forbidden"), ("VRM-LAD-007", "step-forbidden")
    up = RETURNING.stepped("commenter")
    for slug, what, at, stage in (
        ("same", "She steps to the rung on which she is.", RETURNING, "returning"),
        ("below", "She steps to a rung below.", up, "subscriber"),
        ("lowest", "She steps to the lowest rung.", up, "anonymous"),
        ("unknown", "She steps to a rung that the ladder does not have.", RETURNING, "friend"),
        ("invited-below", "She is invited up, and steps to the rung on which she is.", INVITED, "returning"),
    ):
        yield refused(f"ladder-step-{slug}", *below, what, at.step(stage), **at.case())
    one, several, wide = ("VRM-LAD-006", "VRM-LAD-007"), ("VRM-LAD-008", "VRM-LAD-007"), bound(WIDE)
    for slug, what, at, stage, mine in (
        ("next", "She steps one rung up.", RETURNING, "subscriber", one),
        ("over-two", "She steps over a rung.", FIRST, "subscriber", several),
        (
            "over-unreached",
            "She steps over a rung that the agreement does not reach.",
            RETURNING,
            "commenter",
            several,
        ),
        ("over-all", "She steps from the lowest rung to the highest.", FIRST, "customer", several),
        (
            "over-all-wide",
            "She steps over all rungs, under an agreement that reaches them.",
            wide,
            "customer",
            several,
        ),
        ("profiled", "She steps to a rung that this agreement reaches.", wide, "profiled", several),
        ("contributor", "She steps to another rung that it reaches.", wide, "contributor", several),
    ):
        yield taken(f"ladder-step-{slug}", "open", what, at.step(stage), covers=mine, **at.case())
    part = bound(agreed(salt="part", agreement="SD-BASE-A"))
    token = part.step("contributor")
    what = "A clause that is permitted is enough."
    yield taken("ladder-step-permitted", "open", what, token, covers=several, **part.case())
    optional = RETURNING.under(BESIDE)
    for slug, what, at, stage in (
        ("profiled-base", "Profiling is prohibited under this agreement.", RETURNING, "profiled"),
        ("contributor-base", "Analytics is prohibited under this agreement.", RETURNING, "contributor"),
        ("profiled-part", "This agreement permits analytics, and no profiling.", part, "profiled"),
        (
            "profiled-invited",
            "She is invited to a rung that the agreement does not reach.",
            invited_beyond(),
            "profiled",
        ),
        (
            "contributor-beside",
            "Another agreement than that of the opening is named.",
            optional,
            "contributor",
        ),
    ):
        yield refused(f"ladder-step-{slug}", *beyond, what, at.step(stage), **at.case())
    both = bound(WIDE).under(BESIDE)
    what = "The agreement of the opening would reach this rung; the one that is named does not."
    yield refused("ladder-step-by-agr", *beyond, what, both.step("profiled"), **both.case())
    token = both.step("profiled", agr=WIDE.head)
    what = "The agreement that is named reaches this rung; another one in force does not."
    yield taken("ladder-step-by-agr-reached", "open", what, token, covers=several, **both.case())
    data = ladder(rung("guest"), rung("mover", RIGHTS))
    what = "A clause that is optional is not within the agreement."
    token, frame = FIRST.step("mover", forge.digest(data)), FIRST.case(**put(data))
    yield refused("ladder-step-optional", *beyond, what, token, **frame)
    portable = bound(agreed(salt="portable"))
    token, frame = portable.step("mover", forge.digest(data)), portable.case(**put(data))
    what = "The same clause, which another agreement requires."
    yield taken("ladder-step-required", "open", what, token, covers=several, **frame)
    data = ladder(rung("guest"), rung("seller", "https://w3id.org/dpv#DirectMarketing"))
    what = "A purpose for which there is no clause is within no agreement."
    token, frame = FIRST.step("seller", forge.digest(data)), FIRST.case(**put(data))
    yield refused("ladder-step-no-clause", *beyond, what, token, **frame)
    data = ladder(rung("guest"), rung("pair", SERVICE, PERSONAL))
    what = "One of two purposes is not within the agreement."
    token, frame = FIRST.step("pair", forge.digest(data)), FIRST.case(**put(data))
    yield refused("ladder-step-one-of-two", *beyond, what, token, **frame)
    token, frame = wide.step("pair", forge.digest(data)), wide.case(**put(data))
    what = "Both purposes are within the agreement."
    yield taken("ladder-step-two-of-two", "open", what, token, covers=several, **frame)


RIGHTS = "https://w3id.org/dpv#RightsFulfilment"
SERVICE = "https://w3id.org/dpv#CustomerOrderManagement"


def invited_beyond() -> Bond:
    """Invited to a rung that SD-BASE does not reach."""
    return RETURNING.stepped("subscriber").invited("profiled")


@chapter
def invitations() -> Iterator[Vector]:
    """VRM-LAD-009 to VRM-LAD-011."""
    rule = ("VRM-LAD-009", "step-forbidden")
    up = RETURNING.stepped("commenter")
    for slug, what, at, stage in (
        ("two-up", "It invites two rungs up.", RETURNING, "profiled"),
        ("present", "It invites to the rung on which she is.", RETURNING, "returning"),
        ("below", "It invites to the rung below.", up, "profiled"),
        ("lowest", "It invites to the lowest rung.", RETURNING, "anonymous"),
        ("unknown", "It invites to a rung that the ladder does not have.", RETURNING, "friend"),
        (
            "top",
            "It invites to the highest rung, on which she is.",
            RETURNING.stepped("customer"),
            "customer",
        ),
    ):
        yield refused(f"ladder-invite-{slug}", *rule, what, at.invite(stage), **at.case())
    shows = ("VRM-LAD-009", "VRM-LAD-010", "VRM-LAD-011")
    categories: tuple[str, ...]
    wide = bound(WIDE).stepped("profiled")
    subscriber = RETURNING.stepped("subscriber")
    for slug, what, at, stage, categories in (
        ("next", "It invites one rung up, and asks for nothing.", RETURNING, "subscriber", ()),
        (
            "next-asks",
            "It asks for what the rung lists to which it invites, and hers does not.",
            RETURNING,
            "subscriber",
            ("EmailAddress", "Language"),
        ),
        (
            "not-reached",
            "It invites to a rung that the agreement does not reach: she cannot step there yet.",
            subscriber,
            "profiled",
            ("Interest",),
        ),
        ("reached", "It invites to a rung that the agreement reaches.", wide, "commenter", ("Username",)),
    ):
        token = at.invite(stage, *categories)
        yield taken(f"ladder-invite-{slug}", "invited", what, token, covers=shows, **at.case())
    forbids = ("VRM-LAD-011", "stage-forbids")
    for slug, what, at, stage, categories in (
        (
            "category",
            "It asks for a category that the rung does not list.",
            RETURNING,
            "subscriber",
            ("Name",),
        ),
        (
            "category-later",
            "It asks for a category that the rung after it lists.",
            RETURNING,
            "subscriber",
            ("Interest",),
        ),
        (
            "category-among",
            "One of three categories is not listed.",
            RETURNING,
            "subscriber",
            ("EmailAddress", "Username", "Language"),
        ),
        (
            "category-present",
            "It asks for a category that her rung lists, and the next one does not.",
            wide,
            "commenter",
            ("Interest",),
        ),
    ):
        token = at.invite(stage, *categories)
        yield refused(f"ladder-invite-{slug}", *forbids, what, token, **at.case())
    lists = ("VRM-LAD-010", "stage-forbids")
    down = RETURNING.said("retreat", "open", {"stage": "anonymous"})
    what = "She has gone down to the lowest rung, which lists no type."
    yield refused("ladder-invite-retreated", *lists, what, down.invite("returning"), **down.case())
    mute = ladder(rung("guest"), rung("quiet", invites=False), rung("loud"))
    at = FIRST.add(FIRST.step("quiet", forge.digest(mute)), "open")
    what = "The rung on which she is lists no type; that to which it invites does."
    yield refused("ladder-invite-mute", *lists, what, at.invite("loud"), **at.case(**put(mute)))
    at = bound(LIVE, ladder=forge.digest(mute))
    what = "The rung on which she is lists the type; that to which it invites does not."
    token = at.invite("quiet")
    yield taken("ladder-invite-to-mute", "invited", what, token, covers=shows[1:2], **at.case(**put(mute)))


@chapter
def judged_rungs() -> Iterator[Vector]:
    """VRM-LAD-005: the rung falls with the agreement, and rises with it."""
    shows, rule = ("VRM-LAD-005",), ("VRM-LAD-009", "step-forbidden")
    low, high = agreed(salt="low", agreement="SD-BASE"), agreed(salt="high", agreement="SD-BASE-ATP")
    profiled = bound(WIDE).stepped("profiled")
    contributor = profiled.stepped("contributor")
    for name, at, judged, right, wrong in (
        ("profiled", profiled.under(low), "subscriber", "profiled", "commenter"),
        ("contributor", contributor.under(low), "commenter", "contributor", "customer"),
    ):
        what = f"She has gone to {name}; the agreement that took the other's place reaches {judged}."
        token = at.invite(right)
        told = f"{what} It invites to the rung after this."
        yield taken(f"ladder-fallen-{name}", "invited", told, token, covers=shows, **at.case())
        told = f"{what} It invites to the rung after that to which she has gone."
        token = at.invite(wrong)
        yield refused(f"ladder-fallen-{name}-past", *rule, told, token, covers=shows, **at.case())
    fallen = profiled.under(low)
    token = fallen.step("commenter")
    what = "She has gone to profiled, which the later agreement does not reach, and steps over it."
    yield taken("ladder-fallen-step", "open", what, token, covers=shows, **fallen.case())
    for slug, what, stage, number in (
        ("same", "She steps to the rung by which she is judged.", "subscriber", 6),
        (
            "back",
            "She steps to the rung to which she had gone, which the agreement does not reach.",
            "profiled",
            7,
        ),
    ):
        frame = {"covers": shows, **fallen.case()}
        fault = (f"VRM-LAD-{number:03d}", "step-forbidden")
        yield refused(f"ladder-fallen-step-{slug}", *fault, what, fallen.step(stage), **frame)
    risen = fallen.under(high)
    what = "A third agreement reaches again the rung to which she has gone."
    yield taken("ladder-risen", "invited", what, risen.invite("commenter"), covers=shows, **risen.case())
    what = "A third agreement reaches again the rung to which she has gone; it invites to this."
    yield refused("ladder-risen-present", *rule, what, risen.invite("profiled"), covers=shows, **risen.case())
    two = profiled.under(BESIDE)
    what = "Of two agreements in force the one that is named reaches subscriber."
    yield taken("ladder-judged-named", "invited", what, two.invite("profiled"), covers=shows, **two.case())
    token = two.invite("commenter", agr=WIDE.head)
    what = "Of two agreements in force the one that is named reaches the rung to which she has gone."
    yield taken("ladder-judged-other", "invited", what, token, covers=shows, **two.case())
    token = two.invite("profiled", agr=WIDE.head)
    what = "The agreement that is named reaches the rung to which it invites: she is there already."
    yield refused("ladder-judged-there", *rule, what, token, covers=shows, **two.case())
    token = two.invite("commenter")
    what = "The agreement that is named does not reach the rung to which she has gone."
    yield refused("ladder-judged-past", *rule, what, token, covers=shows, **two.case())
    reached = bound(WIDE).stepped("returning")
    what = "The agreement reaches all rungs; she has gone to the second, and is judged by it."
    yield taken(
        "ladder-not-above", "invited", what, reached.invite("subscriber"), covers=shows, **reached.case()
    )


@chapter
def retreats() -> Iterator[Vector]:
    """VRM-LAD-012: on which rung she is after it is seen by where she steps, or is invited."""
    shows, rule = ("VRM-LAD-012",), ("VRM-LAD-009", "step-forbidden")
    wide = bound(WIDE).stepped("contributor")
    for stage in ("customer", "friend", "anonymous", "returning"):
        for state, at in STATES if stage != "anonymous" else ():
            token = at.write(PERSON, "retreat", {"stage": stage})
            what = f"In the state {state} she steps down and names the rung {stage}."
            yield taken(f"ladder-retreat-{stage}-{state}", state, what, token, covers=shows, **at.case())
    what = "She is at the lowest rung and steps down."
    token = FIRST.write(PERSON, "retreat", {"stage": "anonymous"})
    yield taken("ladder-retreat-lowest", "open", what, token, covers=shows, **FIRST.case())

    def down(at: Bond, stage: str, state: str = "open") -> Bond:
        return at.said("retreat", state, {"stage": stage})

    for slug, what, at, right, wrong in (
        ("down", "She has gone down to subscriber.", down(wide, "subscriber"), "profiled", "customer"),
        ("up", "She has named a rung above: she stays.", down(wide, "customer"), "customer", "contributor"),
        (
            "same",
            "She has named the rung on which she is.",
            down(wide, "contributor"),
            "customer",
            "contributor",
        ),
        (
            "twice",
            "She has gone down twice; the second time she has named the higher one.",
            down(down(wide, "subscriber"), "commenter"),
            "profiled",
            "contributor",
        ),
        (
            "paused",
            "She has gone down while it rested.",
            down(wide.said("pause", "paused"), "returning", "paused").said("resume", "open"),
            "subscriber",
            "customer",
        ),
        (
            "invited",
            "She has gone down while she was invited, and declined.",
            down(wide.invited("customer"), "returning", "invited").said("decline", "open"),
            "subscriber",
            "customer",
        ),
    ):
        token = at.invite(right)
        told = f"{what} It invites to the next rung."
        yield taken(f"ladder-retreated-{slug}", "invited", told, token, covers=shows, **at.case())
        token = at.invite(wrong)
        told = f"{what} It invites as if she had not."
        if slug in ("down", "twice", "paused"):
            yield refused(f"ladder-retreated-{slug}-wrong", *rule, told, token, covers=shows, **at.case())
    for slug, at in (("unknown", down(wide, "friend")), ("lowest", down(wide, "anonymous"))):
        what = "She has gone down to the lowest rung, and steps up again."
        token = at.step("returning")
        yield taken(f"ladder-retreated-{slug}", "open", what, token, covers=shows, **at.case())
        what = "She has gone down to the lowest rung, and it invites."
        lists = ("VRM-LAD-010", "stage-forbids")
        token = at.invite("returning")
        yield refused(f"ladder-retreated-{slug}-invite", *lists, what, token, covers=shows, **at.case())
    stays, below = down(FIRST, "customer"), ("VRM-LAD-006", "step-forbidden")
    what = "At the lowest rung she has named the highest, and is still at the lowest."
    yield taken(
        "ladder-retreated-never-up", "open", what, stays.step("returning"), covers=shows, **stays.case()
    )
    same = down(wide, "customer")
    what = "She has named a rung above, and steps to the one on which she is."
    yield refused(
        "ladder-retreated-up-same", *below, what, same.step("contributor"), covers=shows, **same.case()
    )
    own = forge.digest(OWN)
    start = FIRST.add(FIRST.step("friend", own), "open")
    for slug, what, stage, where in (
        (
            "other-ladder",
            "A rung of the ladder in force, which that of the spec has above hers.",
            "returning",
            "friend",
        ),
        (
            "not-of-the-spec",
            "A rung that only the ladder of the spec has: she is at the lowest.",
            "subscriber",
            "returning",
        ),
    ):
        at = down(start, stage)
        token = at.invite(where)
        yield taken(f"ladder-retreated-{slug}", "invited", what, token, covers=shows, **at.case(**put()))
    low = agreed(salt="low", agreement="SD-BASE")
    fallen = down(bound(WIDE).stepped("profiled").under(low), "commenter").under(later_wide())
    what = "Judged by a lower rung than hers she has named one above hers: hers stays, and counts again."
    token = fallen.invite("commenter")
    yield taken(
        "ladder-retreated-fallen", "invited", what, token, covers=(*shows, "VRM-LAD-005"), **fallen.case()
    )
    terminated = PAUSED.after(last_of_live())
    token = terminated.write(PERSON, "retreat", {"stage": "anonymous"})
    what = "She steps down, and no agreement is in force."
    yield taken("ladder-retreat-terminated", "paused", what, token, covers=shows, **terminated.case())
    assert own != LADDER


def last_of_live() -> Any:
    story = LIVE.add(LIVE.token(PERSON, "agreement.terminate"), "terminated")
    return replace(story, sent=story.sent[-1:])
