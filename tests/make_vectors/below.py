"""Vectors of what is said below a relationship: purposes, dialogues, data, corrections."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests import forge
from tests.make_vectors.base import (
    DAY,
    EXT,
    NEXT,
    NOW,
    OTHER,
    OTHER_ID,
    PERSON,
    SHOP,
    SHOP_ID,
    STRANGER,
    Fault,
    Vector,
    agreed,
    both,
    chapter,
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
    Bond,
    bound,
    clock,
    last,
    preferring,
)
from tests.make_vectors.market import CARE, OFFERED, ORDERS, put, released
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
    FIELDS,
    GOOD,
    HER,
    INVALID,
    LATE,
    LISTS,
    MARKETING,
    MISSING,
    NEEDED,
    NO_AGR,
    NO_PARENT,
    OFTEN,
    PERSONAL,
    PICTURED,
    PROHIBITED,
    QUIET,
    RESTS,
    RIGHTS,
    ROLE,
    STRANGER_ASKS,
    TERMINATED,
    TWO,
    UNHELD,
    UNNEEDED,
    Body,
    Move,
    Standing,
    Tie,
    asking,
    but,
    cells,
    correcting,
    giving,
    granting,
    operation,
    reporting,
    text,
    wanting,
)

SAY, WANT, SHARE, REPORT = "dialogue.message", "data.request", "data.share", "data.report"
SUBMIT = "correction.submit"
HUSHED = {"preferences": preferring("UTC", ("00:00", "00:00"))}
LOWEST = Tie(bound(LIVE))
LOW = LOWEST.above(PERSON, "prefer", "open", HUSHED)
"""At the lowest rung, and in quiet hours."""
FRESH = agreed(salt="fresh", agreement="SD-BASE")
OPENINGS: tuple[tuple[str, Any, str, Body, str], ...] = (
    ("consent-request", SHOP, "consent.request", asking(), "requested"),
    ("dialogue-her", PERSON, SAY, text(), "open"),
    ("dialogue-shop", SHOP, SAY, text(), "open"),
    ("data-request", SHOP, WANT, wanting(), "requested"),
    ("data-share", PERSON, SHARE, giving(), "shared"),
    ("data-report", SHOP, REPORT, reporting(), "reported"),
)
CHECKED = {"consent-request", "dialogue-shop", "data-request"}
"""Those that rung and preferences judge."""


# --- openings of all kinds --------------------------------------------------------------------------


@chapter
def opening() -> Iterator[Vector]:
    """What every opening below a relationship has in common: `agr`, `pthid`, the end, the pause."""
    over = HER.over().after(FRESH)
    offered = OFFERED.accepted()
    made = Tie(replace(HER.over().bond, agr=offered.offers[0]))
    market: dict[str, Any] = {**offered.case(), "thread": made.after(_story(offered)).bond.story.sent}
    paused, dead, strange, aside = HER.paused(), HER.after(TERMINATED), HER.after(STRANGE), HER.after(ASIDE)
    for slug, key, kind, body, state in OPENINGS:
        if slug != "consent-request":
            what = f"A message of the type {kind} opens a thread below a relationship."
            yield taken(f"{slug}-open", state, what, HER.open(key, kind, body), **HER.case())
            what = f"A message of the type {kind} opens a thread, and carries an extension."
            token = HER.open(key, kind, body, ext={EXT: {"any": 1}})
            yield taken(f"{slug}-ext", state, what, token, covers=("VRM-ENV-033",), **HER.case())
            what = "The agreement was terminated."
            yield refused(f"{slug}-terminated", *DEAD, what, dead.open(key, kind, body), **dead.case())
            late = TWO.after(TERMINATED)
            what = "Another agreement is named that is in force beside."
            token = late.open(key, kind, body, agr=BESIDE.head)
            yield taken(f"{slug}-beside", state, what, token, covers=("VRM-REL-002",), **late.case())
            for name, rule, what, changes in (
                ("no-agr", MISSING, "No agreement is named.", {"agr": None}),
                ("no-parent", MISSING, "No relationship is named.", {"pthid": None}),
                ("agr-unknown", NO_AGR, "`agr` is no message at all.", {"agr": NOTHING}),
                ("parent-unknown", NO_PARENT, "`pthid` is nothing.", {"pthid": NOTHING}),
                ("parent-terms", NO_PARENT, "`pthid` is the thread of the agreement.", {"pthid": LIVE.thid}),
            ):
                token = HER.open(key, kind, body, **changes)
                yield refused(f"{slug}-{name}", *rule, what, token, **HER.case())
            if key is SHOP:
                token = strange.open(key, kind, body, agr=STRANGE.head, aud=STRANGER.did)
                what = "`agr` is its agreement with another person, to whom it is sent."
                yield refused(f"{slug}-agr-stranger", *DEAD, what, token, **strange.case())
            else:
                token = aside.open(key, kind, body, agr=ASIDE.head, aud=OTHER_ID)
                what = "`agr` is her agreement with another organisation, to which it is sent."
                yield refused(f"{slug}-agr-other", *DEAD, what, token, **aside.case(**BOTH))
                token = aside.open(key, kind, body, aud=OTHER_ID)
                what = "It is sent to another organisation."
                no = ("VRM-THR-003", "aud-mismatch")
                yield refused(f"{slug}-aud", *no, what, token, **aside.case(**BOTH))
            what = "It stands below a thread that stands below the relationship."
            deep = HER.written()
            token = deep.open(key, kind, body, pthid=deep.thid)
            yield refused(f"{slug}-below-dialogue", *NO_PARENT, what, token, **deep.case())
            what = "The relationship rests."
            token = paused.open(key, kind, body)
            if key is SHOP:
                yield refused(f"{slug}-paused", *RESTS, what, token, **paused.case())
            else:
                mine = ("VRM-REL-014",)
                yield taken(f"{slug}-paused", state, what, token, covers=mine, **paused.case())
        what = "The relationship has ended; the agreement named was made after its end."
        token = over.open(key, kind, body, agr=FRESH.head)
        yield refused(f"{slug}-over", *BELOW_END, what, token, **over.case())
        what = "The relationship has ended; the agreement named was made by an offer, and goes on."
        token = made.open(key, kind, body)
        yield refused(f"{slug}-over-offer", *BELOW_END, what, token, **market)
        what = "The relationship has ended, and with it the agreement that is named."
        ended = HER.over()
        yield refused(f"{slug}-over-severed", *DEAD, what, ended.open(key, kind, body), **ended.case())
        if slug in CHECKED:
            listed = slug != "dialogue-shop"
            at = AT_RETURNING if listed else LOWEST
            if slug != "consent-request":
                what = "The rung does not list the type."
                yield refused(f"{slug}-stage", *LISTS, what, at.open(key, kind, body), **at.case())
                hushed = HER.above(PERSON, "prefer", "open", HUSHED)
                what = "In quiet hours."
                yield refused(f"{slug}-quiet", *QUIET, what, hushed.open(key, kind, body), **hushed.case())
                never = {"preferences": preferring("UTC", most=0)}
                none = HER.above(PERSON, "prefer", "open", never)
                what = "She wants none of its messages."
                yield refused(f"{slug}-rate", *OFTEN, what, none.open(key, kind, body), **none.case())
        else:
            shows = {"dialogue-her": "VRM-DLG-001", "data-share": "VRM-DAT-002", "data-report": "VRM-DAT-004"}
            what = "At the lowest rung, and in quiet hours: they do not judge this."
            token = LOW.open(key, kind, body)
            yield taken(f"{slug}-low", state, what, token, covers=(shows[slug],), **LOW.case())
    what = "An organisation opens a dialogue at the rung returning."
    token = AT_RETURNING.open(SHOP, SAY, text())
    yield taken(
        "dialogue-shop-returning", "open", what, token, covers=("VRM-DLG-001",), **AT_RETURNING.case()
    )
    for slug, key, kind, body in (
        ("data-request-her", PERSON, WANT, wanting()),
        ("data-share-shop", SHOP, SHARE, giving()),
        ("data-report-her", PERSON, REPORT, reporting()),
    ):
        what = f"The other party sends {kind}."
        yield refused(f"{slug}-opens", *ROLE, what, HER.open(key, kind, body), **HER.case())
    for slug, purpose in (("prohibited", PERSONAL), ("no-clause", MARKETING), ("optional", RIGHTS)):
        for name, key, kind, body, state, shown in (
            ("dialogue-her", PERSON, SAY, text(purpose), "open", "VRM-DLG-001"),
            ("data-share", PERSON, SHARE, giving(purpose), "shared", "VRM-DAT-002"),
            ("data-report", SHOP, REPORT, reporting(purpose), "reported", "VRM-DAT-004"),
        ):
            what = f"For a purpose that is {slug.replace('-', ' ')} in the agreement: it does not judge this."
            token = HER.open(key, kind, body)
            yield taken(f"{name}-purpose-{slug}", state, what, token, covers=(shown,), **HER.case())


def _story(market: Any) -> Any:
    """A market as a story that stands beside others."""
    return replace(HER.bond.story, sent=market.sent)


# --- purposes -----------------------------------------------------------------------------------------


@chapter
def purposes() -> Iterator[Vector]:
    """VRM-PUR-001 to VRM-PUR-004, for messages and for requests of data."""
    wide_too = AT_WIDE.after(GOOD)
    consented = wide_too.granted(ANALYTICS)
    theirs = _theirs()
    gone = last(BESIDE.add(BESIDE.token(SHOP, "agreement.terminate"), "terminated"))
    beside = TWO.opened(SHOP, "consent.request", "requested", asking(MARKETING), agr=BESIDE.head)
    beside = beside.said(PERSON, "consent.grant", "granted", granting(MARKETING))
    until = HER.granted(MARKETING, until=NOW + DAY)
    two = HER.granted(MARKETING).granted(MARKETING)
    first_gone = replace(two, thid=_first_consent(two), head=two.head)
    cases: tuple[tuple[str, str, Tie, str, Fault | None], ...] = (
        ("required", "The agreement requires it.", HER, CARE, None),
        ("permitted", "The agreement permits it.", AT_WIDE, ANALYTICS, None),
        ("prohibited", "The agreement prohibits it.", HER, ANALYTICS, PROHIBITED),
        (
            "prohibited-here",
            "The agreement in `agr` prohibits it, and another one permits it.",
            wide_too.naming(GOOD.head),
            ANALYTICS,
            PROHIBITED,
        ),
        (
            "prohibited-consented",
            "The agreement in `agr` prohibits it; a consent is in force for it.",
            consented.naming(GOOD.head),
            ANALYTICS,
            PROHIBITED,
        ),
        (
            "permitted-consented",
            "The agreement permits it, and so does a consent.",
            consented,
            ANALYTICS,
            None,
        ),
        ("optional", "The agreement leaves it to her.", HER, RIGHTS, NEEDED),
        (
            "optional-consented",
            "The agreement leaves it to her; she consents.",
            HER.granted(RIGHTS),
            RIGHTS,
            None,
        ),
        ("absent", "The agreement does not have its clause.", HER, ALTRUISM, NEEDED),
        (
            "absent-consented",
            "The agreement does not have its clause; she consents.",
            HER.granted(ALTRUISM),
            ALTRUISM,
            None,
        ),
        (
            "absent-here",
            "Another agreement than that in `agr` requires it.",
            HER.after(GOOD),
            ALTRUISM,
            NEEDED,
        ),
        (
            "present-here",
            "The agreement in `agr` requires it, and the first one does not have its clause.",
            HER.after(GOOD).naming(GOOD.head),
            ALTRUISM,
            None,
        ),
        ("no-clause", "No clause rules it.", HER, MARKETING, NEEDED),
        ("no-clause-consented", "No clause rules it; she consents.", HER.granted(MARKETING), MARKETING, None),
        (
            "second-consented",
            "It is the second of the purposes to which she consents.",
            HER.granted(BENEFITS, MARKETING),
            MARKETING,
            None,
        ),
        ("other-consented", "She consents to another purpose.", HER.granted(BENEFITS), MARKETING, NEEDED),
        (
            "other-clause",
            "She consents to another purpose that no clause rules.",
            HER.granted(MARKETING),
            BENEFITS,
            NEEDED,
        ),
        ("asked", "A consent is asked for, and not granted yet.", HER.asked(MARKETING), MARKETING, NEEDED),
        (
            "not-granted",
            "A consent was asked for, and granted for another purpose.",
            HER.asked(MARKETING, RIGHTS).said(PERSON, "consent.grant", "granted", granting(RIGHTS)),
            MARKETING,
            NEEDED,
        ),
        (
            "refused",
            "She has refused a consent.",
            HER.asked(MARKETING).said(PERSON, "consent.refuse", "refused"),
            MARKETING,
            NEEDED,
        ),
        (
            "narrowed",
            "The consent was narrowed to another purpose.",
            HER.granted().said(PERSON, "consent.narrow", "granted", {"purposes": [RIGHTS]}),
            MARKETING,
            NEEDED,
        ),
        (
            "narrowed-to-it",
            "The consent was narrowed to this purpose.",
            HER.granted().said(PERSON, "consent.narrow", "granted", {"purposes": [MARKETING]}),
            MARKETING,
            None,
        ),
        (
            "withdrawn",
            "She has withdrawn the consent.",
            HER.granted().said(PERSON, "consent.withdraw", "withdrawn"),
            MARKETING,
            NEEDED,
        ),
        (
            "relinquished",
            "The organisation has given the consent back.",
            HER.granted().said(SHOP, "consent.relinquish", "relinquished"),
            MARKETING,
            NEEDED,
        ),
        ("lapsed", "The consent lapses in this second.", until.at(NOW + DAY), MARKETING, NEEDED),
        ("lapses", "The consent lapses in the next second.", until.at(NOW + DAY - 1), MARKETING, None),
        (
            "renewed",
            "The consent was renewed, and would have lapsed.",
            until.said(PERSON, "consent.renew", "granted", {"valid_until": time(NOW + 9 * DAY)}).at(
                NOW + DAY
            ),
            MARKETING,
            None,
        ),
        (
            "lapsed-renewed",
            "The consent was renewed, and lapses in this second.",
            until.said(PERSON, "consent.renew", "granted", {"valid_until": time(NOW + 9 * DAY)}).at(
                NOW + 9 * DAY
            ),
            MARKETING,
            NEEDED,
        ),
        ("consented-beside", "She consents to it under another agreement in force.", beside, MARKETING, None),
        (
            "released",
            "She has consented to it under another agreement, which was terminated.",
            beside.after(gone),
            MARKETING,
            NEEDED,
        ),
        (
            "twice",
            "She has consented twice, and withdrawn one of them.",
            first_gone.said(PERSON, "consent.withdraw", "withdrawn", prev=NOTHING),
            MARKETING,
            None,
        ),
        ("stranger", "Another person has consented, in another relationship.", theirs, MARKETING, NEEDED),
    )
    for slug, what, tie, purpose, rule in cases:
        for kind, state, body in (
            (SAY, "open", text(purpose)),
            (WANT, "requested", wanting(purpose, answer_by=time(tie.now + DAY))),
        ):
            if slug == "refused" and kind == WANT:
                continue
            name = "purpose-" + slug + ("" if kind == SAY else "-data")
            token = tie.open(SHOP, kind, body)
            if rule is not None:
                yield refused(name, *rule, what, token, **tie.case())
                continue
            shows = ("VRM-PUR-003",)
            if "consented" in slug or slug in ("narrowed-to-it", "lapses", "renewed", "twice"):
                shows = ("VRM-PUR-004",)
            yield taken(name, state, what, token, covers=shows, **tie.case())
    elsewhere = _elsewhere(HER.after(ASIDE))
    for kind, body in ((SAY, text(MARKETING)), (WANT, wanting(MARKETING))):
        what = "She has consented to it towards another organisation."
        token = elsewhere.open(SHOP, kind, body)
        name = "purpose-other-shop" + ("" if kind == SAY else "-data")
        yield refused(name, *NEEDED, what, token, **elsewhere.case(**BOTH))
    again = _again()
    for kind, body in ((SAY, text(MARKETING)), (WANT, wanting(MARKETING))):
        what = "She had consented to it in a relationship that has ended."
        name = "purpose-before" + ("" if kind == SAY else "-data")
        yield refused(name, *NEEDED, what, again.open(SHOP, kind, body), **again.case())
    begun = HER.written()
    what = "In a dialogue that she has begun, for a purpose that the agreement prohibits."
    token = begun.write(SHOP, SAY, text(PERSONAL))
    yield refused("purpose-word", *PROHIBITED, what, token, **begun.case())
    begun = HER.granted(MARKETING)
    begun = begun.opened(SHOP, SAY, "open", text(MARKETING))
    what = "In a dialogue that was begun for a purpose with a consent, for one without."
    token = begun.write(SHOP, SAY, text(BENEFITS))
    yield refused("purpose-word-other", *NEEDED, what, token, **begun.case())
    what = "In a dialogue, for a purpose with a consent."
    token = begun.write(SHOP, SAY, text(MARKETING))
    yield taken("purpose-word-consented", "open", what, token, covers=("VRM-PUR-004",), **begun.case())


def _first_consent(tie: Tie) -> str:
    """The thread of the first request for a consent."""
    sent = tie.bond.story.sent
    return next(forge.mid(s.token) for s in sent if forge.claims_of(s.token)["type"] == "consent.request")


def _theirs() -> Tie:
    """After another person has consented in her relationship with the same organisation."""
    other = Tie(bound(STRANGE).stepped("subscriber")).asked(MARKETING)
    body = granting(MARKETING)
    other = other.said(STRANGER, "consent.grant", "granted", body)
    return HER.after(other.bond.story)


def _elsewhere(tie: Tie) -> Tie:
    """After she has consented to it in her relationship with another organisation."""
    there = Tie(bound(ASIDE).stepped("subscriber"))
    asked = there.opened(OTHER, "consent.request", "requested", asking(MARKETING))
    granted = asked.said(PERSON, "consent.grant", "granted", granting(MARKETING))
    sent = granted.bond.story.sent[len(ASIDE.sent) :]
    return tie.after(replace(granted.bond.story, sent=sent))


def _again() -> Tie:
    """A second relationship: she had consented in the first."""
    first = HER.granted(MARKETING).over()
    second = bound(FRESH).stepped("subscriber")
    return Tie(replace(second, story=second.story.among(first.bond.story)))


# --- ladders and consents -----------------------------------------------------------------------------


def _rung(stage: str, *purposes: str, types: tuple[str, ...], asks: tuple[str, ...]) -> dict[str, Any]:
    return {
        "stage": stage,
        "title": stage.capitalize(),
        "purposes": list(purposes),
        "types": list(types),
        "categories": [f"https://w3id.org/dpv/pd#{name}" for name in asks],
    }


FEW = ("relationship.invite", "consent.request")
OWN = (
    json.dumps(
        {
            "id": "shop-ladder",
            "version": "1.0",
            "lang": "en",
            "rungs": [
                _rung("guest", types=FEW, asks=("EmailAddress",)),
                _rung("friend", MARKETING, types=(*FEW, SAY, WANT), asks=("EmailAddress", "Name")),
                _rung("fan", PERSONAL, types=(*FEW, SAY, WANT), asks=("EmailAddress", "Name")),
            ],
        },
        indent=1,
    ).encode()
    + b"\n"
)
"""A ladder with a rung whose purpose no clause rules, and one whose purpose SD-BASE prohibits."""


@chapter
def climbing() -> Iterator[Vector]:
    """VRM-LAD-005, -007, -010, -011: consents reach rungs that the agreement alone does not."""
    mine: tuple[str, ...]
    own = forge.digest(OWN)
    blob: dict[str, Any] = {"blobs": [{"by": PERSON.did, "now": NOW}], "blob": OWN}
    guest = Tie(bound(LIVE, ladder=own))
    reaches, step = ("VRM-LAD-005", "VRM-LAD-007"), ("VRM-LAD-007", "step-forbidden")
    until = guest.granted(MARKETING, until=NOW + DAY)

    def stepped(tie: Tie) -> Tie:
        bond = tie.bond
        return replace(tie, bond=bond.add(bond.step("friend", own), "open"))

    withdrawn = guest.granted(MARKETING).said(PERSON, "consent.withdraw", "withdrawn")
    for slug, what, tie, rule in (
        ("none", "without a consent for its purpose", guest, step),
        ("other", "with a consent for another purpose", guest.granted(BENEFITS), step),
        ("asked", "with a consent that is asked for only", guest.asked(MARKETING), step),
        ("withdrawn", "with a consent that was withdrawn", withdrawn, step),
        ("lapsed", "with a consent that lapses in this second", until.at(NOW + DAY), step),
        ("lapses", "with a consent that lapses in the next second", until.at(NOW + DAY - 1), None),
        ("granted", "with a consent for its purpose", guest.granted(MARKETING), None),
    ):
        token = tie.bond.step("friend", own)
        what = f"She steps to a rung {what}."
        if rule is not None:
            yield refused(f"consent-step-{slug}", *rule, what, token, **tie.case(**blob))
        else:
            yield taken(f"consent-step-{slug}", "open", what, token, covers=reaches, **tie.case(**blob))
    friend, short = stepped(guest.granted(MARKETING)), stepped(until)
    gone = friend.said(PERSON, "consent.withdraw", "withdrawn")
    prohibited = friend.bond.step("fan", own)
    what = "She steps to a rung whose purpose the agreement prohibits."
    yield refused("consent-step-prohibited", *step, what, prohibited, **friend.case(**blob))
    body = wanting(CARE, "Name")
    late = wanting(CARE, "Name", answer_by=time(NOW + 2 * DAY))
    for slug, what, tie, wanted, fell in (
        ("granted", "She is on a rung that a consent reaches.", friend, body, False),
        ("withdrawn", "She has withdrawn the consent by which a rung is reached.", gone, body, True),
        (
            "lapses",
            "The consent by which a rung is reached lapses in the next second.",
            short.at(NOW + DAY - 1),
            late,
            False,
        ),
        (
            "lapsed",
            "The consent by which a rung is reached lapses in this second.",
            short.at(NOW + DAY),
            late,
            True,
        ),
    ):
        token = tie.open(SHOP, WANT, wanted)
        if fell:
            yield refused(
                f"data-rung-{slug}", *LISTS, what, token, covers=("VRM-LAD-005",), **tie.case(**blob)
            )
        else:
            mine = ("VRM-LAD-005", "VRM-LAD-010")
            yield taken(f"data-rung-{slug}", "requested", what, token, covers=mine, **tie.case(**blob))
        token = tie.open(
            SHOP, "consent.request", asking(BENEFITS, data=("Name",), answer_by=late["answer_by"])
        )
        if fell:
            mine = ("VRM-LAD-005",)
            yield refused(f"consent-rung-{slug}", *CATEGORY, what, token, covers=mine, **tie.case(**blob))
        else:
            mine = ("VRM-LAD-005", "VRM-LAD-011")
            yield taken(f"consent-rung-{slug}", "requested", what, token, covers=mine, **tie.case(**blob))
    for slug, what, tie, stage, right in (
        ("granted", "She is on a rung that a consent reaches: it invites to the next.", friend, "fan", True),
        ("granted-same", "It invites to the rung that a consent reaches.", friend, "friend", False),
        ("withdrawn", "She has fallen from a rung with her consent: it invites to it.", gone, "friend", True),
        (
            "withdrawn-above",
            "She has fallen from a rung with her consent: it invites to the next above.",
            gone,
            "fan",
            False,
        ),
    ):
        token = tie.bond.invite(stage)
        if right:
            mine = ("VRM-LAD-005",)
            yield taken(f"consent-invite-{slug}", "invited", what, token, covers=mine, **tie.case(**blob))
        else:
            no = ("VRM-LAD-009", "step-forbidden")
            yield refused(f"consent-invite-{slug}", *no, what, token, **tie.case(**blob))
    for slug, categories, rule in (
        ("categories", ("EmailAddress", "Language"), None),
        ("category", ("Name",), CATEGORY),
        ("one-category", ("EmailAddress", "Interest"), CATEGORY),
    ):
        what = f"Data are asked for, of the categories {', '.join(categories)}."
        token = HER.open(SHOP, WANT, wanting(CARE, *categories))
        if rule is None:
            mine = ("VRM-LAD-011", "VRM-DAT-001")
            yield taken(f"data-request-{slug}", "requested", what, token, covers=mine, **HER.case())
        else:
            yield refused(f"data-request-{slug}", *rule, what, token, **HER.case())


# --- dialogues ----------------------------------------------------------------------------------------

BEGUN, ITS = HER.written(), HER.written(SHOP)
MUTED = BEGUN.said(PERSON, "dialogue.mute", "muted")
CLOSED = BEGUN.said(PERSON, "dialogue.close", "closed")


@chapter
def talking() -> Iterator[Vector]:
    """Every state and every type; what has become of agreement, rung and preferences."""
    tie: Tie
    body: Body
    shop = {"open": "="}
    moves = (
        Move("message", "either", {"open": "=", "muted": "="}, lambda tie: text(), shop),
        Move("mute", "her", {"open": "muted"}),
        Move("unmute", "her", {"muted": "open"}),
        Move("close", "either", {"open": "closed", "muted": "closed"}),
    )
    yield from cells(
        "dialogue",
        moves,
        (
            Standing("hers", "open", BEGUN),
            Standing("its", "open", ITS, few=True),
            Standing("muted", "muted", MUTED),
            Standing("unmuted", "open", MUTED.said(PERSON, "dialogue.unmute", "open"), few=True),
            Standing("closed", "closed", CLOSED),
            Standing("muted-over", "closed", MUTED.over(), few=True),
        ),
    )
    ended = ("VRM-DLG-004",)
    for slug, tie in (("her", BEGUN.over()), ("shop", BEGUN.above(SHOP, "end", "ended"))):
        for name, key in (("she", PERSON), ("it", SHOP)):
            what = f"The relationship has ended, and with it the dialogue; {name} writes."
            token = tie.write(key, SAY, text())
            yield refused(f"dialogue-ended-{slug}-{name}", *CONFLICT, what, token, covers=ended, **tie.case())
    what = "In a dialogue that is muted the organisation writes."
    token = MUTED.write(SHOP, SAY, text(), prev=MUTED.thid)
    yield refused("dialogue-muted", *ROLE, what, token, covers=("VRM-DLG-005",), **MUTED.case())
    what = "She has muted one dialogue, and the organisation writes in another one."
    other = MUTED.written()
    token = other.write(SHOP, SAY, text())
    yield taken("dialogue-muted-other", "open", what, token, **other.case())
    hers = ("VRM-DLG-002",)
    for slug, what, tie in (
        ("terminated", "The agreement was terminated since.", BEGUN.after(TERMINATED)),
        ("paused", "She lets the relationship rest.", BEGUN.paused()),
        ("muted", "She has muted the dialogue.", MUTED),
        (
            "low",
            "She has gone down to the lowest rung.",
            BEGUN.above(PERSON, "retreat", "open", {"stage": "anonymous"}),
        ),
        ("quiet", "These are quiet hours.", BEGUN.above(PERSON, "prefer", "open", HUSHED)),
        ("prohibited", "For a purpose that the agreement prohibits.", BEGUN),
    ):
        purpose = PERSONAL if slug == "prohibited" else CARE
        token = tie.write(PERSON, SAY, text(purpose))
        state = "muted" if slug == "muted" else "open"
        yield taken(f"dialogue-word-{slug}", state, f"She writes. {what}", token, covers=hers, **tie.case())
        muted = tie.said(PERSON, "dialogue.mute", "muted") if slug != "muted" else tie
        if slug not in ("muted", "prohibited"):
            token = muted.write(PERSON, SAY, text())
            what = f"She writes in a dialogue that she has muted. {what}"
            yield taken(f"dialogue-muted-{slug}", "muted", what, token, covers=hers, **muted.case())
    newer = BEGUN.after(agreed(salt="newer", agreement="SD-BASE"))
    for slug, what, tie, rule in (
        ("terminated", "The agreement was terminated since.", BEGUN.after(TERMINATED), DEAD),
        ("superseded", "A later agreement of its class was made since.", newer, DEAD),
        ("paused", "She lets the relationship rest.", BEGUN.paused(), RESTS),
        (
            "low",
            "She has gone down to the lowest rung.",
            BEGUN.above(PERSON, "retreat", "open", {"stage": "anonymous"}),
            LISTS,
        ),
        ("quiet", "These are quiet hours.", BEGUN.above(PERSON, "prefer", "open", HUSHED), QUIET),
        (
            "rate",
            "She wants one in a week, and had one.",
            BEGUN.above(PERSON, "prefer", "open", {"preferences": preferring("UTC", most=1)}).said(
                SHOP, SAY, "open", text()
            ),
            OFTEN,
        ),
    ):
        token = tie.write(SHOP, SAY, text())
        yield refused(f"dialogue-its-word-{slug}", *rule, f"It writes. {what}", token, **tie.case())
    two = BEGUN.after(BESIDE)
    token = two.write(SHOP, SAY, text(), agr=BESIDE.head)
    what = "It writes under another agreement than that of the first message."
    yield taken("dialogue-its-word-beside", "open", what, token, covers=("VRM-REL-002",), **two.case())
    resumed = BEGUN.paused().above(PERSON, "resume", "open")
    token = resumed.write(SHOP, SAY, text())
    what = "It writes. The relationship has rested, and goes on."
    yield taken("dialogue-its-word-resumed", "open", what, token, covers=("VRM-REL-014",), **resumed.case())
    what = "It writes, and names no agreement."
    token = BEGUN.write(SHOP, SAY, text(), agr=None)
    yield refused("dialogue-its-word-no-agr", *MISSING, what, token, **BEGUN.case())
    what = "It writes, and `agr` is no message at all."
    token = BEGUN.write(SHOP, SAY, text(), agr=NOTHING)
    yield refused("dialogue-its-word-agr-unknown", *NO_AGR, what, token, **BEGUN.case())
    what = "She writes in a dialogue, and names the agreement."
    token = BEGUN.write(PERSON, SAY, text(), agr=LIVE.head)
    yield refused("dialogue-word-agr", *UNNEEDED, what, token, **BEGUN.case())
    for name, tie in (("mute", BEGUN), ("unmute", MUTED), ("close", BEGUN)):
        token = tie.write(PERSON, f"dialogue.{name}", agr=LIVE.head)
        what = f"A message of the type dialogue.{name} names an agreement."
        yield refused(f"dialogue-{name}-agr", *UNNEEDED, what, token, **tie.case())
        token = tie.write(PERSON, f"dialogue.{name}", ext={EXT: [None]})
        state = {"mute": "muted", "unmute": "open", "close": "closed"}[name]
        what = f"A message of the type dialogue.{name} carries an extension."
        yield taken(f"dialogue-{name}-ext", state, what, token, covers=("VRM-ENV-033",), **tie.case())
    mute = ("VRM-DLG-003", "VRM-THR-014")
    for slug, what, tie in (
        ("astray", "a `prev` that names no message", BEGUN),
        (
            "terminated",
            "a `prev` that names no message, under an agreement that was terminated",
            BEGUN.after(TERMINATED),
        ),
        ("paused", "a `prev` that names no message, in a relationship that rests", BEGUN.paused()),
        ("its", "a `prev` that names no message, what the organisation has begun", ITS),
    ):
        token = tie.write(PERSON, "dialogue.mute", prev=NOTHING)
        yield taken(
            f"dialogue-mute-{slug}", "muted", f"She mutes, with {what}.", token, covers=mute, **tie.case()
        )
    said = BEGUN.said(SHOP, SAY, "open", text())
    for name, tie, key, body, state in (
        ("message", said, PERSON, text(), "open"),
        ("its-message", said, SHOP, text(), "open"),
        ("mute", said, PERSON, {}, "muted"),
        ("unmute", MUTED, PERSON, {}, "open"),
        ("close", said, SHOP, {}, "closed"),
    ):
        kind = f"dialogue.{name.rpartition('-')[2]}"
        what = f"A message of the type {kind} that has not seen the last one."
        token = tie.write(key, kind, body, prev=tie.thid)
        yield taken(f"dialogue-{name}-behind", state, what, token, covers=("VRM-THR-013",), **tie.case())
        if name != "mute":
            what = f"`prev` of {kind} names no message."
            token = tie.write(key, kind, body, prev=NOTHING)
            yield refused(f"dialogue-{name}-astray", *ASTRAY, what, token, **tie.case())
    what = "She writes, with all that a message may say."
    token = BEGUN.write(PERSON, SAY, {**text(), "answers": NOTHING})
    yield taken("dialogue-word-full", "open", what, token, **BEGUN.case())
    for slug, what, body in (
        ("purpose", "Without a purpose.", text(about={"fields": ["text"]})),
        ("odd", "For a purpose that there is not.", text(f"{CARE}X")),
        ("content", "Without a content.", {"about": text()["about"]}),
        ("both", "With fields and a file.", text(content={**released()["content"], **PICTURED["content"]})),
    ):
        token = BEGUN.write(SHOP, SAY, body)
        yield refused(f"dialogue-body-{slug}", *INVALID, what, token, **BEGUN.case())
    no = ("VRM-OFR-018", "content-mismatch")
    more = text(content={"clear": {"text": "Yes.", "more": "No."}})
    what = "The content has a field that `about` does not name."
    yield refused("dialogue-content-word", *no, what, BEGUN.write(SHOP, SAY, more), **BEGUN.case())
    yield refused("dialogue-content-begun", *no, what, HER.open(PERSON, SAY, more), **HER.case())
    strange = BEGUN.after(STRANGE)
    what = "Somebody else writes in it."
    token = strange.write(STRANGER, SAY, text(), aud=SHOP_ID)
    yield refused("dialogue-stranger", *STRANGER_ASKS, what, token, **strange.case())


# --- data ---------------------------------------------------------------------------------------------

WANTED, SHARED, REPORTED = HER.requested(), HER.shared(), HER.reported()


@chapter
def giving_data() -> Iterator[Vector]:
    """Every state and every type, the second of the deadline and the one before, and what judges requests."""
    rule: Fault | None
    body: Body
    both_ = {"shared": "closed", "reported": "closed"}
    moves = (
        Move("request", "shop", {}, lambda tie: wanting(answer_by=time(tie.now + DAY))),
        Move("share", "her", {"requested": "shared", "shared": "="}, lambda tie: giving()),
        Move("refuse", "her", {"requested": "refused"}),
        Move("retract", "shop", {"requested": "retracted"}),
        Move("report", "shop", {"reported": "="}, lambda tie: reporting()),
        Move("verify", "her", {"reported": "="}, lambda tie: {"as_of": time(NOW)}),
        Move("close", "either", both_),
    )
    yield from cells(
        "data",
        moves,
        (
            Standing("requested", "requested", WANTED),
            Standing("requested-still", "requested", WANTED.at(NOW + DAY - 1), few=True),
            Standing("shared", "shared", SHARED),
            Standing("given", "shared", WANTED.said(PERSON, SHARE, "shared", giving()), few=True),
            Standing("reported", "reported", REPORTED),
            Standing("refused", "refused", WANTED.said(PERSON, "data.refuse", "refused")),
            Standing("retracted", "retracted", WANTED.said(SHOP, "data.retract", "retracted")),
            Standing("expired", "expired", WANTED.at(NOW + DAY), "requested"),
            Standing("closed", "closed", SHARED.said(PERSON, "data.close", "closed")),
        ),
    )
    ended, cause = ("VRM-DAT-005",), ("VRM-THR-019",)
    for slug, key, kind, tie, body in (
        ("share", PERSON, SHARE, SHARED, giving()),
        ("report", SHOP, REPORT, REPORTED, reporting()),
        ("verify", PERSON, "data.verify", REPORTED, {"as_of": time(NOW)}),
        ("refuse", PERSON, "data.refuse", WANTED, {}),
        ("close", SHOP, "data.close", SHARED, {}),
    ):
        for name, over in (("her", tie.over()), ("shop", tie.above(SHOP, "end", "ended"))):
            what = f"The relationship has ended, and with it the thread; {kind} is sent."
            token = over.write(key, kind, body)
            yield refused(f"data-ended-{slug}-{name}", *CONFLICT, what, token, covers=ended, **over.case())
    for slug, until, rule, what in (
        ("after", NOW + DAY - 1, CONFLICT, "a second before"),
        ("same", NOW + DAY, LATE, "in the second in which"),
        ("before", NOW + DAY + 1, LATE, "a second after"),
    ):
        over = WANTED.at(until).over().at(NOW + 2 * DAY)
        said = f"The relationship has ended {what} she was to answer; she refuses."
        token = over.write(PERSON, "data.refuse")
        yield refused(f"data-cause-{slug}", *rule, said, token, covers=cause, **over.case())

    half = clock("2027-07-15T08:00:00")
    no_data, no_consent = (
        WANTED.said(PERSON, "data.refuse", "refused"),
        HER.asked(CARE, RIGHTS).said(PERSON, "consent.refuse", "refused"),
    )
    expired, retracted = WANTED.at(NOW + DAY), WANTED.said(SHOP, "data.retract", "retracted")
    judged = ("VRM-DAT-001", "VRM-REL-005")
    for slug, what, tie, purpose, rule in (
        ("refused", "She has refused data for this purpose.", no_data, CARE, AGAIN),
        ("consent", "She has refused a consent for this purpose.", no_consent, CARE, AGAIN),
        ("month", "She has refused it a second less than six months ago.", no_data.at(half - 1), CARE, AGAIN),
        ("half", "She has refused it six months ago.", no_data.at(half), CARE, None),
        (
            "other",
            "She has refused data for another purpose.",
            no_data,
            ORDERS,
            None,
        ),
        ("silent", "She has let a request pass without an answer.", expired, CARE, None),
        ("retracted", "It has taken its request back.", retracted, CARE, None),
    ):
        token = tie.open(SHOP, WANT, wanting(purpose, answer_by=time(tie.now + DAY)))
        if rule is not None:
            yield refused(f"data-again-{slug}", *rule, what, token, **tie.case())
        else:
            yield taken(f"data-again-{slug}", "requested", what, token, covers=judged, **tie.case())
    what = "She has refused data for this purpose; it writes for it in a dialogue."
    token = no_data.open(SHOP, SAY, text())
    yield taken("data-again-dialogue", "open", what, token, covers=("VRM-REL-005",), **no_data.case())
    what = "She has refused data for this purpose; she shares them."
    token = no_data.open(PERSON, SHARE, giving())
    yield taken("data-again-share", "shared", what, token, covers=("VRM-DAT-002",), **no_data.case())
    what = "She is to answer by now."
    token = HER.open(SHOP, WANT, wanting(answer_by=time(NOW)))
    yield refused("data-request-now", *AHEAD, what, token, **HER.case())
    what = "She is to answer within two seconds."
    token = HER.open(SHOP, WANT, wanting(answer_by=time(NOW + 2)))
    yield taken("data-request-soon", "requested", what, token, covers=("VRM-THR-022",), **HER.case())

    gone, resting = WANTED.after(TERMINATED), WANTED.paused()
    free = ("VRM-DAT-003",)
    for slug, what, tie in (
        ("terminated", "The agreement was terminated since.", gone),
        ("paused", "She lets the relationship rest.", resting),
    ):
        token = tie.write(PERSON, "data.refuse")
        yield taken(
            f"data-refuse-{slug}", "refused", f"She refuses. {what}", token, covers=free, **tie.case()
        )
    what = "She refuses, and says why."
    token = WANTED.write(PERSON, "data.refuse", {"reason": "you do not need it"})
    yield taken("data-refuse-reason", "refused", what, token, covers=free, **WANTED.case())
    for slug, tie, key, kind, body, state in (
        ("answer", WANTED, PERSON, SHARE, giving(), "shared"),
        ("more", SHARED, PERSON, SHARE, giving(PERSONAL), "shared"),
        ("anew", REPORTED, SHOP, REPORT, reporting(PERSONAL), "reported"),
    ):
        ends = tie.after(TERMINATED)
        what = f"A message of the type {kind} under an agreement that was terminated since."
        yield refused(f"data-{slug}-terminated", *DEAD, what, ends.write(key, kind, body), **ends.case())
        two = tie.after(BESIDE, TERMINATED)
        what = f"A message of the type {kind} under another agreement, which is in force."
        token = two.write(key, kind, body, agr=BESIDE.head)
        yield taken(f"data-{slug}-beside", state, what, token, covers=("VRM-REL-002",), **two.case())
        what = f"A message of the type {kind} names no agreement."
        yield refused(
            f"data-{slug}-no-agr", *MISSING, what, tie.write(key, kind, body, agr=None), **tie.case()
        )
        what = f"A message of the type {kind} under an agreement that is none."
        token = tie.write(key, kind, body, agr=NOTHING)
        yield refused(f"data-{slug}-agr-unknown", *NO_AGR, what, token, **tie.case())
        rests = tie.paused()
        token = rests.write(key, kind, body)
        what = f"A message of the type {kind} while the relationship rests."
        if key is SHOP:
            yield refused(f"data-{slug}-paused", *RESTS, what, token, **rests.case())
        else:
            yield taken(f"data-{slug}-paused", state, what, token, covers=("VRM-REL-014",), **rests.case())
        low = tie.above(PERSON, "retreat", "open", {"stage": "anonymous"}).above(
            PERSON, "prefer", "open", HUSHED
        )
        what = f"A message of the type {kind} at the lowest rung and in quiet hours."
        mine = ("VRM-DAT-002",) if key is PERSON else ("VRM-DAT-004",)
        yield taken(f"data-{slug}-low", state, what, low.write(key, kind, body), covers=mine, **low.case())
    behind = ("VRM-THR-013",)
    more, anew = (
        SHARED.said(PERSON, SHARE, "shared", giving()),
        REPORTED.said(SHOP, REPORT, "reported", reporting()),
    )
    for name, tie, key, body, state in (
        ("share", more, PERSON, giving(), "shared"),
        ("report", anew, SHOP, reporting(), "reported"),
        ("verify", anew, PERSON, {"as_of": time(NOW)}, "reported"),
        ("close", more, SHOP, {}, "closed"),
    ):
        what = f"A message of the type data.{name} that has not seen the last one."
        token = tie.write(key, f"data.{name}", body, prev=tie.thid)
        yield taken(f"data-{name}-behind", state, what, token, covers=behind, **tie.case())
    for name, tie, key, body, state in (
        ("share", SHARED, PERSON, giving(), "shared"),
        ("refuse", WANTED, PERSON, {}, "refused"),
        ("retract", WANTED, SHOP, {}, "retracted"),
        ("report", REPORTED, SHOP, reporting(), "reported"),
        ("verify", REPORTED, PERSON, {"as_of": time(NOW)}, "reported"),
        ("close", SHARED, SHOP, {}, "closed"),
    ):
        what = f"`prev` of data.{name} names no message."
        token = tie.write(key, f"data.{name}", body, prev=NOTHING)
        yield refused(f"data-{name}-astray", *ASTRAY, what, token, **tie.case())
        what = f"A message of the type data.{name} carries an extension."
        token = tie.write(key, f"data.{name}", body, ext={EXT: 1})
        yield taken(f"data-{name}-next-ext", state, what, token, covers=("VRM-ENV-033",), **tie.case())
        if name not in ("share", "report"):
            what = f"A message of the type data.{name} names an agreement."
            token = tie.write(key, f"data.{name}", body, agr=LIVE.head)
            yield refused(f"data-{name}-agr", *UNNEEDED, what, token, **tie.case())
    about = giving()["about"]
    for slug, what, kind, key, body in (
        ("fields", "Without fields.", SHARE, PERSON, giving(about={**about, "fields": []})),
        ("categories", "Without categories.", SHARE, PERSON, giving(about={**about, "categories": []})),
        ("as-of", "A report that does not say as of when.", REPORT, SHOP, giving()),
        ("items", "A request for nothing.", WANT, SHOP, wanting(items=[])),
        (
            "path",
            "A field in capital letters.",
            WANT,
            SHOP,
            wanting(items=[{**wanting()["items"][0], "path": "Email"}]),
        ),
        ("purpose", "For a purpose that there is not.", WANT, SHOP, wanting(f"{CARE}X")),
    ):
        yield refused(f"data-body-{slug}", *INVALID, what, HER.open(key, kind, body), **HER.case())
    no = ("VRM-OFR-018", "content-mismatch")
    short = giving(content={"clear": {"email": "a.jansen@example.org"}})
    what = "The content lacks a field that `about` names."
    yield refused("data-content-share", *no, what, HER.open(PERSON, SHARE, short), **HER.case())
    short = reporting(content={"clear": {**FIELDS, "name": "A. Jansen"}})
    what = "The content has a field that `about` does not name."
    yield refused("data-content-report", *no, what, HER.open(SHOP, REPORT, short), **HER.case())


@chapter
def files() -> Iterator[Vector]:
    """VRM-BLB-004 for what is said below a relationship."""
    shows = ("VRM-BLB-004",)
    pictured = {
        name: {**body, **PICTURED}
        for name, body in (("say", text()), ("share", giving()), ("report", reporting()))
    }
    for slug, tie, key, kind, body, state in (
        ("dialogue-begun", HER, PERSON, SAY, pictured["say"], "open"),
        ("dialogue-its", HER, SHOP, SAY, pictured["say"], "open"),
        ("dialogue-word", BEGUN, PERSON, SAY, pictured["say"], "open"),
        ("dialogue-its-word", BEGUN, SHOP, SAY, pictured["say"], "open"),
        ("data-share", HER, PERSON, SHARE, pictured["share"], "shared"),
        ("data-report", HER, SHOP, REPORT, pictured["report"], "reported"),
        ("data-answer", WANTED, PERSON, SHARE, pictured["share"], "shared"),
        ("data-more", SHARED, PERSON, SHARE, pictured["share"], "shared"),
        ("data-anew", REPORTED, SHOP, REPORT, pictured["report"], "reported"),
    ):
        write = tie.write if tie.thid else tie.open
        token = write(key, kind, body)
        mine, other = (PERSON.did, SHOP_ID) if key is PERSON else (SHOP_ID, PERSON.did)
        what = "A file that the sender has put before."
        yield taken(f"{slug}-blob", state, what, token, covers=shows, **tie.case(**put(mine)))
        what = "A file that nobody has put."
        yield refused(f"{slug}-blob-never", *UNHELD, what, token, **tie.case())
        what = "A file that the other one has put."
        yield refused(f"{slug}-blob-other", *UNHELD, what, token, **tie.case(**put(other)))


# --- corrections --------------------------------------------------------------------------------------


def _answer(tie: Tie) -> Body:
    return {"applied_at": time(tie.now)}


REASONS = {"reasons": {"/email": "We cannot reach you there."}}
SUBMITTED = REPORTED.corrected()


@chapter
def correcting_data() -> Iterator[Vector]:
    """Every state and every type; which message is corrected, and by which patch."""
    moves = (
        Move("submit", "her", {}, lambda tie: correcting(REPORTED.thid, answer_by=time(tie.now + DAY))),
        Move("apply", "shop", {"submitted": "applied", "overdue": "applied"}, _answer),
        Move("refuse", "shop", {"submitted": "refused", "overdue": "refused"}, lambda tie: REASONS),
        Move("withdraw", "her", {"submitted": "withdrawn", "overdue": "withdrawn"}),
    )
    applied = SUBMITTED.said(SHOP, "correction.apply", "applied", _answer(SUBMITTED))
    yield from cells(
        "correction",
        moves,
        (
            Standing("submitted", "submitted", SUBMITTED),
            Standing("last-second", "submitted", SUBMITTED.at(NOW + DAY - 1), few=True),
            Standing("overdue", "overdue", SUBMITTED.at(NOW + DAY)),
            Standing("long-overdue", "overdue", SUBMITTED.at(NOW + 90 * DAY), few=True),
            Standing("applied", "applied", applied),
            Standing("refused", "refused", SUBMITTED.said(SHOP, "correction.refuse", "refused", REASONS)),
            Standing("withdrawn", "withdrawn", SUBMITTED.said(PERSON, "correction.withdraw", "withdrawn")),
        ),
    )
    late = SUBMITTED.at(NOW + DAY)
    for name, key, body, state in (
        ("apply", SHOP, _answer(late), "applied"),
        ("refuse", SHOP, REASONS, "refused"),
    ):
        what = f"The organisation answers by correction.{name} after it was to have answered."
        token = late.write(key, f"correction.{name}", body)
        mine = ("VRM-COR-003",)
        yield taken(f"correction-late-{name}", state, what, token, covers=mine, **late.case())
    two = REPORTED.said(
        SHOP, REPORT, "reported", reporting(content={"clear": {**FIELDS, "email": "b@example.org"}})
    )
    given = WANTED.said(PERSON, SHARE, "shared", giving())
    names = ("VRM-COR-001",)
    for slug, what, tie, of in (
        ("report", "She corrects a report.", REPORTED, REPORTED.thid),
        ("share", "She corrects what she has shared.", SHARED, SHARED.thid),
        ("given", "She corrects what she has shared when she was asked.", given, given.head),
        ("first", "She corrects the first of two reports.", two, two.thid),
        ("second", "She corrects the second of two reports.", two, two.head),
        (
            "closed",
            "She corrects a report whose thread is closed.",
            REPORTED.said(SHOP, "data.close", "closed"),
            REPORTED.thid,
        ),
        (
            "verified",
            "She corrects a report that she has verified.",
            REPORTED.said(PERSON, "data.verify", "reported", {"as_of": time(NOW)}),
            REPORTED.thid,
        ),
    ):
        token = tie.correct(of=of)
        yield taken(f"correction-of-{slug}", "submitted", what, token, covers=names, **tie.case())
    unfit = ("VRM-COR-001", "patch-failed")
    verified = REPORTED.said(PERSON, "data.verify", "reported", {"as_of": time(NOW)})
    beside = SHARED.reported()
    pictured = HER.opened(SHOP, REPORT, "reported", {**reporting(), **PICTURED})
    for slug, what, tie, of, case in (
        ("nothing", "`of` is no message at all.", REPORTED, NOTHING, {}),
        ("request", "`of` is the request, which has no fields.", given, given.thid, {}),
        ("verify", "`of` is what she has verified it by, which has no fields.", verified, verified.head, {}),
        ("other-thread", "`of` is what she has shared in another thread.", beside, SHARED.thid, {}),
        (
            "relationship",
            "`of` is the message that opened the relationship.",
            REPORTED,
            REPORTED.relationship,
            {},
        ),
        ("file", "`of` is a report that is a file.", pictured, pictured.thid, put(SHOP_ID)),
    ):
        token = tie.correct(of=of)
        yield refused(f"correction-of-{slug}", *unfit, what, token, **tie.case(**case))
    email, phone = FIELDS["email"], FIELDS["phone"]
    test, change = operation("test", "/email", email), operation("replace", "/email", "anna@example.org")
    whole = ("VRM-COR-002",)
    for slug, what, patch in (
        ("replace", "One field is replaced.", [change]),
        ("test", "A field is tested, and then replaced.", [test, change]),
        ("add", "A field is added.", [operation("add", "/name", "A. Jansen")]),
        ("add-there", "A field that is there is added.", [operation("add", "/phone", phone)]),
        ("remove", "A field is removed.", [operation("remove", "/phone")]),
        ("all", "All fields are removed.", [operation("remove", f"/{name}") for name in FIELDS]),
        ("empty", "A field is replaced by nothing.", [operation("replace", "/email", "")]),
        ("same", "A field is replaced by what it is.", [operation("replace", "/email", email)]),
        ("test-only", "A field is tested, and nothing is changed.", [test]),
        (
            "in-order",
            "A field is added, tested, and removed.",
            [operation("add", "/name", "A"), operation("test", "/name", "A"), operation("remove", "/name")],
        ),
        (
            "changed-test",
            "A field is replaced, and then tested for what it is now.",
            [change, operation("test", "/email", "anna@example.org")],
        ),
    ):
        token = REPORTED.correct(*patch)
        yield taken(f"correction-patch-{slug}", "submitted", what, token, covers=whole, **REPORTED.case())
    fails = ("VRM-COR-002", "patch-failed")
    for slug, what, patch in (
        ("test", "A test fails.", [operation("test", "/email", "somebody@example.org"), change]),
        ("test-after", "A field is replaced, and then tested for what it was.", [change, test]),
        ("test-case", "A test fails by the case of a letter.", [operation("test", "/email", email.upper())]),
        ("test-missing", "A field is tested that is not there.", [operation("test", "/name", "A")]),
        ("replace", "A field is replaced that is not there.", [operation("replace", "/name", "A")]),
        ("remove", "A field is removed that is not there.", [operation("remove", "/name")]),
        ("remove-twice", "A field is removed twice.", [operation("remove", "/email")] * 2),
        ("second", "The second of two operations fails.", [change, operation("remove", "/name")]),
        ("first", "The first of two operations fails.", [operation("remove", "/name"), change]),
        (
            "order",
            "A field is replaced before it is added.",
            [operation("replace", "/name", "A"), operation("add", "/name", "B")],
        ),
        ("removed", "A field is replaced after it was removed.", [operation("remove", "/email"), change]),
        ("add-value", "A field is added without a value.", [operation("add", "/name")]),
        ("replace-value", "A field is replaced without a value.", [operation("replace", "/email")]),
        ("test-value", "A field is tested without a value.", [operation("test", "/email")]),
    ):
        token = REPORTED.correct(*patch)
        yield refused(f"correction-patch-{slug}-fails", *fails, what, token, **REPORTED.case())
    token = two.correct(operation("test", "/email", "b@example.org"), of=two.thid)
    what = "A test of what the second report says, on the first."
    yield refused("correction-patch-other-report", *fails, what, token, **two.case())
    token = two.correct(operation("test", "/email", "b@example.org"), of=two.head)
    what = "A test of what the second report says, on it."
    yield taken("correction-patch-this-report", "submitted", what, token, covers=whole, **two.case())
    corrected = applied_correction()
    what = "A correction was applied before: the report says still what it says."
    token = corrected.correct(test)
    yield taken("correction-patch-applied", "submitted", what, token, covers=whole, **corrected.case())


def applied_correction() -> Tie:
    """The thread of the report, after a correction was applied."""
    done = SUBMITTED.said(SHOP, "correction.apply", "applied", _answer(SUBMITTED))
    return replace(REPORTED, bond=done.bond)


@chapter
def correcting_anyway() -> Iterator[Vector]:
    """VRM-COR-004, and what a correction may name."""
    changes: dict[str, Any]
    body: Body
    always = ("VRM-COR-004",)
    since: tuple[tuple[str, str, Callable[[Tie], Tie]], ...] = (
        ("terminated", "The agreement was terminated.", lambda tie: tie.after(TERMINATED)),
        ("paused", "The relationship rests.", lambda tie: tie.paused()),
        ("over", "The relationship has ended.", lambda tie: tie.over()),
        (
            "low",
            "She is at the lowest rung.",
            lambda tie: tie.above(PERSON, "retreat", "open", {"stage": "anonymous"}),
        ),
        ("quiet", "These are quiet hours.", lambda tie: tie.above(PERSON, "prefer", "open", HUSHED)),
    )
    for slug, what, change in since:
        at, then = change(REPORTED), change(SUBMITTED)
        token = at.correct()
        yield taken(
            f"correction-anyway-{slug}",
            "submitted",
            f"{what} She corrects.",
            token,
            covers=always,
            **at.case(),
        )
        for name, key, body, state in (
            ("apply", SHOP, _answer(then), "applied"),
            ("refuse", SHOP, REASONS, "refused"),
            ("withdraw", PERSON, {}, "withdrawn"),
        ):
            token = then.write(key, f"correction.{name}", body)
            said = f"{what} A message of the type correction.{name}."
            yield taken(f"correction-anyway-{slug}-{name}", state, said, token, covers=always, **then.case())
    closed = Tie(_attested(SUBMITTED.over()), SUBMITTED.thid, SUBMITTED.head)
    what = "The relationship is closed. The organisation applies a correction."
    token = closed.write(SHOP, "correction.apply", _answer(closed))
    yield taken("correction-anyway-closed", "applied", what, token, covers=always, **closed.case())
    dialogue = replace(BEGUN, bond=BEGUN.reported().bond)
    for slug, what, rule, tie, changes in (
        ("no-parent", "No thread of data is named.", MISSING, REPORTED, {"pthid": None}),
        ("parent-unknown", "`pthid` is nothing.", NO_PARENT, REPORTED, {"pthid": NOTHING}),
        (
            "parent-relationship",
            "`pthid` is the relationship.",
            NO_PARENT,
            REPORTED,
            {"pthid": REPORTED.relationship},
        ),
        ("parent-dialogue", "`pthid` is a dialogue.", NO_PARENT, dialogue, {"pthid": BEGUN.thid}),
        ("parent-correction", "`pthid` is another correction.", NO_PARENT, SUBMITTED, {"of": REPORTED.thid}),
        ("agr", "An agreement is named.", UNNEEDED, REPORTED, {"agr": LIVE.head}),
        ("shop", "The organisation corrects.", ROLE, REPORTED, {"key": SHOP}),
    ):
        named: dict[str, Any] = {"of": REPORTED.thid, **changes}
        token = tie.correct(**named)
        yield refused(f"correction-{slug}", *rule, what, token, **tie.case())
    strange = REPORTED.after(STRANGE)
    what = "Somebody else corrects it."
    token = strange.correct(key=STRANGER, aud=SHOP_ID)
    yield refused("correction-stranger", *NO_PARENT, what, token, **strange.case())
    aside = REPORTED.after(ASIDE)
    what = "It is sent to another organisation."
    token = aside.correct(aud=OTHER_ID)
    yield refused("correction-aud", "VRM-THR-003", "aud-mismatch", what, token, **aside.case(**BOTH))
    what = "It is to answer by now."
    token = REPORTED.correct(body={"answer_by": time(NOW)})
    yield refused("correction-now", *AHEAD, what, token, **REPORTED.case())
    what = "It is to answer within two seconds."
    token = REPORTED.correct(body={"answer_by": time(NOW + 2)})
    yield taken("correction-soon", "submitted", what, token, covers=("VRM-THR-022",), **REPORTED.case())
    what = "A correction carries an extension."
    token = REPORTED.correct(ext={EXT: {}})
    yield taken("correction-submit-ext", "submitted", what, token, covers=("VRM-ENV-033",), **REPORTED.case())
    for name, key, body, state in (
        ("apply", SHOP, _answer(SUBMITTED), "applied"),
        ("refuse", SHOP, REASONS, "refused"),
        ("withdraw", PERSON, {}, "withdrawn"),
    ):
        kind = f"correction.{name}"
        what = f"A message of the type {kind} carries an extension."
        token = SUBMITTED.write(key, kind, body, ext={EXT: 0})
        yield taken(f"correction-{name}-ext", state, what, token, covers=("VRM-ENV-033",), **SUBMITTED.case())
        what = f"`prev` of {kind} names no message."
        token = SUBMITTED.write(key, kind, body, prev=NOTHING)
        yield refused(f"correction-{name}-astray", *ASTRAY, what, token, **SUBMITTED.case())
        what = f"A message of the type {kind} names an agreement."
        token = SUBMITTED.write(key, kind, body, agr=LIVE.head)
        yield refused(f"correction-{name}-agr", *UNNEEDED, what, token, **SUBMITTED.case())
    for slug, what, changes in (
        ("none", "A patch of nothing.", {"patch": []}),
        ("move", "A field is moved.", {"patch": [{"op": "move", "from": "/email", "path": "/phone"}]}),
        ("deep", "A path of two parts.", {"patch": [operation("add", "/email/work", "a")]}),
        ("number", "A value that is a number.", {"patch": [{"op": "add", "path": "/age", "value": 40}]}),
        ("root", "All fields at once.", {"patch": [operation("remove", "")]}),
    ):
        token = REPORTED.correct(body=changes)
        yield refused(f"correction-body-{slug}", *INVALID, what, token, **REPORTED.case())
    token = SUBMITTED.write(SHOP, "correction.refuse", {"reasons": {"email": "No."}})
    what = "A refusal whose reason is for a field, and not for a path."
    yield refused("correction-body-reason", *INVALID, what, token, **SUBMITTED.case())


def _attested(tie: Tie) -> Bond:
    return tie.bond.closed()


# --- keys, order --------------------------------------------------------------------------------------


@chapter
def rotating() -> Iterator[Vector]:
    """Her new key and her old one, in each kind."""
    new, old = ("VRM-ID-023",), ("VRM-ID-024",)
    shared = SHARED.rotated()
    for slug, tie, kind, body, state in (
        ("dialogue-rotated-message", BEGUN.rotated(), SAY, text(), "open"),
        ("dialogue-rotated-mute", BEGUN.rotated(), "dialogue.mute", {}, "muted"),
        ("data-rotated-share", shared, SHARE, giving(), "shared"),
        ("data-rotated-verify", REPORTED.rotated(), "data.verify", {"as_of": time(NOW)}, "reported"),
        ("correction-rotated-withdraw", SUBMITTED.rotated(), "correction.withdraw", {}, "withdrawn"),
    ):
        what = f"She has changed her key, and sends {kind} by the new one."
        yield taken(slug, state, what, tie.write(NEXT, kind, body), covers=new, **tie.case())
        what = f"She has changed her key, and sends {kind} by the old one."
        token = tie.write(PERSON, kind, body, aud=SHOP_ID)
        yield refused(f"{slug}-old", *STRANGER_ASKS, what, token, covers=old, **tie.case())
    moved = HER.rotated()
    for slug, kind, body, state in (("dialogue", SAY, text(), "open"), ("data", SHARE, giving(), "shared")):
        what = f"She has changed her key, and opens a thread by {kind} with the new one."
        token = moved.open(NEXT, kind, body)
        yield taken(f"{slug}-rotated-open", state, what, token, covers=new, **moved.case())
        what = f"She has changed her key, and opens a thread by {kind} with the old one."
        token = moved.open(PERSON, kind, body, aud=SHOP_ID)
        yield refused(f"{slug}-rotated-open-old", *NO_PARENT, what, token, covers=old, **moved.case())
    reported = REPORTED.rotated()
    what = "She has changed her key, and corrects a report by the new one."
    token = reported.correct()
    yield taken("correction-rotated", "submitted", what, token, covers=new, **reported.case())
    what = "She has changed her key, and corrects a report by the old one."
    token = reported.correct(key=PERSON, aud=SHOP_ID)
    yield refused("correction-rotated-old", *NO_PARENT, what, token, covers=old, **reported.case())
    for slug, tie in (("dialogue", BEGUN), ("data", REPORTED), ("correction", SUBMITTED)):
        story = replace(tie.bond.story, thid=tie.thid, head=tie.head)
        made = {"replaces": PERSON.did, "proof": proof(story, PERSON, NEXT)}
        token = forge.token(NEXT, story.next(NEXT, "agent.rotate", made))
        what = "She changes her key in this thread, and proves it: that is done in the relationship."
        yield refused(f"{slug}-rotate", *CONFLICT, what, token, **tie.case())


@chapter
def order_of_guards() -> Iterator[Vector]:
    """The guards of each row, in their order."""
    gone = TWO.after(TERMINATED)
    hushed = HER.above(PERSON, "prefer", "open", HUSHED)
    for slug, kind, make, at in (("say", SAY, text, LOWEST), ("want", WANT, wanting, AT_RETURNING)):
        what = "The agreement was terminated; it prohibits the purpose."
        token, right = (gone.open(SHOP, kind, make(ANALYTICS), agr=live.head) for live in (LIVE, BESIDE))
        yield both(f"guards-{slug}-agreement", what, DEAD, PROHIBITED, token, right, **gone.case())
        what = "The purpose needs a consent; the rung does not list the type."
        token, right = (at.open(SHOP, kind, make(purpose)) for purpose in (MARKETING, CARE))
        yield both(f"guards-{slug}-consent", what, NEEDED, LISTS, token, right, **at.case())
        what = "The agreement prohibits the purpose; the rung does not list the type."
        token, right = (at.open(SHOP, kind, make(purpose)) for purpose in (PERSONAL, CARE))
        yield both(f"guards-{slug}-terms", what, PROHIBITED, LISTS, token, right, **at.case())
        rests = HER.paused()
        what = "The relationship rests; the agreement prohibits the purpose."
        token = rests.open(SHOP, kind, make(PERSONAL))
        yield both(f"guards-{slug}-paused", what, RESTS, PROHIBITED, token, **but(rests, 1), **rests.case())
    fallen = hushed.above(PERSON, "retreat", "open", {"stage": "anonymous"})
    what = "The rung does not list the type; these are quiet hours."
    token = fallen.open(SHOP, SAY, text())
    yield both("guards-say-stage", what, LISTS, QUIET, token, **but(fallen, 1), **fallen.case())
    what = "The rung does not list the category; these are quiet hours."
    token, right = (hushed.open(SHOP, WANT, wanting(CARE, name)) for name in ("Name", "EmailAddress"))
    yield both("guards-want-stage", what, CATEGORY, QUIET, token, right, **hushed.case())
    what = "These are quiet hours; nobody has put the file."
    token = hushed.open(SHOP, SAY, {**text(), **PICTURED})
    yield both("guards-say-quiet", what, QUIET, UNHELD, token, **but(hushed, 1), **hushed.case())
    begun = BEGUN.above(PERSON, "prefer", "open", HUSHED)
    token = begun.write(SHOP, SAY, {**text(), **PICTURED})
    yield both("guards-word-quiet", what, QUIET, UNHELD, token, **but(begun, 1), **begun.case())
    what = "The agreement was terminated; the purpose needs a consent."
    word = BEGUN.after(BESIDE, TERMINATED)
    token, right = (word.write(SHOP, SAY, text(MARKETING), agr=live.head) for live in (LIVE, BESIDE))
    yield both("guards-word-agreement", what, DEAD, NEEDED, token, right, **word.case())
    what = "`prev` names no message; the purpose needs a consent."
    token, right = (BEGUN.write(SHOP, SAY, text(MARKETING), prev=prev) for prev in (NOTHING, BEGUN.head))
    yield both("prev-guards-word", what, ASTRAY, NEEDED, token, right, **BEGUN.case())
    never = WANTED.said(PERSON, "data.refuse", "refused").above(PERSON, "prefer", "open", HUSHED)
    what = "These are quiet hours; she has refused the purpose."
    token = never.open(SHOP, WANT, wanting())
    yield both("guards-want-quiet", what, QUIET, AGAIN, token, **but(never, 1), **never.case())
    said_no = WANTED.said(PERSON, "data.refuse", "refused")
    what = "She has refused the purpose; she is to answer by now."
    token, right = (
        said_no.open(SHOP, WANT, wanting(purpose, answer_by=time(NOW))) for purpose in (CARE, ORDERS)
    )
    yield both("guards-want-again", what, AGAIN, AHEAD, token, right, **said_no.case())
    for slug, key, kind, body in (
        ("begun", PERSON, SAY, text()),
        ("share", PERSON, SHARE, giving()),
        ("report", SHOP, REPORT, reporting()),
    ):
        what = "The agreement was terminated; nobody has put the file."
        token, right = (gone.open(key, kind, {**body, **PICTURED}, agr=live.head) for live in (LIVE, BESIDE))
        yield both(f"guards-{slug}-agreement", what, DEAD, UNHELD, token, right, **gone.case())
    what = "`of` is no message; it is to answer by now."
    now = {"answer_by": time(NOW)}
    token, right = (REPORTED.correct(of=of, body=now) for of in (NOTHING, REPORTED.thid))
    yield both(
        "guards-correction-of", what, ("VRM-COR-001", "patch-failed"), AHEAD, token, right, **REPORTED.case()
    )
    what = "The patch fails; it is to answer by now."
    patches = operation("remove", "/name"), operation("remove", "/email")
    token, right = (REPORTED.correct(patch, body=now) for patch in patches)
    yield both(
        "guards-correction-patch",
        what,
        ("VRM-COR-002", "patch-failed"),
        AHEAD,
        token,
        right,
        **REPORTED.case(),
    )
    what = "The dialogue is muted; the purpose needs a consent."
    token = MUTED.write(SHOP, SAY, text(MARKETING), prev=MUTED.thid)
    yield both("row-guards-word", what, ROLE, NEEDED, token, **but(MUTED, 1), **MUTED.case())
