"""Broken homes of the chapter message.md."""

from __future__ import annotations

import contextlib
import hmac
import json
import re
import time
from dataclasses import replace
from typing import Any

import jsonschema_rs

from tests.broken.tools import (
    around,
    judged,
    loose,
    mutant,
    overlooked,
    problem,
    rewritten,
    simple,
    unless,
)
from vrmproto import envelope, home, keys, rules, spec, strictjson
from vrmproto.errors import ProtocolError
from vrmproto.home import Answer, Home
from vrmproto.server import http
from vrmproto.server.routes import Routes
from vrmproto.storage import coding, rows

# --- rules that nobody asks -----------------------------------------------------------------------

for _name, _rule, _summary in (
    ("any-number-of-segments", "VRM-ENV-002", "A fourth segment is not refused by the form of the token."),
    ("padded-segments", "VRM-ENV-003", "Padding and white space in a segment are passed over."),
    ("unused-bits", "VRM-ENV-004", "A segment may have another spelling of the same bytes."),
    ("any-utf-8", "VRM-ENV-005", "Bytes that are no UTF-8 are replaced, and a byte order mark is skipped."),
    ("no-object", "VRM-ENV-006", "Header and payload that are no JSON object are taken as empty ones."),
    ("last-member-wins", "VRM-ENV-007", "Of two members of one name the last counts."),
    ("nan-taken", "VRM-ENV-008", "NaN and Infinity are read as numbers."),
    ("lone-surrogates", "VRM-ENV-009", "A string may hold a lone surrogate."),
    ("any-depth", "VRM-ENV-010", "Objects and arrays may be nested without end."),
    ("big-integers", "VRM-ENV-011", "A number that no double holds is read as 0."),
    ("version-not-looked-at", "VRM-ENV-012", "A wrong vrm is a wrong claim as any other."),
    ("open-header", "VRM-ENV-013", "Header members that it does not know are ignored, crit and jwk too."),
    ("any-typ", "VRM-ENV-014", "The typ of the header is not looked at."),
    ("missing-claims-unnoticed", "VRM-ENV-015", "A claim that is missing is not noticed as such."),
    ("thid-without-prev", "VRM-ENV-016", "thid and prev may come alone."),
    ("forms-not-looked-at", "VRM-ENV-017", "The forms of claims are not looked at."),
    ("letters-to-oneself", "VRM-ENV-019", "iss and aud may be the same."),
    ("open-claims", "VRM-ENV-020", "Claims that it does not know are ignored."),
    ("any-home", "VRM-ENV-021", "Messages for another home are taken."),
    ("expired-taken", "VRM-ENV-027", "exp is not enforced."),
    ("future-taken", "VRM-ENV-028", "iat may lie in the future."),
    ("any-lifetime", "VRM-ENV-029", "A message may be valid for ten years."),
    ("signature-not-looked-at", "VRM-ENV-030", "The signature is not verified at all."),
    ("ext-anywhere", "VRM-ENV-031", "Every type may carry ext."),
    ("ext-of-any-form", "VRM-ENV-032", "Names and size of ext are not looked at."),
    ("party-of-any-form", "VRM-ID-002", "An origin may be written in any way."),
    ("alg-not-listed", "VRM-ID-004", "An alg that it does not know is found out by the key only."),
    ("coordinates-not-checked", "VRM-ID-005", "A key that is no key of its curve only fails to verify."),
    ("key-of-the-other-kind", "VRM-ID-006", "alg need not be that of the key."),
    ("small-order-keys", "VRM-ID-007", "Ed25519 keys of small order are taken."),
    ("any-kid", "VRM-ID-008", "kid is not compared with the key."),
    ("did-of-any-spelling", "VRM-ID-001", "The JWK in a did:jwk may be written in any way."),
):
    simple(_name, _rule, _summary, overlooked(_rule))


# --- bytes and JSON -------------------------------------------------------------------------------


@mutant("VRM-ENV-001")
def long_tokens() -> None:
    """Tokens of twice the length are taken."""
    rules.MAX_TOKEN = loose(http).MAX_TOKEN = loose(envelope).MAX_TOKEN = 131072


@mutant("VRM-ENV-002")
def empty_segment() -> None:
    """An empty signature is as good as a wrong one, and not a malformed token."""
    unless(lambda o: o.raw.count(b".") == 2 and o.raw.endswith(b"."), "VRM-ENV-002")


@mutant("VRM-ENV-003")
def trimmed_token() -> None:
    """White space around a token is stripped."""
    around(envelope, "parse", lambda right, folder, raw, **more: right(folder, raw.strip(), **more))


@mutant("VRM-ENV-007")
def first_member_wins() -> None:
    """Of two members of one name the first counts."""

    def wrong(right: Any, data: bytes) -> Any:
        value, broken = right(data)
        if strictjson.NAMES in broken:
            value = json.loads(data, object_pairs_hook=lambda members: dict(reversed(members)))
        return value, broken - {strictjson.NAMES}

    around(strictjson, "read", wrong)


@mutant("VRM-ENV-010")
def one_level_too_deep() -> None:
    """33 levels are taken."""
    strictjson.MAX_DEPTH = 33


@mutant("VRM-ENV-011")
def integers_of_64_bits() -> None:
    """Integers up to 2^63-1 are taken."""
    strictjson.MAX_INTEGER = 2**63 - 1
    strictjson._LONG_NUMBER = re.compile(rb"[0-9]{19}")


# --- header and claims ----------------------------------------------------------------------------


@mutant("VRM-ENV-012")
def any_version_is_this_one() -> None:
    """A message of version 1.1 is taken as one of 1.0."""
    rewritten(lambda c: {**c, "vrm": "1.0"} if str(c.get("vrm")).startswith("1.") else c)


@mutant("VRM-ENV-012")
def supported_not_told() -> None:
    """The answer to another version does not list the supported ones."""
    problem(lambda members: {n: v for n, v in members.items() if n != "supported"})


@mutant("VRM-ENV-013")
def critical_extensions_ignored() -> None:
    """crit of the header is ignored, as many libraries do."""
    unless(lambda o: set(o.header) == {"alg", "kid", "typ", "crit"}, "VRM-ENV-013")


@mutant("VRM-ENV-014")
def typ_of_plain_tokens() -> None:
    """The typ JWT is taken as well."""
    unless(lambda o: o.header.get("typ") == "JWT", "VRM-ENV-014")


@mutant("VRM-ENV-014")
def typ_with_application() -> None:
    """application/vrm+jwt is taken as well, in letters of either case."""
    unless(lambda o: str(o.header.get("typ")).lower().endswith("vrm+jwt"), "VRM-ENV-014")


@mutant("VRM-ENV-015")
def exp_not_required() -> None:
    """A message without exp is valid for a while."""
    rewritten(lambda c: {"exp": c.get("iat", 0) + 300, **c})


@mutant("VRM-ENV-015")
def jti_not_required() -> None:
    """A message without jti is taken."""
    rewritten(lambda c: {"jti": "A" * 22, **c})


@mutant("VRM-ENV-017")
def numbers_as_text() -> None:
    """iat and exp may be strings of digits."""
    rewritten(lambda c: {n: int(v) if n in ("iat", "exp") and str(v).isdigit() else v for n, v in c.items()})


@mutant("VRM-ENV-017")
def fractions_of_seconds() -> None:
    """iat and exp may have fractions, which are cut off."""
    rewritten(lambda c: {n: int(v) if isinstance(v, float) else v for n, v in c.items()})


@mutant("VRM-ENV-017")
def audience_in_a_list() -> None:
    """aud may be a list, of which the first counts."""
    rewritten(lambda c: {**c, "aud": c["aud"][0]} if isinstance(c.get("aud"), list) and c["aud"] else c)


@mutant("VRM-ENV-020")
def not_before_ignored() -> None:
    """The claim nbf is taken and not looked at."""
    rewritten(lambda c: {n: v for n, v in c.items() if n != "nbf"})


@mutant("VRM-ENV-021")
def home_with_a_slash() -> None:
    """home may end in a slash."""
    rewritten(lambda c: {**c, "home": c["home"].rstrip("/")} if isinstance(c.get("home"), str) else c)


# --- identity of a message ------------------------------------------------------------------------


@mutant("VRM-ENV-022")
def repeat_gets_202() -> None:
    """A repeated message is answered as if it were the first time."""
    around(home, "_repeated", lambda right, o, entry: replace(right(o, entry), status=202))


@mutant("VRM-ENV-022")
def repeat_gets_a_new_receipt() -> None:
    """A repeated message gets a receipt that says the time of now."""

    def wrong(right: Any, self: Home, batch: Any, arrival: Any) -> Any:
        answer = right(self, batch, arrival)
        if answer.status == 202:
            return answer
        claims = {**home.receipt_claims(answer.receipt), "iat": batch.now + 1}
        return Answer(200, envelope.seal(self.signing[0], claims, envelope.RECEIPT))

    around(Home, "_judge", wrong)


@mutant("VRM-ENV-022")
def repeat_is_a_conflict() -> None:
    """A repeated message is refused: it has been taken already."""

    def wrong(right: Any, opening: Any, entry: Any) -> Any:
        right(opening, entry)
        raise ProtocolError("state-conflict", "the message was taken already", rule="VRM-ENV-022")

    around(home, "_repeated", wrong)


@mutant("VRM-ENV-022")
def repeats_forgotten_after_exp() -> None:
    """A message that has expired is not known again."""

    def wrong(right: Any, opening: Any, entry: Any) -> Any:
        envelope.check_time(opening, int(time.time()))
        return right(opening, entry)

    around(home, "_repeated", wrong)


@mutant("VRM-ENV-022")
def repeats_forgotten_after_ten() -> None:
    """Only the last ten messages of the home are known again."""
    last: list[str] = []

    def wrong(right: Any, reads: Any, opening: Any) -> Any:
        entry = right(reads, opening)
        if entry is None:
            last.append(opening.mid)
        return entry if opening.mid in last[-20:] else None

    around(home, "_stored", wrong)


@mutant("VRM-ENV-022")
def quick_repeats_get_202() -> None:
    """Of two equal messages that arrive in the same second both are the first."""

    def wrong(right: Any, opening: Any, entry: Any) -> Any:
        recent = home.receipt_claims(entry.receipt)["iat"] >= time.time() - 1
        return replace(right(opening, entry), status=202 if recent else 200)

    around(home, "_repeated", wrong)


@mutant("VRM-ENV-022")
def repeat_by_its_text() -> None:
    """The other signature of the same message is not taken as the same message."""

    def wrong(right: Any, opening: Any, entry: Any) -> Any:
        answer = right(opening, entry)
        if opening.raw.decode() != entry.token:
            raise ProtocolError("state-conflict", "not the token of the first time", rule="VRM-ENV-022")
        return answer

    around(home, "_repeated", wrong)


@mutant("VRM-ENV-023")
def repeat_is_delivered_again() -> None:
    """A repeated message comes back into the inbox from which it was acknowledged."""

    def wrong(right: Any, self: Home, batch: Any, arrival: Any) -> Any:
        answer, tx = right(self, batch, arrival), batch.tx
        if answer.status == 200:
            entry = loose(home)._stored(tx, arrival.opening)
            aud, thread = tx._party(arrival.opening.claims["aud"]), tx._found_thread(entry.thid)
            row = (aud, entry.position, thread, coding.pack(entry.mid))
            tx._db.execute(rows._ADD_INBOX.replace("INSERT", "INSERT OR IGNORE"), row)
        return answer

    around(Home, "_judge", wrong)


@mutant("VRM-ENV-024")
def repeat_without_a_signature() -> None:
    """Whoever names a stored message gets its receipt, whatever the signature."""
    around(home, "_repeated", lambda right, opening, entry: Answer(200, entry.receipt))


# --- addressee, time, signature -------------------------------------------------------------------


@mutant("VRM-ENV-025")
def any_addressee() -> None:
    """Messages to parties that were never here are taken."""
    around(Home, "_is_known", lambda right, self, reads, party: True)


@mutant("VRM-ENV-026")
def addressees_fetched() -> None:
    """The discovery document of an addressee is fetched, whether the message is taken or not."""
    named: list[str] = []
    judged("VRM-ENV-021", lambda right, o: named.insert(0, o.text("aud")))

    async def wrong(right: Any, self: Routes, request: Any) -> Any:
        try:
            return await right(self, request)
        finally:
            with contextlib.suppress(ProtocolError):
                if named and named[0].startswith("http") and named[0].count("/") == 2:
                    await self.keys.key_set(named[0], None)

    around(Routes, "messages", wrong)


@mutant("VRM-ENV-027")
def expiry_in_milliseconds() -> None:
    """exp is taken for milliseconds of a clock in seconds: nothing expires."""
    judged("VRM-ENV-027", lambda right, o, now: right(o, now / 1000))


@mutant("VRM-ENV-027")
def an_hour_of_grace() -> None:
    """A message is taken for an hour after exp."""
    judged("VRM-ENV-027", lambda right, o, now: right(o, now - 3600))


@mutant("VRM-ENV-027")
def no_grace_after_exp() -> None:
    """A message is refused at exp, without the 60 seconds."""
    judged("VRM-ENV-027", lambda right, o, now: right(o, now + 60))


@mutant("VRM-ENV-028")
def no_grace_before_iat() -> None:
    """A message of a clock that is a little fast is refused."""
    judged("VRM-ENV-028", lambda right, o, now: right(o, now - 60))


@mutant("VRM-ENV-029")
def lifetime_of_a_week() -> None:
    """A message may be valid for a week."""
    rules.MAX_LIFETIME = 7 * 86400


@mutant("VRM-ENV-029")
def lifetime_one_second_short() -> None:
    """A message that is valid for exactly a day is refused."""
    rules.MAX_LIFETIME = 86399


@mutant("VRM-ENV-029")
def exp_before_iat() -> None:
    """exp may lie before iat."""
    unless(lambda o: o.moment("exp") <= o.moment("iat"), "VRM-ENV-029")


@mutant("VRM-ENV-030")
def alg_none() -> None:
    """A token with the alg none needs no signature."""
    names = ("VRM-ID-004", "VRM-ID-006", "VRM-ENV-030")
    unless(lambda o: str(o.header.get("alg")).lower() == "none", *names)
    unless(lambda o: o.raw.count(b".") == 2 and o.raw.endswith(b"."), "VRM-ENV-002")


@mutant("VRM-ID-004")
def alg_confusion() -> None:
    """A token may be signed by HS256 with the text of the public key as the secret."""

    def passes(o: Any) -> bool:
        if o.header.get("alg") != "HS256":
            return False
        key = strictjson.dumps(dict(keys.from_did(o.claims["iss"]).jwk))
        return hmac.compare_digest(hmac.digest(key, o.signing_input, "sha256"), o.signature)

    unless(passes, "VRM-ID-004", "VRM-ID-006", "VRM-ENV-030")


@mutant("VRM-ID-004")
def alg_by_its_old_name() -> None:
    """EdDSA is taken for Ed25519."""
    unless(lambda o: o.header.get("alg") == "EdDSA", "VRM-ID-004", "VRM-ID-006")


@mutant("VRM-ID-004")
def alg_of_any_case() -> None:
    """alg may be written in letters of either case."""
    unless(lambda o: str(o.header.get("alg")).lower() in ("es256", "ed25519"), "VRM-ID-004", "VRM-ID-006")


@mutant("VRM-ENV-030")
def key_in_the_header() -> None:
    """A jwk in the header is the key that the signature is verified with."""
    unless(lambda o: set(o.header) == {"alg", "kid", "typ", "jwk"}, "VRM-ENV-013")

    def wrong(right: Any, o: Any, key: Any) -> None:
        right(o, keys.from_jwk(o.header["jwk"]) if isinstance(o.header.get("jwk"), dict) else key)

    around(envelope, "check_signature", wrong)


@mutant("VRM-ENV-030")
def key_by_its_kid() -> None:
    """The key is found by kid among all that were ever seen, whoever the sender is."""
    seen: dict[str, Any] = {}

    def wrong(right: Any, o: Any, key: Any) -> None:
        right(o, seen.get(o.header["kid"], key))
        seen[o.header["kid"]] = o.key

    around(envelope, "check_signature", wrong)


@mutant("VRM-ENV-030")
def unsigned_rejections() -> None:
    """The signature of terms.reject is not verified."""
    unless(lambda o: o.claims.get("type") == "terms.reject", "VRM-ENV-030")


@mutant("VRM-ENV-030")
def forgery_burns_the_message() -> None:
    """A message that was seen with a wrong signature is refused when it comes with the right one."""
    burned: set[str] = set()

    def wrong(right: Any, o: Any, key: Any) -> None:
        if o.mid in burned:
            raise ProtocolError("signature-invalid", "this was refused before", rule="VRM-ENV-030")
        burned.add(o.mid)
        right(o, key)
        burned.discard(o.mid)

    around(envelope, "check_signature", wrong)


# --- type, extensions, body -----------------------------------------------------------------------


@mutant("VRM-ENV-032")
def ext_without_a_bound() -> None:
    """ext may have any size."""
    rules.MAX_EXT = 65536


@mutant("VRM-ENV-032")
def ext_one_byte_short() -> None:
    """ext of exactly 4096 bytes is refused."""
    rules.MAX_EXT = 4095


@mutant("VRM-ENV-033")
def unknown_extensions_refused() -> None:
    """An extension that it does not know is refused."""

    def wrong(right: Any, o: Any) -> None:
        right(o)
        if o.claims.get("ext"):
            raise ProtocolError("claim-invalid", "no extension is known here", rule="VRM-ENV-032")

    judged("VRM-ENV-032", wrong)


@mutant("VRM-ENV-034")
def type_found_missing_late() -> None:
    """A type that it does not know is one that opens no thread."""

    def wrong(right: Any, o: Any) -> None:
        if o.text("type") not in o.spec.types:
            raise ProtocolError("thread-missing", "this opens no thread", rule="VRM-THR-001")

    judged("VRM-ENV-034", wrong)


@mutant("VRM-ENV-035")
def formats_not_asserted() -> None:
    """The formats of a schema are comments, as is the default of JSON Schema."""
    right = jsonschema_rs.Draft202012Validator

    def wrong(schema: Any, **more: Any) -> Any:
        return right(schema, **{**more, "validate_formats": False})

    loose(jsonschema_rs).Draft202012Validator = wrong
    spec.load.cache_clear()


@mutant("VRM-ENV-035")
def faults_not_listed() -> None:
    """A body that is not valid is refused without its faults."""
    problem(lambda members: {n: v for n, v in members.items() if n != "errors"})


@mutant("VRM-ENV-035")
def first_fault_only() -> None:
    """Of several faults of a body only the first is told."""
    problem(lambda members: {n: v[:1] if n == "errors" else v for n, v in members.items()})


@mutant("VRM-ENV-035")
def open_bodies() -> None:
    """Members of a body that no schema names are ignored."""

    def wrong(right: Any, self: Any, body: Any) -> Any:
        return [fault for fault in right(self, body) if fault["keyword"] != "additionalProperties"]

    around(spec.MessageType, "faults", wrong)


@mutant("VRM-ENV-035")
def bodies_not_looked_at() -> None:
    """Bodies are taken as they come, and what that breaks is an unavailable home."""
    rules.RULES.pop("VRM-ENV-035")
    rules._BY_PHASE = rules.by_phase(rules.RULES)


# --- order of checks ------------------------------------------------------------------------------


@mutant("VRM-ENV-036")
def body_before_signature() -> None:
    """The body is judged before the signature."""

    def wrong(right: Any, o: Any, key: Any) -> None:
        if o.typ == envelope.MESSAGE:
            envelope.check_content(o)
        right(o, key)

    around(envelope, "check_signature", wrong)


@mutant("VRM-ENV-036")
def time_before_repeat() -> None:
    """The time is judged before anything that is stored."""

    def wrong(right: Any, self: Home, batch: Any, arrival: Any) -> Any:
        envelope.check_time(arrival.opening, batch.now)
        return right(self, batch, arrival)

    around(Home, "_judge", wrong)


@mutant("VRM-ENV-036")
def header_before_version() -> None:
    """The header is judged before the version."""
    right = rules.RULES.pop("VRM-ENV-012")[1]
    rules.RULES["VRM-ENV-012"] = ("header", lambda o: right(o) if o.typ == envelope.MESSAGE else None)
    rules._BY_PHASE = rules.by_phase(rules.RULES)


@mutant("VRM-ENV-036")
def kid_before_signature() -> None:
    """kid is compared before the signature is verified."""
    later = {name: rules.RULES.pop(name) for name in ("VRM-ID-006", "VRM-ENV-030")}
    rules.RULES.update(later)
    rules._BY_PHASE = rules.by_phase(rules.RULES)


@mutant("VRM-ENV-036")
def closed_before_typed() -> None:
    """Unknown claims are refused before wrong ones."""
    rules.RULES["VRM-ENV-020"] = rules.RULES.pop("VRM-ENV-020")
    for name in ("VRM-ENV-017", "VRM-ID-002", "VRM-ID-003", "VRM-ENV-019", "VRM-ENV-021"):
        rules.RULES[name] = rules.RULES.pop(name)
    rules._BY_PHASE = rules.by_phase(rules.RULES)
