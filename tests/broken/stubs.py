"""Homes that are none: they take everything, refuse everything, or answer without judging."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tests.broken.tools import around, mutant, regroup
from vrmproto import guards, rules
from vrmproto.server import app, http

PUBLIC = ("/.well-known/vrm-configuration", "/.well-known/myterms")


def _always(status: int, body: bytes, media: str) -> None:
    """One answer to everything but what is public."""

    def wrong(right: Any, spec: Any) -> Any:
        @web.middleware
        async def same(request: web.Request, handler: Any) -> Any:
            if request.path in PUBLIC:
                return await handler(request)
            return web.Response(status=status, body=body, content_type=media, headers=http.CORS)

        return same

    around(app, "problems", wrong)


@mutant("VRM-HOM-006", kind="stub", control=False)
def takes_everything() -> None:
    """Everything is answered with 200 and an empty object."""
    _always(200, b"{}", "application/json")


@mutant("VRM-HOM-006", kind="stub", control=False)
def refuses_everything() -> None:
    """Everything is refused with one and the same problem."""
    problem = b'{"type":"https://w3id.org/vrmproto/1.0/errors/body-invalid","title":"no","status":400,'
    problem += b'"code":"body-invalid","detail":"no","retryable":false,"requirement":"VRM-ENV-035"}'
    _always(400, problem, "application/problem+json")


@mutant("VRM-HOM-006", kind="stub", control=False)
def always_unavailable() -> None:
    """Everything is unavailable."""
    _always(503, b"", "text/plain")


@mutant("VRM-HOM-006", kind="stub", control=False)
def receipt_for_all() -> None:
    """Everything is answered with 202 and one and the same text that looks like a receipt."""
    _always(202, b"e30.e30.AAAA", "application/jwt")


@mutant("VRM-ENV-030", kind="stub")
def judges_nothing() -> None:
    """Whatever can be stored is stored, without a look at the token or the guards of its row."""
    rules.RULES.clear()
    regroup()
    guards.GUARDS.update({name: lambda case: None for name in guards.GUARDS})
