"""Bodies, answers and problems: what every handler needs of HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from vrmproto import keys, strictjson
from vrmproto.envelope import MAX_TOKEN
from vrmproto.errors import ProtocolError
from vrmproto.spec import Spec
from vrmproto.storage.base import StoreError

__all__ = [
    "BODY_SECONDS",
    "CORS",
    "json_answer",
    "problem_answer",
    "problems",
    "read_bytes",
    "read_token",
    "static",
    "tag_of",
]

_log = logging.getLogger("vrmproto.server")

BODY_SECONDS = 10.0
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Retry-After",
    "Server": "vrmproto",  # and not the versions of what it stands on
}
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-None-Match",
    "Access-Control-Max-Age": "86400",
}
RETRY_AFTER = "1"


def json_answer(document: Any, status: int = 200, media: str = "application/json") -> web.Response:
    """A JSON document that is not to be cached."""
    headers = {**CORS, "Cache-Control": "no-store"}
    return web.Response(body=strictjson.dumps(document), status=status, content_type=media, headers=headers)


def tag_of(data: bytes) -> str:
    """The strong ``ETag`` of a document."""
    return f'"{keys.b64(hashlib.sha256(data).digest())}"'


def static(
    request: web.Request,
    data: bytes,
    media: str,
    *,
    cache: str = "max-age=300",
    tag: str = "",
    **headers: str,
) -> web.Response:
    """A cacheable document with a strong ``ETag``; 304 where the reader has it already."""
    tag = tag or tag_of(data)
    headers = {**CORS, "ETag": tag, "Cache-Control": cache, **headers}
    known = request.headers.get("If-None-Match", "")
    if known.strip() == "*" or tag in (part.strip().removeprefix("W/") for part in known.split(",")):
        return web.Response(status=304, headers=headers)
    return web.Response(body=data, headers={**headers, "Content-Type": media})


def problem_answer(spec: Spec, error: ProtocolError, extra: dict[str, str] | None = None) -> web.Response:
    """RFC 9457 of an error (VRM-HOM-029)."""
    problem = spec.problem(error)
    headers = {**CORS, "Cache-Control": "no-store", **(extra or {})}
    if problem["status"] in (429, 503):
        headers["Retry-After"] = RETRY_AFTER
    return web.Response(
        body=strictjson.dumps(problem),
        status=problem["status"],
        content_type="application/problem+json",
        headers=headers,
    )


def problems(spec: Spec) -> Middleware:
    """The middleware that turns every refusal into a problem; nothing else reaches the wire."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ProtocolError as error:
            return problem_answer(spec, error)
        except web.HTTPMethodNotAllowed as error:
            allowed = ", ".join(sorted(error.allowed_methods))
            detail = f"this endpoint takes {allowed}"
            return problem_answer(spec, ProtocolError("method-not-allowed", detail), {"Allow": allowed})
        except web.HTTPException as error:
            if error.status < 400:
                raise
            detail = "there is no such endpoint; /.well-known/vrm-configuration lists them"
            return problem_answer(spec, ProtocolError("not-found", detail, rule="VRM-HOM-032"))
        except StoreError as error:
            _log.error("the store cannot work: %s", error)
            detail = "this home cannot store at the moment; send the same again"
            return problem_answer(spec, ProtocolError("unavailable", detail, rule="VRM-HOM-031"))
        except ConnectionResetError:
            raise
        except Exception:
            _log.exception("a request could not be answered")
            detail = "this home could not answer; send the same again"
            return problem_answer(spec, ProtocolError("unavailable", detail, rule="VRM-HOM-031"))

    return middleware


async def read_token(request: web.Request) -> bytes:
    """The body of a POST: one token, of the right media type, in time and within the limit."""
    return await read_bytes(request, "application/jwt", MAX_TOKEN, "VRM-HOM-008")


async def read_bytes(request: web.Request, media: str, most: int, rule: str) -> bytes:
    """A body of a media type, in time and of at most ``most`` bytes (``rule``)."""
    if request.content_type != media or "Content-Encoding" in request.headers:
        detail = f"the body is sent as {media} without a content coding"
        raise ProtocolError("media-type", detail, rule="VRM-HOM-005")

    def too_large() -> ProtocolError:
        return ProtocolError("too-large", f"at most {most} bytes are taken here", rule=rule)

    if (request.content_length or 0) > most:
        raise too_large()
    content = request.content
    if content.is_eof():  # it came in one piece, as most do: no timer is needed
        whole = content.read_nowait()
        if len(whole) > most:
            raise too_large()
        return whole
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while chunk := await content.readany():
                size += len(chunk)
                if size > most:
                    raise too_large()
                chunks.append(chunk)
    except TimeoutError:
        detail = f"the body did not arrive within {BODY_SECONDS:.0f} seconds"
        raise ProtocolError("timeout", detail, rule="VRM-HOM-009") from None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
