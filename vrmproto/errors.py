"""The one error that reaches the wire: a code of ``spec/errors.json`` with what to say about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Fault", "ProtocolError", "SpecError"]

Fault = Mapping[str, str]
"""One schema fault: ``{"pointer": "/a/0", "keyword": "pattern", "message": "..."}``."""


class ProtocolError(Exception):
    """A message or request breaks one rule of the protocol.

    ``code`` is a code of ``spec/errors.json``; ``detail`` says for people what is wrong and what would be
    right, without values of the body (VRM-PRV-002); ``rule`` is the id of the requirement that was broken;
    ``errors`` are schema faults; ``members`` are further members of the problem, such as ``head``.
    """

    def __init__(
        self, code: str, detail: str, *, rule: str = "", errors: Sequence[Fault] = (), **members: Any
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.rule = rule
        self.errors = tuple(errors)
        self.members = members


class SpecError(Exception):
    """A spec folder is incomplete or contradicts itself: the file and what is wrong with it."""
