"""Threads made by hand for the tests of verifiers: sealed tokens, receipts by a home's key, no server."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from vrmproto import envelope, keys, records, spec
from vrmproto.keys import KeySet, PrivateKey
from vrmproto.model import Thread
from vrmproto.roster import Agreement

NOW = 1_800_000_000  # 2027-01-15T08:00:00Z
HOME, SHOP = "https://home.example", "https://shop.example"
SPEC = spec.load()
ROSTER = {"id": SPEC.roster.id, "version": SPEC.roster.version}
PURPOSE = "https://w3id.org/dpv#RequestedServiceProvision"
UNTIL = "2027-01-20T08:00:00Z"


def key(name: str, alg: str = "Ed25519") -> PrivateKey:
    return keys.derive(b"the seed of these tests", name, alg)


def agreement(name: str) -> Agreement:
    return SPEC.roster.named(name)


def discovery(origin: str, *signing: PrivateKey, **members: Any) -> bytes:
    """A discovery document that shows these keys."""
    document: dict[str, Any] = {"issuer": origin, "versions": ["1.0"], "roles": ["organisation"]}
    document["keys"] = [{**k.public.jwk, "kid": k.public.kid} for k in signing]
    return json.dumps(document | members, separators=(",", ":")).encode()


@dataclass
class Deed:
    """One thread: `say` seals a message and the home's receipt for it, one second after the other."""

    person: PrivateKey = field(default_factory=lambda: key("person"))
    shop: PrivateKey = field(default_factory=lambda: key("shop", "ES256"))
    home_key: PrivateKey = field(default_factory=lambda: key("home"))
    home: str = HOME
    second: str = SHOP
    now: int = NOW
    salt: str = "a"
    messages: list[tuple[str, str]] = field(default_factory=list)
    states: list[str] = field(default_factory=list)

    @property
    def mids(self) -> list[str]:
        return [envelope.mid_of(token) for token, _ in self.messages]

    @property
    def thid(self) -> str:
        return self.mids[0]

    def token(self, signer: PrivateKey, iss: str, aud: str, kind: str, body: Any, **claims: Any) -> str:
        jti = keys.b64(hashlib.sha256(f"{self.salt}{kind}{len(self.messages)}".encode()).digest()[:16])
        made: dict[str, Any] = {"vrm": "1.0", "home": self.home, "type": kind, "iss": iss, "aud": aud}
        made |= {"jti": jti, "iat": self.now, "exp": self.now + 3600}
        if self.messages:
            made |= {"thid": self.thid, "prev": self.mids[-1]}
        return envelope.seal(signer, made | {"body": body} | claims)

    def receipt(self, token: str, state: str, signer: PrivateKey | None = None, **claims: Any) -> str:
        message = envelope.peek(token)[1]
        mid = envelope.mid_of(token)
        person = message["iss"].startswith(keys.DID)
        made: dict[str, Any] = {"iss": self.home, "aud": message["iss"], "iat": self.now + 1, "mid": mid}
        made |= {"thid": message.get("thid", mid), "seq": len(self.messages) + 1}
        if self.messages:
            made["prior"] = self.mids[-1]
        made |= {"state": state, "key": self._jwk(message["iss"])}
        if not person and message["iss"] != self.home:
            made["key_seen_at"] = self.now - 5
        made = {n: v for n, v in (made | claims).items() if v is not None}
        return envelope.seal(signer or self.home_key, made, envelope.RECEIPT)

    def _jwk(self, iss: str) -> dict[str, str]:
        return dict(keys.from_did(iss).jwk if iss.startswith(keys.DID) else self.shop.public.jwk)

    def take(self, token: str, state: str, **claims: Any) -> str:
        """Give a token its receipt."""
        self.messages.append((token, self.receipt(token, state, **claims)))
        self.states.append(state)
        self.now += 60
        return token

    def first(self, kind: str, body: Any, state: str, **claims: Any) -> str:
        return self.take(self.token(self.person, self.person.did, self.second, kind, body, **claims), state)

    def other(self, kind: str, body: Any, state: str, **claims: Any) -> str:
        return self.take(self.token(self.shop, self.second, self.person.did, kind, body, **claims), state)

    # --- the terms kind ---

    def proffer(self, preferred: str = "SD-BASE-DP", *acceptable: str, **members: Any) -> str:
        body: dict[str, Any] = {"roster": ROSTER, "preferred": agreement(preferred).reference}
        if acceptable:
            body["acceptable"] = [agreement(a).reference for a in acceptable]
        body |= {"lang": "en", "place": "ZZ", "purpose": PURPOSE, "answer_by": UNTIL}
        return self.first("terms.proffer", body | members, "proffered")

    def alternative(self, name: str = "SD-BASE-A", **members: Any) -> str:
        body = {"alternative_to": self.thid, "agreement": agreement(name).reference}
        body |= {"lang": "en", "place": "NL", "answer_by": UNTIL}
        return self.other("terms.alternative", body | members, "countered")

    def accept(self, name: str = "SD-BASE-DP", *, by_first: bool = False, **members: Any) -> str:
        body: dict[str, Any] = {"accepts": self.mids[-1], "agreement": agreement(name).reference}
        body |= {"lang": "en", "place": "NL"}
        say = self.first if by_first else self.other
        return say("terms.accept", body | members, "agreed")

    def rotate(self, new: PrivateKey, nkt: str = "", proof: bool | str = True, **members: Any) -> str:
        body: dict[str, Any] = {"replaces": self.person.did}
        if isinstance(proof, str):
            body["proof"] = proof
        elif proof:
            claims: dict[str, Any] = {"iss": self.person.did, "sub": new.did, "aud": self.second}
            claims |= {"home": self.home, "thid": self.thid, "iat": self.now}
            body["proof"] = envelope.seal(self.person, claims, envelope.PROOF)
        if nkt:
            body["nkt"] = nkt
        token = self.token(new, new.did, self.second, "agent.rotate", body | members)
        self.take(token, "agreed")
        self.person = new
        return token

    # --- documents ---

    def checkpoint(self, state: str = "", reader: str = "", **claims: Any) -> str:
        told = envelope.peek(self.messages[-1][1])[1] | {"aud": reader or self.person.did, "iat": self.now}
        told |= {"state": state or self.states[-1], "checkpoint": True}
        return envelope.seal(self.home_key, told | claims, envelope.RECEIPT)

    def record(self, name: str = "SD-BASE-DP", accepted: int = -1, **members: Any) -> dict[str, Any]:
        """The record of this thread; `accepted` is the place of the acceptance in `messages`."""
        thread = Thread(
            kind="terms",
            thid=self.thid,
            first=self.person.did,
            second=self.second,
            state=self.states[-1],
            since=self.now,
            deadline=None,
            seq=len(self.messages),
            head=self.mids[-1],
            received=self.now,
            opened=NOW,
            opener="terms.proffer",
            record=self.mids[accepted],
        )
        document = discovery(SHOP, self.shop)
        seen = KeySet(SHOP, {self.shop.public.kid: self.shop.public}, frozenset(), self.now, document)
        made = records.build(
            home=self.home,
            thread=thread,
            state=self.states[-1],
            messages=self.messages,
            agreement=agreement(name),
            home_keys=[self.home_key.public, key("an older one of the home").public],
            key_sets={SHOP: seen},
            checkpoint=self.checkpoint(),
        )
        return made | members

    def export(self, start: int = 1, **members: Any) -> dict[str, Any]:
        """The thread as a party reads it."""
        listed = [{"seq": n, "token": t, "receipt": r} for n, (t, r) in enumerate(self.messages, 1)]
        entries = [{"kid": self.home_key.public.kid, "jwk": dict(self.home_key.public.jwk), "source": "home"}]
        shop = {"kid": self.shop.public.kid, "jwk": dict(self.shop.public.jwk), "source": "discovery"}
        seen = {c["key_seen_at"] for _, r in self.messages if "key_seen_at" in (c := envelope.peek(r)[1])}
        if seen:
            entries.append({**shop, "seen_at": min(seen)})
        made = {"messages": listed[start - 1 :], "keys": entries, "checkpoint": self.checkpoint()}
        return made | members


def agreed() -> Deed:
    """A proffer that the shop accepted."""
    deed = Deed()
    deed.proffer("SD-BASE-DP", "SD-BASE")
    deed.accept()
    return deed


def countered() -> Deed:
    """A proffer, an alternative, and the person's acceptance of it."""
    deed = Deed()
    deed.proffer()
    deed.alternative()
    deed.accept("SD-BASE-A", by_first=True)
    return deed


def text(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
