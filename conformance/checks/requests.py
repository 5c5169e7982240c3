"""Checks of signed requests (home.md): what makes a read or a poll valid, and what does not."""

from __future__ import annotations

import json
import secrets
from typing import Any

from conformance import jose
from conformance.lab import Lab, Party, check
from conformance.results import Inconclusive
from conformance.target import Answer
from conformance.wire import MEDIA, head, speak, together

__all__ = ["ask"]

TYP = "vrm-request+jwt"


def claims_of(lab: Lab, party: Party, method: str, url: str, body: Any = None) -> dict[str, Any]:
    """The claims of a right request."""
    found: dict[str, Any] = jose.claims_of(lab.talk.signed(party.key, party.id, method, url, body))
    return found


async def ask(lab: Lab, method: str, url: str, token: str, label: str, query: str = "") -> Answer:
    """Send a request's token where it belongs: as a header, or as the body of a POST."""
    if method == "POST":
        return await lab.talk.request("POST", url, headers=MEDIA, data=token.encode(), label=label)
    headers = {"Authorization": f"VRM {token}"}
    return await lab.talk.request("GET", url + query, headers=headers, label=label)


async def _invalid(lab: Lab, method: str, url: str, token: str, label: str, query: str = "") -> None:
    answer = await ask(lab, method, url, token, f"a request {label}", query)
    lab.refused("VRM-HOM-015", answer, "request-invalid")


def _tampered(token: str, part: int, rng: Any) -> str:
    """One character of a segment changed into another of the alphabet, so that the syntax stays."""
    parts = token.split(".")
    text = parts[part]
    place = rng.randrange(len(text) // 4, len(text) // 2)
    parts[part] = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
    return ".".join(parts)


@check("VRM-HOM-015")
async def a_signed_request_that_breaks_a_rule_is_refused(lab: Lab) -> None:
    """Claims, header, signature, addressee, method and URL, at the list, at a thread and at the poll."""
    person, vendor, other = lab.person(), await lab.vendor(), lab.person("ES256")
    thread = await lab.proffered(person, vendor)
    threads, poll = lab.target.endpoint("threads"), lab.target.endpoint("poll")
    now = lab.target.now()
    elsewhere = f"{lab.target.issuer}/v1/elsewhere"
    for method, url, body in (
        ("GET", threads, None),
        ("GET", lab.thread_url(thread.thid), None),
        ("POST", poll, {"returnImmediately": True}),
    ):
        right = claims_of(lab, vendor, method, url, body)
        key, kid = vendor.key, vendor.key.kid
        made = jose.token(key, right, TYP)
        twin = "POST" if method == "GET" else "GET"
        wrong: dict[str, str] = {
            f"without {name}": jose.token(key, {n: v for n, v in right.items() if n != name}, TYP)
            for name in ("iss", "aud", "htm", "htu", "iat", "exp", "jti")
        }
        for name, value in (
            ("aud", "https://elsewhere.example"),
            ("aud", f"{lab.target.issuer}/"),
            ("aud", [lab.target.issuer]),
            ("htm", twin),
            ("htm", method.lower()),
            ("htm", "DELETE"),
            ("htu", elsewhere),
            ("htu", f"{url}/"),
            ("htu", f"{url}?limit=5"),
            ("htu", f"{url}#a"),
            ("htu", url.replace(lab.target.issuer, "https://elsewhere.example")),
            ("htu", url.replace(lab.target.issuer, "")),
            ("htu", url.upper()),
            ("htu", 1),
            ("iat", str(now)),
            ("exp", str(now + 60)),
            ("jti", "short"),
            ("jti", 5),
            ("iss", other.id),
            ("iss", "somebody"),
            ("sub", vendor.id),
            ("home", lab.target.issuer),
        ):
            wrong[f"with {name} {value}"] = jose.token(key, {**right, name: value}, TYP)
        if method == "GET":
            wrong["with a body"] = jose.token(key, {**right, "body": {}}, TYP)
        wrong |= {
            "of another alg": jose.token(key, right, TYP, alg="none"),
            "of the alg of another key": jose.token(key, right, TYP, alg="ES256"),
            "with the kid of another": jose.token(key, right, TYP, kid=other.key.kid),
            "with a member too much in its header": jose.token(key, right, TYP, crit=["a"]),
            "with the typ of a message": jose.token(key, right),
            "signed by another": jose.token(other.key, right, TYP, kid=kid, alg=key.alg),
            "signed by another under its own kid": jose.token(other.key, right, TYP),
            "changed in its claims": _tampered(made, 1, lab.rng),
            "changed in its signature": _tampered(made, 2, lab.rng),
            "with a byte of padding": f"{made}=",
            "with two signatures": f"{made}.{made.rpartition('.')[2]}",
            "without a signature": made.rpartition(".")[0] + ".",
            "with two members of one name": _doubled(vendor, right),
        }
        await together(_invalid(lab, method, url, token, label) for label, token in wrong.items())
        answer = await ask(lab, method, url, made, "a right request")
        lab.holds("VRM-HOM-015", answer.status == 200, "200", answer.said)


def _doubled(party: Party, claims: dict[str, Any]) -> str:
    header = jose.compact({"alg": party.key.alg, "kid": party.key.kid, "typ": TYP})
    return jose.signed(party.key, header, jose.compact(claims)[:-1] + b',"jti":"' + b"a" * 24 + b'"}')


@check("VRM-HOM-015")
async def a_request_serves_in_its_own_place_only(lab: Lab) -> None:
    """What was signed for one thread, endpoint or method is refused at another."""
    person, vendor = lab.person(), await lab.vendor()
    one, two = await lab.proffered(person, vendor), await lab.proffered(person, vendor)
    threads, poll = lab.target.endpoint("threads"), lab.target.endpoint("poll")
    records = lab.target.endpoint("records")
    cases = [
        (lab.thread_url(one.thid), lab.thread_url(two.thid)),
        (threads, lab.thread_url(one.thid)),
        (lab.thread_url(one.thid), threads),
        (lab.thread_url(one.thid), f"{records}/{one.thid}"),
    ]
    for signed, asked in cases:
        token = jose.token(person.key, claims_of(lab, person, "GET", signed), TYP)
        answer = await ask(lab, "GET", asked, token, "a read signed for another place")
        lab.refused("VRM-HOM-015", answer, "request-invalid")
    for method, url in (("GET", poll), ("POST", threads)):
        claims = claims_of(lab, person, method, url, {"returnImmediately": True})
        token = jose.token(person.key, claims, TYP)
        answer = await ask(lab, "POST", poll, token, "a poll signed for another place")
        lab.refused("VRM-HOM-015", answer, "request-invalid")


@check("VRM-HOM-015")
async def an_unsigned_read_is_refused(lab: Lab) -> None:
    """Without ``Authorization``, with another scheme, with an empty one; a token in the query is none."""
    person, vendor = lab.person(), await lab.vendor()
    thread = await lab.proffered(person, vendor)
    served = "terms" in lab.target.claimed
    for url in (
        lab.target.endpoint("threads"),
        lab.thread_url(thread.thid),
        *([f"{lab.target.endpoint('records')}/{thread.thid}"] if served else []),
    ):
        token = lab.talk.signed(person.key, person.id, "GET", url)
        told: list[dict[str, str]] = [
            {},
            {"Authorization": ""},
            {"Authorization": "VRM"},
            {"Authorization": "VRM "},
            {"Authorization": token},
            {"Authorization": f"Bearer {token}"},
            {"Authorization": f"DPoP {token}"},
            {"Authorization": f"VRM{token}"},
            {"Authorization": f"VRM {token} {token}"},
            {"Authorization": f"VRM {'a' * 3000}"},
            {"X-Authorization": f"VRM {token}"},
        ]

        async def one(headers: dict[str, str], url: str = url) -> None:
            answer = await lab.talk.request("GET", url, headers=headers, label=f"a read with {headers}"[:60])
            lab.refused("VRM-HOM-015", answer, "request-invalid")

        await together(map(one, told))
        answer = await lab.talk.request("GET", f"{url}?token={token}&access_token={token}")
        lab.refused("VRM-HOM-015", answer, "request-invalid")
        answer = await ask(lab, "GET", url, token, "the read with its token")
        lab.holds("VRM-HOM-015", answer.code != "request-invalid", "a request that is valid", answer.said)
    for data in (b"", b"{}", b'{"returnImmediately":true}'):
        answer = await lab.talk.request(
            "POST", lab.target.endpoint("poll"), headers=MEDIA, data=data, label="a poll that is no token"
        )
        lab.refused("VRM-HOM-015", answer, "request-invalid")


@check("VRM-HOM-015")
async def a_query_or_a_body_of_another_form_is_refused(lab: Lab) -> None:
    """``limit`` is a number from 1 to 200, ``from`` a number, the body of a poll as its schema has it."""
    person, vendor = lab.person(), await lab.vendor()
    thread = await lab.proffered(person, vendor)
    for url, queries in (
        (
            lab.target.endpoint("threads"),
            ("limit=0", "limit=-1", "limit=201", "limit=a", "limit=1.5"),
        ),
        (
            lab.thread_url(thread.thid),
            ("limit=0", "limit=-1", "limit=201", "limit=1e1", "from=a", "from=-1", "from=1.5"),
        ),
    ):
        for query in queries:
            token = lab.talk.signed(person.key, person.id, "GET", url)
            answer = await ask(lab, "GET", url, token, f"a read with {query}", f"?{query}")
            lab.refused("VRM-HOM-015", answer, "request-invalid")
        for query in ("limit=1", "limit=200"):
            token = lab.talk.signed(person.key, person.id, "GET", url)
            answer = await ask(lab, "GET", url, token, f"a read with {query}", f"?{query}")
            lab.holds("VRM-HOM-015", answer.status == 200, f"200 to {query}", answer.said)
    poll = lab.target.endpoint("poll")
    ok = {"returnImmediately": True}
    bodies: list[Any] = [
        {**ok, "maxEvents": -1},
        {**ok, "maxEvents": 1001},
        {**ok, "maxEvents": "5"},
        {**ok, "maxEvents": 1.5},
        {**ok, "maxEvents": None},
        {**ok, "maxEvents": True},
        {"returnImmediately": "true"},
        {"returnImmediately": 1},
        {**ok, "ack": thread.thid},
        {**ok, "ack": {"a": thread.thid}},
        {**ok, "ack": ["short"]},
        {**ok, "ack": [f"{thread.thid}="]},
        {**ok, "ack": [1]},
        {**ok, "ack": [thread.thid] * 1001},
        {**ok, "acks": []},
        {**ok, "setErrs": {}},
        [],
        "ack",
        5,
    ]

    def asked(body: Any) -> str:
        claims = {**claims_of(lab, vendor, "POST", poll, ok), "body": body}
        return jose.token(vendor.key, claims, TYP)

    await together(
        _invalid(lab, "POST", poll, asked(body), f"with the body {json.dumps(body)[:40]}") for body in bodies
    )
    waiting = await lab.inbox(vendor)
    lab.holds("VRM-HOM-015", waiting == [thread.thid], "an inbox that no refused poll has touched", waiting)


@check("VRM-HOM-016")
async def a_request_lives_a_minute(lab: Lab) -> None:
    """``exp`` after ``iat`` by at most 60 seconds; a minute of grace for clocks on both sides."""
    person, vendor = lab.person(), await lab.vendor()
    thread = await lab.proffered(person, vendor)
    slack = 0 if lab.target.loopback else 3
    for method, url, body in (
        ("GET", lab.thread_url(thread.thid), None),
        ("GET", lab.target.endpoint("threads"), None),
        ("POST", lab.target.endpoint("poll"), {"returnImmediately": True}),
    ):
        cases = (
            ("that ends when it begins", 0, 0, False),
            ("that ends before it begins", 0, -1, False),
            ("of 61 seconds", 0, 61, False),
            ("of an hour", -1800, 1800, False),
            ("of a day", 0, 86400, False),
            ("that ended a minute ago", -110, -60 - slack, False),
            ("that ended an hour ago", -3660, -3600, False),
            ("that begins in more than a minute", 64 + slack, 120, False),
            ("that begins in an hour", 3600, 3660, False),
            ("of one second", 0, 1, True),
            ("of 60 seconds", 0, 60, True),
            ("that ended 55 seconds ago", -100, -55 + slack, True),
            ("that begins in 58 seconds", 58 - slack, 118 - slack, True),
        )

        async def one(
            case: tuple[str, int, int, bool], method: str = method, url: str = url, body: Any = body
        ) -> None:
            what, iat, exp, good = case
            now = lab.target.now()
            claims = {**claims_of(lab, person, method, url, body), "iat": now + iat, "exp": now + exp}
            token = jose.token(person.key, claims, TYP)
            answer = await ask(lab, method, url, token, f"a request {what}")
            if good:
                lab.holds("VRM-HOM-016", answer.status == 200, f"200 to one {what}", answer.said)
            else:
                lab.refused("VRM-HOM-016", answer, "request-invalid")

        await together(map(one, cases))


@check("VRM-HOM-015")
async def a_request_may_arrive_twice(lab: Lab) -> None:
    """The same token reads again, as does one with the ``jti`` of another; ES256 serves as well."""
    for alg in ("Ed25519", "ES256"):
        person, vendor = lab.person(alg), await lab.vendor(alg)
        thread = await lab.proffered(person, vendor)
        url = lab.thread_url(thread.thid)
        token = lab.talk.signed(vendor.key, vendor.id, "GET", url)
        for _ in range(3):
            answer = await ask(lab, "GET", url, token, "the same read again")
            lab.holds("VRM-HOM-015", answer.status == 200, "200", answer.said)
        poll, body = lab.target.endpoint("poll"), {"returnImmediately": True, "ack": [thread.thid]}
        claims = {**claims_of(lab, vendor, "POST", poll, body), "jti": jose.claims_of(token)["jti"]}
        for _ in range(2):
            answer = await ask(lab, "POST", poll, jose.token(vendor.key, claims, TYP), "the same poll again")
            lab.holds("VRM-HOM-015", answer.status == 200, "200", answer.said)
            lab.holds("VRM-HOM-015", answer.document["order"] == [], "an empty inbox", answer.text[:200])


@check("VRM-HOM-015", needs="origin")
async def a_request_of_an_organisation_needs_a_key_that_it_publishes(lab: Lab) -> None:
    """A key that is not listed and one that is retired are refused; one that is listed reads."""
    if (origins := lab.session.origins) is None:
        raise Inconclusive("an organisation has to be played", "origin")
    good_key, stranger, old = jose.generate(), jose.generate(), jose.generate()
    retired = [{"kid": old.kid, "revoked_at": lab.target.now() - 86400}]
    documented = {"keys": jose.published(good_key), "historical_keys": retired}
    made = await origins.add({"key": good_key}, documented)
    await lab.session.introduce(good_key, made.origin)
    for method, url, body in (
        ("GET", lab.target.endpoint("threads"), None),
        ("POST", lab.target.endpoint("poll"), {"returnImmediately": True}),
    ):
        party = Party(made.origin, good_key)
        claims = claims_of(lab, party, method, url, body)
        for key, good in ((stranger, False), (old, False), (good_key, True)):
            claims["jti"] = secrets.token_urlsafe(18)
            answer = await ask(lab, method, url, jose.token(key, claims, TYP), "a request of an organisation")
            if good:
                lab.holds("VRM-HOM-015", answer.status == 200, "200", answer.said)
            else:
                lab.refused("VRM-HOM-015", answer, "request-invalid")


@check("VRM-HOM-015")
async def a_token_without_end_is_no_authorization(lab: Lab) -> None:
    """A header of thousands of characters is refused, and the next read is taken."""
    person = lab.person()
    url = lab.target.endpoint("threads")
    path = url.removeprefix(lab.target.issuer)
    token = lab.talk.signed(person.key, person.id, "GET", url)
    line = b"Authorization: VRM a" + b"a" * 7000
    answer = await speak(lab, "a read with a long token", head(lab, "GET", path, line))
    lab.holds("VRM-HOM-015", 400 <= answer.status < 500, "a refusal", answer.said)
    right = f"Authorization: VRM {token}".encode()
    answer = await speak(lab, "a read", head(lab, "GET", path, right))
    lab.holds("VRM-HOM-015", answer.status == 200, "200", answer.said)
