"""``vrmproto inspect``: what a token, a file or a home is, and whether it holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vrmproto.cli.output import JsonOption, KeyOption, SpecOption

if TYPE_CHECKING:
    from vrmproto.keys import PublicKey
    from vrmproto.spec import Spec

__all__ = ["kind_of", "register"]

WELL_KNOWN = "/.well-known/vrm-configuration"
MAX_DOCUMENT = 1024 * 1024

KINDS: tuple[tuple[str, frozenset[str], str], ...] = (
    ("record", frozenset({"kind", "messages", "manifest"}), "documents/record.json"),
    ("record", frozenset({"kind", "messages", "purposes"}), "documents/consent.json"),
    ("thread export", frozenset({"messages", "keys", "checkpoint"}), "documents/thread.json"),
    ("discovery document", frozenset({"issuer", "versions"}), "documents/discovery.json"),
    ("problem", frozenset({"type", "title", "status", "code"}), "documents/problem.json"),
    ("poll answer", frozenset({"sets", "order", "moreAvailable"}), "documents/poll.json"),
    ("manifest", frozenset({"clauses", "texts", "prevails"}), "documents/manifest.json"),
    ("roster", frozenset({"publisher", "agreements"}), "documents/roster.json"),
    ("disclosure of agreements", frozenset({"origin", "roster", "accepts"}), "documents/myterms.json"),
    ("list of threads", frozenset({"threads", "after", "more"}), "documents/threads.json"),
    ("feed of a board", frozenset({"items", "cursor", "more"}), "documents/feed.json"),
)
"""(name, members that tell it, schema) of each document."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(inspect)


def inspect(
    what: Annotated[str, typer.Argument(metavar="TOKEN|FILE|URL|-", help="What to look at.")],
    key: KeyOption = None,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds to wait for a URL.")] = 10.0,
    json: JsonOption = False,
    spec: SpecOption = None,
) -> None:
    """Tell what something is and whether it holds: a token, a document, or the home at a URL.

    Of a URL the discovery document at its origin is fetched, and nothing else. Exit code 3 if it is out of
    reach.
    """
    from vrmproto.cli.output import emit, read_keys, spec_at

    loaded, known = spec_at(spec), read_keys(key)
    if what.startswith(("https://", "http://")):
        shown = _url(loaded, what, timeout)
    else:
        shown = look(loaded, _content(what), known)
    if json:
        emit({n: v for n, v in shown.items() if n != "shown"})
    else:
        _print(shown)
    raise typer.Exit(0 if shown["ok"] else 1)


def _content(what: str) -> bytes:
    from vrmproto.cli.output import read_input, usage

    try:
        if Path(what).is_dir():
            raise usage(f"{what}: is a folder; `vrmproto verify` verifies bundles")
        if what == "-" or Path(what).exists():
            return read_input(what).strip()
    except OSError as error:
        if what.count(".") != 2:
            raise usage(f"{what}: {error.strerror}") from None
    if what.startswith("did:"):
        raise usage(f"{what}: is an identifier; `vrmproto keys show` shows its key")
    if what.count(".") != 2:
        raise usage(f"{what}: is no file, no token (three parts with full stops) and no http or https URL")
    return what.encode()


def kind_of(document: Mapping[str, Any]) -> tuple[str, str]:
    """Name and schema of a document by its members, or two empty strings."""
    for name, members, schema in KINDS:
        if members <= document.keys():
            return name, schema
    return "", ""


def look(spec: Spec, data: bytes, known: Mapping[str, PublicKey]) -> dict[str, Any]:
    """What bytes are: ``what``, ``ok``, and what there is to say."""
    from vrmproto import consent_records, records, strictjson
    from vrmproto.cli.explain import Judge

    judge = Judge(spec, known=known)
    if data[:1] != b"{":
        verdict = judge.judge(data, "token")
        checkpoint = verdict.what == "receipt" and verdict.claims.get("checkpoint") is True
        shown = verdict.document(spec) | {"what": "checkpoint" if checkpoint else verdict.what}
        return shown | {"header": dict(verdict.header), "claims": dict(verdict.claims)}
    document, broken = strictjson.read(data)
    name, schema = kind_of(document)
    if name in ("record", "thread export") and not broken:
        verify = consent_records.verify if name == "record" else records.verify_thread
        report = verify(spec, data, list(known.values()) if known else None)
        return {"what": name, "ok": report.ok, "report": report.document(), "shown": report}
    if name and not broken:
        return {"what": name} | _document(spec, document, schema)
    if "@context" in document and not broken:
        note = "a view for machines that read JSON-LD: it is not signed and proves nothing, the tokens do"
        return {"what": "JSON-LD", "ok": True, "note": note, "document": document}
    if not broken and not document.keys() & {"vrm", "type", "body"}:
        names = ", ".join(list(document)[:8]) or "none"
        message = f"this is no document of the protocol; its members: {names}"
        return {"what": "JSON", "ok": False, "errors": [_error(message, _elsewhere(document))]}
    return judge.judge(data, "JSON").document(spec) | {"claims": document}


def _elsewhere(document: Mapping[str, Any]) -> str:
    """Which verb knows what this one does not."""
    if "files" in document:
        return "`vrmproto verify` with the folder, if this is the index of a bundle"
    if document.keys() & {"kty", "keys", "jwk"}:
        return "`vrmproto keys show` for keys"
    return f"a token, the claims of a message, or one of: {', '.join(name for name, _, _ in KINDS)}"


def _document(spec: Spec, document: dict[str, Any], schema: str) -> dict[str, Any]:
    faults = spec.oracle(schema, document)
    errors = [{**f, "right": f["message"]} for f in faults]
    if "code" in document and document["code"] not in spec.errors and schema.endswith("problem.json"):
        note = "the code is not in the list: it is to be treated by its status class"
        return {"ok": not faults, "errors": errors, "note": note, "document": document}
    return {"ok": not faults, "errors": errors, "document": document}


def _url(spec: Spec, url: str, timeout: float) -> dict[str, Any]:
    """The discovery document at the origin of a URL."""
    import asyncio
    from urllib.parse import urlsplit

    from vrmproto import keys, strictjson
    from vrmproto.cli.output import usage
    from vrmproto.errors import ProtocolError

    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError as error:
        raise usage(f"{url}: is no URL ({error})") from None
    if not parts.hostname:
        raise usage(f"{url}: is no URL of an origin, such as https://shop.example")
    origin = f"{parts.scheme}://{parts.hostname}{port}"
    status, data = asyncio.run(_fetch(origin + WELL_KNOWN, timeout))
    shown: dict[str, Any] = {"what": "home", "ok": False, "url": origin + WELL_KNOWN, "status": status}
    if status != 200:
        shown["errors"] = [_error(f"answered {status}", "a discovery document with status 200")]
        return shown
    document, broken = strictjson.read(data)
    if broken:
        shown["errors"] = [_error("is not strict JSON", "one I-JSON object")]
        return shown
    shown |= _document(spec, document, "documents/discovery.json")
    try:
        found = keys.key_set(origin, document, 0)
        shown["keys"] = [{"kid": k.kid, "alg": k.alg} for k in found.keys.values()]
        if not found.keys:
            shown["errors"].append(_error("shows no usable key", "a P-256 or Ed25519 key"))
    except ProtocolError:
        shown["errors"].append(_error("issuer is another origin", f"issuer {origin}", "/issuer"))
    if "home" not in document.get("roles", ()):
        shown["what"] = "organisation"
    shown["ok"] = not shown["errors"]
    return shown


def _error(message: str, right: str, pointer: str = "") -> dict[str, str]:
    return {"pointer": pointer, "keyword": "", "message": message, "right": right}


async def _fetch(url: str, timeout: float) -> tuple[int, bytes]:
    import aiohttp

    from vrmproto.cli.output import unconnected

    try:
        limit = aiohttp.ClientTimeout(total=timeout)
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            data = bytearray()
            async for chunk in answer.content.iter_chunked(65536):
                data += chunk
                if len(data) > MAX_DOCUMENT:
                    break
            return answer.status, bytes(data)
    except TimeoutError:
        reason = f"no answer within {timeout:g} seconds"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        reason = unconnected(error)
    typer.echo(f"vrmproto: {url} is out of reach: {reason}", err=True)
    raise typer.Exit(3)


def _print(shown: dict[str, Any]) -> None:
    import json

    from vrmproto.cli.output import console, show_report

    out = console()
    if "shown" in shown:
        show_report(shown["shown"], shown["what"])
        return
    out.print(f"{shown['what']}: ", end="")
    signature = shown.get("signature", "none")
    unsure = signature == "not checked"
    style = ("yellow" if unsure else "green") if shown["ok"] else "bold red"
    verdict = ("right in form" if unsure else "holds") if shown["ok"] else "DOES NOT HOLD"
    out.print(verdict, style=style, end="")
    hint = " (no key; see --key)" if unsure else ""
    out.print("" if signature == "none" else f"; signature {signature}{hint}")
    for name in ("type", "mid", "url", "status", "note"):
        if name in shown:
            out.print(f"  {name}: {shown[name]}")
    for error in shown.get("errors", ()):
        out.print(f"  {error['pointer'] or '(whole)'}: {error['message']}", style="red")
        if error["right"] != error["message"]:
            out.print(f"      right: {error['right']}", style="green")
        if error.get("requirement"):
            out.print(f"      {error['requirement']}: {error['sentence']}", style="dim")
    for key in shown.get("keys", ()):
        out.print(f"  key: {key['alg']} {key['kid']}")
    for part in ("header", "claims", "document"):
        if shown.get(part):
            out.print(f"  {part}:")
            for line in json.dumps(shown[part], indent=2, ensure_ascii=False).splitlines():
                out.print(f"    {line}")
