"""The registry: every broken home by its id, gathered from the modules of the chapters."""

from __future__ import annotations

from tests.broken import (
    below,
    benign,
    beside,
    blobs,
    boards,
    consent_views,
    disputes,
    envelope,
    http,
    identity,
    intents,
    ladders,
    ledger,
    offers,
    reads,
    records,
    relating,
    relationships,
    specs,
    stubs,
    terms,
    threads,
)
from tests.broken.tools import ALL, Mutant, Override

__all__ = ["CATALOGUE", "CHAPTERS", "MUTANTS"]

CHAPTERS = (
    envelope,
    identity,
    threads,
    http,
    reads,
    terms,
    records,
    consent_views,
    intents,
    ladders,
    offers,
    boards,
    blobs,
    disputes,
    relationships,
    relating,
    below,
    beside,
    ledger,
    specs,
    stubs,
    benign,
)
CATALOGUE: dict[str, Mutant] = ALL
MUTANTS: dict[str, Override] = {name: mutant.override for name, mutant in ALL.items()}
"""Id to what breaks the library in the process that calls it."""
