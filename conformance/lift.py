"""Vectors as conversations: the fixed tokens of ``spec/vectors`` become templates that any home can be told.

A vector is bytes under published keys at a fixed time. Lifted, its keys, ids, times, home and parties are
placeholders, and whatever is wrong in it stays wrong: another spelling of a segment, a signature by another
key, in another form, or by none.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conformance import jose, twists
from conformance.traces import Edit, Step, Token, Trace
from vrmproto.spec import Spec

__all__ = ["lifted"]

_EPOCH = re.compile(r"(?<![\d.])1[78]\d{8}(?!\d)")
_TIME = re.compile(r"(?<=\")\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ(?=\")")
_JTI = re.compile(r'(?<="jti":")[A-Za-z0-9_-]{22,64}(?=")')
_INNER = re.compile(r"eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_SPAN = 10 * 366 * 86400
_UNKNOWN = "nobody"
_LONG = 30_000
"""A payload that is longer is about its length."""


@dataclass
class _Keys:
    """The published keys of the vectors: name to public JWK, and whose they are."""

    jwks: dict[str, dict[str, str]] = field(default_factory=dict)
    algs: dict[str, str] = field(default_factory=dict)
    dids: dict[str, str] = field(default_factory=dict)
    kids: dict[str, str] = field(default_factory=dict)
    """Thumbprint to name."""
    signed: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """How tokens are signed; many vectors begin with the same ones."""

    def by_kid(self, kid: Any) -> str:
        """The name of a key; ''."""
        return self.kids.get(kid, "") if isinstance(kid, str) else ""


def _keys(folder: Path) -> _Keys:
    found = _Keys()
    for name, key in json.loads((folder / "keys.json").read_bytes())["keys"].items():
        jwk = {n: v for n, v in key["jwk"].items() if n != "d"}
        found.jwks[name], found.algs[name] = jwk, key["alg"]
        found.dids[name] = jose.did(jwk)
        found.kids.setdefault(jose.thumbprint(jwk), name)
    return found


class _Lift:
    """One vector on its way."""

    def __init__(self, keys: _Keys, expect: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        self.keys, self.expect, self.now = keys, expect, int(expect["now"])
        self.swaps: list[tuple[str, str]] = [(d, f"${{digest:{n}}}") for n, d in enumerate(files)]
        self.signers: set[str] = set()
        self.swaps += [(url, f"${{board:{n}}}") for n, url in enumerate(expect.get("boards", {}).values())]
        home = expect["home"]
        self.swaps += [(f"{home}/v1/blobs/", "${blobs}"), (home, "${home}")]
        known = set(expect.get("known", ()))
        self.organisations: dict[str, str] = {}
        for origin in sorted({*known, *expect.get("keys", {}), *_ORGANISATIONS}):
            if not origin.startswith("http"):
                continue
            name = _ORGANISATIONS.get(origin, origin if origin in known else "")
            if not name or not re.fullmatch(r"https://[a-z.-]+", origin):
                continue
            if origin not in known and origin not in expect.get("keys", {}):
                name = _UNKNOWN
            self.organisations[origin] = name
            self.swaps.append((origin, f"${{id:{name}}}"))
        for name, kid in zip(keys.jwks, keys.kids, strict=True):
            self.swaps.append((keys.dids[name], f"${{id:{name}}}"))
            self.swaps.append((kid, f"${{kid:{name}}}"))

    def mid(self, label: str, token: bytes) -> None:
        """Later templates may name the message."""
        self.swaps.append((jose.mid_of(token.decode("latin-1")), f"${{mid:{label}}}"))

    # --- tokens ---------------------------------------------------------------------------------

    def token(self, raw: bytes) -> Token:
        """The template of a token."""
        text = raw.decode("latin-1")
        parts = text.split(".")
        if len(parts) != 3:
            return Token(literal=text)
        clean = [_clean(part) for part in parts]
        header, payload, signature = (jose.decode(part) for part in clean)
        edits = [_edit(part, right) for part, right in zip(parts, clean, strict=True)]
        first, second, _ = edits
        if text not in self.keys.signed:
            self.keys.signed[text] = self._sign(parts, clean, signature, header)
        sign, over_edited = self.keys.signed[text]
        inner: list[Token] = []
        lifted = self._template(payload.decode("latin-1"), inner)
        made = Token(self._template(header.decode("latin-1"), inner), lifted, sign, tuple(inner))
        self.signers |= {n for o, n in self.organisations.items() if f'"iss":"{o}"'.encode() in payload}
        last = None if sign.startswith("text:") else edits[2]
        length = len(payload) if len(payload) > _LONG else 0
        residue = len(payload) % 3 if first or second else -1
        return replace(
            made, edits=(first, second, last), over_edited=over_edited, length=length, residue=residue
        )

    def _sign(
        self, parts: Sequence[str], clean: Sequence[str], signature: bytes, header: bytes
    ) -> tuple[str, bool]:
        """How a token is signed, and whether over its segments as they are spelled."""
        for over_edited in (False, True):
            used = ".".join((parts if over_edited else clean)[:2])
            likely = [name for kid, name in self.keys.kids.items() if kid.encode() in header]
            for name in dict.fromkeys([*likely, *self.keys.jwks]):
                jwk = self.keys.jwks[name]
                for how, raw in twists.undone(signature, jwk):
                    if jose.verifies(f"{used}.{jose.b64(raw)}", jwk):
                        return f"{how}:{name}", over_edited
                if twists.hmac_of(jwk, used.encode("latin-1")) == signature:
                    return f"hmac:{name}", over_edited
        return f"text:{parts[2]}", False

    def _template(self, text: str, inner: list[Token]) -> str:
        def nested(found: re.Match[str]) -> str:
            inner.append(self.token(found[0].encode("latin-1")))
            return f"${{token:{len(inner) - 1}}}"

        text = _INNER.sub(nested, text)
        for old, new in self.swaps:
            text = text.replace(old, new)
        text = _EPOCH.sub(self._epoch, text)
        text = _TIME.sub(self._time, text)
        return _JTI.sub(lambda found: f"${{jti:{len(found[0])}}}", text)

    def _epoch(self, found: re.Match[str]) -> str:
        offset = int(found[0]) - self.now
        return f"${{epoch:{offset:+d}}}" if abs(offset) < _SPAN else found[0]

    def _time(self, found: re.Match[str]) -> str:
        try:
            there = datetime.strptime(found[0], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            return found[0]
        offset = int(there.timestamp()) - self.now
        return f"${{time:{offset:+d}}}" if abs(offset) < _SPAN else found[0]


_ORGANISATIONS = {"https://shop.example": "shop", "https://bakery.example": "another organisation"}


def _clean(part: str) -> str:
    """The right spelling of what a segment spells, as far as it spells anything."""
    letters = re.sub(r"[^A-Za-z0-9_-]", "", part)
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return jose.b64(base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4)))


def _edit(part: str, right: str) -> Edit | None:
    if part == right:
        return None
    same = 0
    while same < min(len(part), len(right)) and part[same] == right[same]:
        same += 1
    tail = 0
    while tail < min(len(part), len(right)) - same and part[-1 - tail] == right[-1 - tail]:
        tail += 1
    put, drop = part[same : len(part) - tail], len(right) - tail - same
    at = same if same < len(right) // 2 else same - len(right) - 1
    return Edit(at, drop, put)


def _step(lift: _Lift, label: str, raw: bytes, expect: Mapping[str, Any], before: dict[bytes, str]) -> Step:
    """A message; one whose header and payload were sent already is said again, as it was or signed anew."""
    said, _, _ = raw.rpartition(b".")
    token = lift.token(raw)
    again = before.get(raw, before.get(said, ""))
    if raw in before:
        expect = expect if expect["status"] == 200 or "code" in expect else {}
        step = Step("send", label, of=again, expect=expect)
    else:
        step = Step("send", label, token=token, of=again, expect=expect)
    before |= {raw: label, said: label}
    if not again:
        lift.mid(label, raw)
    return step


def _parties(lift: _Lift) -> dict[str, dict[str, Any]]:
    known = lift.expect.get("known", ())
    parties: dict[str, dict[str, Any]] = {
        name: {"is": "person", "alg": alg, "known": lift.keys.dids[name] in known}
        for name, alg in lift.keys.algs.items()
    }
    documents = lift.expect.get("keys", {})
    for origin, name in lift.organisations.items():
        document = documents.get(origin)
        published = [lift.keys.by_kid(jwk.get("kid")) for jwk in (document or {}).get("keys", ())]
        revoked = [lift.keys.by_kid(k.get("kid")) for k in (document or {}).get("historical_keys", ())]
        if document is not None and not all([*published, *revoked]):
            raise ValueError(f"{origin} publishes what is no key of the vectors")
        parties.setdefault(name, {"alg": "Ed25519"})
        hidden = document is None and name in lift.signers
        parties[name] |= {
            "is": "nobody" if name == _UNKNOWN else "organisation",
            "known": origin in known and not hidden,
            "publishes": None if hidden else published or [name],
            "revoked": revoked,
        }
    return parties


def _trace(
    folder: Path,
    keys: _Keys,
    files: Mapping[str, bytes],
    expect: Mapping[str, Any],
    spec: Spec,
    mended: bool = False,
) -> Trace | None:
    """One vector; None where it needs a clock that is set, or what no home can be told."""
    nows = [entry["now"] for entry in (*expect.get("thread", ()), *expect.get("blobs", ()))]
    nows += [entry["now"] for entry in expect.get("removed", ())]
    if any(now != expect["now"] for now in nows) or expect.get("dev"):
        return None
    lift = _Lift(keys, expect, files)
    steps: list[Step] = []
    before: dict[bytes, str] = {}
    for put in expect.get("blobs", ()):
        by = {**keys.dids, **{n: o for o, n in lift.organisations.items()}}
        name = next(name for name, id_ in by.items() if id_ == put["by"])
        digest = jose.digest((folder / put["file"]).read_bytes())
        steps.append(Step("put", by=name, of=str(list(files).index(digest))))
    for entry in expect.get("thread", ()):
        label = Path(entry["file"]).stem
        raw = (folder / entry["file"]).read_bytes()
        steps.append(_step(lift, label, raw, {"status": 202, "state": entry["state"]}, before))
    for gone in expect.get("removed", ()):
        steps.append(Step("remove", of=Path(gone["file"]).stem, code=gone["code"]))
    said = {n: expect[n] for n in ("status", "state", "code") if n in expect}
    raw = (folder / expect.get("file", "token.jwt")).read_bytes()
    steps.append(_step(lift, "token", raw, said, before))
    templates = "".join(s.token.header + s.token.payload for s in steps if s.token)
    if re.search(r'"quiet":|"ladder":"\$\{digest:', templates):  # a clock that is set, or a file of one's own
        return None
    only = "https" if re.search(r"\$\{(home|id:[^}]*)\}:\d|\"http://(127|localhost)", templates) else ""
    hidden = [n for n, p in _parties(lift).items() if p.get("publishes", ()) is None]
    if hidden and len(steps) > 1:  # who cannot be read cannot have polled
        return None
    requirement = expect.get("requirement") or next(iter(expect.get("covers", ())), "VRM-HOM-006")
    profile = spec.requirements[requirement].profile
    return Trace(
        folder.name + (" (mended)" if mended else ""),
        requirement,
        tuple(steps),
        _parties(lift),
        profile,
        tuple(expect.get("covers", ())),
        tuple(map(len, files.values())),
        only,
    )


def lifted(spec: Spec, left: list[str] | None = None) -> Iterator[Trace]:
    """Every vector that can be told to a running home; ``left`` gets the names of the others."""
    folder = spec.root / "vectors"
    keys = _keys(folder)
    files = {jose.digest(p.read_bytes()): p.read_bytes() for p in sorted(folder.glob("*/blob.bin"))}
    for path in sorted(folder.glob("*/expect.json")):
        expect = json.loads(path.read_bytes())
        then = expect.pop("then", None)
        cases = [(expect, False)]
        if then and {"file", "thread", "known"} & then.keys() and "now" not in then:
            plain = {n: v for n, v in expect.items() if n not in ("covers", "requirement", "code", "status")}
            cases.append(({**plain, **then}, True))
        for case, mended in cases:
            try:
                trace = _trace(path.parent, keys, files, case, spec, mended)
            except ValueError:
                trace = None
            if trace is not None:
                yield trace
            elif left is not None:
                left.append(path.parent.name)
