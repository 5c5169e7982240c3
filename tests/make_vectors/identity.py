"""Vectors of identifiers, keys and signatures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from tests import forge
from tests.forge import Json
from tests.make_vectors.base import (
    HOME,
    NOW,
    P256,
    P256_B,
    PERSON,
    PERSON_EC,
    SHOP,
    SHOP_ID,
    SHOP_ODD,
    SHOP_OLD,
    STRANGER,
    Vector,
    chapter,
    claims,
    fake,
    opening,
    proffered,
    published,
    refused,
    taken,
    text,
)


@chapter
def parties() -> Iterator[Vector]:
    def bad(slug: str, requirement: str, what: str, aud: str, **more: Any) -> Vector:
        token = opening(aud=aud)
        return refused(slug, requirement, "claim-invalid", what, token, known=(SHOP_ID, aud), **more)

    for slug, aud in (
        ("party-upper-case", "https://Shop.example"),
        ("party-slash", "https://shop.example/"),
        ("party-default-port", "https://shop.example:443"),
        ("party-query", "https://shop.example?a"),
        ("party-user", "https://shop@shop.example"),
        ("party-trailing-dot", "https://shop.example."),
        ("party-newline", "https://shop.example\n"),
        ("party-lookalike", "https://sh\u043ep.example"),
        ("party-port-zero", "https://shop.example:0443"),
        ("party-other-scheme", "mailto:shop@shop.example"),
        ("party-other-did", "did:web:shop.example"),
    ):
        yield bad(slug, "VRM-ID-002", f"`aud` is {json.dumps(aud)}.", aud)
    what = "`iss` is an origin with a path."
    yield refused("party-path", "VRM-ID-002", "claim-invalid", what, opening(iss=f"{SHOP_ID}/a"))
    what = "`home` is this home with a trailing slash."
    yield refused("party-home-slash", "VRM-ID-002", "claim-invalid", what, opening(home=HOME + "/"))
    story = proffered()
    token = story.token(SHOP, "terms.reject", iss="https://SHOP.example")
    frame = story.case()
    frame["keys"] = {**frame["keys"], "https://SHOP.example": published(SHOP)}
    yield refused(
        "party-iss-upper-case", "VRM-ID-002", "claim-invalid", "`iss` is in capitals.", token, **frame
    )
    what = "`aud` is an http origin, and the home is not in development mode."
    yield bad("party-http", "VRM-ID-003", what, "http://127.0.0.1:8081")
    yield bad("party-http-localhost", "VRM-ID-003", what, "http://localhost")
    local = "http://127.0.0.1:8080"
    token = opening(home=local, aud="http://localhost:8081")
    what = "Home and addressee are http origins, at a home in development mode."
    frame = {"home": local, "dev": True, "known": ("http://localhost:8081",)}
    yield taken("party-http-development", "proffered", what, token, **frame)
    token = opening(aud="https://shop.example:8443")
    what = "The addressee has a port which is not the default."
    yield taken("party-port", "proffered", what, token, known=("https://shop.example:8443",))
    token = opening(aud=STRANGER.did)
    yield taken("party-person", "proffered", "The addressee is a did:jwk.", token, known=(STRANGER.did,))
    yield refused(
        "party-self",
        "VRM-ENV-019",
        "claim-invalid",
        "A person writes to herself.",
        opening(aud=PERSON.did),
        known=(PERSON.did,),
    )
    what = "Nobody has heard of the addressee here."
    yield refused("addressee-unknown", "VRM-ENV-025", "addressee-unknown", what, opening(), known=())
    what = "The addressee is a did:jwk that nobody has heard of here."
    token = opening(aud=STRANGER.did)
    yield refused("addressee-unknown-person", "VRM-ENV-025", "addressee-unknown", what, token)


def of_small_order(x: bytes, order: int) -> bytes:
    """A message that verifies under a key of small order: R is the identity, S is 0, no one signed."""
    jwk = {"crv": "Ed25519", "kty": "OKP", "x": forge.b64(x)}
    signature = (1).to_bytes(32, "little") + bytes(32)
    modulus = 2**252 + 27742317777372353535851937790883648493
    for number in range(1000):
        token = fake(
            forge.compact(jwk), kid=forge.thumbprint(jwk), signature=signature, salt=f"small {number}"
        )
        data = token.rpartition(b".")[0]
        k = int.from_bytes(hashlib.sha512(signature[:32] + x + data).digest(), "little") % modulus
        if k % order == 0:
            return token
    raise AssertionError("not reached")


@chapter
def identifiers() -> Iterator[Vector]:
    right = text(PERSON.jwk)

    def bad(slug: str, what: str, jwk: Json) -> Vector:
        token = opening(iss=forge.did(jwk))
        return refused(slug, "VRM-ID-001", "key-invalid", what, token)

    yield bad("did-white-space", "A space stands in the JWK of the identifier.", right.replace(",", ", ", 1))
    yield bad(
        "did-member-order",
        "The members of the JWK stand in another order.",
        dict(reversed(list(PERSON.jwk.items()))),
    )
    yield bad("did-alg", "The JWK has the member `alg`.", {"alg": "Ed25519", **PERSON.jwk})
    yield bad("did-use", "The JWK has the member `use`.", {**PERSON.jwk, "use": "sig"})
    yield bad("did-private", "The JWK holds the private key.", {**PERSON.jwk, "d": PERSON.secret})
    yield bad("did-escaped", "A letter of the JWK is escaped.", right.replace("kty", "\\u006bty"))
    yield bad("did-duplicate", "A member of the JWK stands twice.", '{"crv":"P-256",' + right[1:])
    yield bad("did-bom", "A byte order mark stands before the JWK.", b"\xef\xbb\xbf" + right.encode())
    yield bad("did-not-json", "The identifier holds no JSON.", "x" * 60)
    yield bad("did-array", "The identifier holds an array.", f"[{right}]")
    token = opening(iss="did:jwk:" + forge.next_spelling(PERSON.did.removeprefix("did:jwk:")))
    what = "The last character of the identifier has an unused bit set."
    yield refused("did-trailing-bits", "VRM-ID-001", "key-invalid", what, token)


@chapter
def public_keys() -> Iterator[Vector]:
    def bad(slug: str, what: str, jwk: Json, alg: str = "Ed25519") -> Vector:
        return refused(slug, "VRM-ID-005", "key-invalid", what, fake(jwk, alg))

    point = dict(PERSON_EC.jwk)
    off = forge.unb64(point["y"])
    moved = {**point, "y": forge.b64(off[:-1] + bytes([off[-1] ^ 1]))}
    yield bad("key-off-curve", "The point is not on P-256.", moved, "ES256")
    zero = {**point, "x": forge.b64(bytes(32)), "y": forge.b64(bytes(32))}
    yield bad("key-p256-zero", "The coordinates are zero.", zero, "ES256")
    # x = 5 is that of a point; this is the same number modulo p, in 32 bytes
    square = (5**3 - 3 * 5 + P256_B) % P256
    y = pow(square, (P256 + 1) // 4, P256)
    assert y * y % P256 == square
    big = {n: forge.b64(v.to_bytes(32, "big")) for n, v in (("x", 5 + P256), ("y", y))}
    what = "A coordinate is not below the prime; modulo the prime the point is on P-256."
    yield bad("key-p256-beyond-prime", what, {**point, **big}, "ES256")
    # and 0 is that of a point too, so that the prime itself is one more spelling of it
    y = pow(P256_B, (P256 + 1) // 4, P256)
    assert y * y % P256 == P256_B
    prime = {n: forge.b64(v.to_bytes(32, "big")) for n, v in (("x", P256), ("y", y))}
    what = "A coordinate is the prime; modulo the prime the point is on P-256."
    yield bad("key-p256-prime", what, {**point, **prime}, "ES256")
    yield bad("key-p256-short", "A coordinate has 31 bytes.", {**point, "x": forge.b64(bytes(31))}, "ES256")
    yield bad(
        "key-p384",
        "The curve is P-384.",
        {"crv": "P-384", "kty": "EC", "x": "A" * 64, "y": "A" * 64},
        "ES256",
    )
    modulus = forge.b64(b"\xc1" + hashlib.sha512(b"1").digest()[:62] + b"\x01")
    yield bad("key-rsa", "The key is an RSA key.", {"e": "AQAB", "kty": "RSA", "n": modulus})
    yield bad("key-oct", "The key is a shared secret.", {"k": "A" * 43, "kty": "oct"})
    yield bad("key-x25519", "The key is for X25519.", {**PERSON.jwk, "crv": "X25519"})
    yield bad("key-ed448", "The key is for Ed448.", {"crv": "Ed448", "kty": "OKP", "x": "A" * 76})
    yield bad("key-ed25519-short", "The key has 31 bytes.", {**PERSON.jwk, "x": forge.b64(bytes(range(31)))})
    yield bad("key-padded", "The coordinate is padded.", {**PERSON.jwk, "x": PERSON.jwk["x"] + "="})
    spelled = forge.next_spelling(PERSON.jwk["x"])
    yield bad("key-trailing-bits", "The coordinate has an unused bit set.", {**PERSON.jwk, "x": spelled})
    yield bad("key-number", "The coordinate is a number.", {**PERSON.jwk, "x": 10**15})
    yield bad(
        "key-without-x", "The coordinate is missing.", {"crv": "Ed25519", "kty": "OKP", "y": PERSON.jwk["x"]}
    )

    def small(slug: str, what: str, x: bytes, order: int) -> Vector:
        what += " Where such a key is read, the signature verifies, and nobody has signed."
        return refused(slug, "VRM-ID-007", "key-invalid", what, of_small_order(x, order))

    p = 2**255 - 19
    order8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
    yield small("key-small-order-1", "The key is the identity.", (1).to_bytes(32, "little"), 1)
    yield small("key-small-order-2", "The key has order 2.", (p - 1).to_bytes(32, "little"), 2)
    yield small("key-small-order-4", "The key has order 4.", bytes(32), 4)
    yield small("key-small-order-8", "The key has order 8.", order8, 8)
    sign = 2**255
    what = "The key is the identity, with the sign bit set though x is 0."
    yield small("key-small-order-1-sign", what, (1 + sign).to_bytes(32, "little"), 1)
    what = "The key has order 2, with the sign bit set though x is 0."
    yield small("key-small-order-2-sign", what, (p - 1 + sign).to_bytes(32, "little"), 2)
    what = "The key is the identity, encoded with a y beyond the field."
    yield small("key-not-canonical", what, (p + 1).to_bytes(32, "little"), 1)


@chapter
def signatures() -> Iterator[Vector]:
    def bad(slug: str, what: str, token: bytes, **more: Any) -> Vector:
        return refused(slug, "VRM-ENV-030", "signature-invalid", what, token, **more)

    yield taken("signature-ed25519", "proffered", "A proffer under Ed25519.", opening())
    right = opening(PERSON_EC)
    yield taken("signature-es256", "proffered", "A proffer under ES256.", right)
    what = "The twin (r, n-s) of signature-es256: the signature verifies, and the message id is the same."
    yield taken("signature-es256-twin", "proffered", what, forge.twin(right))

    what = "`alg` is ES256, the key and the signature are Ed25519."
    token = opening(head=forge.header(PERSON, alg="ES256"))
    yield refused("alg-not-of-key", "VRM-ID-006", "key-invalid", what, token)
    what = "`alg` is Ed25519, the key and the signature are P-256."
    token = opening(PERSON_EC, forge.header(PERSON_EC, alg="Ed25519"))
    yield refused("alg-not-of-key-p256", "VRM-ID-006", "key-invalid", what, token)

    data = forge.signing_input(forge.header(PERSON), claims(PERSON))
    sign = PERSON.sign(data)
    yield bad("signature-other-key", "Another key has signed.", forge.sealed(STRANGER, data))
    yield bad(
        "signature-bit",
        "A bit of the signature is turned.",
        forge.sealed(PERSON, data, bytes([sign[0] ^ 1]) + sign[1:]),
    )
    yield bad("signature-zero", "The signature is zero.", forge.sealed(PERSON, data, bytes(64)))
    yield bad("signature-short", "The signature lacks its last byte.", forge.sealed(PERSON, data, sign[:-1]))
    yield bad("signature-long", "A byte follows the signature.", forge.sealed(PERSON, data, sign + b"\0"))
    jwk = {"crv": "Ed25519", "kty": "OKP", "x": forge.b64((2).to_bytes(32, "little"))}
    what = "The Ed25519 key is no point of the curve: no x goes with y = 2, and nothing verifies under it."
    yield bad("signature-no-point", what, fake(forge.compact(jwk), kid=forge.thumbprint(jwk)))
    order = 2**252 + 27742317777372353535851937790883648493
    high = (int.from_bytes(sign[32:], "little") + order).to_bytes(32, "little")
    yield bad(
        "signature-ed25519-high-s",
        "S is S plus the order: a second text for it.",
        forge.sealed(PERSON, data, sign[:32] + high),
    )
    changed = forge.signing_input(forge.header(PERSON), claims(PERSON, iat=NOW - 1))
    yield bad(
        "signature-other-payload",
        "The payload was changed after it was signed.",
        forge.sealed(PERSON, changed, sign),
    )
    data = forge.signing_input(forge.header(PERSON_EC), claims(PERSON_EC))
    sign = PERSON_EC.sign(data)
    yield bad(
        "signature-es256-der", "The signature is in DER.", forge.sealed(PERSON_EC, data, PERSON_EC.der(data))
    )
    yield bad("signature-es256-zero", "r and s are zero.", forge.sealed(PERSON_EC, data, bytes(64)))
    number = forge.ORDER.to_bytes(32, "big")
    yield bad("signature-es256-order", "r and s are the order.", forge.sealed(PERSON_EC, data, number * 2))
    yield bad(
        "signature-es256-swapped",
        "r and s are swapped.",
        forge.sealed(PERSON_EC, data, sign[32:] + sign[:32]),
    )

    for slug, kid, what in (
        ("kid-other-key", STRANGER.kid, "`kid` is that of another key."),
        ("kid-did", PERSON.did, "`kid` is the identifier."),
        ("kid-empty", "", "`kid` is empty."),
        ("kid-padded", PERSON.kid + "=", "`kid` is padded."),
        ("kid-newline", PERSON.kid + "\n", "`kid` ends in a newline."),
    ):
        token = opening(head=forge.header(PERSON, kid=kid))
        yield refused(slug, "VRM-ID-008", "kid-mismatch", what, token)

    story = proffered()
    what = "An organisation signs with a key that it does not publish."
    yield refused(
        "key-unknown",
        "VRM-ID-009",
        "key-unknown",
        what,
        story.token(SHOP_ODD, "terms.reject"),
        **story.case(),
    )
    what = "An organisation signs with a key that it has retired."
    frame = story.case(keys={SHOP_ID: published(SHOP, revoked=[SHOP_OLD])})
    yield refused(
        "key-revoked", "VRM-ID-010", "key-revoked", what, story.token(SHOP_OLD, "terms.reject"), **frame
    )
    what = "A key is still listed beside its retirement: the retirement counts."
    frame = story.case(keys={SHOP_ID: published(SHOP, SHOP_OLD, revoked=[SHOP_OLD])})
    yield refused(
        "key-revoked-listed",
        "VRM-ID-010",
        "key-revoked",
        what,
        story.token(SHOP_OLD, "terms.reject"),
        **frame,
    )
    what = "The discovery document of the organisation cannot be read: its origin is absent from `keys`."
    token = story.token(SHOP, "terms.reject")
    yield refused("key-unavailable", "VRM-ID-011", "key-unavailable", what, token, **story.case(keys={}))
    what = "A stranger signs in the name of an organisation, with a `kid` of its."
    token = forge.token(STRANGER, story.next(SHOP, "terms.reject"), forge.header(SHOP))
    yield bad("signature-organisation", what, token, **story.case())
