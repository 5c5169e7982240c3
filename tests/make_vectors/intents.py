"""Vectors of intents: publishing, blobs, changing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests import forge
from tests.make_vectors.base import (
    DAY,
    EXT,
    HOME,
    NOW,
    PERSON,
    REFERENCE,
    ROSTER,
    SHOP,
    SHOP_ID,
    STRANGER,
    Vector,
    chapter,
    proffer,
    refused,
    taken,
    time,
)
from tests.make_vectors.market import (
    AMENDED,
    BOARD,
    EMPTY,
    EUR,
    NEED,
    OFFERED,
    OPEN,
    PAUSED,
    amendment,
    intent,
)

__all__ = ["BOARD", "NEED", "amendment", "intent"]
"""What `tests/test_feed.py` takes from here; it stands in `market`."""


@chapter
def publishing() -> Iterator[Vector]:
    yield taken("intent-publish", "open", "An intent.", EMPTY.publishing(), **EMPTY.case())
    for slug, what, body in (
        ("intent-no-budget", "An intent that tells no budget, place or time.", {"where": None}),
        ("intent-budget", "An intent with a budget.", {"budget": {"max": EUR}}),
        ("intent-circle", "A circle around a point of one decimal.", {"where": circle("52.4")}),
    ):
        shows = ("VRM-INT-003",) if slug == "intent-no-budget" else ()
        yield taken(slug, "open", what, EMPTY.publishing(**body), covers=shows, **EMPTY.case())
    for slug, what, where in (
        ("intent-point", "A circle around a point of two decimals.", circle("52.37")),
        ("intent-small-circle", "A circle of nine kilometres.", {**circle("52.4"), "radius_km": 9}),
        ("intent-street", "A place that is no region of ISO 3166-2.", {"region": "NL-NH-1017"}),
    ):
        token = EMPTY.publishing(where=where)
        shows = ("VRM-INT-002",)
        yield refused(slug, "VRM-ENV-035", "body-invalid", what, token, covers=shows, **EMPTY.case())
    for slug, what, requirement, code, token in (
        (
            "intent-of-an-organisation",
            "An organisation publishes an intent.",
            "VRM-THR-024",
            "person-required",
            EMPTY.publishing(SHOP),
        ),
        (
            "intent-to-a-party",
            "An intent is sent to an organisation.",
            "VRM-INT-001",
            "aud-mismatch",
            EMPTY.publishing(claims={"aud": SHOP_ID}),
        ),
        (
            "intent-to-no-board",
            "An intent is sent to a board that this home does not have.",
            "VRM-ENV-025",
            "addressee-unknown",
            EMPTY.publishing(claims={"aud": f"{HOME}/v1/boards/other"}),
        ),
        (
            "proffer-to-a-board",
            "Terms are proffered to a board.",
            "VRM-INT-001",
            "aud-mismatch",
            EMPTY.write(PERSON, "terms.proffer", proffer(), aud=BOARD),
        ),
        (
            "intent-over-now",
            "`until` is now.",
            "VRM-THR-020",
            "deadline-invalid",
            EMPTY.publishing(until=time(NOW)),
        ),
        (
            "intent-strange-roster",
            "The terms are of a roster that the home does not hold.",
            "VRM-TRM-001",
            "roster-unknown",
            EMPTY.publishing(terms={"roster": {**ROSTER, "id": "other"}, "preferred": REFERENCE["SD-BASE"]}),
        ),
        (
            "intent-strange-digest",
            "The digest is that of another agreement.",
            "VRM-TRM-002",
            "agreement-mismatch",
            EMPTY.publishing(
                terms={
                    "roster": ROSTER,
                    "preferred": {**REFERENCE["SD-BASE"], "digest": REFERENCE["SD-BASE-A"]["digest"]},
                }
            ),
        ),
    ):
        yield refused(slug, requirement, code, what, token, **EMPTY.case())
    yield taken(
        "intent-until-soon", "open", "`until` is in two seconds.",
        EMPTY.publishing(until=time(NOW + 2)), covers=("VRM-THR-022",), **EMPTY.case(),
    )  # fmt: skip


def circle(lat: str) -> dict[str, Any]:
    return {"lat": lat, "lon": "4.9", "radius_km": 10}


@chapter
def changing() -> Iterator[Vector]:
    amend = OPEN.of_intent("intent.amend", amendment())
    paused = OPEN.add(OPEN.of_intent("intent.pause"), "paused")
    yield taken("intent-amend", "open", "The second version.", amend, covers=("VRM-INT-007",), **OPEN.case())
    token = paused.of_intent("intent.amend", amendment())
    yield taken("intent-amend-paused", "paused", "An amendment while paused.", token, **paused.case())
    for slug, what, market, version in (
        ("intent-amend-skips", "Version 3 after version 1.", OPEN, 3),
        ("intent-amend-again", "Version 2 after version 2.", OPEN.add(amend, "open"), 2),
    ):
        token = market.of_intent("intent.amend", amendment(version))
        yield refused(slug, "VRM-INT-007", "intent-stale", what, token, **market.case())
    for slug, what, body in (
        ("intent-amend-terms", "An amendment with terms.", {"terms": intent()["terms"]}),
        ("intent-amend-disclose", "An amendment of what may be disclosed.", {"disclose": []}),
        ("intent-amend-purge", "An amendment of `purge_within`.", {"purge_within": "P9D"}),
    ):
        token = OPEN.of_intent("intent.amend", amendment(**body))
        shows = ("VRM-INT-008",)
        yield refused(slug, "VRM-ENV-035", "body-invalid", what, token, covers=shows, **OPEN.case())
    behind = OPEN.add(amend, "open")
    token = behind.of_intent("intent.amend", amendment(3), prev=behind.intent)
    what = "An amendment that has not seen the last one."
    yield refused("intent-amend-behind", "VRM-THR-012", "prev-stale", what, token, **behind.case())
    token = OPEN.of_intent("intent.amend", amendment(until=time(NOW)))
    what = "An amendment with an `until` of now."
    yield refused("intent-amend-over", "VRM-THR-020", "deadline-invalid", what, token, **OPEN.case())
    yield taken("intent-pause", "paused", "A pause.", OPEN.of_intent("intent.pause"), **OPEN.case())
    yield taken("intent-resume", "open", "After a pause.", paused.of_intent("intent.resume"), **paused.case())
    token = OPEN.of_intent("intent.close", {"outcome": "elsewhere"})
    yield taken("intent-close", "closed", "Bought elsewhere.", token, **OPEN.case())
    for slug, market in (("intent-withdraw", OPEN), ("intent-withdraw-paused", paused)):
        token = market.of_intent("intent.withdraw", prev=forge.b64(bytes(32)))
        what = "A withdrawal, whatever its `prev`."
        yield taken(slug, "withdrawn", what, token, covers=("VRM-THR-014",), **market.case())
    late = OPEN.at(NOW + 10 * DAY)
    token = late.of_intent("intent.amend", amendment(until=time(NOW + 20 * DAY)))
    what = "An amendment in the second of `until`."
    yield refused("intent-amend-late", "VRM-THR-006", "deadline-passed", what, token, **late.case())
    just = OPEN.at(NOW + 10 * DAY - 1)
    token = just.of_intent("intent.amend", amendment(until=time(NOW + 20 * DAY)))
    yield taken("intent-amend-just", "open", "An amendment a second before `until`.", token, **just.case())
    token = OPEN.write(SHOP, "intent.pause", {}, aud=BOARD, thid=OPEN.intent, prev=OPEN.intent)
    what = "An organisation pauses the intent of a person."
    yield refused("intent-of-another", "VRM-THR-002", "thread-unknown", what, token, **OPEN.case())


@chapter
def naming() -> Iterator[Vector]:
    """Where an intent is published, on which terms, and in which form."""
    two = {"intents": BOARD, "jobs": f"{HOME}/v1/boards/jobs"}
    what = "An intent on the second of two boards."
    token = EMPTY.publishing(claims={"aud": two["jobs"]})
    yield taken("intent-other-board", "open", what, token, **EMPTY.case(boards=two))
    token = OPEN.of_intent("intent.pause", aud=two["jobs"])
    what = "A pause is sent to another board than the intent stands on."
    case = OPEN.case(boards=two)
    yield refused("intent-pause-other-board", "VRM-THR-003", "aud-mismatch", what, token, **case)
    token = OPEN.of_intent("intent.pause", aud=SHOP_ID)
    what = "A pause is sent to an organisation."
    yield refused("intent-pause-to-a-party", "VRM-THR-003", "aud-mismatch", what, token, **OPEN.case())
    token = EMPTY.publishing(claims={"aud": STRANGER.did})
    what = "An intent is sent to a person."
    case = EMPTY.case(known=(STRANGER.did,))
    yield refused("intent-to-a-person", "VRM-INT-001", "aud-mismatch", what, token, **case)
    for slug, what, aud in (
        (
            "intent-elsewhere",
            "The board of this name at another home.",
            "https://b.example/v1/boards/intents",
        ),
        ("intent-board-case", "The name of the board in capitals.", f"{HOME}/v1/boards/INTENTS"),
    ):
        token = EMPTY.publishing(claims={"aud": aud})
        yield refused(slug, "VRM-ENV-025", "addressee-unknown", what, token, **EMPTY.case())
    for slug, what, named in (
        ("intent-board-slash", "A slash after the URL of the board.", {"aud": f"{BOARD}/"}),
        ("intent-board-query", "A query after the URL of the board.", {"aud": f"{BOARD}?lang=en"}),
        ("intent-by-a-board", "`iss` is the board.", {"iss": BOARD, "aud": SHOP_ID}),
    ):
        token = EMPTY.publishing(claims=named)
        yield refused(slug, "VRM-ID-002", "claim-invalid", what, token, **EMPTY.case())

    base = REFERENCE["SD-BASE"]
    strange, mixed = {**base, "id": "SD-OTHER"}, {**base, "digest": REFERENCE["SD-BASE-A"]["digest"]}
    unknown, mismatch = ("VRM-TRM-001", "roster-unknown"), ("VRM-TRM-002", "agreement-mismatch")
    for slug, what, fault, terms in (
        ("agreement", "The roster does not have this agreement.", unknown, {"preferred": strange}),
        ("version", "Nor this version.", unknown, {"preferred": {**base, "version": "9.0"}}),
        ("acceptable", "The second of what is acceptable.", unknown, {"acceptable": [base, strange]}),
        ("acceptable-digest", "The digest of another agreement.", mismatch, {"acceptable": [mixed]}),
    ):
        token = EMPTY.publishing(terms={**intent()["terms"], **terms})
        yield refused(f"intent-strange-{slug}", *fault, what, token, **EMPTY.case())
    token = EMPTY.publishing(terms={"roster": ROSTER, "preferred": base})
    what = "Nothing is acceptable but what is preferred."
    yield taken("intent-no-acceptable", "open", what, token, **EMPTY.case())
    what = "`until` is in one second."
    yield taken("intent-until-next", "open", what, EMPTY.publishing(until=time(NOW + 1)), **EMPTY.case())

    for slug, what, where in (
        ("intent-country", "A country.", {"region": "NL"}),
        ("intent-whole-degree", "A circle around a point of whole degrees.", circle("52")),
    ):
        token = EMPTY.publishing(where=where)
        yield taken(slug, "open", what, token, covers=("VRM-INT-002",), **EMPTY.case())
    for slug, what, where in (
        ("intent-point-east", "A longitude of two decimals.", {**circle("52.4"), "lon": "4.89"}),
        ("intent-no-circle", "A point without a circle.", {"lat": "52.4", "lon": "4.9"}),
        ("intent-two-places", "A region and a circle.", {**circle("52.4"), "region": "NL-NH"}),
    ):
        token = EMPTY.publishing(where=where)
        yield refused(
            slug, "VRM-ENV-035", "body-invalid", what, token, covers=("VRM-INT-002",), **EMPTY.case()
        )
    token = EMPTY.publishing(version=2)
    what = "The first version is 2."
    yield refused("intent-second-first", "VRM-ENV-035", "body-invalid", what, token, **EMPTY.case())
    ext = {"ext": {EXT: 1}}
    token = EMPTY.publishing(claims=ext)
    what = "An intent carries an extension."
    yield refused("intent-ext", "VRM-ENV-031", "ext-not-allowed", what, token, **EMPTY.case())
    token = OPEN.of_intent("intent.pause", **ext)
    yield taken("intent-pause-ext", "paused", "A pause carries one.", token, **OPEN.case())
    token = OPEN.sent[0].token
    what = "An intent is sent again after it was withdrawn."
    gone = OPEN.on_intent("intent.withdraw", "withdrawn")
    yield taken(
        "intent-repeat", "open", what, token, status=200,
        covers=("VRM-ENV-022", "VRM-ENV-023"), **gone.case(),
    )  # fmt: skip


@chapter
def intent_states() -> Iterator[Vector]:
    """What each state of an intent takes, and until when."""
    gone = OPEN.on_intent("intent.withdraw", "withdrawn")
    elsewhere = {"outcome": "elsewhere"}
    closed = OPEN.on_intent("intent.close", "closed", elsewhere)
    token = PAUSED.of_intent("intent.close", elsewhere)
    yield taken("intent-close-paused", "closed", "Closed while paused.", token, **PAUSED.case())
    for slug, market, kind, body in (
        ("intent-pause-twice", PAUSED, "intent.pause", {}),
        ("intent-resume-open", OPEN, "intent.resume", {}),
        ("intent-resume-withdrawn", gone, "intent.resume", {}),
        ("intent-amend-withdrawn", gone, "intent.amend", amendment()),
        ("intent-close-withdrawn", gone, "intent.close", elsewhere),
        ("intent-withdraw-withdrawn", gone, "intent.withdraw", {}),
        ("intent-amend-closed", closed, "intent.amend", amendment()),
        ("intent-close-closed", closed, "intent.close", elsewhere),
        ("intent-withdraw-closed", closed, "intent.withdraw", {}),
        ("intent-pause-closed", closed, "intent.pause", {}),
    ):
        token, what = market.of_intent(kind, body), f"`{kind}` on an intent that is {market.sent[-1].state}."
        yield refused(slug, "VRM-THR-005", "state-conflict", what, token, **market.case())
    end = NOW + 10 * DAY
    for slug, market, kind, body in (
        ("intent-pause-late", OPEN, "intent.pause", {}),
        ("intent-close-late", OPEN, "intent.close", elsewhere),
        ("intent-withdraw-late", OPEN, "intent.withdraw", {}),
        ("intent-resume-late", PAUSED, "intent.resume", {}),
        ("intent-withdraw-paused-late", PAUSED, "intent.withdraw", {}),
    ):
        late = market.at(end)
        what = f"`{kind}` in the second of `until`."
        token = late.of_intent(kind, body)
        yield refused(slug, "VRM-THR-006", "deadline-passed", what, token, **late.case())
    just = PAUSED.at(end - 1)
    what = "Resumed a second before `until`, which has run on while it was paused."
    yield taken("intent-resume-just", "open", what, just.of_intent("intent.resume"), **just.case())
    longer = OPEN.amended(until=time(NOW + 20 * DAY)).at(NOW + 20 * DAY - 1)
    what = "Paused a second before the `until` of the amendment, after that of the first version."
    yield taken("intent-prolonged", "paused", what, longer.of_intent("intent.pause"), **longer.case())
    shorter = OPEN.amended(until=time(NOW + DAY)).at(NOW + DAY)
    what = "Paused in the second of the `until` of the amendment, before that of the first version."
    token = shorter.of_intent("intent.pause")
    yield refused("intent-shortened", "VRM-THR-006", "deadline-passed", what, token, **shorter.case())
    token = OPEN.of_intent("intent.amend", amendment(until=time(NOW + 1)))
    yield taken("intent-amend-soon", "open", "`until` is in one second.", token, **OPEN.case())
    token = AMENDED.of_intent("intent.amend", amendment(3))
    what = "The third version."
    yield taken("intent-amend-third", "open", what, token, covers=("VRM-INT-007",), **AMENDED.case())
    token = OPEN.of_intent("intent.amend", amendment(1))
    what = "An amendment cannot be the first version."
    yield refused("intent-amend-first", "VRM-ENV-035", "body-invalid", what, token, **OPEN.case())
    what = "A pause that has not seen the amendment."
    token = AMENDED.of_intent("intent.pause", prev=AMENDED.intent)
    yield taken("intent-pause-behind", "paused", what, token, covers=("VRM-THR-013",), **AMENDED.case())
    nothing = forge.mid(b"nothing.")
    for kind, body in (("amend", amendment()), ("pause", {}), ("close", elsewhere)):
        token, what = OPEN.of_intent(f"intent.{kind}", body, prev=nothing), "`prev` names no message."
        yield refused(
            f"intent-{kind}-prev-unknown", "VRM-THR-011", "prev-unknown", what, token, **OPEN.case()
        )
    shows = ("VRM-THR-014",)
    token = AMENDED.of_intent("intent.withdraw", prev=OFFERED.offers[0])
    what = "A withdrawal whose `prev` is in no thread of hers."
    yield taken("intent-withdraw-astray", "withdrawn", what, token, covers=shows, **AMENDED.case())
    for slug, key, who_, market in (
        ("vendor", SHOP, "A vendor with an offer", OFFERED),
        ("stranger", STRANGER, "Another person", OPEN),
    ):
        named = {"aud": BOARD, "thid": market.intent, "prev": market.intent}
        token = market.write(key, "intent.withdraw", {}, **named)
        what = f"{who_} withdraws the intent."
        yield refused(
            f"intent-withdraw-{slug}", "VRM-THR-002", "thread-unknown", what, token, **market.case()
        )
