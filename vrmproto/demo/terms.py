"""Anna proffers terms of her own: accepted, answered with others, rejected, withdrawn, too late, ended."""

from __future__ import annotations

from typing import Any

from vrmproto.demo.stage import Stage

__all__ = ["play"]


async def play(stage: Stage, garage: str) -> None:
    """Play it; ``garage`` is the thread in which Garage Noord has accepted terms already."""
    step, noord, corner = stage.step, stage.origins["noord"], stage.origins["corner"]

    async def proffer(to: str, preferred: str, say: str, **more: Any) -> str:
        line = await step("anna", "terms.proffer", "proffer", say, to=to, preferred=preferred, **more)
        return str(line["thid"])

    stage.open("Her terms, kept by both")
    await step("anna", "terms.accept", "record", "Anna takes her copy of the terms.", thid=garage, seq=2)
    await step("noord", "terms.accept", "record", "Garage Noord takes the same.", thid=garage, seq=2)
    await step(
        "noord",
        "terms.accept",
        "repeat",
        "The same acceptance once more: the same receipt, no second effect.",
        thid=garage,
    )

    stage.open("Other terms, and what nobody can do to her")
    books = await proffer(corner, "SD-BASE-DP", "Anna proffers the same terms to Corner Books.")
    await step(
        "corner",
        "terms.alternative",
        "answer",
        "Corner Books wants analytics: SD-BASE-A instead.",
        thid=books,
    )
    await step(
        "corner",
        "terms.alternative",
        "send",
        "A second alternative: the home refuses, one is all there is.",
        expect="state-conflict",
        thid=books,
        agreement="SD-BASE-AT",
    )
    await step(
        "corner",
        "terms.accept",
        "send",
        "Corner Books cannot accept its own alternative for her either.",
        expect="role-forbidden",
        thid=books,
        agreement="SD-BASE-A",
    )
    await step("anna", "terms.accept", "send", "Anna accepts the alternative.", thid=books, seq=2)
    await step("anna", "terms.accept", "record", "Anna takes her copy of the record.", thid=books)
    await step("corner", "terms.accept", "record", "Corner Books takes the same record.", thid=books, seq=3)
    await step(
        "corner",
        "terms.proffer",
        "proffer",
        "An organisation proffers terms: only a person does.",
        expect="person-required",
        to=noord,
        preferred="SD-BASE-ATP",
    )

    stage.open("No, not any more, and too late")
    training = await proffer(noord, "PDC-AI", "Would Garage Noord train an AI on her data, on her terms?")
    await step("noord", "terms.reject", "answer", "It would not.", thid=training)
    await step("anna", "terms.reject", "thread", "Anna reads the rejection.", thid=training)
    good = await proffer(corner, "PDC-GOOD", "Anna proffers data for a public good; Corner Books is slow.")
    await step("anna", "terms.withdraw", "send", "She takes it back.", thid=good)
    await step(
        "corner",
        "terms.accept",
        "send",
        "What was withdrawn cannot be accepted.",
        expect="state-conflict",
        thid=good,
        seq=2,
        agreement="PDC-GOOD",
    )
    brief = await proffer(noord, "PDC-INTENT", "A proffer that stands for two seconds.", answer_in="PT2S")
    await step(
        "noord",
        "terms.accept",
        "send",
        "Garage Noord answers after three.",
        expect="deadline-passed",
        thid=brief,
        seq=1,
        agreement="PDC-INTENT",
        pause=3.0,
    )
    await step("anna", "terms.proffer", "thread", "Nothing was sent, and it has expired.", thid=brief)

    stage.open("An end, and what stays")
    await step(
        "anna", "agreement.terminate", "send", "Anna ends the agreement with Corner Books.", thid=books
    )
    await step(
        "corner", "agreement.terminate", "thread", "Corner Books reads that it has ended.", thid=books, seq=4
    )
    await step("anna", "agreement.terminate", "record", "The record stays, and says so.", thid=books)
    await step(
        "corner",
        "terms.proffer",
        "thread",
        "Corner Books asks for Anna's thread with Garage Noord: for it, there is none.",
        expect="not-found",
        thid=garage,
    )
    await step(
        "anna",
        "terms.accept",
        "changed-copy",
        "A copy of her terms with one byte changed is found out.",
        expect="signature-invalid",
        thid=garage,
    )
