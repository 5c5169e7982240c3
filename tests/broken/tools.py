"""What breaks a home in one line: rules left out, functions replaced, answers changed. Nothing is undone."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from vrmproto import documents, envelope, guards, keys, rules, threads
from vrmproto.errors import ProtocolError
from vrmproto.home import Home
from vrmproto.server import app
from vrmproto.spec import Spec

Override = Callable[[], None]


@dataclass(frozen=True)
class Mutant:
    """One broken home, or with the kind ``benign`` one that differs and is right."""

    id: str
    summary: str
    kills: str
    kind: str
    override: Override
    control: bool = True
    also: tuple[str, ...] = ()
    """Other requirements that it breaks by the way."""
    needs: str = ""
    """What a suite needs to see it, beside HTTP."""
    edits: Sequence[Mapping[str, Any]] = field(default=())


ALL: dict[str, Mutant] = {}


def add(mutant: Mutant) -> None:
    """Enter one in the registry."""
    if mutant.id in ALL:
        raise ValueError(f"{mutant.id} is there twice")
    ALL[mutant.id] = mutant


def mutant(kills: str, **more: Any) -> Callable[[Override], Override]:
    """Registers an override: its name is the id, the first line of its text the summary."""

    def register(override: Override) -> Override:
        said = " ".join((override.__doc__ or "").split())
        name = override.__name__.replace("_", "-")
        add(Mutant(name, said, kills, more.pop("kind", "patch"), override, **more))
        return override

    return register


def simple(name: str, kills: str, summary: str, override: Override, **more: Any) -> None:
    """Registers an override that one of the helpers below has made."""
    add(Mutant(name, summary, kills, "patch", override, **more))


def loose(thing: Any) -> Any:
    """A module or class of which also what is private, or imported there, is set."""
    return thing


# --- functions ------------------------------------------------------------------------------------


def around(owner: Any, name: str, wrong: Callable[..., Any]) -> None:
    """Replace a function of a class or module; ``wrong`` gets the right one first."""
    right = getattr(owner, name)

    @functools.wraps(right)
    def replaced(*args: Any, **named: Any) -> Any:
        return wrong(right, *args, **named)

    setattr(owner, name, replaced)


def result(owner: Any, name: str, change: Callable[[Any], Any]) -> None:
    """Change what a function gives back."""
    around(owner, name, lambda right, *args, **named: change(right(*args, **named)))


# --- rules of the token ---------------------------------------------------------------------------


def regroup() -> None:
    """Let changed rules count."""
    rules._BY_PHASE = rules.by_phase(rules.RULES)


def judged(rule: str, wrong: Callable[..., None]) -> None:
    """Put another check in the place of a rule; it gets the right one first."""
    phase, right = rules.RULES[rule]
    rules.RULES[rule] = (phase, lambda *args: wrong(right, *args))
    regroup()


def overlooked(*names: str) -> Override:
    """Rules of the token or of keys that nobody asks."""

    def override() -> None:
        for name in names:
            for table in (rules.RULES, keys.RULES, keys.DID_RULES):
                table.pop(name, None)
        regroup()

    return override


def unless(passes: Callable[[Any], bool], *names: str) -> None:
    """Rules that are not asked of a token for which ``passes`` is true."""
    for name in names:
        judged(name, lambda right, o, *args: None if passes(o) else right(o, *args))


def rewritten(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Claims of messages that are judged in another form than they came in."""

    def wrong(right: Any, o: Any) -> None:
        o.claims = change(dict(o.claims))
        right(o)

    judged("VRM-ENV-012", wrong)


# --- guards ---------------------------------------------------------------------------------------


def missing_guard(name: str) -> Override:
    """A guard that is silent."""

    def override() -> None:
        guards.GUARDS[name] = lambda case: None

    return override


def lenient(name: str, rule: str, where: Callable[[guards.Case], bool] = lambda case: True) -> Override:
    """A guard that lets one rule pass."""

    def override() -> None:
        right = guards.GUARDS[name]

        def wrong(case: guards.Case) -> None:
            try:
                right(case)
            except ProtocolError as error:
                if error.rule != rule or not where(case):
                    raise

        guards.GUARDS[name] = wrong

    return override


def guarded(name: str, wrong: Callable[[Callable[..., None], guards.Case], None]) -> None:
    """Put another guard in the place of one; it gets the right one first."""
    right = guards.GUARDS[name]
    guards.GUARDS[name] = lambda case: wrong(right, case)


# --- what is stored, signed and served ------------------------------------------------------------


def appended(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """What is stored with a message is not what follows from it."""
    around(_home(), "Append", lambda right, **members: right(**{**members, **change(members)}))


def _home() -> Any:
    from vrmproto import home

    return home


def receipts(change: Callable[[dict[str, Any]], dict[str, Any]], checkpoints: bool = False) -> None:
    """Receipts, or with ``checkpoints`` those only, that say something else."""

    def wrong(right: Any, key: Any, claims: Any, typ: str = envelope.MESSAGE) -> Any:
        if typ == envelope.RECEIPT and ("checkpoint" in claims) == checkpoints:
            claims = change(dict(claims))
        return right(key, claims, typ)

    around(envelope, "seal", wrong)


def without(*names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A change that leaves members out."""
    return lambda members: {name: value for name, value in members.items() if name not in names}


def discovery(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """A discovery document that says something else."""
    result(documents, "discovery", change)


def problem(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Problems that say something else."""
    result(Spec, "problem", change)


def answered(change: Callable[[web.Request, web.Response], Awaitable[web.StreamResponse]]) -> None:
    """Answers that are changed on their way out."""

    def wrong(right: Any, spec: Spec) -> Any:
        middleware = right(spec)

        @web.middleware
        async def changed(request: web.Request, handler: Any) -> Any:
            return await change(request, await middleware(request, handler))

        return changed

    around(app, "problems", wrong)


def headed(change: Callable[[web.Request, web.Response], object]) -> None:
    """Answers whose headers are changed on their way out."""

    async def change_it(request: web.Request, response: web.Response) -> web.StreamResponse:
        change(request, response)
        return response

    answered(change_it)


def aliases(effect: str) -> dict[str, str]:
    """Identifiers that an effect has replaced, each with its successor, as they come."""
    known: dict[str, str] = {}

    def wrong(right: Any, self: Home, batch: Any, arrival: Any, message: Any, step: Any) -> Any:
        if step.replaces and step.row.effect == effect:
            known[step.replaces] = step.thread.first
        return right(self, batch, arrival, message, step)

    around(Home, "_append", wrong)
    return known


def succeeded(effect: str, claim: str) -> None:
    """In a claim, an identifier that was replaced stands for its successor."""
    known = aliases(effect)

    def wrong(right: Any, spec: Spec, thread: Any, message: Any, *rest: Any) -> Any:
        if thread is not None and known.get(getattr(message, claim)) == thread.first:
            message = replace(message, **{claim: thread.first})
        return right(spec, thread, message, *rest)

    around(threads, "_continue", wrong)


def told(effect: str, detail: str) -> None:
    """Who was replaced is told so, and not answered like a stranger."""
    known = aliases(effect)

    def wrong(right: Any, spec: Spec, thread: Any, message: Any, *rest: Any) -> Any:
        if thread is not None and known.get(message.iss) == thread.first:
            raise ProtocolError("role-forbidden", detail, rule="VRM-THR-004")
        return right(spec, thread, message, *rest)

    around(threads, "_continue", wrong)


def forgotten(effect: str) -> None:
    """Who was replaced is no addressee any more."""
    known = aliases(effect)
    around(Home, "_is_known", lambda right, *args: args[-1] not in known and right(*args))


def rowed(change: Callable[[Any], Any]) -> None:
    """Rows that are another once they are found."""
    result(threads, "_find_row", change)


def stepped(**fields: Any) -> Callable[[Any], Any]:
    """A step whose row has other marks."""
    return lambda step: replace(step, row=replace(step.row, **fields))
