"""Broken homes of the chapter home.md: discovery, taking messages, receipts, problems, browsers."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from aiohttp import web

from tests.broken.tools import (
    answered,
    around,
    discovery,
    headed,
    judged,
    loose,
    mutant,
    problem,
    receipts,
    unless,
    without,
)
from vrmproto import envelope, home, keys, reading, spec, strictjson
from vrmproto.envelope import MAX_TOKEN
from vrmproto.errors import ProtocolError
from vrmproto.home import Home
from vrmproto.reading import Reader
from vrmproto.server import http, routes, run
from vrmproto.server.routes import Routes
from vrmproto.storage.memory import MemoryStore
from vrmproto.storage.sqlite import SqliteStore

# --- discovery ------------------------------------------------------------------------------------


@mutant("VRM-HOM-001")
def limits_missing() -> None:
    """The discovery document has no limits."""
    discovery(without("limits"))


@mutant("VRM-HOM-001")
def algorithms_missing() -> None:
    """The discovery document does not list its algorithms."""
    discovery(without("algs"))


@mutant("VRM-HOM-001")
def limits_as_text() -> None:
    """The numbers of limits are strings."""
    discovery(lambda d: {**d, "limits": {name: str(value) for name, value in d["limits"].items()}})


@mutant("VRM-HOM-001")
def versions_missing() -> None:
    """The discovery document does not say which versions it speaks."""
    discovery(without("versions"))


@mutant("VRM-HOM-002")
def issuer_from_host() -> None:
    """The issuer is what the header Host says."""

    async def wrong(right: Any, self: Routes, request: web.Request) -> Any:
        origin = self.home.config.origin.encode()
        data = self._discovery.replace(origin, f"http://{request.host}".encode())
        return http.static(request, data, "application/json")

    around(Routes, "discovery", wrong)


@mutant("VRM-HOM-003")
def no_etag() -> None:
    """The discovery document has no ETag."""
    headed(lambda request, response: response.headers.popall("ETag", None))


@mutant("VRM-HOM-003")
def etag_not_looked_at() -> None:
    """If-None-Match is not looked at."""

    def wrong(right: Any, request: web.Request, *args: Any, **more: Any) -> Any:
        headers = {n: v for n, v in request.headers.items() if n.lower() != "if-none-match"}
        return right(request.clone(headers=headers), *args, **more)

    around(routes, "static", wrong)


@mutant("VRM-HOM-003")
def everything_matches() -> None:
    """Every If-None-Match is answered with 304."""

    def wrong(right: Any, request: web.Request, *args: Any, **more: Any) -> Any:
        answer = right(request, *args, **more)
        known = "If-None-Match" in request.headers
        return web.Response(status=304, headers={"ETag": answer.headers["ETag"]}) if known else answer

    around(routes, "static", wrong)


@mutant("VRM-HOM-004")
def a_type_is_not_listed() -> None:
    """types lacks one that is taken."""
    discovery(lambda d: {**d, "types": [name for name in d["types"] if name != "terms.withdraw"]})


@mutant("VRM-HOM-004")
def types_of_its_opening_messages() -> None:
    """types lists those only that open a thread."""
    discovery(lambda d: {**d, "types": [n for n in d["types"] if n in ("terms.proffer", "intent.publish")]})


# --- taking messages ------------------------------------------------------------------------------


def _taken_as(change: Any) -> None:
    async def wrong(right: Any, request: web.Request) -> Any:
        return await right(change(request) or request)

    around(routes, "read_token", wrong)


@mutant("VRM-HOM-005")
def any_media_type() -> None:
    """A token is taken whatever its media type."""
    around(
        routes, "read_token", lambda right, r: http.read_bytes(r, r.content_type, MAX_TOKEN, "VRM-HOM-008")
    )


@mutant("VRM-HOM-005")
def media_type_without_parameters() -> None:
    """A media type with a parameter is refused."""

    def strict(request: web.Request) -> None:
        if request.headers.get("Content-Type", "").lower() != "application/jwt":
            raise ProtocolError("media-type", "application/jwt and nothing else", rule="VRM-HOM-005")

    _taken_as(strict)


@mutant("VRM-HOM-005")
def media_type_by_its_case() -> None:
    """The letter case of the media type matters."""

    def strict(request: web.Request) -> None:
        if not request.headers.get("Content-Type", "").startswith("application/jwt"):
            raise ProtocolError("media-type", "application/jwt and nothing else", rule="VRM-HOM-005")

    _taken_as(strict)


@mutant("VRM-HOM-005")
def content_codings_taken() -> None:
    """A body with a content coding is taken."""

    def unpacked(request: web.Request) -> web.Request:
        named = ("content-encoding", "content-length")
        return request.clone(headers={n: v for n, v in request.headers.items() if n.lower() not in named})

    _taken_as(unpacked)


@mutant("VRM-HOM-006", control=False)
def first_answer_is_200() -> None:
    """The first acceptance is answered with 200."""
    around(routes, "_receipt", lambda right, status, receipt: right(200, receipt))


@mutant("VRM-HOM-006")
def receipt_as_json() -> None:
    """The receipt comes in a JSON document."""
    around(routes, "_receipt", lambda right, status, receipt: http.json_answer({"receipt": receipt}, status))


@mutant("VRM-HOM-006")
def receipt_as_text() -> None:
    """The receipt comes as text/plain."""
    around(routes, "_receipt", lambda right, status, receipt: web.Response(text=receipt, status=status))


@mutant("VRM-HOM-006")
def jti_of_others_counts() -> None:
    """A jti that another sender has used is a repetition."""
    used: dict[str, str] = {}

    def wrong(right: Any, self: Home, batch: Any, arrival: Any) -> Any:
        claims = arrival.opening.claims
        if used.setdefault(claims["jti"], claims["iss"]) != claims["iss"]:
            raise ProtocolError("state-conflict", "this jti was used before", rule="VRM-ENV-022")
        return right(self, batch, arrival)

    around(Home, "_judge", wrong)


@mutant("VRM-HOM-020")
def receipt_before_delivery() -> None:
    """A message is delivered a second after its receipt."""

    def wrong(right: Any, *args: Any) -> Any:
        late = int(time.time()) - 1
        return [e for e in right(*args) if home.receipt_claims(e.receipt)["iat"] <= late]

    around(SqliteStore, "inbox", wrong)


@mutant("VRM-HOM-007", needs="a restart")
def nothing_on_disk() -> None:
    """What it has taken is forgotten when it starts again."""
    loose(run).SqliteStore = lambda path: MemoryStore()


@mutant("VRM-HOM-020")
def causes_stored_apart() -> None:
    """The inbox is written after the message, and sometimes not at all."""

    def wrong(right: Any, self: Home, reads: Any, step: Any) -> Any:
        return () if step.thread.head[0] in "ABCDEFGHabcdefgh" else right(self, reads, step)

    around(Home, "_addressees", wrong)


@mutant("VRM-HOM-008")
def cut_off_at_the_limit() -> None:
    """Of a body that does not say its length what is too much is dropped."""

    async def wrong(right: Any, request: web.Request, media: str, most: int, rule: str) -> Any:
        if request.content_length is not None:
            return await right(request, media, most, rule)
        return (await right(request, media, 2**30, rule))[:most]

    around(http, "read_bytes", wrong)


@mutant("VRM-HOM-008")
def too_large_is_malformed() -> None:
    """A body that is too large is read to its end and is no token then."""

    async def wrong(right: Any, request: web.Request, media: str, most: int, rule: str) -> Any:
        data = await right(request, media, 2**30, rule)
        return data if len(data) <= most else b""

    around(http, "read_bytes", wrong)


# --- receipts -------------------------------------------------------------------------------------


@mutant("VRM-HOM-010")
def receipt_for_the_home() -> None:
    """aud of a receipt is the home itself."""
    receipts(lambda c: {**c, "aud": c["iss"]})


@mutant("VRM-HOM-010")
def receipt_by_the_sender() -> None:
    """iss of a receipt is the sender."""
    receipts(lambda c: {**c, "iss": c["aud"]})


@mutant("VRM-HOM-010")
def receipt_of_the_state_before() -> None:
    """state of a receipt is that of before the message."""

    def wrong(right: Any, self: Home, message: Any, step: Any, seen: Any) -> Any:
        before = self.store.thread(step.thread.thid)
        receipts_state.append(before.state if before else step.thread.state)
        return right(self, message, step, seen)

    receipts_state: list[str] = []
    around(Home, "_receipt", wrong)
    receipts(lambda c: {**c, "state": receipts_state.pop()})


@mutant("VRM-HOM-010")
def receipt_of_the_token() -> None:
    """mid of a receipt is the digest of the whole token, signature included."""
    tokens: list[str] = []

    def wrong(right: Any, self: Home, message: Any, *rest: Any) -> Any:
        tokens.append(message.token)
        return right(self, message, *rest)

    around(Home, "_receipt", wrong)
    receipts(lambda c: {**c, "mid": envelope.mid_of(f"{tokens.pop()}.")})


@mutant("VRM-HOM-010")
def receipt_dated_by_the_sender() -> None:
    """iat of a receipt is that of the message."""

    def wrong(right: Any, self: Home, message: Any, *rest: Any) -> Any:
        dates.append(message.iat)
        return right(self, message, *rest)

    dates: list[int] = []
    around(Home, "_receipt", wrong)
    receipts(lambda c: {**c, "iat": dates.pop()})


@mutant("VRM-HOM-010")
def receipt_with_another_key() -> None:
    """Receipts are signed with a key that the discovery document does not have."""
    around(envelope, "seal", lambda right, key, claims, typ="vrm+jwt": right(other, claims, typ))
    other = keys.generate()


@mutant("VRM-HOM-010")
def receipt_with_a_wrong_kid() -> None:
    """The header of a receipt names a key that did not sign it."""

    def wrong(right: Any, alg: str, kid: str, typ: str) -> Any:
        return right(alg, kid[::-1] if typ == envelope.RECEIPT else kid, typ)

    around(envelope, "_header", wrong)


@mutant("VRM-HOM-010")
def receipt_as_a_message() -> None:
    """typ of a receipt is that of a message."""

    def wrong(right: Any, alg: str, kid: str, typ: str) -> Any:
        return right(alg, kid, envelope.MESSAGE if typ == envelope.RECEIPT else typ)

    around(envelope, "_header", wrong)


@mutant("VRM-HOM-010")
def receipt_without_a_thread() -> None:
    """thid of a receipt is the message itself, also in a thread."""
    receipts(lambda c: {**c, "thid": c["mid"]})


@mutant("VRM-HOM-011")
def numbers_from_zero() -> None:
    """seq of a receipt counts from 0."""
    receipts(lambda c: {**c, "seq": c["seq"] - 1})


@mutant("VRM-HOM-011")
def numbers_by_two() -> None:
    """seq of a receipt goes up by two."""
    receipts(lambda c: {**c, "seq": 2 * c["seq"] - 1})


@mutant("VRM-HOM-012")
def prior_is_the_first() -> None:
    """prior is always the opening message."""
    receipts(lambda c: {**c, "prior": c["thid"]} if "prior" in c else c)


@mutant("VRM-HOM-012")
def prior_at_the_beginning() -> None:
    """The opening message has a prior: itself."""
    receipts(lambda c: {"prior": c["mid"], **c})


@mutant("VRM-HOM-012")
def prior_is_prev() -> None:
    """prior is what the sender names in prev, and not the message before."""

    def wrong(right: Any, self: Home, message: Any, step: Any, seen: Any) -> Any:
        return right(self, message, replace(step, prior=message.prev), seen)

    around(Home, "_receipt", wrong)


@mutant("VRM-HOM-012")
def prior_missing() -> None:
    """Receipts have no prior."""
    receipts(without("prior"))


@mutant("VRM-HOM-013")
def key_of_the_home() -> None:
    """key of a receipt is that of the home."""
    known: list[dict[str, str]] = []

    def wrong(right: Any, self: Home, *args: Any) -> Any:
        known[:] = [dict(self.signing[0].public.jwk)]
        return right(self, *args)

    around(Home, "_receipt", wrong)
    receipts(lambda c: {**c, "key": known[0]})


@mutant("VRM-HOM-013")
def key_seen_never() -> None:
    """A receipt does not tell when an organisation's key was seen."""
    receipts(without("key_seen_at"))


@mutant("VRM-HOM-014")
def clock_goes_back() -> None:
    """Every other receipt of a thread is dated half a minute earlier."""
    receipts(lambda c: {**c, "iat": c["iat"] - 30 * (c["seq"] % 2 == 0)})


@mutant("VRM-HOM-017")
def requests_are_messages() -> None:
    """A message with the typ of a request is taken."""
    unless(lambda o: o.header.get("typ") == envelope.REQUEST, "VRM-ENV-014")


# --- problems -------------------------------------------------------------------------------------


@mutant("VRM-HOM-029")
def problems_as_json() -> None:
    """A problem has the media type application/json."""

    def change(request: web.Request, response: web.Response) -> None:
        if response.status >= 400:
            response.content_type = "application/json"

    headed(change)


@mutant("VRM-HOM-029")
def problems_with_200() -> None:
    """A refusal is answered with 200."""

    def change(request: web.Request, response: web.Response) -> None:
        if response.status >= 400:
            response.set_status(200)

    headed(change)


@mutant("VRM-HOM-029")
def all_problems_are_400() -> None:
    """Every refusal has the status 400."""
    problem(lambda members: {**members, "status": 400})


@mutant("VRM-HOM-029")
def problem_without_requirement() -> None:
    """A problem does not name the requirement."""
    problem(without("requirement"))


@mutant("VRM-HOM-029")
def retryable_as_text() -> None:
    """retryable is a string."""
    problem(lambda members: {**members, "retryable": str(members["retryable"]).lower()})


@mutant("VRM-HOM-029")
def nothing_is_retryable() -> None:
    """Nothing is retryable, whatever errors.json says."""
    problem(lambda members: {**members, "retryable": False})


@mutant("VRM-HOM-029")
def codes_of_its_own() -> None:
    """Codes are written with underscores."""
    problem(lambda members: {**members, "code": members["code"].replace("-", "_")})


@mutant("VRM-HOM-029")
def problem_type_missing() -> None:
    """type of a problem is about:blank."""
    problem(lambda members: {**members, "type": "about:blank"})


@mutant("VRM-HOM-030")
def crashes_on_json() -> None:
    """JSON that cannot be read is an internal error."""

    def change(request: web.Request, response: web.Response) -> None:
        if b"json-invalid" in bytes(getattr(response, "body", None) or b""):
            response.set_status(500)

    headed(change)


@mutant("VRM-HOM-030")
def crashes_on_odd_claims() -> None:
    """A claim of a wrong type is an unavailable home."""

    def wrong(right: Any, o: Any) -> None:
        if isinstance(o.claims.get("aud"), (int, list)) or isinstance(o.claims.get("exp"), str):
            raise ProtocolError("unavailable", "TypeError", rule="VRM-HOM-031")
        right(o)

    judged("VRM-ENV-012", wrong)


@mutant("VRM-HOM-030")
def trace_in_the_problem() -> None:
    """A body that is not valid is a 500 with a trace of the program."""

    async def change(request: web.Request, response: web.Response) -> web.StreamResponse:
        if b"body-invalid" not in bytes(getattr(response, "body", None) or b""):
            return response
        return web.Response(status=500, text='Traceback (most recent call last):\n  File "home.py", line 1')

    answered(change)


@mutant("VRM-HOM-032")
def unknown_paths_are_bare() -> None:
    """A path that does not exist is answered with a page of HTML."""

    async def change(request: web.Request, response: web.Response) -> web.StreamResponse:
        if request.match_info.http_exception is None or response.status != 404:
            return response
        return web.Response(status=404, text="<h1>Not Found</h1>", content_type="text/html")

    answered(change)


@mutant("VRM-HOM-036")
def methods_not_told() -> None:
    """The answer to a wrong method does not say which are right."""
    headed(lambda request, response: response.headers.popall("Allow", None))


@mutant("VRM-HOM-036")
def wrong_method_is_not_found() -> None:
    """A wrong method is answered as a path that does not exist."""

    known = spec.load(spec.folder())

    async def change(request: web.Request, response: web.Response) -> web.StreamResponse:
        gone = ProtocolError("not-found", "nothing here", rule="VRM-HOM-032")
        return http.problem_answer(known, gone) if response.status == 405 else response

    answered(change)


@mutant("VRM-HOM-037")
def manifest_instead() -> None:
    """Where there is no text of a layer its manifest is served."""

    def wrong(right: Any, *args: Any) -> Any:
        try:
            return right(*args)
        except ProtocolError:
            return None

    around(routes, "choose", wrong)


# --- browsers -------------------------------------------------------------------------------------


@mutant("VRM-HOM-033")
def no_cors_on_problems() -> None:
    """A refusal cannot be read in a browser."""

    def change(request: web.Request, response: web.Response) -> None:
        if response.status >= 400:
            response.headers.popall("Access-Control-Allow-Origin", None)

    headed(change)


@mutant("VRM-HOM-033")
def no_preflight() -> None:
    """A preflight is answered without Access-Control-Allow-Origin."""

    def change(request: web.Request, response: web.Response) -> None:
        if request.method == "OPTIONS":
            response.headers.popall("Access-Control-Allow-Origin", None)

    headed(change)


@mutant("VRM-HOM-033")
def cors_with_credentials() -> None:
    """The origin of the caller is allowed, with credentials."""

    def change(request: web.Request, response: web.Response) -> None:
        response.headers["Access-Control-Allow-Origin"] = request.headers.get("Origin", "*")
        response.headers["Access-Control-Allow-Credentials"] = "true"

    headed(change)


@mutant("VRM-HOM-035")
def no_schemas() -> None:
    """The schemas of messages are not served."""

    async def wrong(right: Any, self: Routes, request: web.Request) -> Any:
        raise reading.not_found()

    around(Routes, "schema", wrong)


# --- privacy --------------------------------------------------------------------------------------


@mutant("VRM-PRV-002")
def bodies_echoed() -> None:
    """A body that is not valid comes back in the problem."""

    def wrong(right: Any, o: Any) -> None:
        try:
            right(o)
        except ProtocolError as error:
            error.detail += f" in {strictjson.dumps(o.claims['body']).decode()}"
            raise

    judged("VRM-ENV-035", wrong)


@mutant("VRM-PRV-003")
def threads_of_others_are_forbidden() -> None:
    """A thread of others is read with another answer than one that does not exist."""

    def wrong(right: Any, self: Reader, party: str, thid: str) -> Any:
        thread = self.home.store.thread(thid)
        if thread is not None and not thread.role(party):
            raise ProtocolError("role-forbidden", "this is not your thread", rule="VRM-THR-004")
        return right(self, party, thid)

    around(Reader, "_own", wrong)
