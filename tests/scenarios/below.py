"""What is said below a relationship at a market: consents, dialogues, data and corrections. By hand."""

from __future__ import annotations

from typing import Any

from tests import consenting
from tests.scenarios import relating
from tests.scenarios.market import CARE, Market, Thread
from tests.scenarios.relating import UNKNOWN, category, said
from tests.world import SPEC, Party, Reply

__all__ = [
    "ANALYTICS",
    "BENEFITS",
    "DAY",
    "DPV",
    "MARKETING",
    "SELLING",
    "again",
    "apply",
    "ask",
    "asked",
    "consented",
    "correct",
    "corrected",
    "counted",
    "grant",
    "ladder_of",
    "mute",
    "narrow",
    "op",
    "open_below",
    "propagated",
    "refuse_correction",
    "renew",
    "report",
    "reported",
    "share",
    "shared",
    "simply",
    "spoken",
    "verify",
    "view",
    "want",
    "wanted",
    "withdraw",
    "word",
    "words",
]

DAY = 86400
DPV = "https://w3id.org/dpv#"
MARKETING = f"{DPV}DirectMarketing"
BENEFITS = f"{DPV}PersonalisedBenefits"
SELLING = f"{DPV}SellProducts"
ANALYTICS = f"{DPV}ServiceOptimisation"


def agr_of(thread: Thread, under: Thread | None) -> str:
    named = under or thread.under
    assert named is not None
    return named.record


def other(thread: Thread, by: Party) -> str:
    assert thread.second is not None
    return thread.first.id if by is thread.second else thread.second.id


async def open_below(
    m: Market,
    kind: str,
    above: Thread,
    by: Party | None,
    type_: str,
    body: dict[str, Any],
    under: Thread | None = None,
    **claims: Any,
) -> tuple[Thread, Reply]:
    """Open a thread below another one; by the vendor where ``by`` is None."""
    by = by or above.second
    assert by is not None
    thread = Thread(kind, above.first, above.second, parent=above, under=under or above.under)
    made = {"agr": agr_of(above, under), "pthid": above.thid, "aud": other(above, by), **claims}
    token = by.sign(by.claims(type_, body, made.pop("aud"), **made))
    return thread, await m.send(thread, by, token)


async def simply(
    m: Market, thread: Thread, type_: str, by: Party | None = None, *, known: bool = True, **body: Any
) -> Reply:
    """A message that names no agreement; by the person unless told otherwise."""
    claims = {} if known else {"prev": UNKNOWN}
    return await m.say(thread, by or thread.first, type_, body, **claims)


# --- consents ------------------------------------------------------------------------------------------


async def ask(
    m: Market,
    above: Thread,
    *purposes: str,
    data: tuple[str, ...] = ("EmailAddress",),
    by: Party | None = None,
    under: Thread | None = None,
    answer_by: str = "",
    **claims: Any,
) -> tuple[Thread, Reply]:
    """The vendor asks for a consent."""
    changes = {"data": [category(name) for name in data], "answer_by": answer_by or m.time(DAY)}
    body = consenting.request(int(m.world.clock()), *purposes, **changes)
    return await open_below(m, "consent", above, by, "consent.request", body, under, **claims)


async def asked(m: Market, above: Thread, *purposes: str, **more: Any) -> Thread:
    thread, reply = await ask(m, above, *purposes, **more)
    said(reply, "requested")
    return thread


async def grant(
    m: Market,
    consent: Thread,
    *purposes: str,
    until: int = 90 * DAY,
    under: Thread | None = None,
    by: Party | None = None,
    **claims: Any,
) -> Reply:
    body = {"purposes": [*purposes], "valid_until": m.time(until)}
    made = {"agr": agr_of(consent, under), **claims}
    return await m.say(consent, by or consent.first, "consent.grant", body, **made)


async def consented(m: Market, above: Thread, *purposes: str, until: int = 90 * DAY, **more: Any) -> Thread:
    """Asked for, and granted as a whole."""
    thread = await asked(m, above, *purposes, **more)
    said(await grant(m, thread, *purposes, until=until), "granted")
    return thread


async def narrow(m: Market, consent: Thread, *purposes: str, by: Party | None = None) -> Reply:
    return await m.say(consent, by or consent.first, "consent.narrow", {"purposes": [*purposes]})


async def renew(
    m: Market,
    consent: Thread,
    until: int = 90 * DAY,
    under: Thread | None = None,
    by: Party | None = None,
    **claims: Any,
) -> Reply:
    made = {"agr": agr_of(consent, under), **claims}
    return await m.say(consent, by or consent.first, "consent.renew", {"valid_until": m.time(until)}, **made)


async def withdraw(m: Market, consent: Thread, by: Party | None = None, *, known: bool = True) -> Reply:
    return await simply(m, consent, "consent.withdraw", by, known=known)


async def propagated(m: Market, consent: Thread, by: Party | None = None) -> Reply:
    """The vendor has stopped and told the recipients."""
    by = by or consent.second
    return await simply(m, consent, "consent.propagated", by, stopped_at=m.time(0), told=[])


# --- dialogues -----------------------------------------------------------------------------------------


def words(purpose: str = CARE, ref: dict[str, Any] | None = None, **content: Any) -> dict[str, Any]:
    """The body of a message, or of data that are shared: in clear, or as a file."""
    fields = content or {"text": "Good day."}
    filled = {"ref": ref} if ref else {"clear": fields}
    return {"about": {"purpose": purpose, "fields": [*fields]}, "content": filled}


async def word(
    m: Market,
    above: Thread,
    by: Party | None = None,
    purpose: str = CARE,
    *,
    under: Thread | None = None,
    ref: dict[str, Any] | None = None,
    **claims: Any,
) -> tuple[Thread, Reply]:
    """The first message of a dialogue; by the vendor unless told otherwise."""
    body = words(purpose, ref)
    return await open_below(m, "dialogue", above, by, "dialogue.message", body, under, **claims)


async def spoken(m: Market, above: Thread, by: Party | None = None, **more: Any) -> Thread:
    thread, reply = await word(m, above, by, **more)
    said(reply, "open")
    return thread


async def again(
    m: Market,
    dialogue: Thread,
    by: Party | None = None,
    purpose: str = CARE,
    *,
    under: Thread | None = None,
    ref: dict[str, Any] | None = None,
    **claims: Any,
) -> Reply:
    """Another message in a dialogue; by the vendor unless told otherwise."""
    by = by or dialogue.second
    assert by is not None
    made = {} if by is dialogue.first else {"agr": agr_of(dialogue, under)}
    return await m.say(dialogue, by, "dialogue.message", words(purpose, ref), **{**made, **claims})


async def mute(m: Market, dialogue: Thread, by: Party | None = None, *, known: bool = True) -> Reply:
    return await simply(m, dialogue, "dialogue.mute", by, known=known)


# --- data ----------------------------------------------------------------------------------------------


async def want(
    m: Market,
    above: Thread,
    purpose: str = CARE,
    *categories: str,
    by: Party | None = None,
    under: Thread | None = None,
    answer_by: str = "",
    **claims: Any,
) -> tuple[Thread, Reply]:
    """The vendor asks for data."""
    items = [{"category": category(name)} for name in categories or ("EmailAddress",)]
    body = {"purpose": purpose, "items": items, "answer_by": answer_by or m.time(DAY)}
    return await open_below(m, "data", above, by, "data.request", body, under, **claims)


async def wanted(m: Market, above: Thread, purpose: str = CARE, *categories: str, **more: Any) -> Thread:
    thread, reply = await want(m, above, purpose, *categories, **more)
    said(reply, "requested")
    return thread


def given(
    m: Market, type_: str, purpose: str, ref: dict[str, Any] | None, fields: dict[str, str]
) -> dict[str, Any]:
    """The body of a share or a report of these fields."""
    body = words(purpose, ref, **(fields or {"email": "a.jansen@example.org"}))
    body["about"]["categories"] = [category("EmailAddress")]
    if type_ == "data.report":
        body["about"]["as_of"] = m.time(-60)
    return body


async def _tell(
    m: Market,
    type_: str,
    thread: Thread,
    by: Party | None,
    purpose: str,
    under: Thread | None,
    ref: dict[str, Any] | None,
    claims: dict[str, Any],
    fields: dict[str, str],
) -> tuple[Thread, Reply]:
    """A share or a report: a new thread below a relationship, or another message of one of data."""
    by = by or (thread.first if type_ == "data.share" else thread.second)
    assert by is not None
    body = given(m, type_, purpose, ref, fields)
    if thread.kind == "relationship":
        return await open_below(m, "data", thread, by, type_, body, under, **claims)
    made = {"agr": agr_of(thread, under), **claims}
    return thread, await m.say(thread, by, type_, body, **made)


async def share(
    m: Market,
    thread: Thread,
    purpose: str = CARE,
    *,
    by: Party | None = None,
    under: Thread | None = None,
    ref: dict[str, Any] | None = None,
    claims: dict[str, Any] | None = None,
    **fields: str,
) -> tuple[Thread, Reply]:
    """She shares: below a relationship, or in a thread of data."""
    return await _tell(m, "data.share", thread, by, purpose, under, ref, claims or {}, fields)


async def shared(m: Market, thread: Thread, purpose: str = CARE, **more: Any) -> Thread:
    made, reply = await share(m, thread, purpose, **more)
    said(reply, "shared")
    return made


async def report(
    m: Market,
    thread: Thread,
    purpose: str = CARE,
    *,
    by: Party | None = None,
    under: Thread | None = None,
    ref: dict[str, Any] | None = None,
    claims: dict[str, Any] | None = None,
    **fields: str,
) -> tuple[Thread, Reply]:
    """The vendor reports what it holds: below a relationship, or anew in a thread of data."""
    return await _tell(m, "data.report", thread, by, purpose, under, ref, claims or {}, fields)


async def reported(m: Market, thread: Thread, purpose: str = CARE, **more: Any) -> Thread:
    made, reply = await report(m, thread, purpose, **more)
    said(reply, "reported")
    return made


async def verify(m: Market, data: Thread, as_of: str = "", by: Party | None = None) -> Reply:
    return await simply(m, data, "data.verify", by, as_of=as_of or m.time(0))


# --- corrections ---------------------------------------------------------------------------------------


def op(name: str, path: str, value: str | None = None) -> dict[str, str]:
    """One operation of a patch."""
    return {"op": name, "path": f"/{path}", **({} if value is None else {"value": value})}


RIGHT = op("replace", "email", "anna@example.org")


async def correct(
    m: Market,
    data: Thread,
    *patch: dict[str, str],
    of: str = "",
    by: Party | None = None,
    answer_by: str = "",
    **claims: Any,
) -> tuple[Thread, Reply]:
    """She corrects a message of a thread of data, by default the last one."""
    body = {"of": of or data.head, "patch": [*(patch or (RIGHT,))], "answer_by": answer_by or m.time(3600)}
    made = {"agr": None, **claims}
    return await open_below(m, "correction", data, by or data.first, "correction.submit", body, **made)


async def corrected(m: Market, data: Thread, *patch: dict[str, str], **more: Any) -> Thread:
    thread, reply = await correct(m, data, *patch, **more)
    said(reply, "submitted")
    return thread


async def apply(m: Market, correction: Thread, by: Party | None = None) -> Reply:
    by = by or correction.second
    return await simply(m, correction, "correction.apply", by, applied_at=m.time(0))


async def refuse_correction(m: Market, correction: Thread, by: Party | None = None) -> Reply:
    by = by or correction.second
    return await simply(m, correction, "correction.refuse", by, reasons={"/email": "We know better."})


# --- the view ------------------------------------------------------------------------------------------


async def view(reader: Party, thread: Thread) -> dict[str, Any]:
    """How the two stand, as one of them reads it."""
    reply = await reader.read(f"/v1/relationships/{thread.thid}")
    assert reply.status == 200, reply.document
    assert SPEC.faults("documents/relationship.json", reply.document) == []
    return reply.document


def _named(claims: dict[str, Any]) -> list[str]:
    """The purposes that a message names."""
    body = claims["body"]
    if "purposes" in body:
        return list(body["purposes"])
    if "about" in body:
        return [body["about"]["purpose"]]
    if "purpose" in body:
        return [body["purpose"]]
    return list(dict.fromkeys(one["purpose"] for one in body.get("asks", ())))


COUNTED = (
    "stage-forbids",
    "asked-again",
    "preference-forbids",
    "relationship-paused",
    "terms-prohibit",
    "consent-needed",
)


def counted(m: Market, thread: Thread) -> list[dict[str, Any]]:
    """What was refused by agreement, consents, rung and preferences in a relationship, the last first."""
    found = [
        {"mid": one.mid, "type": one.type, "code": one.code, "purposes": _named(one.claims)}
        for one in m.log
        if one.code in COUNTED and thread.thid in (one.claims.get("pthid"), one.claims.get("thid"), one.up)
    ]
    return found[::-1]


def ladder_of(*rungs: dict[str, Any]) -> bytes:
    """A ladder whose rungs let the vendor write and ask for an address; the foot does, too."""
    opened = [
        {
            **one,
            "types": ["relationship.invite", "dialogue.message", "consent.request", "data.request"],
            "categories": [category("EmailAddress")],
        }
        for one in rungs
    ]
    return relating.ladder(*opened)
