"""The story of the demo: a person finds a car on her own terms, and lives with the vendor by them."""

from __future__ import annotations

from vrmproto.demo import leaving, living, terms, yaris
from vrmproto.demo.stage import Stage

__all__ = ["play"]


async def play(stage: Stage) -> None:
    """Play every step in turn."""
    garage = await yaris.play(stage)
    await terms.play(stage, garage)
    await leaving.play(stage, await living.play(stage, garage))
