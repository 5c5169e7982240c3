"""Writes spec/vectors/: `python -m tests.make_vectors`; with `--check` it compares and writes nothing.

`terms` has the files and the vectors of the profiles core and terms, `intents` those of the profile intent.
"""

from __future__ import annotations

from tests.make_vectors import intents as intents  # its chapters are written with the others
from tests.make_vectors.terms import FOLDER, KEYS, build, differences, main, write

__all__ = ["FOLDER", "KEYS", "build", "differences", "main", "write"]
