"""Vectors as conversations: nothing of what is wrong or right in them is lost."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from conformance import jose, lift, traces, twists
from conformance.jose import Key
from conformance.traces import Bindings, Trace
from tests.seldom import seldom
from vrmproto import spec

SPEC = spec.load()
FOLDER = SPEC.root / "vectors"


@cache
def told() -> list[Trace]:
    return list(lift.lifted(SPEC))


@cache
def keys() -> dict[str, Key]:
    found = {}
    for name, key in json.loads((FOLDER / "keys.json").read_bytes())["keys"].items():
        public = {n: v for n, v in key["jwk"].items() if n != "d"}
        secret = jose.decode(key["jwk"]["d"])
        private: Any = (
            Ed25519PrivateKey.from_private_bytes(secret)
            if public["kty"] == "OKP"
            else ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())
        )
        found[name] = Key(key["alg"], public, private)
    return found


class Fixed(Bindings):
    """What the vector has: its keys, its time, its ids."""

    def _value(self, kind: str, name: str, inner: Any) -> str:
        return "J" * int(name) if kind == "jti" else super()._value(kind, name, inner)


def fixed(folder: Any, expect: dict[str, Any]) -> Fixed:
    home = expect["home"]
    made = Fixed(expect["now"], home, f"{home}/v1/blobs/", list(expect.get("boards", {}).values()))
    made.keys = dict(keys())
    made.ids = {name: key.did for name, key in keys().items()}
    made.ids |= {"shop": "https://shop.example", "another organisation": "https://bakery.example"}
    made.ids |= {origin: origin for origin in expect["known"]} | {"nobody": "https://shop.example"}
    return made


JTI = re.compile(r'"jti":"[A-Za-z0-9_-]{22,64}"')
INNER = re.compile(r"eyJ[A-Za-z0-9_-]+[.](eyJ[A-Za-z0-9_-]+)[.][A-Za-z0-9_-]*")


def plain(token: bytes) -> tuple[str, ...]:
    """Header and payload without what differs each time; of another spelling only how long it is."""
    parts = token.decode("latin-1").split(".")
    if len(parts) != 3 or any(re.fullmatch("[A-Za-z0-9_-]*", part) is None for part in parts[:2]):
        return tuple(str(len(part)) for part in parts[:2])
    payload = jose.decode(parts[1] if len(parts[1]) % 4 != 1 else parts[1][:-1]).decode("latin-1")
    payload = INNER.sub(lambda found: jose.decode(found[1]).decode("latin-1"), payload)
    return parts[0], JTI.sub("", payload), str(bool(parts[2]))


@cache
def blobs() -> list[bytes]:
    """What the vectors have put, in the order of their folders."""
    files = {jose.digest(p.read_bytes()): p.read_bytes() for p in sorted(FOLDER.glob("*/blob.bin"))}
    return list(files.values())


@pytest.mark.parametrize("trace", seldom(told(), lambda t: t.name))
def test_said_with_its_own_keys_a_vector_is_what_it_was(trace: Trace) -> None:
    folder = FOLDER / trace.name.removesuffix(" (mended)")
    expect = json.loads((folder / "expect.json").read_bytes())
    if trace.name.endswith("(mended)"):
        expect |= expect["then"]
    names = [entry["file"] for entry in expect.get("thread", ())] + [expect.get("file", "token.jwt")]
    bindings = fixed(folder, expect)
    bindings.files = blobs()
    sends = [step for step in trace.steps if step.op == "send"]
    assert len(sends) == len(names)
    for step, name in zip(sends, names, strict=True):
        right = (folder / name).read_bytes()
        if step.token is not None and not step.of:
            assert plain(traces.render(step.token, bindings)) == plain(right)
        bindings.mids[step.label] = jose.mid_of(right.decode("latin-1"))


def test_few_vectors_are_left() -> None:
    left: list[str] = []
    count = len(list(lift.lifted(SPEC, left)))
    assert count > 1300
    assert len(left) < 400  # what rests on a clock that is set, or on a ladder of one's own


def test_what_is_wrong_with_signatures_is_kept() -> None:
    signs = Counter(step.token.sign.partition(":")[0] for t in told() for step in t.steps if step.token)
    assert set(signs) >= {*twists.TWISTS, "hmac", "text"}


@pytest.mark.parametrize("how", twists.TWISTS)
def test_a_twist_is_known_again(how: str) -> None:
    key = jose.generate("Ed25519" if how == "high-s" else "ES256")
    raw = key.sign(b"data")
    wrong = twists.twisted(how, raw)
    assert (how, raw) in list(twists.undone(wrong, key.jwk))
    text = f"e30.e30.{jose.b64(key.sign(b'e30.e30'))}"
    assert jose.verifies(text, key.jwk)
    said, _, last = text.rpartition(".")
    other = f"{said}.{jose.b64(twists.twisted(how, jose.decode(last)))}"
    assert jose.verifies(other, key.jwk) == (how == "key")


def test_a_trace_survives_json() -> None:
    for trace in told()[::10]:
        assert traces.from_json(json.loads(json.dumps(trace.to_json()))) == trace


def test_a_template_that_names_nothing_is_missing() -> None:
    bindings = Bindings(0, "http://127.0.0.1:1")
    for hole in ("${mid:x}", "${id:x}", "${board:0}", "${digest:4}", "${what:x}"):
        with pytest.raises(traces.Missing):
            bindings.fill(hole)
    assert bindings.fill("${home} ${epoch:+5} ${time:-1}") == "http://127.0.0.1:1 5 1969-12-31T23:59:59Z"
