"""Checks of refusals: their form, their codes, and that bad input is never the fault of the home."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlsplit

from conformance import jose
from conformance.lab import Lab, Party, check
from conformance.target import Answer
from conformance.wire import DISCOVERY, MEDIA, header, proffer, speak, together

# --- problems -------------------------------------------------------------------------------------


@check("VRM-HOM-029")
async def a_refusal_is_a_problem_with_its_code_and_status(lab: Lab) -> None:
    """Two dozen refusals, each with all its members: ``type``, ``status`` and ``retryable`` as listed."""
    person, vendor, other = lab.person(), await lab.vendor(), lab.person()
    thread = await lab.proffered(person, vendor)
    body, now = lab.bodies, lab.target.now()
    right = lab.claims(person, "terms.proffer", vendor.id, body.proffer())
    made = jose.token(person.key, right)
    accept = lab.claims(
        vendor, "terms.accept", person.id, body.accept(thread.head), thid=thread.thid, prev=thread.head
    )

    def changed(**claims: Any) -> str:
        kept = {n: v for n, v in {**right, **claims}.items() if v is not None}
        return jose.token(person.key, kept)

    def inside(**claims: Any) -> str:
        return jose.token(vendor.key, {**accept, **claims})

    mismatch = {**body.agreement("SD-BASE"), "digest": jose.digest(b"another")}
    cases: dict[str, list[str]] = {
        "too-large": [made + "A" * 65536],
        "token-malformed": ["a.b", made + "=", f"{made}.a", ""],
        "json-invalid": [_with(made, payload=b'{"vrm":"1.0",}', key=person)],
        "version-unsupported": [changed(vrm="2.0")],
        "header-invalid": [jose.token(person.key, right, crit=[])],
        "typ-invalid": [jose.token(person.key, right, "JWT")],
        "alg-unsupported": [jose.token(person.key, right, alg="none")],
        "claim-missing": [changed(jti=None)],
        "claim-invalid": [changed(iat=str(now)), changed(jti="a")],
        "claim-unknown": [changed(nbf=now)],
        "wrong-home": [changed(home="https://elsewhere.example")],
        "addressee-unknown": [changed(aud=lab.person().id)],
        "expired": [changed(iat=now - 7200, exp=now - 3600)],
        "not-yet-valid": [changed(iat=now + 3600, exp=now + 7200)],
        "lifetime-too-long": [changed(exp=now + 86402)],
        "signature-invalid": [jose.token(other.key, right, kid=person.key.kid, alg=person.key.alg)],
        "kid-mismatch": [jose.token(person.key, right, kid=other.key.kid)],
        "type-unknown": [changed(type="terms.unheard-of")],
        "body-invalid": [changed(body={})],
        "thread-missing": [changed(type="terms.withdraw", body={})],
        "thread-unknown": [inside(thid=jose.digest(b"nothing"))],
        "parent-unknown": [changed(pthid=jose.digest(b"nothing"))],
        "agreement-unknown": [changed(agr=jose.digest(b"nothing"))],
        "aud-mismatch": [inside(aud=(await lab.vendor()).id)],
        "role-forbidden": [inside(type="terms.withdraw", body={})],
        "state-conflict": [inside(type="agreement.terminate", body={})],
        "prev-unknown": [inside(prev=jose.digest(b"nothing"))],
        "deadline-invalid": [changed(body=body.proffer(answer_by=body.at(-60)))],
        "roster-unknown": [changed(body=body.proffer(roster={"id": "another", "version": "1.0"}))],
        "agreement-mismatch": [changed(body=body.proffer(preferred=mismatch))],
        "terms-not-offered": [inside(body=body.accept(jose.digest(b"nothing")))],
    }
    moved = await lab.proffered(person, await lab.vendor())
    assert moved.second is not None
    await lab.say(moved.second, "terms.alternative", body.alternative(moved.head), moved)
    late = body.accept(moved.head, "SD-BASE-A")
    for code, type_, made_, prev in (
        ("prev-stale", "terms.accept", late, moved.thid),
        ("alternative-not-new", "terms.alternative", body.alternative(thread.head, "SD-BASE"), thread.head),
    ):
        one, party = (moved, person) if type_ == "terms.accept" else (thread, vendor)
        claims = lab.claims(party, type_, one.other(party), made_, thid=one.thid, prev=prev)
        cases[code] = [jose.token(party.key, claims)]
    for code, tokens in cases.items():
        for token in tokens:
            await _problem(lab, code, await lab.talk.send(token.encode(), f"what is {code}"))
    where = lab.target.issuer
    await _problem(lab, "not-found", await lab.talk.request("GET", f"{where}/{secrets.token_hex(8)}"))
    await _problem(lab, "method-not-allowed", await lab.talk.request("PATCH", where + DISCOVERY))
    await _problem(lab, "request-invalid", await lab.talk.request("GET", lab.target.endpoint("threads")))
    waiting = await lab.inbox(vendor)
    lab.holds("VRM-HOM-029", waiting == [thread.thid], "nothing that was refused is delivered", waiting)


def _with(token: str, payload: bytes, key: Party) -> str:
    return jose.signed(key.key, jose.decode(token.split(".")[0]), payload)


async def _problem(lab: Lab, code: str, answer: Answer) -> None:
    lab.refused("VRM-HOM-029", answer, code)
    found = answer.document
    entry = lab.spec.errors[code]
    faults = lab.spec.faults("documents/problem.json", found)
    lab.holds("VRM-HOM-029", not faults, "valid against documents/problem.json", faults[:3])
    wanted = {
        "type": f"https://w3id.org/vrmproto/1.0/errors/{code}",
        "status": entry["status"],
        "retryable": entry["retryable"],
    }
    got = {name: found[name] for name in wanted}
    lab.holds("VRM-HOM-029", got == wanted, str(wanted), got)
    media = answer.media
    lab.holds("VRM-HOM-029", media == "application/problem+json", "application/problem+json", media)
    filled = all(isinstance(found[n], str) and found[n] for n in ("title", "detail", "requirement"))
    lab.holds("VRM-HOM-029", filled, "title, detail and requirement", found)


ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    2**53,
    1e300,
    "",
    "\x00",
    "\U0001f697" * 30,
    "a" * 3000,
    [],
    [[]],
    {},
    {"a": {"b": []}},
    "did:jwk:",
    "did:jwk:e30",
    "http://[::1",
    "https://\u0430.example",
    "9999-99-99T99:99:99Z",
)
RUBBISH = (
    b"GARBAGE\r\n\r\n",
    bytes(100) + b"\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost a\r\n\r\n",
    b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /%zz%ff%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 70000 + b"\r\n\r\n",
    b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: four\r\n\r\nabcd",
    b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
    b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
)


@check("VRM-HOM-030")
async def bad_input_is_never_the_fault_of_the_home(lab: Lab) -> None:
    """Claims and members of every wrong type, broken bytes, odd queries, HTTP that is none: no 5xx."""
    person, vendor = lab.person(), await lab.vendor()
    body = lab.bodies.proffer()
    right = lab.claims(person, "terms.proffer", vendor.id, body)
    tokens: list[str] = []
    for name in [*right, "thid", "prev", "pthid", "agr", "ext"]:
        tokens += [jose.token(person.key, {**right, name: value}) for value in lab.rng.sample(ODD, 8)]
    for name in body:
        for value in lab.rng.sample(ODD, 5):
            tokens.append(jose.token(person.key, {**right, "body": {**body, name: value}}))
    for name in ("alg", "kid", "typ"):
        for value in lab.rng.sample(ODD, 4):
            named = {"alg": person.key.alg, "kid": person.key.kid, "typ": "vrm+jwt", name: value}
            tokens.append(jose.signed(person.key, jose.compact(named), jose.compact(right)))
    made = jose.token(person.key, right)
    for payload in (
        b"",
        b"null",
        b"[]",
        b'"a"',
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"{",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"a":"\\ud800"}',
        b'{"a":' + b"[" * 20000 + b"]" * 20000 + b"}",
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":1e999}',
        lab.rng.randbytes(200),
    ):
        tokens.append(_with(made, payload, person))
    parts = made.split(".")
    tokens += [
        ".",
        "..",
        "...",
        "a" * 100,
        f"{parts[0]}..{parts[2]}",
        made[:-1],
        made + "\n",
        made.swapcase(),
    ]

    async def sent(token: str) -> None:
        answer = await lab.talk.send(token.encode(), "bad input")
        lab.holds("VRM-HOM-030", 400 <= answer.status < 500, "a refusal", answer.said)

    await together(map(sent, (t for t in tokens if t != made)))
    queries = ("?limit=", "?limit=%00", "?limit=9" + "9" * 400, "?after=%ff%fe", "?from=1e3", "?a&&&=;", "?%")
    for url in (lab.target.endpoint("threads"), lab.thread_url(jose.mid_of(made)), lab.thread_url("%00")):
        for query in queries:
            signed = lab.talk.signed(person.key, person.id, "GET", url)
            headers = {"Authorization": f"VRM {signed}"}
            answer = await lab.talk.request("GET", url + query, headers=headers, label="an odd query")
            lab.holds("VRM-HOM-030", answer.status < 500, "no 5xx", answer.said)
    for name in ("Accept", "Accept-Language", "If-None-Match", "Range", "Authorization"):
        for value in ("\xff\xfe", ";;;,,,q=q=q", "a" * 4000, "*/*;q=nan, */*;q=1e999", '"' * 30):
            where = (
                lab.target.endpoint("roster") if name != "Authorization" else lab.target.endpoint("threads")
            )
            answer = await lab.talk.request("GET", where, headers={name: value}, label=f"an odd {name}")
            lab.holds("VRM-HOM-030", answer.status < 500, "no 5xx", answer.said)
    for raw in RUBBISH:
        answer = await speak(lab, "HTTP that is none", raw, limit=1.0)
        # 501 and 505 say that HTTP itself is not understood
        fine = answer.status < 500 or answer.status in (501, 505)
        lab.holds("VRM-HOM-030", fine, "no 5xx", answer.said)
    answer = await lab.talk.request("GET", lab.target.issuer + DISCOVERY, label="it still answers")
    lab.holds("VRM-HOM-030", answer.status == 200, "200", answer.said)
    waiting = await lab.inbox(vendor)
    lab.holds("VRM-HOM-030", not waiting, "nothing delivered", waiting)


@check("VRM-HOM-032")
async def a_path_that_does_not_exist_is_a_problem(lab: Lab) -> None:
    """``not-found`` as a problem, by each method, below each beginning, also with a right token."""
    person, vendor = lab.person(), await lab.vendor()
    token = proffer(lab, person, vendor)
    for start in ("/", "/v1/", "/.well-known/", "/v1/messages-", "/v2/"):
        url = f"{lab.target.issuer}{start}{secrets.token_hex(8)}"
        for method in ("GET", "POST", "PUT", "DELETE"):
            data = token.encode() if method in ("POST", "PUT") else None
            headers = MEDIA if data else {"Accept": "text/html"}
            answer = await lab.talk.request(
                method, url, headers=headers, data=data, label=f"{method} nowhere"
            )
            lab.refused("VRM-HOM-032", answer, "not-found")
            media = answer.media
            lab.holds("VRM-HOM-032", media == "application/problem+json", "application/problem+json", media)
            faults = lab.spec.faults("documents/problem.json", answer.document)
            lab.holds("VRM-HOM-032", not faults, "a problem", faults[:3])


@check("VRM-HOM-036")
async def a_wrong_method_is_answered_with_the_right_ones(lab: Lab) -> None:
    """405 ``method-not-allowed`` and ``Allow`` with what the endpoint takes."""
    served = set(lab.target.claimed)
    cases: list[tuple[str, str, tuple[str, ...]]] = [
        (lab.target.issuer + DISCOVERY, "GET", ("POST", "PUT", "DELETE", "PATCH")),
        (lab.target.endpoint("messages"), "POST", ("GET", "PUT", "DELETE", "PATCH")),
        (lab.target.endpoint("poll"), "POST", ("GET", "PUT", "DELETE", "PATCH")),
        (lab.target.endpoint("threads"), "GET", ("POST", "PUT", "DELETE", "PATCH")),
    ]
    if "terms" in served:
        cases.append((lab.target.endpoint("roster"), "GET", ("POST", "DELETE", "PATCH")))
        cases.append((f"{lab.target.issuer}/.well-known/myterms", "GET", ("POST", "DELETE", "PATCH")))
    if "intent" in served and lab.target.board():
        cases.append((lab.board, "GET", ("POST", "PUT", "PATCH")))
    for url, right, wrong in cases:
        for method in wrong:
            answer = await lab.talk.request(method, url, label=f"{method} {urlsplit(url).path}")
            lab.refused("VRM-HOM-036", answer, "method-not-allowed")
            allowed = [part.strip().upper() for part in header(answer, "Allow").split(",")]
            told = right in allowed and method not in allowed
            lab.holds("VRM-HOM-036", told, f"Allow with {right} and without {method}", allowed)
