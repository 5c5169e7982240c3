"""Vectors of feedback: what a person tells an organisation, outcomes, and taking it back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests import forge
from tests.make_vectors.base import (
    EXT,
    NOW,
    PERSON,
    PERSON_EC,
    SHOP,
    SHOP_EC,
    SHOP_ID,
    STRANGER,
    Story,
    Vector,
    agreed,
    chapter,
    claims,
    published,
    refused,
    taken,
    without_none,
)

NOTHING = forge.mid(b"nothing.")


def feedback(**changes: Any) -> dict[str, Any]:
    made = {"kind": "problem", "text": "The left door does not close.", "lang": "en", "may_publish": False}
    return without_none({**made, **changes})


def submission(key: Any = PERSON, frame: dict[str, Any] | None = None, **body: Any) -> bytes:
    return forge.token(key, claims(key, "feedback.submit", **{"body": feedback(**body), **(frame or {})}))


def submitted() -> Story:
    return Story().add(submission(), "submitted")


def acknowledged() -> Story:
    story = submitted()
    return story.add(story.token(SHOP, "feedback.acknowledge"), "acknowledged")


def answered(outcome: str = "planned") -> Story:
    story = acknowledged()
    return story.add(story.token(SHOP, "feedback.outcome", {"outcome": outcome}), "answered")


def retracted() -> Story:
    story = submitted()
    return story.add(story.token(PERSON, "feedback.retract"), "retracted")


@chapter
def submitting() -> Iterator[Vector]:
    shows = ("VRM-FBK-001",)
    what = "A person who has no agreement with an organisation tells it something."
    yield taken("feedback-submit", "submitted", what, submission(), covers=shows)
    full: dict[str, Any] = {
        "kind": "idea",
        "categories": [{"scheme": "unspsc", "code": "43232300", "label": "Portals"}],
        "subject": "https://shop.example/portal",
        "licence": "CC-BY-4.0 OR (nothing)",
        "may_publish": True,
    }
    what = "Feedback with all that it may say, under ES256."
    right = submission(PERSON_EC, **{**full, "licence": "CC-BY-4.0 OR Apache-2.0 WITH LLVM-exception"})
    yield taken("feedback-full", "submitted", what, right, covers=shows)
    for slug, what, body in (
        ("licence", "A licence that is no SPDX expression.", full),
        ("kind", "A kind that there is not.", {"kind": "complaint"}),
        ("text", "No word is said.", {"text": ""}),
        ("publish", "Whether it may be published is not said.", {"may_publish": None}),
        ("subject", "A subject without a letter.", {"subject": ""}),
    ):
        token = submission(**body)
        yield refused(f"feedback-{slug}", "VRM-ENV-035", "body-invalid", what, token)
    what = "An organisation tells something to a person."
    token = submission(SHOP, {"aud": PERSON.did})
    keys = {SHOP_ID: published(SHOP)}
    known = (PERSON.did,)
    yield refused(
        "feedback-of-an-organisation", "VRM-THR-024", "person-required", what, token, keys=keys, known=known
    )
    story = agreed()
    what = "Feedback under an agreement."
    token = submission(PERSON, {"agr": story.mid(1)})
    yield refused("feedback-agr", "VRM-THR-008", "claim-unknown", what, token, **story.case())
    what = "Feedback beside an agreement of the same two, which it does not name."
    yield taken("feedback-beside", "submitted", what, submission(), covers=shows, **story.case())


@chapter
def answering() -> Iterator[Vector]:
    story = submitted()
    token = story.token(SHOP, "feedback.acknowledge", {"reference": "F-311"})
    yield taken(
        "feedback-acknowledge", "acknowledged", "The organisation has read it.", token, **story.case()
    )
    both = (("submitted", submitted()), ("acknowledged", acknowledged()), ("answered", answered()))
    for state, story in both:
        token = story.token(
            SHOP_EC, "feedback.outcome", {"outcome": "shipped", "text": "In 4.2.", "reference": "4.2"}
        )
        what = f"An outcome of feedback that is {state}."
        shows = ("VRM-FBK-002",) if state == "answered" else ()
        yield taken(f"feedback-outcome-{state}", "answered", what, token, covers=shows, **story.case())
    story = answered("declined")
    what = "A later outcome that has not seen the one before."
    token = story.token(SHOP, "feedback.outcome", {"outcome": "solved"}, prev=story.thid)
    yield taken(
        "feedback-outcome-behind",
        "answered",
        what,
        token,
        covers=("VRM-FBK-002", "VRM-THR-013"),
        **story.case(),
    )
    for slug, what, kind, body, story in (
        ("acknowledge-twice", "Acknowledged a second time.", "feedback.acknowledge", {}, acknowledged()),
        ("acknowledge-late", "Acknowledged after an outcome.", "feedback.acknowledge", {}, answered()),
        (
            "outcome-retracted",
            "An outcome after a retraction.",
            "feedback.outcome",
            {"outcome": "planned"},
            retracted(),
        ),
        (
            "acknowledge-retracted",
            "Acknowledged after a retraction.",
            "feedback.acknowledge",
            {},
            retracted(),
        ),
    ):
        token = story.token(SHOP, kind, body)
        yield refused(f"feedback-{slug}", "VRM-THR-005", "state-conflict", what, token, **story.case())
    for kind, body in (("acknowledge", {}), ("outcome", {"outcome": "planned"})):
        story = submitted()
        token, what = story.token(PERSON, f"feedback.{kind}", body), "Said by the person herself."
        yield refused(f"feedback-{kind}-her", "VRM-THR-004", "role-forbidden", what, token, **story.case())
    story = submitted()
    token = story.token(SHOP, "feedback.outcome", {"outcome": "perhaps"})
    what = "An outcome that there is not."
    yield refused("feedback-outcome-odd", "VRM-ENV-035", "body-invalid", what, token, **story.case())
    token = story.token(SHOP, "feedback.outcome", {"outcome": "planned"}, prev=NOTHING)
    what = "`prev` names no message."
    yield refused("feedback-outcome-prev", "VRM-THR-011", "prev-unknown", what, token, **story.case())


@chapter
def retracting() -> Iterator[Vector]:
    for state, story in (
        ("submitted", submitted()),
        ("acknowledged", acknowledged()),
        ("answered", answered()),
    ):
        token = story.token(PERSON, "feedback.retract")
        what = f"Feedback that is {state} is taken back."
        yield taken(
            f"feedback-retract-{state}", "retracted", what, token, covers=("VRM-FBK-003",), **story.case()
        )
    shows = ("VRM-FBK-003", "VRM-THR-014")
    story = answered()
    what = "A retraction whose `prev` names no message."
    token = story.token(PERSON, "feedback.retract", prev=NOTHING)
    yield taken("feedback-retract-astray", "retracted", what, token, covers=shows, **story.case())
    token, what = story.token(SHOP, "feedback.retract"), "The organisation retracts."
    yield refused("feedback-retract-shop", "VRM-THR-004", "role-forbidden", what, token, **story.case())
    named: dict[str, Any] = {"aud": SHOP_ID, "thid": story.thid, "prev": story.head, "iat": NOW, "body": {}}
    token = forge.token(STRANGER, claims(STRANGER, "feedback.retract", **named))
    what = "Somebody else retracts."
    yield refused("feedback-retract-stranger", "VRM-THR-002", "thread-unknown", what, token, **story.case())
    story = retracted()
    token, what = story.token(PERSON, "feedback.retract"), "Retracted a second time."
    yield refused("feedback-retract-twice", "VRM-THR-005", "state-conflict", what, token, **story.case())
    story, ext = submitted(), {EXT: {"any": [1, None]}}
    what = "A retraction carries an extension."
    token = story.token(PERSON, "feedback.retract", ext=ext)
    yield taken("feedback-retract-ext", "retracted", what, token, covers=("VRM-ENV-033",), **story.case())
