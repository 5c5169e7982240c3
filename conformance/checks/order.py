"""Checks of the order of checks: of two faults the first is answered."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from conformance import jose
from conformance.lab import Lab, Party, check
from conformance.wire import together

# --- the order of checks --------------------------------------------------------------------------

Change = Callable[["_Draft"], None]


class _Draft:
    """A message that takes faults, one upon the other, before it becomes bytes."""

    def __init__(self, party: Party, claims: Mapping[str, Any]) -> None:
        self.party, self.key = party, party.key
        self.claims: dict[str, Any] = dict(claims)
        self.header: dict[str, Any] = {"alg": self.key.alg, "kid": self.key.kid, "typ": "vrm+jwt"}
        self.media, self.broken, self.forged, self.tail = "application/jwt", False, False, ""

    def bytes(self) -> bytes:
        """The token."""
        payload = jose.compact(self.claims)
        if self.broken:
            payload = payload[:-1] + b",}"
        token = jose.signed(self.key, jose.compact(self.header), payload)
        if self.forged:
            said, _, last = token.rpartition(".")
            token = f"{said}.{'B' if last[0] == 'A' else 'A'}{last[1:]}"
        return (token + self.tail).encode()


def _set(**claims: Any) -> Change:
    return lambda draft: draft.claims.update(claims)


def _body(**members: Any) -> Change:
    return lambda draft: draft.claims.update(body={**draft.claims["body"], **members})


def _early(lab: Lab) -> list[tuple[str, str, Change]]:
    """Code, what it touches, change: the checks that know no thread, in their order."""
    now, nobody = lab.target.now(), lab.person()

    def odd_did(draft: _Draft) -> None:
        swapped = dict(sorted(draft.key.jwk.items(), reverse=True))
        draft.claims["iss"] = jose.DID + jose.b64(jose.compact(swapped))

    return [
        ("media-type", "media", lambda d: setattr(d, "media", "text/plain")),
        ("too-large", "tail", lambda d: setattr(d, "tail", d.tail + "A" * 65537)),
        ("token-malformed", "tail", lambda d: setattr(d, "tail", d.tail + "=")),
        ("json-invalid", "json", lambda d: setattr(d, "broken", True)),
        ("version-unsupported", "vrm", _set(vrm="2.0")),
        ("header-invalid", "header", lambda d: d.header.update(crit="a")),
        ("typ-invalid", "typ", lambda d: d.header.update(typ="JWT")),
        ("alg-unsupported", "alg", lambda d: d.header.update(alg="HS256")),
        ("claim-missing", "jti", lambda d: d.claims.pop("jti", None)),
        ("claim-invalid", "jti", _set(jti="short")),
        ("claim-unknown", "nbf", _set(nbf=now)),
        ("wrong-home", "home", _set(home="https://elsewhere.example")),
        ("addressee-unknown", "aud", _set(aud=nobody.id)),
        ("expired", "time", _set(iat=now - 7200, exp=now - 3600)),
        ("not-yet-valid", "time", _set(iat=now + 3600, exp=now + 7200)),
        ("lifetime-too-long", "time", _set(exp=now + 90000)),
        ("key-invalid", "iss", odd_did),
        ("signature-invalid", "signature", lambda d: setattr(d, "forged", True)),
        ("kid-mismatch", "kid", lambda d: d.header.update(kid=nobody.key.kid)),
        ("ext-not-allowed", "type", _set(ext={"https://x.example/": 1})),
        ("type-unknown", "type", _set(type="terms.unheard-of")),
        ("body-invalid", "body", _body(lang="!")),
    ]


async def _ordered(
    lab: Lab, party: Party, claims: Mapping[str, Any], faults: list[tuple[str, str, Change]]
) -> None:
    async def one(first: tuple[str, str, Change], second: tuple[str, str, Change]) -> None:
        draft = _Draft(party, claims)
        draft.claims["jti"] = secrets.token_urlsafe(18)
        for _, _, change in (second, first):
            change(draft)
        answer = await lab.talk.request(
            "POST",
            lab.target.endpoint("messages"),
            headers={"Content-Type": draft.media},
            data=draft.bytes(),
            label=f"a message that is {first[0]} and {second[0]}",
        )
        lab.refused("VRM-ENV-036", answer, first[0])

    pairs = [(a, b) for n, a in enumerate(faults) for b in faults[n:] if a is b or a[1] != b[1]]
    await together(one(*pair) for pair in pairs)


@check("VRM-ENV-036")
async def of_two_faults_of_an_opening_message_the_first_is_answered(lab: Lab) -> None:
    """Every fault beside every later one, from the media type to the guards in the order of the row."""
    person, vendor = lab.person(), await lab.vendor()
    wrong = {**lab.bodies.agreement("SD-BASE"), "digest": jose.digest(b"another")}
    nothing = jose.digest(b"nothing")
    late: list[tuple[str, str, Change]] = [
        ("parent-unknown", "pthid", _set(pthid=nothing)),
        ("agreement-unknown", "agr", _set(agr=nothing)),
        ("roster-unknown", "roster", _body(roster={"id": "another", "version": "1.0"})),
        ("agreement-mismatch", "preferred", _body(preferred=wrong)),
        ("deadline-invalid", "answer_by", _body(answer_by=lab.bodies.at(-60))),
    ]
    claims = lab.claims(person, "terms.proffer", vendor.id, lab.bodies.proffer())
    await _ordered(lab, person, claims, [*_early(lab), *late])
    form = await lab.attempt(
        person, "terms.proffer", lab.bodies.proffer(), aud=vendor.id, ext={"no absolute URI": 1}
    )
    lab.refused("VRM-ENV-036", form, "ext-not-allowed")
    now = lab.target.now()
    for code, iat, exp in (
        ("expired", now - 200000, now - 3600),
        ("expired", now + 3600, now - 3600),
        ("not-yet-valid", now + 3600, now + 200000),
        ("lifetime-too-long", now, now - 1),
    ):
        said = await lab.attempt(
            person, "terms.proffer", lab.bodies.proffer(), aud=vendor.id, iat=iat, exp=exp
        )
        lab.refused("VRM-ENV-036", said, code)
    organisation = await lab.attempt(
        vendor, "terms.proffer", {**lab.bodies.proffer(), "preferred": wrong}, aud=vendor.id
    )
    lab.refused("VRM-ENV-036", organisation, "claim-invalid")
    waiting = await lab.inbox(vendor)
    lab.holds("VRM-ENV-036", not waiting, "nothing delivered", waiting)


@check("VRM-ENV-036")
async def of_two_faults_in_a_thread_the_first_is_answered(lab: Lab) -> None:
    """The same for a message in a thread: thread, parent, agreement, counterparty, row, ``prev``, guards."""
    person, vendor, other = lab.person(), await lab.vendor(), await lab.vendor()
    thread = await lab.proffered(person, vendor)
    thid, nothing = thread.thid, jose.digest(b"nothing")

    def another(type_: str) -> Change:
        return lambda d: d.claims.update(
            type=type_, body={"lang": "!"} if d.claims["body"].get("lang") == "!" else {}
        )

    late: list[tuple[str, str, Change]] = [
        ("thread-unknown", "thid", _set(thid=nothing)),
        ("parent-unknown", "pthid", _set(pthid=nothing)),
        ("agreement-unknown", "agr", _set(agr=nothing)),
        ("aud-mismatch", "aud", _set(aud=other.id)),
        ("role-forbidden", "type", another("terms.withdraw")),
        ("state-conflict", "type", another("agreement.terminate")),
        ("prev-unknown", "prev", _set(prev=nothing)),
        ("terms-not-offered", "body", _body(accepts=nothing)),
    ]
    body = lab.bodies.accept(thread.head)
    claims = lab.claims(vendor, "terms.accept", person.id, body, thid=thid, prev=thread.head)
    await _ordered(lab, vendor, claims, [*_early(lab), *late])
    read = await lab.thread(person, thid)
    lab.holds("VRM-ENV-036", len(read["messages"]) == 1, "a thread of one message", len(read["messages"]))
    waiting = await lab.inbox(person)
    lab.holds("VRM-ENV-036", not waiting, "nothing delivered", waiting)
    said = await lab.attempt(vendor, "terms.accept", body, thread)
    lab.taken("VRM-ENV-036", said, "agreed")
