"""Who plays in the demo, and by which rules the vendors go: each gets them as a TOML file of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CAST", "Part"]


@dataclass(frozen=True)
class Part:
    """Who an actor is. One without a ``domain`` is named by its key alone."""

    name: str
    role: str = "vendor"
    domain: bool = True
    policy: Mapping[str, Any] = field(default_factory=dict)
    offers: Sequence[Mapping[str, Any]] = ()


def _yaris(item: str, price: str, region: str = "NL-NH", **more: Any) -> dict[str, Any]:
    return {"category": "unspsc:25101503", "region": region, "item": item, "price": price, **more}


CAST = {
    "anna": Part("Anna", role="customer"),
    "noord": Part(
        "Garage Noord",
        policy={"accepts": ["SD-BASE-DP"], "hold": ["PDC-INTENT"]},
        offers=[
            _yaris(
                "Toyota Yaris 1.5, 2021, 48000 km",
                "12450.00",
                answers={"winter": "Yes, four of them, as good as new."},
                revise_to="11990.00",
            )
        ],
    ),
    "haarlem": Part(
        "Autohuis Haarlem", offers=[_yaris("Toyota Yaris 1.0, 2020, 61000 km", "12900.00", "NL")]
    ),
    "kust": Part(
        "Kust Auto's", offers=[{"title": "yaris", "item": "Toyota Yaris Hybrid, 2022", "price": "14500.00"}]
    ),
    "straat": Part("Straathandel", domain=False, offers=[_yaris("Yaris, cheap, no papers", "3000.00")]),
    "corner": Part(
        "Corner Books",
        policy={"accepts": ["SD-BASE-A"], "alternative": "SD-BASE-A", "hold": ["PDC-GOOD"]},
    ),
}
