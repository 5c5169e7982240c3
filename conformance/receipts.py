"""Receipts: every one is looked at whole, whatever a check asks about (home.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance import jose
from conformance.target import Answer, Talk, Target

__all__ = ["History", "claims", "state_of"]


def state_of(answer: Answer) -> str:
    """The state that a receipt names; ''."""
    try:
        return str(jose.claims_of(answer.text)["state"])
    except (ValueError, KeyError, IndexError, TypeError):
        return ""


def claims(target: Target, receipt: str) -> dict[str, Any] | str:
    """The claims of a receipt that verifies with a key of the home, or what is wrong with it."""
    try:
        header, found = jose.header_of(receipt), jose.claims_of(receipt)
    except (ValueError, IndexError):
        return "no token"
    if not isinstance(header, dict) or not isinstance(found, dict):
        return "no objects"
    if header.get("typ") != "vrm-receipt+jwt":
        return f"typ {header.get('typ')}"
    keys = [k for k in target.discovery.get("keys", ()) if k.get("kid") == header.get("kid")]
    if not keys or jose.thumbprint(keys[0]) != header["kid"]:
        return f"kid {header.get('kid')}, which is no key of the discovery document"
    if header.get("alg") != ("Ed25519" if keys[0].get("kty") == "OKP" else "ES256"):
        return f"alg {header.get('alg')}"
    if not jose.verifies(receipt, keys[0]):
        return "a signature that does not verify"
    faults = target.spec.faults("documents/receipt.json", found)
    if faults:
        return f"{faults[0]['pointer']} {faults[0]['message']}"
    return found


_OF_MEMBER = {"/seq": "VRM-HOM-011", "/prior": "VRM-HOM-012", "/key": "VRM-HOM-013"}
"""Whose sentence a member of a receipt is; the others are VRM-HOM-010's."""


@dataclass
class History:
    """What receipts have said of the threads of one conversation."""

    heard: list[str] | None = None
    """Every answer, where they are taken down and not judged."""
    threads: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)

    def taken(self, talk: Talk, token: str, answer: Answer) -> Mapping[str, Any] | None:
        """Look at the receipt of a message that was taken for the first time."""
        target = talk.target
        media = answer.media == "application/jwt"
        talk.law("VRM-HOM-006", media, "202 with application/jwt", f"{answer.status} {answer.media}")
        found = claims(target, answer.text)
        if isinstance(found, str):
            rule = _OF_MEMBER.get(found.split(" ")[0], "VRM-HOM-010")
            talk.law(rule, False, "a receipt as it has to be", found)
            return None
        try:
            said, _ = jose.claims_of(token), jose.header_of(token)["kid"]
            named = said["iss"], said.get("thid")
        except (ValueError, LookupError, TypeError, AttributeError):
            return found  # what was taken is no right token: that is for the check that sent it
        mid = jose.mid_of(token)
        thid = named[1] or mid
        wanted = {"iss": target.issuer, "aud": said["iss"], "mid": mid, "thid": thid}
        got = {name: found.get(name) for name in wanted}
        talk.law("VRM-HOM-010", got == wanted, str(wanted), str(got))
        near = talk.of_now(int(found["iat"]), 5)
        talk.law("VRM-HOM-010", near, f"iat about {target.now()}", str(found["iat"]))
        before = self.threads.setdefault(thid, [])
        if "thid" not in said or before:
            talk.law(
                "VRM-HOM-011", found["seq"] == len(before) + 1, f"seq {len(before) + 1}", str(found["seq"])
            )
            prior = before[-1]["mid"] if before else None
            talk.law("VRM-HOM-012", found.get("prior") == prior, f"prior {prior}", str(found.get("prior")))
            later = not before or found["iat"] >= before[-1]["iat"]
            talk.law("VRM-HOM-014", later, "iat not before that of the last receipt", str(found["iat"]))
        self._key(talk, token, said, found)
        before.append(found)
        return found

    @staticmethod
    def _key(talk: Talk, token: str, said: Mapping[str, Any], found: Mapping[str, Any]) -> None:
        key = found.get("key", {})
        kid = jose.header_of(token)["kid"]
        own = set(key) <= {"kty", "crv", "x", "y", "kid", "alg", "use"} and jose.verifies(token, key)
        same = own and jose.thumbprint(key) == kid
        seen = ("key_seen_at" in found) == (not str(said["iss"]).startswith(jose.DID))
        talk.law("VRM-HOM-013", same and seen, "key, and key_seen_at of an organisation", str(dict(found)))
