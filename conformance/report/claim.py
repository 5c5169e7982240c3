"""A claim: what a run found, signed by the suite's own key, bound to the bytes of ``report.json``.

It proves that whoever holds the key stands by this report, and that no byte of it was changed since.
Whether that key is to be believed is for the reader to know.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from conformance import jose
from conformance.report.document import clean
from conformance.results import Run

__all__ = ["TYP", "claim", "key_at", "verify"]

TYP = "vrm-claim+jwt"
_AHEAD = 300
"""How many seconds a claim may lie ahead of the reader's clock."""
_MEMBERS = {
    "iss": str,
    "sub": str,
    "iat": int,
    "key": dict,
    "report": dict,
    "target": str,
    "profiles": list,
    "suite": str,
    "spec": str,
    "spec_digest": str,
    "conformant": bool,
    "control": bool,
    "verdicts": dict,
    "failed": list,
    "known": list,
    "not_judged": list,
}


def claim(report: bytes, run: Run, key: jose.Key, now: float | None = None) -> str:
    """The claim over these bytes of ``report.json``, which has to be the report of this run.

    Raises:
        ValueError: the bytes are the report of another run.
    """
    document = json.loads(report)
    told = (document["target"], document["issuer"], document["seed"])
    if told != (clean(run.target), clean(run.issuer), run.seed):
        raise ValueError("the report is not that of this run")
    claims = {
        "iss": key.did,
        "sub": document["issuer"] or document["target"],
        "iat": int(time.time() if now is None else now),
        "key": dict(key.jwk),
        "report": {"alg": "sha-256", "digest": jose.digest(report)},
        **_said(document),
    }
    return jose.token(key, claims, TYP)


def _said(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the claim says of the report in short; a known failure is a failure here."""
    entries = document["requirements"]
    verdicts: dict[str, int] = {}
    for entry in entries:
        verdicts[entry["verdict"]] = verdicts.get(entry["verdict"], 0) + 1
    return {
        "target": document["target"],
        "profiles": [p["name"] for p in document["profiles"] if p["judged"]],
        "suite": document["suite"],
        "spec": document["spec"],
        "spec_digest": document["spec_digest"],
        "conformant": document["conformant"],
        "control": not document["control"],
        "verdicts": dict(sorted(verdicts.items())),
        "failed": [e["id"] for e in entries if e["verdict"] == "fail"],
        "known": [e["id"] for e in entries if e["known"]],
        "not_judged": [e["id"] for e in entries if e["verdict"] == "not-judged"],
    }


def verify(text: str, report: bytes | None = None, now: float | None = None) -> list[str]:
    """What is wrong with a claim, alone or with the report that it is about; empty if it holds."""
    text = text.strip()
    parts = text.split(".")
    try:
        if len(parts) != 3 or any(jose.b64(jose.decode(part)) != part for part in parts):
            return ["it is no compact JWS"]
        header, claims = jose.header_of(text), jose.claims_of(text)
    except (ValueError, RecursionError):
        return ["it is no compact JWS of JSON"]
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return ["header or claims are no JSON object"]
    faults = _faults_of_form(header, claims)
    if faults:
        return faults
    faults += _faults_of_key(text, header, claims["key"])
    if faults:
        return faults
    if claims["iss"] != jose.did(claims["key"]):
        faults.append("iss is not the did:jwk of its key")
    if claims["iat"] > (time.time() if now is None else now) + _AHEAD:
        faults.append("iat lies in the future")
    return faults + (_faults_of_report(claims, report) if report is not None else [])


def _faults_of_form(header: Mapping[str, Any], claims: Mapping[str, Any]) -> list[str]:
    faults = []
    if header.get("typ") != TYP:
        faults.append(f"typ is not {TYP}")
    if header.keys() != {"alg", "kid", "typ"}:
        faults.append("the header has other members than alg, kid and typ")
    for member, form in _MEMBERS.items():
        value = claims.get(member)
        if not isinstance(value, form) or (form is int and isinstance(value, bool)):
            faults.append(f"{member} is missing or of another type")
    faults += [f"{member} is no member of a claim" for member in claims if member not in _MEMBERS]
    return faults


def _faults_of_key(text: str, header: Mapping[str, Any], jwk: Mapping[str, Any]) -> list[str]:
    algs = {("OKP", "Ed25519"): "Ed25519", ("EC", "P-256"): "ES256"}
    try:
        if header["alg"] != algs[jwk["kty"], jwk["crv"]]:
            return ["alg is not that of the key"]
        if header["kid"] != jose.thumbprint(jwk):
            return ["kid is not the thumbprint of the key"]
        if not jose.verifies(text, jwk):
            return ["the signature is not by its key"]
    except (KeyError, TypeError, ValueError, AttributeError):
        return ["its key is none"]
    return []


def _faults_of_report(claims: Mapping[str, Any], report: bytes) -> list[str]:
    if claims["report"] != {"alg": "sha-256", "digest": jose.digest(report)}:
        return ["the report is another one: its SHA-256 differs"]
    try:
        document = json.loads(report)
        told = {"sub": document["issuer"] or document["target"], **_said(document)}
    except (ValueError, KeyError, TypeError, RecursionError):
        return ["the report is none"]
    return [f"{member} is not what the report says" for member in told if claims[member] != told[member]]


# --- the suite's key ---------------------------------------------------------------------------


def key_at(path: Path | None) -> jose.Key:
    """The key in a file, which is made with mode 0600 where there is none; without a path a fresh one.

    Raises:
        ValueError: the file is no key, or others may read it.
        OSError: it can be neither read nor made.
    """
    if path is None:
        return jose.generate()
    if not path.exists():
        _make(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ValueError(f"{path}: others may read this key; give the file mode 0600")
    try:
        return _load(json.loads(path.read_bytes()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{path}: is no private key as JWK") from None


def _load(jwk: Mapping[str, str]) -> jose.Key:
    secret = jose.decode(jwk["d"])
    private: Ed25519PrivateKey | ec.EllipticCurvePrivateKey
    if jwk["kty"] == "OKP" and jwk["crv"] == "Ed25519":
        private = Ed25519PrivateKey.from_private_bytes(secret)
        x = jose.b64(private.public_key().public_bytes_raw())
        return jose.Key("Ed25519", {"crv": "Ed25519", "kty": "OKP", "x": x}, private)
    if jwk["kty"] != "EC" or jwk["crv"] != "P-256":
        raise ValueError("another kind of key")
    private = ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())
    point = private.public_key().public_numbers()
    coordinates = {n: jose.b64(v.to_bytes(32, "big")) for n, v in (("x", point.x), ("y", point.y))}
    return jose.Key("ES256", {"crv": "P-256", "kty": "EC", **coordinates}, private)


def _make(path: Path) -> None:
    """Write a fresh key; of several that do so at once, one wins and all read its key."""
    key = jose.generate()
    secret = key.private.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{key.kid[:8]}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(jose.compact({**key.jwk, "d": jose.b64(secret)}) + b"\n")
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
