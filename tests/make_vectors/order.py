"""Vectors of the order of checks in the profiles core and terms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests import forge
from tests.make_vectors.base import (
    DAY,
    EXT,
    NEXT,
    NOW,
    OTHER_ID,
    PERSON,
    REFERENCE,
    SHOP,
    SHOP_ID,
    SHOP_ODD,
    STRANGER,
    Vector,
    acceptance,
    agreed_once,
    alternative,
    both,
    chapter,
    claims,
    countered,
    opening,
    proffer,
    proffered,
    published,
    rotation,
    spaced,
    text,
    time,
    with_padding,
)


@chapter
def order_to_home() -> Iterator[Vector]:
    """Size, segments, JSON, `vrm`, header, `typ`, `alg`, claims, home."""
    malformed, duplicate = ("VRM-ENV-002", "token-malformed"), ("VRM-ENV-007", "json-invalid")
    version, typ = ("VRM-ENV-012", "version-unsupported"), ("VRM-ENV-014", "typ-invalid")
    header, alg = ("VRM-ENV-013", "header-invalid"), ("VRM-ID-004", "alg-unsupported")
    missing, form = ("VRM-ENV-015", "claim-missing"), ("VRM-ENV-017", "claim-invalid")
    unknown, home = ("VRM-ENV-020", "claim-unknown"), ("VRM-ENV-021", "wrong-home")
    size, alphabet = ("VRM-ENV-001", "too-large"), ("VRM-ENV-003", "token-malformed")
    elsewhere = "https://elsewhere.example"

    what = "65542 bytes in four segments."
    yield both("size-segments", what, size, malformed, spaced(65537) + b".AAAA", opening() + b".AAAA")
    twice = text(claims(PERSON)).replace('"lang":', '"lang":"de","lang":')
    token = forge.token(PERSON, twice)
    head, payload = (p.decode() for p in token.split(b".")[:2])
    padded = forge.sealed(PERSON, f"{head}.{with_padding(payload)}".encode())
    what = "The payload is padded, and signed like that; `lang` stands twice in the body."
    yield both("segments-json", what, alphabet, duplicate, padded, token)
    old = claims(PERSON, vrm="1.1")
    token = forge.token(PERSON, text(old).replace('"lang":', '"lang":"de","lang":'))
    what = "`lang` stands twice in the body; `vrm` is 1.1."
    yield both("json-vrm", what, duplicate, version, token, forge.token(PERSON, old))
    extra = {"jku": "https://keys.example/jwks"}
    token = forge.token(PERSON, old, forge.header(PERSON, **extra))
    what = "`vrm` is 1.1; the header has a member too many."
    yield both("vrm-header", what, version, header, token, opening(head=forge.header(PERSON, **extra)))
    token = opening(head=forge.header(PERSON, typ="JWT", **extra))
    what = "The header has a member too many; `typ` is JWT."
    yield both("header-typ", what, header, typ, token, opening(head=forge.header(PERSON, typ="JWT")))
    token = opening(head=forge.header(PERSON, typ="JWT", alg="EdDSA"))
    what = "`typ` is JWT; `alg` is EdDSA."
    yield both("typ-alg", what, typ, alg, token, opening(head=forge.header(PERSON, alg="EdDSA")))
    token = opening(head=forge.header(PERSON, alg="EdDSA"), iat=None)
    yield both("alg-claims", "`alg` is EdDSA; `iat` is missing.", alg, missing, token, opening(iat=None))
    token = opening(iat=None, jti="short")
    what = "`iat` is missing; `jti` is too short."
    yield both("claims-claims-form", what, missing, form, token, opening(jti="short"))
    token = opening(jti="short", nbf=NOW)
    what = "`jti` is too short; the claim `nbf` is not named."
    yield both("claims-claims-closed", what, form, unknown, token, opening(nbf=NOW))
    token = opening(nbf=NOW, home=elsewhere)
    what = "The claim `nbf` is not named; `home` is another home."
    yield both("claims-home", what, unknown, home, token, opening(home=elsewhere))


@chapter
def order_to_kid() -> Iterator[Vector]:
    """Home, repeat, addressee, time, key, signature, kid."""
    home, elsewhere = ("VRM-ENV-021", "wrong-home"), "https://elsewhere.example"
    addressee, expired = ("VRM-ENV-025", "addressee-unknown"), ("VRM-ENV-027", "expired")
    future, lifetime = ("VRM-ENV-028", "not-yet-valid"), ("VRM-ENV-029", "lifetime-too-long")
    spelling, fit = ("VRM-ID-001", "key-invalid"), ("VRM-ID-006", "key-invalid")
    unpublished, signature = ("VRM-ID-009", "key-unknown"), ("VRM-ENV-030", "signature-invalid")
    kid, forged = ("VRM-ID-008", "kid-mismatch"), ("VRM-ENV-024", "signature-invalid")
    past: dict[str, Any] = {"iat": NOW - 3600, "exp": NOW - 60}

    token = opening(home=elsewhere)
    what = "`home` is another home; nobody has heard of the addressee."
    yield both("home-aud", what, home, addressee, token, opening(), known=())
    story = proffered()
    late = story.at(NOW + 2 * DAY)
    token = forge.sealed(STRANGER, story.sent[0].token.rpartition(b".")[0])
    what = "The first message again with the signature of a stranger; `exp` was long ago."
    changes: dict[str, Any] = {"thread": []}
    yield both("repeat-time", what, forged, expired, token, changes=changes, **late.case())
    what = "Nobody has heard of the addressee; `exp` was 60 seconds ago."
    yield both("aud-time", what, addressee, expired, opening(**past), changes={"known": [SHOP_ID]}, known=())
    long: dict[str, Any] = {"iat": NOW - DAY - 61, "exp": NOW - 60}
    token = opening(**long)
    what = "`exp` was 60 seconds ago; the message was valid for 86401 seconds."
    yield both("time-time-past", what, expired, lifetime, token, changes={"now": NOW - 1})
    token = opening(iat=NOW + 61, exp=NOW + 61 + DAY + 1)
    what = "`iat` is in 61 seconds; the message is valid for 86401 seconds."
    yield both("time-time-future", what, future, lifetime, token, changes={"now": NOW + 1})
    spaced: dict[str, Any] = {"iss": forge.did(text(PERSON.jwk).replace(",", ", ", 1))}
    what = "`exp` was 60 seconds ago; a space stands in the JWK of the identifier."
    yield both("time-key", what, expired, spelling, opening(**past, **spaced), opening(**spaced))
    token = story.token(SHOP_ODD, "terms.reject", **past)
    right = story.token(SHOP_ODD, "terms.reject")
    what = "`exp` was 60 seconds ago; the organisation does not publish the key."
    yield both("time-key-unknown", what, expired, unpublished, token, right, **story.case())
    data = forge.signing_input(forge.header(PERSON, alg="ES256"), claims(PERSON))
    right = forge.sealed(STRANGER, forge.signing_input(forge.header(PERSON), claims(PERSON)))
    what = "`alg` is ES256 and the key Ed25519; another key has signed."
    yield both("key-signature", what, fit, signature, forge.sealed(STRANGER, data), right)
    token = forge.token(STRANGER, story.next(SHOP, "terms.reject"), forge.header(SHOP_ODD))
    right = forge.token(STRANGER, story.next(SHOP, "terms.reject"), forge.header(SHOP))
    what = "The organisation does not publish the key; a stranger has signed."
    yield both("key-signature-unknown", what, unpublished, signature, token, right, **story.case())
    head = forge.header(PERSON, kid=NEXT.kid)
    token = forge.sealed(STRANGER, forge.signing_input(head, claims(PERSON)))
    what = "Another key has signed; `kid` is that of a third."
    yield both("signature-kid", what, signature, kid, token, opening(head=head))


@chapter
def order_to_thread() -> Iterator[Vector]:
    """Kid, ext, type, body, thread."""
    story, kid = proffered(), ("VRM-ID-008", "kid-mismatch")
    head = forge.header(PERSON, kid=NEXT.kid)
    banned, ext = ("VRM-ENV-031", "ext-not-allowed"), ("VRM-ENV-032", "claim-invalid")
    kind, body = ("VRM-ENV-034", "type-unknown"), ("VRM-ENV-035", "body-invalid")
    thread = ("VRM-THR-002", "thread-unknown")
    token = opening(head=head, ext={EXT: 1})
    what = "`kid` is that of another key; a proffer carries an extension."
    yield both("kid-ext", what, kid, banned, token, opening(ext={EXT: 1}))
    what = "A proffer carries an extension, whose name is no URI."
    yield both("ext-ext", what, banned, ext, opening(ext={"x": 1}))
    new: dict[str, Any] = {"type": "terms.unknown"}
    what = "A name in `ext` is no URI; there is no such type."
    yield both("ext-type", what, ext, kind, opening(ext={"x": 1}, **new), opening(**new))
    wrong = proffer(lang="EN")
    what = "A proffer carries an extension; `lang` is not written as BCP 47 wants it."
    yield both("ext-body", what, banned, body, opening(ext={EXT: 1}, body=wrong), opening(body=wrong))
    lost: dict[str, Any] = {"thid": forge.mid(b"nothing.")}
    what = "There is no such type, and no such thread."
    token, right = (story.token(PERSON, t, **lost) for t in ("terms.unknown", "terms.withdraw"))
    yield both("type-thread", what, kind, thread, token, right, **story.case())
    what = "`reason` is empty; there is no such thread."
    token, right = (story.token(SHOP, "terms.reject", b, **lost) for b in ({"reason": ""}, {}))
    yield both("body-thread", what, body, thread, token, right, **story.case())


@chapter
def order_to_prev() -> Iterator[Vector]:
    """Thread, counterparty, row, prev."""
    story, thread = proffered(), ("VRM-THR-002", "thread-unknown")
    parent, agreement = ("VRM-THR-009", "parent-unknown"), ("VRM-THR-010", "agreement-unknown")
    proven, counterparty = ("VRM-ID-021", "thread-unknown"), ("VRM-THR-003", "aud-mismatch")
    role, state = ("VRM-THR-004", "role-forbidden"), ("VRM-THR-005", "state-conflict")
    passed, unneeded = ("VRM-THR-006", "deadline-passed"), ("VRM-THR-008", "claim-unknown")
    no_prev = ("VRM-THR-011", "prev-unknown")
    done, nothing = agreed_once(), forge.mid(b"nothing.")
    astray: dict[str, Any] = {"aud": STRANGER.did}
    free: dict[str, Any] = {"thid": None, "prev": None}
    agr: dict[str, Any] = {"agr": done.head}
    unproven: dict[str, Any] = {"proof": None}
    none: dict[str, Any] = {}
    known = (STRANGER.did,)

    what = "There is no such thread; `pthid` stands beside `thid`."
    token = done.token(SHOP, "agreement.terminate", pthid=done.thid, thid=nothing)
    right = done.token(SHOP, "agreement.terminate", pthid=done.thid)
    yield both("thread-thread-parent", what, thread, parent, token, right, **done.case())
    what = "`pthid` and `agr` name nothing."
    token = done.token(PERSON, "terms.proffer", proffer(), **free, pthid=nothing, agr=nothing)
    right = done.token(PERSON, "terms.proffer", proffer(), **free, agr=nothing)
    yield both("thread-thread-agreement", what, parent, agreement, token, right, **done.case())
    right = done.token(SHOP, "agreement.terminate", **astray)
    what = "`pthid` stands beside `thid`; `aud` is not the other party."
    token = done.token(SHOP, "agreement.terminate", pthid=done.thid, **astray)
    yield both("thread-counterparty", what, parent, counterparty, token, right, **done.case(known=known))
    what = "`agr` names no agreement; `aud` is not the other party."
    token = done.token(SHOP, "agreement.terminate", agr=nothing, **astray)
    frame = done.case(known=known)
    yield both("thread-counterparty-agreement", what, agreement, counterparty, token, right, **frame)
    aside: dict[str, Any] = {"aud": OTHER_ID}
    token, right = (done.token(NEXT, "agent.rotate", rotation(done, **b), **aside) for b in (unproven, none))
    what = "A rotation without proof; `aud` is not the other party."
    frame = {**done.case(known=(OTHER_ID,)), "covers": ("VRM-ID-026",)}
    yield both("thread-counterparty-proof", what, proven, counterparty, token, right, **frame)
    token, right = (story.token(NEXT, "agent.rotate", rotation(story, **b)) for b in (unproven, none))
    what = "A rotation without proof, in a thread that is not agreed yet: nothing is told of its state."
    frame = {**story.case(), "covers": ("VRM-ID-026",)}
    yield both("thread-row-proof", what, proven, state, token, right, **frame)
    token, right = (
        done.token(NEXT, "agent.rotate", rotation(done, **b), prev=nothing) for b in (unproven, none)
    )
    what = "A rotation without proof; `prev` names no message."
    frame = {**done.case(), "covers": ("VRM-ID-026",)}
    yield both("thread-prev-proof", what, proven, no_prev, token, right, **frame)
    what = "`aud` is not the other party; a rejection after the acceptance."
    token, right = (done.token(SHOP, "terms.reject", **c) for c in (astray, none))
    yield both("counterparty-row", what, counterparty, state, token, right, **done.case(known=known))
    what = "A rejection after the acceptance; `prev` names no message."
    token = done.token(SHOP, "terms.reject", prev=nothing)
    right = done.token(SHOP, "agreement.terminate", prev=nothing)
    yield both("row-prev", what, state, no_prev, token, right, **done.case())
    what = "The organisation withdraws the proffer; `prev` names no message."
    token = story.token(SHOP, "terms.withdraw", prev=nothing)
    right = story.token(SHOP, "terms.reject", prev=nothing)
    yield both("row-prev-role", what, role, no_prev, token, right, **story.case())
    late = story.at(NOW + DAY)
    what = "A rejection in the second of `answer_by`; `prev` names no message."
    token = late.token(SHOP, "terms.reject", prev=nothing)
    yield both("row-prev-late", what, passed, no_prev, token, changes={"now": NOW + DAY - 1}, **late.case())
    what = "`agr` stands where the row needs none; `prev` names no message."
    token, right = (done.token(SHOP, "agreement.terminate", prev=nothing, **c) for c in (agr, none))
    yield both("row-prev-agreement", what, unneeded, no_prev, token, right, **done.case())


@chapter
def order_of_guards() -> Iterator[Vector]:
    """Prev, and the guards in the order of the row."""
    story, other, nothing = proffered(), countered(), forge.mid(b"nothing.")
    no_prev, stale = ("VRM-THR-011", "prev-unknown"), ("VRM-THR-012", "prev-stale")
    offered, new_terms = ("VRM-TRM-005", "terms-not-offered"), ("VRM-TRM-007", "alternative-not-new")
    person, deadline = ("VRM-THR-024", "person-required"), ("VRM-THR-020", "deadline-invalid")
    roster, listed = ("VRM-TRM-001", "roster-unknown"), ("VRM-TRM-006", "roster-unknown")
    what = "`prev` names the proffer, after the alternative; what the proffer preferred is accepted."
    token, right = (
        other.token(PERSON, "terms.accept", acceptance(other), prev=p) for p in (other.thid, other.head)
    )
    yield both("prev-guards", what, stale, offered, token, right, **other.case())
    what = "`prev` names no message; `answer_by` of the alternative is now."
    body_ = alternative(story, answer_by=time(NOW))
    token, right = (story.token(SHOP, "terms.alternative", body_, prev=p) for p in (nothing, story.head))
    yield both("prev-guards-deadline", what, no_prev, deadline, token, right, **story.case())
    elsewhere_ = {"id": "other", "version": "1.0"}
    what = "An organisation proffers; the roster named is not held here."
    token = forge.token(SHOP, claims(SHOP, aud=PERSON.did, body=proffer(roster=elsewhere_)))
    frame: dict[str, Any] = {"known": (PERSON.did, SHOP_ID), "keys": {SHOP_ID: published(SHOP)}}
    right = opening(body=proffer(roster=elsewhere_))
    yield both("guards-person", what, person, roster, token, right, **frame)
    what = "The roster named is not held here; `answer_by` is now."
    token, right = (opening(body=proffer(answer_by=time(NOW), **c)) for c in ({"roster": elsewhere_}, {}))
    yield both("guards-roster", what, roster, deadline, token, right)
    what = "The alternative is not in the roster; `alternative_to` names no proffer."
    strange = {**REFERENCE["SD-BASE"], "id": "SD-OTHER"}
    token, right = (
        story.token(SHOP, "terms.alternative", alternative(story, alternative_to=nothing, **c))
        for c in ({"agreement": strange}, {})
    )
    yield both("guards-roster-alternative", what, listed, new_terms, token, right, **story.case())
    what = "The alternative is what was acceptable; its `answer_by` is now."
    token, right = (
        story.token(SHOP, "terms.alternative", alternative(story, answer_by=time(NOW), **c))
        for c in ({"agreement": REFERENCE["SD-BASE"]}, {})
    )
    yield both("guards-alternative", what, new_terms, deadline, token, right, **story.case())
