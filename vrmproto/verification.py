"""What every offline verifier needs: the keys of a document, messages with their receipts, checkpoints.

Bad input becomes a failed check of :class:`~vrmproto.findings.Findings`, or a ProtocolError. No I/O and no
clock. Source: spec/protocol/records.md "Verification", home.md "Receipts".
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from vrmproto import envelope, keys, rules, strictjson
from vrmproto.envelope import Message, Opening
from vrmproto.errors import ProtocolError
from vrmproto.findings import Findings
from vrmproto.keys import KeySet, PublicKey
from vrmproto.spec import Spec

__all__ = [
    "Held",
    "KeyRing",
    "Link",
    "Tombstone",
    "contradict",
    "open_checkpoint",
    "open_link",
    "open_receipt",
    "open_tombstone",
    "read_document",
    "read_key_set",
]

RECEIPT_SCHEMA = "documents/receipt.json"


def read_document(found: Findings, spec: Spec, data: bytes, schema: str) -> dict[str, Any] | None:
    """One strict JSON object that is valid against a schema of the spec, or None."""
    document, broken = strictjson.read(data)
    rule = min(broken, default=strictjson.OBJECT)
    if not found.check(
        "it is one JSON object", not broken, "the text is not strict I-JSON", rule, "json-invalid"
    ):
        return None
    faults = spec.faults(schema, document)
    wrong = f"{faults[0]['pointer'] or 'the document'} {faults[0]['message']}" if faults else ""
    return document if found.check(f"it fits {schema}", not faults, wrong) else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of ``keys`` (documents/key.json) whose key is the one of its ``kid``."""

    key: PublicKey
    source: str
    seen_at: int | None
    document: bytes | None


class KeyRing:
    """The keys that a record or thread brings along, and those of the home that the reader knows."""

    def __init__(self, home: str, entries: Iterable[Entry], home_keys: Sequence[PublicKey] | None) -> None:
        self.home = home
        self.entries = tuple(entries)
        self.known = home_keys is not None
        listed = home_keys if home_keys is not None else [e.key for e in self.entries if e.source == "home"]
        self.home_keys = {k.kid: k for k in listed}

    @classmethod
    def read(
        cls,
        found: Findings,
        home: str,
        listed: Iterable[Mapping[str, Any]],
        home_keys: Sequence[PublicKey] | None,
    ) -> KeyRing:
        """Take the entries over whose thumbprint is their ``kid``; note a fault for each other one."""
        entries = []
        for number, entry in enumerate(listed, 1):
            read = functools.partial(_entry, entry)
            made = found.attempt(f"key {number} has its kid", "VRM-REC-010", read)
            if made is not None:
                entries.append(made)
        return cls(home, entries, home_keys)

    def of_home(self, opening: Opening) -> PublicKey:
        """The home's key that a receipt names; ``key-unknown``."""
        key = self.home_keys.get(opening.header["kid"])
        if key is None:
            detail = "the kid is none of the keys of the home"
            raise ProtocolError("key-unknown", detail, rule="VRM-REC-010")
        return key

    def of_sender(self, opening: Opening) -> PublicKey:
        """The key of a message: inside the identifier of a person, else listed; ``key-unknown``."""
        iss, kid = opening.claims["iss"], opening.header["kid"]
        if iss.startswith(keys.DID):
            return keys.from_did(iss)
        if iss == self.home and kid in self.home_keys:
            return self.home_keys[kid]
        entry = self.find(kid, "discovery")
        if entry is None:
            detail = f"there is no key of {iss} with this kid"
            raise ProtocolError("key-unknown", detail, rule="VRM-REC-010")
        return entry.key

    def find(self, kid: str, source: str) -> Entry | None:
        """The entry of a key from this source."""
        return next((e for e in self.entries if e.key.kid == kid and e.source == source), None)


def _entry(entry: Mapping[str, Any]) -> Entry:
    key = keys.from_jwk(entry["jwk"])
    if key.kid != entry["kid"] or entry["jwk"].get("kid", key.kid) != key.kid:
        detail = "kid is not the thumbprint of the jwk beside it"
        raise ProtocolError("kid-mismatch", detail, rule="VRM-REC-010")
    document = None
    if "document" in entry:
        try:
            document = keys.unb64(entry["document"])
        except ValueError:
            detail = "the document of a key is not base64url"
            raise ProtocolError("key-unavailable", detail, rule="VRM-REC-010") from None
    return Entry(key, entry["source"], entry.get("seen_at"), document)


def read_key_set(origin: str, data: bytes, seen_at: int = 0) -> KeySet:
    """The keys in the bytes of a discovery document of ``origin``; ``key-unavailable``."""
    document, broken = strictjson.read(data)
    if broken:
        detail = "the discovery document is not strict I-JSON"
        raise ProtocolError("key-unavailable", detail, rule="VRM-ID-011")
    return keys.key_set(origin, document, seen_at, data)


@dataclass(frozen=True, slots=True)
class Held:
    """A message as a document holds it: what its verified receipt says of it, and its type."""

    place: str
    type: str
    receipt: Mapping[str, Any]

    @property
    def seq(self) -> int:
        """The place in the thread that the receipt gives it."""
        return int(self.receipt["seq"])

    @property
    def mid(self) -> str:
        """The id that the receipt gives it."""
        return str(self.receipt["mid"])

    @property
    def thid(self) -> str:
        """Its thread."""
        return str(self.receipt["thid"])


@dataclass(frozen=True, slots=True)
class Link(Held):
    """A message and its receipt, each verified by itself; they may still not belong together."""

    message: Message

    @classmethod
    def of(cls, place: str, message: Message, receipt: Mapping[str, Any]) -> Link:
        """A message with what should be its receipt."""
        return cls(place, message.type, MappingProxyType(dict(receipt)), message)

    @property
    def mid(self) -> str:
        """The id of the message, computed from its bytes."""
        return self.message.mid

    @property
    def thid(self) -> str:
        """The thread that the message itself names, or opens."""
        return self.message.thid or self.message.mid


@dataclass(frozen=True, slots=True)
class Tombstone(Held):
    """What is left of an erased message: its receipt, and the type that the home says it had."""


def open_receipt(spec: Spec, ring: KeyRing, token: str) -> dict[str, Any]:
    """The claims of a receipt or checkpoint under a key of the home; ProtocolError."""
    claims = envelope.open_signed(
        spec, token.encode(), typ=envelope.RECEIPT, schema=RECEIPT_SCHEMA, key=ring.of_home
    )
    if claims["iss"] != ring.home:
        raise ProtocolError("claim-invalid", "iss of the receipt is another home", rule="VRM-REC-012")
    return claims


def open_link(found: Findings, spec: Spec, ring: KeyRing, place: str, item: Mapping[str, Any]) -> Link | None:
    """Open a message and its receipt and compare the two; None if one of them does not open."""
    message = found.attempt(
        f"{place}: the message verifies", found.for_keys or "VRM-ENV-030", lambda: _open(spec, ring, item)
    )
    receipt = found.attempt(
        f"{place}: the receipt verifies",
        found.for_keys or "VRM-HOM-010",
        lambda: open_receipt(spec, ring, item["receipt"]),
    )
    if message is None or receipt is None:
        return None
    link = Link.of(place, message, receipt)
    compare(found, ring, link)
    return link


def open_tombstone(
    found: Findings, spec: Spec, ring: KeyRing, place: str, item: Mapping[str, Any]
) -> Tombstone | None:
    """Open the receipt of an erased message and compare it with what stands beside it (VRM-OFR-025)."""
    receipt = found.attempt(
        f"{place}: the receipt verifies",
        found.for_keys or "VRM-HOM-010",
        lambda: open_receipt(spec, ring, item["receipt"]),
    )
    if receipt is None:
        return None
    left = Tombstone(place, str(item.get("type", "")), MappingProxyType(receipt))
    found.check(
        f"{place}: the tombstone is that of its receipt",
        left.mid == item.get("mid") and "checkpoint" not in receipt,
        "mid of the tombstone is not that of its receipt, or a checkpoint stands in its place",
        "VRM-OFR-025",
    )
    sender, key = receipt["aud"], receipt["key"]
    person, seen = sender.startswith(keys.DID), "key_seen_at" in receipt
    fits = person != seen or sender == ring.home
    if fits and person:
        jwk = found.attempt(
            f"{place}: the sender has a key", "VRM-HOM-013", lambda: keys.from_did(sender).jwk
        )
        fits = jwk is not None and {n: v for n, v in key.items() if n != "kid"} == dict(jwk)
    wrong = "key of the receipt is not one of the sender"
    found.check(f"{place}: the key of the receipt is the sender's", fits, wrong, "VRM-HOM-013")
    return left


def _open(spec: Spec, ring: KeyRing, item: Mapping[str, Any]) -> Message:
    raw = item["token"].encode()
    try:
        return envelope.open_message(spec, raw, home=ring.home, key=ring.of_sender, now=None, dev=True)
    except ProtocolError as error:
        if error.code == "wrong-home":
            detail = "the message names another home than its receipt"
            raise ProtocolError("wrong-home", detail, rule="VRM-REC-012") from None
        raise


def compare(found: Findings, ring: KeyRing, link: Link) -> None:
    """What a receipt says must be so of its message."""
    message, receipt, place = link.message, link.receipt, link.place
    found.check(
        f"{place}: the receipt names the message",
        receipt["mid"] == message.mid,
        "mid of the receipt is not the id of the message",
        "VRM-REC-009",
    )
    found.check(
        f"{place}: the thread is the same",
        receipt["thid"] == link.thid,
        "thid of the receipt is not the thread of the message",
        "VRM-REC-012",
    )
    found.check(
        f"{place}: the receipt is no checkpoint",
        "checkpoint" not in receipt,  # it has another iat and state than when the message was received
        "a checkpoint stands in place of the receipt",
        "VRM-HOM-026",
    )
    found.check(
        f"{place}: the receipt is for the sender",
        receipt["aud"] == message.iss,
        "aud of the receipt is not the sender of the message",
        "VRM-HOM-010",
    )
    found.check(f"{place}: the key of the receipt signed", *_same_key(ring, link))
    received = receipt["iat"]
    in_time = message.iat - envelope.SKEW <= received < message.exp + envelope.SKEW
    found.check(
        f"{place}: it was received within its time",
        in_time and 0 < message.exp - message.iat <= rules.MAX_LIFETIME,
        "iat of the receipt lies outside iat and exp of the message, or these too far apart",
        "VRM-ENV-027",
        "expired" if received >= message.exp else "not-yet-valid",
    )


def _same_key(ring: KeyRing, link: Link) -> tuple[bool, str, str]:
    """VRM-HOM-013: ``key`` and ``key_seen_at``."""
    message, receipt = link.message, link.receipt
    given = {n: v for n, v in receipt["key"].items() if n != "kid"}
    if given != dict(message.key.jwk):
        return False, "key of the receipt is not the key that signed the message", "VRM-HOM-013"
    person, seen = message.iss.startswith(keys.DID), "key_seen_at" in receipt
    if person == seen and message.iss != ring.home:
        return False, "key_seen_at stands with a key from a discovery document, and only there", "VRM-HOM-013"
    return True, "", "VRM-HOM-013"


def open_checkpoint(
    found: Findings, spec: Spec, ring: KeyRing, token: str, thid: str, last: Held | None
) -> dict[str, Any] | None:
    """A checkpoint of a thread, compared with the last message that is held; None if it does not open."""
    claims = found.attempt(
        "the checkpoint verifies", found.for_keys or "VRM-HOM-026", lambda: open_receipt(spec, ring, token)
    )
    if claims is None:
        return None
    wrong = "the checkpoint is of another thread, or is a plain receipt"
    found.check(
        "the checkpoint is of this thread",
        claims.get("checkpoint") is True and claims["thid"] == thid,
        wrong,
        "VRM-HOM-026",
    )
    if last is None:
        return claims
    fits = claims["seq"] >= last.seq and claims["iat"] >= last.receipt["iat"]
    if fits and claims["seq"] == last.seq:
        fits = all(claims.get(n) == last.receipt.get(n) for n in ("mid", "prior", "key", "key_seen_at"))
    fits = fits and not contradict(claims, last.receipt)
    wrong = "the checkpoint contradicts the last receipt: together they prove equivocation"
    found.check("the checkpoint continues the receipts", fits, wrong, "VRM-AGT-005")
    return claims


def contradict(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two verified receipts or checkpoints of one home prove equivocation (VRM-AGT-005).

    They do if they name one thread and tell of one ``seq`` two different messages.
    """
    if (one["iss"], one["thid"]) != (other["iss"], other["thid"]):
        return False
    earlier, later = sorted((one, other), key=lambda claims: int(claims["seq"]))
    if earlier["seq"] == later["seq"]:
        return any(earlier.get(n) != later.get(n) for n in ("mid", "prior"))
    return bool(earlier["seq"] + 1 == later["seq"] and later.get("prior") != earlier["mid"])
