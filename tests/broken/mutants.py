"""The registry: every broken home by its id, gathered from the modules of the chapters."""

from __future__ import annotations

from tests.broken import (
    blobs,
    boards,
    envelope,
    http,
    identity,
    intents,
    offers,
    reads,
    records,
    terms,
    threads,
)
from tests.broken.tools import ALL, Mutant, Override

CATALOGUE: dict[str, Mutant] = ALL
MUTANTS: dict[str, Override] = {name: mutant.override for name, mutant in ALL.items()}
"""Id to what breaks the library in the process that calls it."""

__all__ = ["CATALOGUE", "MUTANTS"]
CHAPTERS = (blobs, boards, envelope, http, identity, intents, offers, reads, records, terms, threads)
