"""The story of the demo: a person looks for a car, and then keeps to her own terms."""

from __future__ import annotations

from vrmproto.demo import terms, yaris
from vrmproto.demo.stage import Stage

__all__ = ["play"]


async def play(stage: Stage) -> None:
    """Play every step in turn."""
    await terms.play(stage, await yaris.play(stage))
