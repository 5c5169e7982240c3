"""Real messages for the pages: of each type one that a vector shows as taken, or else one that is made here.

The keys are those of ``vectors/keys.json``, whose private parts are known to all.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vrmproto.editor.site.fragments import code, pretty, stacked
from vrmproto.envelope import mid_of, seal
from vrmproto.keys import b64, load_private
from vrmproto.spec import VERSION

__all__ = ["Sample", "made", "published_keys", "read", "render"]

_HOME, _NOW = "https://home.example", 1800000000
"""Home and clock of what is made here: those of the vectors."""
_BOARD = f"{_HOME}/v1/boards/intents"


@dataclass(frozen=True, slots=True)
class Sample:
    """A token that a home takes, and how it reads."""

    vector: str
    """The name of its folder below ``vectors/``; empty for a token that was made for the page."""
    token: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    expect: Mapping[str, Any]
    """The circumstances and the verdict (meta/vector.json)."""
    signer: str
    """The name of the key in vectors/keys.json; empty for one that is not there."""


_TAKEN = re.compile(rb'"accept"\s*:\s*true')
"""Whether it is worth while to parse the verdict of a vector: two in three are refusals."""


def read(root: Path) -> dict[str, Sample]:
    """Message type to its sample, for the types that a vector of the folder shows as taken.

    A usual message is chosen: without extensions, and with the last message of its thread as ``prev``. Of
    these the vector named like the type, then one whose name begins so, then the shortest name.
    """
    signers = {key["kid"]: name for name, key in published_keys(root).items()}
    found: dict[str, list[Sample]] = {}
    for path in sorted(root.glob("vectors/*/expect.json")):
        raw = path.read_bytes()
        if _TAKEN.search(raw):
            sample = _sample(path.parent, json.loads(raw), signers)
            found.setdefault(sample.claims["type"], []).append(sample)
    return {name: _chosen(root, found[name]) for name in sorted(found)}


def _chosen(root: Path, samples: list[Sample]) -> Sample:
    ordered = sorted(samples, key=_rank)
    plain = [sample for sample in ordered if "ext" not in sample.claims]
    return next((sample for sample in plain if _follows(root, sample)), ordered[0])


def _rank(sample: Sample) -> tuple[bool, int, int, str]:
    wanted = sample.claims["type"].replace(".", "-")
    history = len(sample.expect.get("thread", ()))
    return sample.vector != wanted, history, len(sample.vector), sample.vector


def _follows(root: Path, sample: Sample) -> bool:
    """Whether nothing was sent in the thread since the message that ``prev`` names."""
    thread, last = sample.claims.get("thid", ""), ""
    for before in sample.expect.get("thread", ()) if thread else ():
        token = (root / "vectors" / sample.vector / before["file"]).read_bytes()
        mid = mid_of(token)
        if thread in (mid, _decoded(token.decode().split(".")[1]).get("thid")):
            last = mid
    return bool(sample.claims.get("prev", "") == last)


def _sample(folder: Path, expect: Mapping[str, Any], signers: Mapping[str, str]) -> Sample:
    token = (folder / "token.jwt").read_text("ascii")
    header, claims = (_decoded(segment) for segment in token.split(".")[:2])
    return Sample(folder.name, token, header, claims, expect, signers.get(header["kid"], ""))


def _decoded(segment: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def published_keys(root: Path) -> dict[str, Any]:
    """The keys of the vectors by their names: ``id``, ``alg``, ``kid`` and the private ``jwk``."""
    path = root / "vectors" / "keys.json"
    return dict(json.loads(path.read_bytes())["keys"]) if path.is_file() else {}


def made(
    published: Mapping[str, Any], schema: Mapping[str, Any], row: Mapping[str, Any], roles: str
) -> Sample | None:
    """A token whose body is the first example of a schema, sent as a row of a kind with ``roles`` says.

    Signed by Ed25519, so that it is the same in every build. None where there is no key or no example. It
    names threads and agreements that are nowhere, if its row needs them.
    """
    first, second = published.get("person"), published.get("shop")
    if not (first and second and schema.get("examples")):
        return None
    name, signer = row["type"], "shop" if row["by"] == "second" else "person"
    sender, other = (second, first) if signer == "shop" else (first, second)
    claims: dict[str, Any] = {
        "vrm": VERSION,
        "home": _HOME,
        "type": name,
        "iss": sender["id"],
        "aud": _BOARD if roles == "board" else other["id"],
        "jti": _named("jti", name)[:22],
        "iat": _NOW,
        "exp": _NOW + 3600,
    }
    for claim in ("thid", "prev") if "in" in row else ():
        claims[claim] = _named("thread", name)
    for claim in row.get("needs", ()):
        claims[claim] = _named(claim, name)
    claims["body"] = schema["examples"][0]
    token = seal(load_private(sender["jwk"]), claims)
    return Sample("", token, _decoded(token.split(".")[0]), claims, {}, signer)


def _named(what: str, name: str) -> str:
    """Something that looks like the id of a message, always the same."""
    return b64(hashlib.sha256(f"{what} of {name}".encode()).digest())


def render(sample: Sample) -> Markup:
    """The token with its header and claims, for a page: below a heading of the page."""
    return stacked(
        [
            _origin(sample),
            Markup("<h3>Header</h3>"),
            pretty(sample.header),
            Markup("<h3>Claims</h3>"),
            pretty(sample.claims),
            Markup("<h3>Token</h3>"),
            Markup('<pre class="token"><code>{}</code></pre>').format(sample.token),
        ]
    )


def _origin(sample: Sample) -> Markup:
    signer = Markup(", signed with the test key <em>{}</em>").format(sample.signer) if sample.signer else ""
    if not sample.vector:
        made = Markup(
            "<p>Made for this page from the first example{}. No vector shows a message of this type that is "
            "taken; what it names of other messages is nowhere.</p>"
        )
        return made.format(signer)
    taken = Markup(
        "<p>The message of the vector {}{}. A home takes it at {} ({}), with a receipt that names the state "
        "{}.</p>"
    )
    vector, now, state = f"vectors/{sample.vector}", sample.expect["now"], sample.expect["state"]
    date = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return taken.format(code(vector), signer, code(now), date, code(state))
