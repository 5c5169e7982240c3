"""Writes spec/vectors/: `python -m tests.make_vectors`; with `--check` it compares and writes nothing.

`base` has what the chapters share, `market` what those of the profile intent share, `bonds` what those of
relationships share, `ties` what those of what is below one share, `files` what is written.
"""

from __future__ import annotations

from tests.make_vectors import (
    asking,
    bargaining,
    below,
    blobs,
    causes,
    closing,
    consents,
    disputes,
    envelope,
    feedback,
    identity,
    intents,
    json_text,
    ladders,
    offers,
    order,
    order_intent,
    order_relationship,
    places,
    purging,
    relationships,
    rotation,
    severing,
    terms,
)
from tests.make_vectors.base import FOLDER, KEYS
from tests.make_vectors.files import build, differences, main, write

CHAPTERS = (
    *(envelope, json_text, identity, terms, rotation, causes, order),
    *(intents, blobs, offers, bargaining, places, closing, purging, order_intent),
    *(feedback, disputes),
    *(relationships, asking, ladders, severing, order_relationship),
    *(consents, below),
)
"""The modules whose vectors are written."""

__all__ = ["CHAPTERS", "FOLDER", "KEYS", "build", "differences", "main", "write"]
