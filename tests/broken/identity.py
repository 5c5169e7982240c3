"""Broken homes of the chapter identity.md: keys of organisations, change of a person's key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import aiohttp

from tests.broken.tools import (
    Override,
    appended,
    around,
    forgotten,
    guarded,
    lenient,
    loose,
    missing_guard,
    mutant,
    simple,
    succeeded,
    told,
)
from vrmproto import guards, keys, outgoing, proofs, threads
from vrmproto.envelope import Message
from vrmproto.errors import ProtocolError
from vrmproto.home import receipt_claims
from vrmproto.keys import KeySet
from vrmproto.reading import Reader
from vrmproto.storage import rows
from vrmproto.storage.sqlite import SqliteStore

# --- keys of organisations ------------------------------------------------------------------------


@mutant("VRM-ID-009")
def only_key_is_the_key() -> None:
    """Where an organisation has one key, kid is not looked at."""

    def wrong(right: Any, self: KeySet, kid: str) -> Any:
        return next(iter(self.keys.values())) if len(self.keys) == 1 else right(self, kid)

    around(KeySet, "find", wrong)


@mutant("VRM-ID-009")
def unknown_key_is_unavailable() -> None:
    """A kid that an organisation does not list is answered as if its document could not be read."""

    def wrong(right: Any, self: KeySet, kid: str) -> Any:
        if kid not in self.keys and kid not in self.revoked:
            raise ProtocolError("key-unavailable", "there is no such key yet", rule="VRM-ID-011")
        return right(self, kid)

    around(KeySet, "find", wrong)


@mutant("VRM-ID-010")
def historical_keys_taken() -> None:
    """historical_keys is not looked at."""
    around(KeySet, "find", lambda right, self, kid: right(replace(self, revoked=frozenset()), kid))


@mutant("VRM-ID-010")
def revoked_is_unknown() -> None:
    """A revoked key is answered as one that was never there."""

    def wrong(right: Any, self: KeySet, kid: str) -> Any:
        gone = {k: v for k, v in self.keys.items() if k not in self.revoked}
        return right(replace(self, keys=gone, revoked=frozenset()), kid)

    around(KeySet, "find", wrong)


@mutant("VRM-ID-011")
def any_issuer() -> None:
    """The issuer of a discovery document is not compared with its origin."""

    def wrong(right: Any, origin: str, document: Any, *rest: Any) -> Any:
        return right(origin, document and {**document, "issuer": origin}, *rest)

    around(keys, "key_set", wrong)


@mutant("VRM-ID-011")
def out_of_reach_is_unknown() -> None:
    """An origin that cannot be read has no keys, for good."""

    def wrong(right: Any, origin: str, why: str) -> ProtocolError:
        return ProtocolError("key-unknown", "the origin has no such key", rule="VRM-ID-009")

    around(outgoing, "_unavailable", wrong)


@mutant("VRM-ID-011")
def document_of_an_error() -> None:
    """A discovery document is read whatever the status of the answer."""

    class Any_(aiohttp.ClientResponse):
        async def start(self, connection: Any) -> Any:
            made = await super().start(connection)
            self.status = 200 if self.status >= 400 else self.status
            return made

    around(aiohttp, "ClientSession", lambda right, *args, **more: right(*args, response_class=Any_, **more))


@mutant("VRM-ID-012", needs="more than an hour")
def documents_kept_for_a_day() -> None:
    """A discovery document is used for a day."""
    outgoing.MAX_AGE = 86400


@mutant("VRM-ID-013")
def fetched_every_two_seconds() -> None:
    """Unknown kids make it fetch an origin again after two seconds."""
    outgoing.PAUSE = 1


@mutant("VRM-ID-013")
def fetched_with_every_message() -> None:
    """An origin is fetched again for every message."""

    def wrong(right: Any, self: Any, origin: str, *rest: Any) -> Any:
        self._origins.pop(origin, None)
        return None if origin not in self._flights else right(self, origin, *rest)

    around(outgoing.KeyCache, "_ready", wrong)


@mutant("VRM-ID-014", needs="more than a minute")
def revocations_forgotten() -> None:
    """A kid that an origin no longer lists as historical is no longer revoked."""

    def wrong(right: Any, self: SqliteStore, origin: str) -> Any:
        found = right(self, origin)
        listed = frozenset(k for k in found.revoked if k.encode() in found.document) if found else frozenset()
        return found and replace(found, revoked=listed)

    around(SqliteStore, "load_keys", wrong)
    around(outgoing, "_merge", lambda right, new, old: new)


@mutant("VRM-ID-015", needs="more than a minute")
def revoked_messages_hidden() -> None:
    """What was signed with a key that is revoked now is no longer shown."""

    def wrong(right: Any, self: Reader, party: str, thid: str, *rest: Any) -> Any:
        second = self._readable(party, thid).second
        gone: Any = getattr(self.home.store.load_keys(second), "revoked", ())
        document = right(self, party, thid, *rest)
        signed = ((keys.thumbprint(receipt_claims(m["receipt"])["key"]), m) for m in document["messages"])
        return {**document, "messages": [m for kid, m in signed if kid not in gone]}

    around(Reader, "thread", wrong)


@mutant("VRM-ID-016")
def redirects_followed() -> None:
    """A discovery document is read wherever redirects lead."""

    def wrong(right: Any, self: Any, url: str, **more: Any) -> Any:
        return right(self, url, **{**more, "allow_redirects": True})

    around(aiohttp.ClientSession, "get", wrong)


# --- change of a person's key ---------------------------------------------------------------------

simple(
    "rotation-without-proof",
    "VRM-ID-021",
    "A rotation needs no proof by the key that it replaces.",
    missing_guard("rotate-proof"),
)
simple(
    "rotation-to-a-party",
    "VRM-ID-022",
    "A rotation may lead to an identifier that deals with the organisation already.",
    lenient("rotate-proof", "VRM-ID-022"),
)
simple(
    "rotation-to-an-origin",
    "VRM-ID-022",
    "A person may become an organisation.",
    lenient("rotate-proof", "VRM-ID-022", lambda case: not case.message.iss.startswith(keys.DID)),
)
simple(
    "committed-key-not-compared",
    "VRM-ID-020",
    "A rotation to another key than the committed one is taken.",
    lenient("rotate-proof", "VRM-ID-020"),
)


@mutant("VRM-ID-020")
def commitment_is_a_choice() -> None:
    """Where a next key was committed a proof by the replaced key will do as well."""

    def wrong(right: Any, case: guards.Case) -> None:
        right(replace(case, context=replace(case.context, next_key=None)))

    guarded("rotate-proof", wrong)


@mutant("VRM-ID-021")
def proof_of_any_age() -> None:
    """The proof of a rotation may be a month old."""
    proofs.LIFETIME = 30 * 86400


def proof_without(claim: str) -> Override:
    """A proof of which one claim is not compared."""

    def override() -> None:
        def wrong(right: Any, spec: Any, message: Message, named: Any, at: int) -> Any:
            return right(spec, message, {n: v for n, v in named.items() if n != claim}, at)

        around(proofs, "_proves", wrong)

    return override


for _claim, _name, _summary in (
    ("thid", "proof-for-another-thread", "The proof of a rotation may name any thread."),
    ("aud", "proof-for-another-organisation", "The proof of a rotation may name another organisation."),
    ("sub", "proof-for-another-key", "A proof by the replaced key for one new key serves another."),
    ("iss", "proof-by-anybody", "The proof of a rotation may be signed by any key."),
):
    simple(_name, "VRM-ID-021", _summary, proof_without(_claim))


@mutant("VRM-ID-023")
def one_thread_rotated() -> None:
    """A rotation changes the key in its own thread only."""
    appended(lambda m: {"replaces": "", "rebinds": m.get("replaces") or m.get("rebinds", "")})


@mutant("VRM-ID-023")
def inbox_left_behind() -> None:
    """What the old identifier has not acknowledged stays in its inbox."""
    loose(rows)._ROTATE = tuple(s for s in rows._ROTATE if "inbox" not in s)


@mutant("VRM-ID-024")
def old_key_still_taken() -> None:
    """The identifier that was replaced may go on."""
    succeeded("rotate", "iss")


@mutant("VRM-ID-024")
def old_key_is_told() -> None:
    """The identifier that was replaced is told that it may not do this any more."""
    told("rotate", "the key was changed")


@mutant("VRM-ID-025")
def old_addressee_still_taken() -> None:
    """A message to the identifier that was replaced is delivered to its successor."""
    succeeded("rotate", "aud")


@mutant("VRM-ID-025")
def old_addressee_forgotten() -> None:
    """The identifier that was replaced is no addressee known here any more."""
    forgotten("rotate")


@mutant("VRM-ID-026")
def proof_asked_last() -> None:
    """The proof of a rotation is asked for after the addressee, the row and prev."""
    threads._check_identity = lambda *args: None
    loose(threads).IDENTIFYING = frozenset()


@mutant("VRM-ID-026")
def refused_rotation_says_why() -> None:
    """A rotation that is refused is told what is wrong with it."""

    def wrong(right: Any, rule: str) -> ProtocolError:
        why = {"VRM-ID-020": "another key was committed", "VRM-ID-022": "it is a party already"}
        return ProtocolError("thread-unknown", why.get(rule, "the proof does not hold"), rule=rule)

    around(guards, "_refuse_rotation", wrong)
