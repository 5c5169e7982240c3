"""Vectors of consents: what is asked, what is granted of it, how it ends, and what is judged by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tests import forge
from tests.make_vectors.base import (
    DAY,
    EXT,
    NEXT,
    NOW,
    OTHER,
    PERSON,
    SHOP,
    SHOP_ID,
    STRANGER,
    Story,
    Vector,
    agreed,
    both,
    chapter,
    claims,
    proof,
    refused,
    taken,
    time,
)
from tests.make_vectors.bonds import (
    ASIDE,
    BESIDE,
    BOTH,
    LIVE,
    NOTHING,
    STRANGE,
    bound,
    clock,
    last,
    preferring,
)
from tests.make_vectors.market import CARE
from tests.make_vectors.ties import (
    AGAIN,
    AHEAD,
    ALTRUISM,
    ANALYTICS,
    ASTRAY,
    AT_RETURNING,
    AT_WIDE,
    BELOW_END,
    BENEFITS,
    CATEGORY,
    CONFLICT,
    DEAD,
    GOOD,
    HER,
    INVALID,
    LATE,
    LISTS,
    MARKETING,
    MISSING,
    NO_AGR,
    NO_PARENT,
    NOT_ASKED,
    NOT_GRANTED,
    OFTEN,
    PERSONAL,
    QUALITY,
    QUIET,
    RESTS,
    RIGHTS,
    ROLE,
    STALE,
    STRANGER_ASKS,
    TERMINATED,
    TWO,
    UNNEEDED,
    Move,
    Standing,
    Tie,
    asking,
    but,
    cells,
    granting,
    text,
    wanting,
)

PROHIBITS = ("VRM-CNS-001", "terms-prohibit")
ASK, GRANT = "consent.request", "consent.grant"
REQUESTED, GRANTED = HER.asked(), HER.granted()
HUSHED = {"preferences": preferring("UTC", ("00:00", "00:00"))}
REFUSED = HER.asked().said(PERSON, "consent.refuse", "refused")
MONTH = NOW + 30 * DAY


def terminated(live: Story) -> Story:
    """The end of an agreement."""
    return last(live.add(live.token(SHOP, "agreement.terminate"), "terminated"))


def stopped(tie: Tie) -> Mapping[str, Any]:
    return {"stopped_at": time(tie.now), "told": []}


def narrowed(tie: Tie, *purposes: str) -> Tie:
    return tie.said(PERSON, "consent.narrow", "granted", {"purposes": list(purposes)})


def withdrawn(tie: Tie) -> Tie:
    return tie.said(PERSON, "consent.withdraw", "withdrawn")


def renewed(tie: Tie, until: int) -> Tie:
    return tie.said(PERSON, "consent.renew", "granted", {"valid_until": time(until)})


@chapter
def requesting() -> Iterator[Vector]:
    """The opening, and the guards of its row."""
    asks = HER.open(SHOP, ASK, asking())
    what = "An organisation asks for a consent."
    yield taken("consent-request", "requested", what, asks, **HER.case())
    full = asking(
        MARKETING,
        notice={**asking()["notice"], "url": "https://notices.example/privacy"},
        recipients=[{"name": "Bezorgd B.V.", "contact": "mailto:info@bezorgd.example"}],
    )
    what = "A request with all that it may say."
    yield taken("consent-request-full", "requested", what, HER.open(SHOP, ASK, full), **HER.case())
    shows = ("VRM-CNS-001",)
    for slug, what, tie, purpose in (
        ("required", "the agreement requires", HER, CARE),
        ("optional", "the agreement leaves to her", HER, RIGHTS),
        ("no-clause", "no clause rules", HER, MARKETING),
        ("absent", "a clause rules that the agreement does not have", HER, ALTRUISM),
        ("permitted", "the agreement permits", AT_WIDE, PERSONAL),
    ):
        token = tie.open(SHOP, ASK, asking(purpose))
        what = f"A consent is asked for, for a purpose that {what}."
        yield taken(f"consent-request-{slug}", "requested", what, token, covers=shows, **tie.case())
    for slug, what, purposes in (
        ("prohibited", "A purpose that the agreement prohibits.", (PERSONAL,)),
        (
            "one-prohibited",
            "One of two purposes is one that the agreement prohibits.",
            (MARKETING, ANALYTICS),
        ),
    ):
        token = HER.open(SHOP, ASK, asking(*purposes))
        yield refused(f"consent-request-{slug}", *PROHIBITS, what, token, **HER.case())
    both_live = AT_WIDE.after(GOOD)
    token = both_live.open(SHOP, ASK, asking(ANALYTICS), agr=GOOD.head)
    what = "A purpose that the agreement in `agr` prohibits, and another one in force permits."
    yield refused("consent-request-prohibited-here", *PROHIBITS, what, token, **both_live.case())
    what = "A purpose that the agreement in `agr` permits, and another one in force prohibits."
    token = both_live.open(SHOP, ASK, asking(ANALYTICS))
    yield taken("consent-request-permitted-here", "requested", what, token, covers=shows, **both_live.case())

    dead = HER.after(TERMINATED)
    what = "The agreement was terminated."
    yield refused("consent-request-terminated", *DEAD, what, dead.open(SHOP, ASK, asking()), **dead.case())
    late = TWO.after(TERMINATED)
    what = "The agreement of the relationship was terminated; another one is named that is in force."
    token = late.open(SHOP, ASK, asking(), agr=BESIDE.head)
    yield taken("consent-request-beside", "requested", what, token, covers=("VRM-REL-002",), **late.case())
    paused = HER.paused()
    what = "The relationship rests."
    yield refused("consent-request-paused", *RESTS, what, paused.open(SHOP, ASK, asking()), **paused.case())
    resumed = paused.above(PERSON, "resume", "open")
    what = "The relationship has rested, and goes on."
    token = resumed.open(SHOP, ASK, asking())
    yield taken(
        "consent-request-resumed", "requested", what, token, covers=("VRM-REL-014",), **resumed.case()
    )

    what = "At the rung returning, which does not list the type."
    token = AT_RETURNING.open(SHOP, ASK, asking())
    yield refused("consent-request-stage", *LISTS, what, token, **AT_RETURNING.case())
    down = HER.above(PERSON, "retreat", "open", {"stage": "returning"})
    what = "She has stepped down to the rung returning, which does not list the type."
    yield refused("consent-request-retreat", *LISTS, what, down.open(SHOP, ASK, asking()), **down.case())
    what = "For data of a category that the rung does not list."
    token = HER.open(SHOP, ASK, asking(data=("Name",)))
    yield refused("consent-request-category", *CATEGORY, what, token, **HER.case())
    what = "One of two categories is one that the rung does not list."
    token = HER.open(SHOP, ASK, asking(data=("EmailAddress", "Interest")))
    yield refused("consent-request-one-category", *CATEGORY, what, token, **HER.case())
    what = "For data of the categories that the rung lists."
    token = HER.open(SHOP, ASK, asking(data=("EmailAddress", "Language")))
    yield taken("consent-request-categories", "requested", what, token, covers=("VRM-LAD-011",), **HER.case())
    hushed = HER.above(PERSON, "prefer", "open", HUSHED)
    what = "In quiet hours."
    yield refused("consent-request-quiet", *QUIET, what, hushed.open(SHOP, ASK, asking()), **hushed.case())
    what = "She is to answer by now."
    token = HER.open(SHOP, ASK, asking(answer_by=time(NOW)))
    yield refused("consent-request-now", *AHEAD, what, token, **HER.case())
    what = "She is to answer within two seconds."
    token = HER.open(SHOP, ASK, asking(answer_by=time(NOW + 2)))
    yield taken("consent-request-soon", "requested", what, token, covers=("VRM-THR-022",), **HER.case())

    what = "The person asks herself for a consent."
    yield refused("consent-request-her", *ROLE, what, HER.open(PERSON, ASK, asking()), **HER.case())
    for slug, rule, what, token in (
        ("no-agr", MISSING, "No agreement is named.", HER.open(SHOP, ASK, asking(), agr=None)),
        ("no-parent", MISSING, "No relationship is named.", HER.open(SHOP, ASK, asking(), pthid=None)),
        ("agr-unknown", NO_AGR, "`agr` is no message at all.", HER.open(SHOP, ASK, asking(), agr=NOTHING)),
        (
            "agr-thread",
            NO_AGR,
            "`agr` is the proffer and not the record.",
            HER.open(SHOP, ASK, asking(), agr=LIVE.thid),
        ),
        ("parent-unknown", NO_PARENT, "`pthid` is nothing.", HER.open(SHOP, ASK, asking(), pthid=NOTHING)),
        (
            "parent-terms",
            NO_PARENT,
            "`pthid` is the thread of the agreement.",
            HER.open(SHOP, ASK, asking(), pthid=LIVE.thid),
        ),
    ):
        yield refused(f"consent-request-{slug}", *rule, what, token, **HER.case())
    what = "A consent below a consent."
    token = REQUESTED.open(SHOP, ASK, asking(), pthid=REQUESTED.thid)
    yield refused("consent-request-parent-consent", *NO_PARENT, what, token, **REQUESTED.case())
    aside = HER.after(ASIDE)
    what = "`agr` is her agreement with another organisation."
    token = aside.open(SHOP, ASK, asking(), agr=ASIDE.head)
    yield refused("consent-request-agr-other", *NO_AGR, what, token, **aside.case(**BOTH))
    strange = HER.after(STRANGE)
    what = "`agr` is its agreement with another person, to whom it is sent."
    token = strange.open(SHOP, ASK, asking(), agr=STRANGE.head, aud=STRANGER.did)
    yield refused("consent-request-agr-stranger", *DEAD, what, token, **strange.case())
    what = "`agr` is its agreement with another person, and it is sent to her."
    token = strange.open(SHOP, ASK, asking(), agr=STRANGE.head)
    yield refused("consent-request-aud", "VRM-THR-003", "aud-mismatch", what, token, **strange.case())
    what = "Another organisation asks below a relationship that is not its own."
    token = aside.open(OTHER, ASK, asking(), agr=ASIDE.head, aud=PERSON.did)
    yield refused("consent-request-other-shop", *NO_PARENT, what, token, **aside.case(**BOTH))
    for name, tie, key, body in (
        ("request", HER, SHOP, asking()),
        ("grant", REQUESTED, PERSON, granting()),
        ("refuse", REQUESTED, PERSON, {}),
        ("relinquish", GRANTED, SHOP, {}),
        ("narrow", GRANTED, PERSON, {"purposes": [RIGHTS]}),
        ("renew", GRANTED, PERSON, {"valid_until": time(MONTH)}),
        ("withdraw", GRANTED, PERSON, {}),
        ("propagated", withdrawn(GRANTED), SHOP, stopped(GRANTED)),
    ):
        write = tie.open if name == "request" else tie.write
        token = write(key, f"consent.{name}", body, ext={EXT: {"any": 1}})
        what = f"A message of the type consent.{name} carries an extension."
        no = "VRM-ENV-031", "ext-not-allowed"
        yield refused(f"consent-{name}-ext", *no, what, token, **tie.case())
    for slug, what, body in (
        ("purpose", "A purpose that there is not.", asking(f"{CARE}X")),
        ("twice", "A purpose twice.", asking(MARKETING, MARKETING)),
        ("none", "No purpose.", {**asking(), "purposes": []}),
        ("notice", "It does not say what she was shown.", asking(notice=None)),
        ("controller", "It does not say who asks.", asking(controller=None)),
        ("data", "It does not say which data.", asking(data=())),
        ("withdrawal", "It does not say how she withdraws.", asking(withdrawal=None)),
        ("answer", "It does not say until when she may answer.", asking(answer_by=None)),
        ("storage", "It does not say how long they are kept.", asking(storage={"places": ["NL"]})),
    ):
        token = HER.open(SHOP, ASK, body)
        yield refused(f"consent-request-body-{slug}", *INVALID, what, token, **HER.case())


@chapter
def deciding() -> Iterator[Vector]:
    """VRM-CNS-002 to VRM-CNS-004."""
    purposes: tuple[str, ...]
    three = HER.asked(MARKETING, RIGHTS, BENEFITS)
    for slug, what, purposes in (
        ("all", "all the purposes", (MARKETING, RIGHTS, BENEFITS)),
        ("turned", "all the purposes, in another order", (BENEFITS, RIGHTS, MARKETING)),
        ("first", "the first purpose", (MARKETING,)),
        ("second", "the second of three purposes", (RIGHTS,)),
        ("third", "the third of three purposes", (BENEFITS,)),
        ("two", "two of three purposes", (MARKETING, BENEFITS)),
    ):
        token = three.write(PERSON, GRANT, granting(*purposes))
        mine = ("VRM-CNS-002", "VRM-CNS-004")
        yield taken(
            f"consent-grant-{slug}", "granted", f"She grants {what}.", token, covers=mine, **three.case()
        )
    for slug, what, purposes in (
        ("other", "a purpose that was not asked for", (QUALITY,)),
        ("more", "what was asked for, and one purpose more", (MARKETING, RIGHTS, BENEFITS, QUALITY)),
        ("within-terms", "a purpose that the agreement requires, and that was not asked for", (CARE,)),
    ):
        token = three.write(PERSON, GRANT, granting(*purposes))
        yield refused(f"consent-grant-{slug}", *NOT_ASKED, f"She grants {what}.", token, **three.case())
    beside = three.granted(QUALITY)
    twice = replace(three, bond=beside.bond)
    what = "She grants a purpose that was asked for in another thread."
    token = twice.write(PERSON, GRANT, granting(QUALITY))
    yield refused("consent-grant-elsewhere", *NOT_ASKED, what, token, **twice.case())
    two = HER.granted(MARKETING, RIGHTS)
    for slug, what, purposes in (
        ("one", "one purpose", (RIGHTS,)),
        ("same", "what it was", (MARKETING, RIGHTS)),
    ):
        token = two.write(PERSON, "consent.narrow", {"purposes": list(purposes)})
        what = f"She narrows it to {what}."
        yield taken(f"consent-narrow-{slug}", "granted", what, token, covers=("VRM-CNS-003",), **two.case())
    some = three.said(PERSON, GRANT, "granted", granting(MARKETING, RIGHTS))
    one = narrowed(two, RIGHTS)
    for slug, what, tie, purposes in (
        (
            "refused",
            "She narrows it to a purpose that was asked for, and that she has not granted.",
            some,
            (BENEFITS,),
        ),
        (
            "wider",
            "She narrows it to what is granted, and a purpose more that was asked for.",
            some,
            (MARKETING, BENEFITS),
        ),
        ("back", "She narrows it to what it was before it was narrowed.", one, (MARKETING, RIGHTS)),
        ("other", "She narrows it to a purpose that was narrowed away.", one, (MARKETING,)),
        ("never", "She narrows it to a purpose that nobody asked for.", two, (QUALITY,)),
    ):
        token = tie.write(PERSON, "consent.narrow", {"purposes": list(purposes)})
        yield refused(f"consent-narrow-{slug}", *NOT_GRANTED, what, token, **tie.case())
    again = renewed(one, MONTH + DAY)
    what = "She has narrowed and renewed it: what was narrowed away is not granted."
    token = again.write(PERSON, "consent.narrow", {"purposes": [MARKETING]})
    yield refused("consent-narrow-renewed", *NOT_GRANTED, what, token, **again.case())
    for slug, what, name, tie, body in (
        ("none", "A grant of nothing.", GRANT, three, {**granting(), "purposes": []}),
        ("until", "A grant for ever.", GRANT, three, {"purposes": [MARKETING]}),
        ("narrow-none", "It is narrowed to nothing.", "consent.narrow", two, {"purposes": []}),
        ("withdraw", "A withdrawal that says why.", "consent.withdraw", two, {"reason": "no more"}),
        ("renew", "It is renewed for ever.", "consent.renew", two, {}),
        ("renew-wider", "It is renewed for purposes.", "consent.renew", two, granting(MARKETING)),
    ):
        token = tie.write(PERSON, name, body)
        yield refused(f"consent-body-{slug}", *INVALID, what, token, **tie.case())
    told = withdrawn(GRANTED)
    for slug, what, body in (
        ("told", "It does not say whom it has told.", {"stopped_at": time(NOW)}),
        ("when", "It does not say when it has stopped.", {"told": []}),
    ):
        token = told.write(SHOP, "consent.propagated", body)
        yield refused(f"consent-body-{slug}", *INVALID, what, token, **told.case())


@chapter
def under_agreements() -> Iterator[Vector]:
    """`agr` and the deadline of grants and renewals; `prev` of all."""
    body: Mapping[str, Any]
    for name, start, body in (
        ("grant", REQUESTED, granting()),
        ("renew", GRANTED, {"valid_until": time(MONTH + DAY)}),
    ):
        kind, granted = f"consent.{name}", "granted"
        what = f"A message of the type {kind} names no agreement."
        token = start.write(PERSON, kind, body, agr=None)
        yield refused(f"consent-{name}-no-agr", *MISSING, what, token, **start.case())
        token = start.write(PERSON, kind, body, agr=NOTHING)
        what = "`agr` is no message at all."
        yield refused(f"consent-{name}-agr-unknown", *NO_AGR, what, token, **start.case())
        two = start.after(BESIDE)
        what = f"A message of the type {kind} under another agreement in force than that of the request."
        token = two.write(PERSON, kind, body, agr=BESIDE.head)
        yield taken(f"consent-{name}-beside", granted, what, token, covers=("VRM-REL-002",), **two.case())
        gone = two.after(terminated(BESIDE))
        what = f"A message of the type {kind} under another agreement, which was terminated."
        token = gone.write(PERSON, kind, body, agr=BESIDE.head)
        yield refused(f"consent-{name}-terminated", *DEAD, what, token, **gone.case())
        aside = start.after(ASIDE)
        what = f"A message of the type {kind} under her agreement with another organisation."
        token = aside.write(PERSON, kind, body, agr=ASIDE.head)
        yield refused(f"consent-{name}-agr-other", *DEAD, what, token, **aside.case(**BOTH))
        paused = start.paused()
        what = f"She lets the relationship rest, and sends {kind}."
        token = paused.write(PERSON, kind, body)
        yield taken(f"consent-{name}-paused", granted, what, token, covers=("VRM-REL-014",), **paused.case())
        low = start.above(PERSON, "retreat", "open", {"stage": "anonymous"}).above(
            PERSON, "prefer", "open", HUSHED
        )
        what = (
            f"At the lowest rung and in quiet hours she sends {kind}: what she sends is not judged by them."
        )
        yield taken(f"consent-{name}-low", granted, what, low.write(PERSON, kind, body), **low.case())
        now = {**body, "valid_until": time(NOW)}
        token = start.write(PERSON, kind, now)
        yield refused(f"consent-{name}-now", *AHEAD, "It holds until now.", token, **start.case())
        soon = {**body, "valid_until": time(NOW + 2)}
        token = start.write(PERSON, kind, soon)
        what = "It holds for two seconds more."
        yield taken(f"consent-{name}-soon", granted, what, token, covers=("VRM-THR-022",), **start.case())
        token = start.write(PERSON, kind, body, prev=NOTHING)
        what = f"`prev` of {kind} names no message."
        yield refused(f"consent-{name}-astray", *ASTRAY, what, token, **start.case())
    record = GRANTED.open(SHOP, ASK, asking(BENEFITS), agr=GRANTED.head)
    what = "`agr` is the record of a consent."
    shows = ("VRM-CNS-014",)
    yield refused("consent-record-request", *NO_AGR, what, record, covers=shows, **GRANTED.case())
    asked = GRANTED.asked(BENEFITS)
    for name, tie, token in (
        ("grant", asked, asked.write(PERSON, GRANT, granting(BENEFITS), agr=GRANTED.head)),
        ("message", GRANTED, GRANTED.open(SHOP, "dialogue.message", text(), agr=GRANTED.head)),
        ("share", GRANTED, GRANTED.open(PERSON, "dialogue.message", text(), agr=GRANTED.head)),
        ("step", GRANTED, GRANTED.bond.step("customer", agr=GRANTED.head)),
        ("invite", GRANTED, GRANTED.bond.invite("profiled", agr=GRANTED.head)),
        ("open", GRANTED, reopened(GRANTED)),
    ):
        yield refused(f"consent-record-{name}", *NO_AGR, what, token, covers=shows, **tie.case())
    shows = ("VRM-THR-013",)
    first = GRANTED.thid
    for name, tie, key, body, state in (
        ("narrow", GRANTED, PERSON, {"purposes": [RIGHTS]}, "granted"),
        ("relinquish", GRANTED, SHOP, {}, "relinquished"),
        ("propagated", withdrawn(GRANTED), SHOP, stopped(GRANTED), "propagated"),
    ):
        token = tie.write(key, f"consent.{name}", body, prev=first)
        what = f"A message of the type consent.{name} that has not seen the last one."
        yield taken(f"consent-{name}-behind", state, what, token, covers=shows, **tie.case())
        token = tie.write(key, f"consent.{name}", body, prev=NOTHING)
        what = f"`prev` of consent.{name} names no message."
        yield refused(f"consent-{name}-astray", *ASTRAY, what, token, **tie.case())
    token = REQUESTED.write(PERSON, "consent.refuse", prev=NOTHING)
    what = "`prev` of consent.refuse names no message."
    yield refused("consent-refuse-astray", *ASTRAY, what, token, **REQUESTED.case())
    one = narrowed(GRANTED, RIGHTS)
    what = "She renews it, and has not seen that it was narrowed."
    token = one.write(PERSON, "consent.renew", {"valid_until": time(MONTH + DAY)}, prev=first)
    yield refused("consent-renew-stale", *STALE, what, token, **one.case())
    for name, tie, key, body in (
        ("refuse", REQUESTED, PERSON, {}),
        ("relinquish", REQUESTED, SHOP, {}),
        ("narrow", GRANTED, PERSON, {"purposes": [RIGHTS]}),
        ("withdraw", GRANTED, PERSON, {}),
        ("propagated", withdrawn(GRANTED), SHOP, stopped(GRANTED)),
    ):
        token = tie.write(key, f"consent.{name}", body, agr=LIVE.head)
        what = f"A message of the type consent.{name} names an agreement."
        yield refused(f"consent-{name}-agr", *UNNEEDED, what, token, **tie.case())
    what = "Beside its thread a grant names the relationship."
    token = REQUESTED.write(PERSON, GRANT, granting(), pthid=REQUESTED.relationship)
    yield refused("consent-grant-parent", *NO_PARENT, what, token, **REQUESTED.case())


def reopened(tie: Tie) -> bytes:
    """A relationship that is opened with the record of a consent in the place of an agreement."""
    body = {"ladder": forge.claims_of(tie.bond.story.sent[2].token)["body"]["ladder"]}
    made = {"aud": SHOP_ID, "agr": tie.head, "iat": tie.now, "exp": tie.now + 3600, "body": body}
    return forge.token(PERSON, claims(PERSON, "relationship.open", salt="again", **made))


MOVES = (
    Move("request", "shop", {}, lambda tie: asking(BENEFITS, answer_by=time(tie.now + DAY))),
    Move("grant", "her", {"requested": "granted"}, lambda tie: granting(until=tie.now + DAY)),
    Move("refuse", "her", {"requested": "refused"}),
    Move("relinquish", "shop", {"requested": "relinquished", "granted": "relinquished"}),
    Move("narrow", "her", {"granted": "="}, lambda tie: {"purposes": [RIGHTS]}),
    Move("renew", "her", {"granted": "="}, lambda tie: {"valid_until": time(tie.now + DAY)}),
    Move("withdraw", "her", {"granted": "withdrawn"}),
    Move("propagated", "shop", {"withdrawn": "propagated", "lapsed": "propagated"}, stopped),
)


@chapter
def moving() -> Iterator[Vector]:
    """Every state and every type; the second of each deadline and the one before."""
    yield from cells(
        "consent",
        MOVES,
        (
            Standing("requested", "requested", REQUESTED),
            Standing("requested-still", "requested", REQUESTED.at(NOW + DAY - 1), few=True),
            Standing("granted", "granted", GRANTED),
            Standing("granted-still", "granted", GRANTED.at(MONTH - 1), few=True),
            Standing("withdrawn", "withdrawn", withdrawn(GRANTED)),
            Standing("lapsed", "lapsed", GRANTED.at(MONTH), "granted"),
            Standing("refused", "refused", REFUSED),
            Standing(
                "relinquished", "relinquished", GRANTED.said(SHOP, "consent.relinquish", "relinquished")
            ),
            Standing("expired", "expired", REQUESTED.at(NOW + DAY), "requested"),
            Standing("orphaned", "expired", REQUESTED.over()),
            Standing(
                "propagated",
                "propagated",
                withdrawn(GRANTED).said(SHOP, "consent.propagated", "propagated", stopped(GRANTED)),
            ),
        ),
    )
    shows = ("VRM-CNS-005",)
    for slug, what, tie in (
        ("granted", "a consent that is granted", GRANTED),
        ("narrowed", "a consent that was narrowed", narrowed(GRANTED, RIGHTS)),
        ("renewed", "a consent that was renewed", renewed(GRANTED, MONTH + DAY)),
        ("paused", "a consent while the relationship rests", GRANTED.paused()),
    ):
        token = tie.write(PERSON, "consent.withdraw", prev=NOTHING)
        mine = (*shows, "VRM-THR-014")
        what = f"She withdraws {what}, with a `prev` that names no message."
        yield taken(f"consent-withdraw-{slug}-astray", "withdrawn", what, token, covers=mine, **tie.case())
    elsewhere = TWO.asked().said(PERSON, GRANT, "granted", granting(), agr=BESIDE.head)
    ended = terminated(BESIDE)
    gone = elsewhere.after(ended)
    mine = (*shows, "VRM-CNS-006")
    what = (
        "The agreement under which it was granted was terminated, and not that under which it was asked for."
    )
    token = gone.write(PERSON, "consent.withdraw")
    yield taken("consent-withdraw-terminated", "withdrawn", what, token, covers=mine, **gone.case())
    kept = granting(RIGHTS)["purposes"]
    token = gone.write(PERSON, "consent.narrow", {"purposes": kept})
    what = f"{what} It stays granted, and is narrowed."
    yield taken("consent-narrow-terminated", "granted", what, token, covers=("VRM-CNS-006",), **gone.case())
    lapses = ("VRM-CNS-007",)
    for slug, what, tie, late in (
        (
            "narrowed",
            "It was narrowed since, which moves nothing.",
            narrowed(GRANTED.at(NOW + DAY), RIGHTS),
            MONTH,
        ),
        ("renewed", "It was renewed since.", renewed(GRANTED, MONTH + DAY), MONTH + DAY),
        ("shortened", "It was renewed since, until an earlier day.", renewed(GRANTED, NOW + DAY), NOW + DAY),
    ):
        last_second = tie.at(late - 1)
        token = last_second.write(PERSON, "consent.withdraw")
        first = f"In the last second before it lapses she withdraws it. {what}"
        yield taken(
            f"consent-lapse-{slug}-last", "withdrawn", first, token, covers=lapses, **last_second.case()
        )
        past = tie.at(late)
        token = past.write(PERSON, "consent.withdraw")
        then = f"In the second in which it lapses she withdraws it. {what}"
        yield refused(f"consent-lapse-{slug}", *LATE, then, token, covers=lapses, **past.case())
    what = "She changes her key in the thread of a consent, and proves it."
    live = GRANTED
    story = replace(live.bond.story, thid=live.thid, head=live.head)
    made = {"replaces": PERSON.did, "proof": proof(story, PERSON, NEXT)}
    token = forge.token(NEXT, story.next(NEXT, "agent.rotate", made))
    yield refused("consent-rotate", *CONFLICT, what, token, **live.case())


@chapter
def ending() -> Iterator[Vector]:
    """VRM-CNS-006: what ends a consent without a message, and the order of causes."""
    shows = ("VRM-CNS-006",)
    dated = Tie(bound(agreed(agreement="SD-BASE", ends=time(NOW + 2 * DAY))).stepped("subscriber"))
    ends = {"answer_by": time(NOW + 9 * DAY)}
    day_before = NOW + 2 * DAY - 1

    def of(tie: Tie) -> tuple[Tie, Tie]:
        asked = tie.asked(**ends)
        return asked, asked.said(PERSON, GRANT, "granted", granting(until=NOW + 20 * DAY))

    newer = agreed(salt="newer", agreement="SD-BASE")
    first, second = of(HER), of(dated)
    for slug, what, asked, granted in (
        ("end", "The relationship has ended.", first[0].over(), first[1].over()),
        (
            "end-shop",
            "The organisation has ended the relationship.",
            first[0].above(SHOP, "end", "ended"),
            first[1].above(SHOP, "end", "ended"),
        ),
        (
            "terminated",
            "The agreement was terminated.",
            first[0].after(TERMINATED),
            first[1].after(TERMINATED),
        ),
        (
            "superseded",
            "A later agreement of the class was made.",
            first[0].after(newer),
            first[1].after(newer),
        ),
        (
            "past",
            "The agreement ends in this second.",
            second[0].at(day_before + 1),
            second[1].at(day_before + 1),
        ),
    ):
        frame = {"covers": shows, **asked.after(BESIDE).case()}
        token = asked.write(PERSON, GRANT, granting(until=NOW + 20 * DAY), agr=BESIDE.head)
        if "end" in slug:
            fresh = asked.after(agreed(salt="fresh", agreement="PDC-GOOD"))
            frame = {"covers": shows, **fresh.case()}
            made = forge.mid(fresh.bond.story.sent[-1].token)
            token = fresh.write(PERSON, GRANT, granting(), agr=made)
        yield refused(f"consent-gone-grant-{slug}", *CONFLICT, f"{what} She grants.", token, **frame)
        token = asked.write(PERSON, "consent.refuse")
        frame = {"covers": shows, **asked.case()}
        yield refused(f"consent-gone-refuse-{slug}", *CONFLICT, f"{what} She refuses.", token, **frame)
        token = granted.write(PERSON, "consent.withdraw")
        frame = {"covers": shows, **granted.case()}
        more = f"{what} She withdraws what is withdrawn by it."
        yield refused(f"consent-gone-withdraw-{slug}", *CONFLICT, more, token, **frame)
        token = granted.write(SHOP, "consent.propagated", stopped(granted))
        more = f"{what} The organisation says that it has stopped."
        yield taken(f"consent-gone-propagated-{slug}", "propagated", more, token, **frame)
    asked, granted = second[0].at(day_before), second[1].at(day_before)
    what = "The agreement ends in the next second."
    token = asked.write(PERSON, "consent.refuse")
    yield taken("consent-gone-last-refuse", "refused", what, token, covers=shows, **asked.case())
    token = granted.write(PERSON, "consent.withdraw")
    yield taken("consent-gone-last-withdraw", "withdrawn", what, token, covers=shows, **granted.case())
    for slug, what, tie in (
        ("paused", "The relationship rests.", first[1].paused()),
        ("beside", "A later agreement of another class was made.", first[1].after(BESIDE)),
        (
            "low",
            "She has gone down to the lowest rung.",
            first[1].above(PERSON, "retreat", "open", {"stage": "anonymous"}),
        ),
    ):
        token = tie.write(PERSON, "consent.narrow", {"purposes": [RIGHTS]})
        yield taken(
            f"consent-stays-{slug}", "granted", f"{what} The consent is in force.", token, **tie.case()
        )
    cause = ("VRM-THR-019",)
    for slug, until, rule, what in (
        ("after", MONTH - 1, CONFLICT, "a second before"),
        ("same", MONTH, LATE, "in the second in which"),
        ("before", MONTH + 1, LATE, "a second after"),
    ):
        over = GRANTED.at(until).over().at(MONTH + DAY)
        text_ = f"The relationship has ended {what} the consent was to lapse; she withdraws."
        token = over.write(PERSON, "consent.withdraw")
        yield refused(f"consent-cause-{slug}", *rule, text_, token, covers=cause, **over.case())
        end = terminated(LIVE.at(until))
        gone = GRANTED.after(end).at(MONTH + DAY)
        text_ = f"The agreement was terminated {what} the consent was to lapse; she withdraws."
        token = gone.write(PERSON, "consent.withdraw")
        yield refused(f"consent-cause-{slug}-agreement", *rule, text_, token, covers=cause, **gone.case())
    for slug, until, rule, what in (
        ("after", NOW + DAY - 1, CONFLICT, "a second before"),
        ("same", NOW + DAY, LATE, "in the second in which"),
        ("before", NOW + DAY + 1, LATE, "a second after"),
    ):
        over = REQUESTED.at(until).over().at(NOW + 2 * DAY)
        text_ = f"The relationship has ended {what} she was to answer; she refuses."
        token = over.write(PERSON, "consent.refuse")
        yield refused(f"consent-cause-{slug}-asked", *rule, text_, token, covers=cause, **over.case())
        end = terminated(LIVE.at(until))
        gone = REQUESTED.after(end).at(NOW + 2 * DAY)
        text_ = f"The agreement was terminated {what} she was to answer; she refuses."
        token = gone.write(PERSON, "consent.refuse")
        yield refused(
            f"consent-cause-{slug}-asked-agreement", *rule, text_, token, covers=cause, **gone.case()
        )

    later = agreed(salt="fresh", agreement="SD-BASE")
    for slug, tie in (("requested", REQUESTED), ("granted", GRANTED)):
        over = tie.over().after(later)
        what = f"A consent is asked for below a relationship that has ended; one was {slug} in it."
        token = over.open(SHOP, ASK, asking(BENEFITS), agr=later.head)
        yield refused(f"consent-request-over-{slug}", *BELOW_END, what, token, **over.case())


@chapter
def asking_again() -> Iterator[Vector]:
    """VRM-REL-005 for requests, and VRM-REL-006 and -007 below a relationship."""
    shows = ("VRM-REL-005",)
    half = clock("2027-07-15T08:00:00")
    said_no = HER.requested(CARE)
    no_data = said_no.said(PERSON, "data.refuse", "refused")
    for slug, what, tie, purposes in (
        ("refused", "She has refused a consent for both purposes.", REFUSED, (MARKETING, RIGHTS)),
        ("one", "She has refused a consent for one of the purposes.", REFUSED, (BENEFITS, MARKETING)),
        ("second", "She has refused a consent for this purpose and another.", REFUSED, (RIGHTS,)),
        ("data", "She has refused data for this purpose.", no_data, (CARE,)),
        (
            "month",
            "She has refused it a second less than six months ago.",
            REFUSED.at(half - 1),
            (MARKETING,),
        ),
    ):
        token = tie.open(SHOP, ASK, asking(*purposes, answer_by=time(tie.now + DAY)))
        yield refused(f"consent-again-{slug}", *AGAIN, what, token, **tie.case())
    silent = REQUESTED.at(NOW + DAY)
    given_up = REQUESTED.said(SHOP, "consent.relinquish", "relinquished")
    for slug, what, tie, purposes in (
        ("other", "She has refused a consent for other purposes.", REFUSED, (BENEFITS,)),
        ("half", "She has refused it six months ago.", REFUSED.at(half), (MARKETING,)),
        ("silent", "She has let a request pass without an answer.", silent, (MARKETING,)),
        ("given-up", "The organisation has taken its request back.", given_up, (MARKETING,)),
        ("part", "She has granted it for other purposes only.", partly(), (MARKETING,)),
        ("withdrawn", "She has withdrawn a consent for it.", withdrawn(GRANTED), (MARKETING,)),
        ("asked", "It was asked for, and she has not answered.", REQUESTED, (MARKETING,)),
    ):
        token = tie.open(SHOP, ASK, asking(*purposes, answer_by=time(tie.now + DAY)))
        yield taken(f"consent-again-{slug}", "requested", what, token, covers=shows, **tie.case())
    what = "She has refused a consent, and it invites to the next rung."
    wide = AT_WIDE.asked().said(PERSON, "consent.refuse", "refused")
    token = wide.bond.invite("commenter")
    yield taken("consent-again-invite", "invited", what, token, covers=shows, **wide.case())

    rated = HER.above(PERSON, "prefer", "open", {"preferences": preferring("UTC", most=1)})
    often = ("VRM-REL-007",)
    for slug, what, tie in (
        ("request", "a request for a consent", rated.asked()),
        ("data", "a request for data", rated.requested()),
        ("message", "a message in a dialogue", rated.written(SHOP)),
        (
            "answer",
            "a message in a dialogue that she has begun",
            rated.written().said(SHOP, "dialogue.message", "open", text()),
        ),
    ):
        what = f"She wants one in a week, and had {what}."
        token = tie.open(SHOP, ASK, asking(BENEFITS))
        yield refused(f"consent-rate-{slug}", *OFTEN, what, token, **tie.case())
        if slug == "request":
            token = tie.bond.invite("profiled")
            yield refused("consent-rate-invite", *OFTEN, what, token, **tie.case())
            token = tie.open(SHOP, "dialogue.message", text())
            yield refused("consent-rate-dialogue", *OFTEN, what, token, **tie.case())
            token = tie.open(SHOP, "data.request", wanting())
            yield refused("consent-rate-wanted", *OFTEN, what, token, **tie.case())
            late = tie.at(NOW + 7 * DAY)
            token = late.open(SHOP, ASK, asking(BENEFITS, answer_by=time(NOW + 8 * DAY)))
            later = f"{what} That was a week ago."
            yield taken("consent-rate-week", "requested", later, token, covers=often, **late.case())
    before = HER.asked().above(PERSON, "prefer", "open", {"preferences": preferring("UTC", most=1)})
    what = "It had asked before she said that she wants one in a week."
    token = before.open(SHOP, ASK, asking(BENEFITS))
    yield refused("consent-rate-before", *OFTEN, what, token, **before.case())
    granted = rated.asked().said(PERSON, GRANT, "granted", granting()).at(NOW + 7 * DAY)
    for slug, what, tie in (
        ("hers", "only she has written.", rated.written()),
        ("report", "it has reported what it holds.", rated.reported()),
        ("share", "she has shared data.", rated.shared()),
        ("free", "nothing was sent.", rated),
        ("grant", "she has granted one since.", granted),
        (
            "close",
            "it has closed a dialogue.",
            rated.written().said(SHOP, "dialogue.close", "closed"),
        ),
    ):
        token = tie.open(SHOP, ASK, asking(BENEFITS, answer_by=time(tie.now + DAY)))
        what = f"She wants one in a week: {what}"
        yield taken(f"consent-rate-{slug}-free", "requested", what, token, covers=often, **tie.case())


def partly() -> Tie:
    """A consent for one of the two purposes that were asked for."""
    return HER.asked().said(PERSON, GRANT, "granted", granting(RIGHTS))


@chapter
def rotating() -> Iterator[Vector]:
    """Her new key and her old one."""
    new, old = ("VRM-ID-023",), ("VRM-ID-024",)
    asked, granted = REQUESTED.rotated(), GRANTED.rotated()
    for name, tie, body, state in (
        ("grant", asked, granting(), "granted"),
        ("refuse", asked, {}, "refused"),
        ("narrow", granted, {"purposes": [RIGHTS]}, "granted"),
        ("withdraw", granted, {}, "withdrawn"),
    ):
        what = f"She has changed her key, and sends consent.{name} by the new one."
        token = tie.write(NEXT, f"consent.{name}", body)
        yield taken(f"consent-rotated-{name}", state, what, token, covers=new, **tie.case())
        what = f"She has changed her key, and sends consent.{name} by the old one."
        token = tie.write(PERSON, f"consent.{name}", body, aud=SHOP_ID)
        yield refused(f"consent-rotated-{name}-old", *STRANGER_ASKS, what, token, covers=old, **tie.case())
    what = "She has changed her key, and the organisation asks her by the new one."
    token = granted.open(SHOP, ASK, asking(BENEFITS))
    yield taken("consent-rotated-request", "requested", what, token, covers=new, **granted.case())
    what = "She has changed her key, and the organisation asks her by the old one."
    token = granted.open(SHOP, ASK, asking(BENEFITS), aud=PERSON.did)
    more = {"covers": ("VRM-ID-025",), **granted.case()}
    yield refused("consent-rotated-request-old", "VRM-THR-003", "aud-mismatch", what, token, **more)
    what = "She has granted, and changed her key: the consent is in force."
    token = granted.open(SHOP, "dialogue.message", text(MARKETING))
    yield taken("consent-rotated-force", "open", what, token, covers=("VRM-PUR-004",), **granted.case())


@chapter
def order_of_consents() -> Iterator[Vector]:
    """The guards of each row, in their order."""
    gone = TWO.after(TERMINATED)
    what = "The agreement was terminated; it prohibits the purpose."
    token, right = (gone.open(SHOP, ASK, asking(ANALYTICS), agr=live.head) for live in (LIVE, BESIDE))
    yield both("guards-consent-agreement", what, DEAD, PROHIBITS, token, right, **gone.case())
    low = AT_RETURNING
    what = "The agreement prohibits the purpose; the rung does not list the type."
    token, right = (low.open(SHOP, ASK, asking(purpose)) for purpose in (ANALYTICS, MARKETING))
    yield both("guards-consent-prohibited", what, PROHIBITS, LISTS, token, right, **low.case())
    hushed = HER.above(PERSON, "prefer", "open", HUSHED)
    what = "The rung does not list the category; these are quiet hours."
    token, right = (hushed.open(SHOP, ASK, asking(data=(n,))) for n in ("Name", "EmailAddress"))
    yield both("guards-consent-stage", what, CATEGORY, QUIET, token, right, **hushed.case())
    never = REFUSED.above(PERSON, "prefer", "open", HUSHED)
    what = "These are quiet hours; she has refused the purpose."
    token = never.open(SHOP, ASK, asking(MARKETING))
    yield both("guards-consent-quiet", what, QUIET, AGAIN, token, **but(never, 1), **never.case())
    what = "She has refused the purpose; she is to answer by now."
    token, right = (
        REFUSED.open(SHOP, ASK, asking(purpose, answer_by=time(NOW))) for purpose in (MARKETING, BENEFITS)
    )
    yield both("guards-consent-again", what, AGAIN, AHEAD, token, right, **REFUSED.case())
    paused = HER.paused()
    what = "The relationship rests; the agreement prohibits the purpose."
    token = paused.open(SHOP, ASK, asking(ANALYTICS))
    yield both("guards-consent-paused", what, RESTS, PROHIBITS, token, **but(paused, 1), **paused.case())
    ended = terminated(BESIDE)
    two = TWO.asked().after(ended)
    what = "The agreement was terminated; the purpose was not asked for."
    token, right = (two.write(PERSON, GRANT, granting(QUALITY), agr=live.head) for live in (BESIDE, LIVE))
    yield both("guards-grant-agreement", what, DEAD, NOT_ASKED, token, right, **two.case())
    what = "The purpose was not asked for; it holds until now."
    token, right = (
        REQUESTED.write(PERSON, GRANT, granting(purpose, until=NOW)) for purpose in (QUALITY, RIGHTS)
    )
    yield both("guards-grant-purposes", what, NOT_ASKED, AHEAD, token, right, **REQUESTED.case())
    live = TWO.granted().after(ended)
    body = {"valid_until": time(NOW)}
    what = "The agreement was terminated; it holds until now."
    token, right = (live.write(PERSON, "consent.renew", body, agr=one.head) for one in (BESIDE, LIVE))
    yield both("guards-renew-agreement", what, DEAD, AHEAD, token, right, **live.case())
    one = narrowed(GRANTED, RIGHTS)
    what = "`prev` is not the last message; it holds until now."
    token, right = (one.write(PERSON, "consent.renew", body, prev=prev) for prev in (one.thid, one.head))
    yield both("prev-guards-renew", what, STALE, AHEAD, token, right, **one.case())
    what = "It is granted already; the purpose was not asked for."
    token = GRANTED.write(PERSON, GRANT, granting(QUALITY), prev=GRANTED.thid)
    yield both("row-guards-grant", what, CONFLICT, NOT_ASKED, token, **but(GRANTED, 1), **GRANTED.case())
