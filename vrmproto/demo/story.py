"""The story of the first demo, as acts of its three actors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["ACTORS", "POLICIES", "play"]

ACTORS = {
    "customer": "Anna",
    "bright": "Bright Energy",
    "corner": "Corner Books",
}
POLICIES: dict[str, dict[str, Any]] = {
    "bright": {"accepts": ["SD-BASE-DP"], "hold": ["PDC-INTENT"]},
    "corner": {"accepts": ["SD-BASE-A"], "alternative": "SD-BASE-A", "hold": ["PDC-GOOD"]},
}

Step = Callable[..., Awaitable[dict[str, Any]]]


async def play(step: Step, origins: dict[str, str]) -> None:
    """Play every step in turn; ``step(actor, type, do, say, expect=code, **order)`` gives its line."""
    bright, corner = origins["bright"], origins["corner"]

    async def proffer(to: str, preferred: str, say: str, **more: Any) -> str:
        line = await step("customer", "terms.proffer", "proffer", say, to=to, preferred=preferred, **more)
        return str(line["thid"])

    energy = await proffer(
        bright,
        "SD-BASE-DP",
        "Anna proffers SD-BASE-DP: the service, no tracking, and her data back on request.",
    )
    await step("bright", "terms.accept", "answer", "Bright Energy accepts: an agreement exists.", thid=energy)
    await step("customer", "terms.accept", "record", "Anna takes her copy of the record.", thid=energy, seq=2)
    await step("bright", "terms.accept", "record", "Bright Energy takes the same record.", thid=energy, seq=2)
    await step(
        "bright",
        "terms.accept",
        "repeat",
        "The same acceptance once more: the same receipt, no second effect.",
        thid=energy,
    )

    books = await proffer(corner, "SD-BASE-DP", "Anna proffers the same to Corner Books.")
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
    await step(
        "customer",
        "terms.accept",
        "send",
        "What was not offered cannot be accepted.",
        expect="terms-not-offered",
        thid=books,
        seq=2,
        agreement="SD-BASE-AT",
    )
    await step("customer", "terms.accept", "send", "Anna accepts the alternative.", thid=books, seq=2)
    await step("customer", "terms.accept", "record", "Anna takes her copy of the record.", thid=books)
    await step("corner", "terms.accept", "record", "Corner Books takes the same record.", thid=books, seq=3)

    training = await proffer(bright, "PDC-AI", "Would Bright Energy train an AI on her data, on her terms?")
    await step("bright", "terms.reject", "answer", "It would not.", thid=training)
    await step("customer", "terms.reject", "thread", "Anna reads the rejection.", thid=training)

    good = await proffer(corner, "PDC-GOOD", "Anna proffers data for a public good; Corner Books is slow.")
    await step("customer", "terms.withdraw", "send", "She takes it back.", thid=good)
    await step(
        "corner",
        "terms.accept",
        "send",
        "Too late: what was withdrawn cannot be accepted.",
        expect="state-conflict",
        thid=good,
        seq=2,
        agreement="PDC-GOOD",
    )

    intent = await proffer(bright, "PDC-INTENT", "A proffer that stands for two seconds.", answer_in="PT2S")
    await step(
        "bright",
        "terms.accept",
        "send",
        "Bright Energy answers after three.",
        expect="deadline-passed",
        thid=intent,
        seq=1,
        agreement="PDC-INTENT",
        pause=3.0,
    )
    await step("customer", "terms.proffer", "thread", "Nothing was sent, and it has expired.", thid=intent)

    await step(
        "customer", "agreement.terminate", "send", "Anna ends the agreement with Corner Books.", thid=books
    )
    await step(
        "corner", "agreement.terminate", "thread", "Corner Books reads that it has ended.", thid=books, seq=4
    )
    await step("customer", "agreement.terminate", "record", "The record stays, and says so.", thid=books)

    await step(
        "corner",
        "terms.proffer",
        "thread",
        "Corner Books asks for Anna's thread with Bright Energy: for it, there is none.",
        expect="not-found",
        thid=energy,
    )
    await step(
        "corner",
        "terms.proffer",
        "proffer",
        "An organisation proffers terms: only a person does.",
        expect="person-required",
        to=bright,
        preferred="SD-BASE-ATP",
    )
    await step(
        "customer",
        "terms.accept",
        "changed-copy",
        "A copy of the first record with one byte changed is found out.",
        expect="signature-invalid",
        thid=energy,
    )
