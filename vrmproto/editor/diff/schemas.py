"""What changed in the schemas: each keyword by the table, and proven by values."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator, Sequence, Set
from typing import Any

from vrmproto.editor.diff.change import HOMES, RECEIVERS, SENDERS, Change, Effect
from vrmproto.editor.diff.keywords import Step, alternatives_differ, compare
from vrmproto.editor.diff.sides import Place, Side, children
from vrmproto.editor.diff.trial import Judge, Trial

__all__ = ["bodies", "changes"]

AREA = "schemas"


def changes(old: Side, new: Side, corpus: dict[str, list[Any]]) -> list[Change]:
    """Every change of a schema; ``corpus`` has bodies by the path of their schema.

    SpecError for a keyword that is not known, or a schema that cannot be used.
    """
    # as JSON, for true and 1 are equal in Python
    texts = [{p: json.dumps(s) for p, s in side.schemas.items()} for side in (old, new)]
    changed = [p for p, text in texts[0].items() if texts[1].get(p, text) != text]
    steps = [step for path in changed for step in compare(old, new, path)]
    found = list(_files(old, new))
    if steps:
        found += _Proof(old, new, corpus).all(steps)
    return found


def _files(old: Side, new: Side) -> Iterator[Change]:
    for path in sorted(old.schemas.keys() ^ new.schemas.keys()):
        fresh = path in new.schemas
        what = f"the schema is {'new' if fresh else 'gone'}"
        if not path.startswith("messages/"):
            more = () if fresh or path.startswith("shared/") else (RECEIVERS,)
            yield Change(AREA, path, "", what, may_break=more)
            continue
        # a home refuses a type that it does not know, whatever the body (VRM-ENV-034)
        whom = RECEIVERS if fresh else SENDERS
        examples = (new if fresh else old).schemas[path].get("examples", ())
        effect = Effect(path, whom, examples[0] if examples else None, bool(examples))
        yield Change(AREA, path, "", what, breaks=(whom,), effects=(effect,))


class _Proof:
    """Finds values for steps, and knows which schemas a step reaches."""

    def __init__(self, old: Side, new: Side, corpus: dict[str, list[Any]]) -> None:
        self.old, self.new, self.corpus = old, new, corpus
        self.judges = Judge(old), Judge(new)
        self.roots = {name: place for name, place in old.roots.items() if name in new.roots}
        self.reached = {n: (old.reached(p), new.reached(p)) for n, p in self.roots.items()}
        self.blurred: frozenset[Place] = frozenset()
        self._trials: dict[str, Trial] = {}

    def trial(self, name: str) -> Trial:
        if name not in self._trials:
            self._trials[name] = Trial(*self.judges, self.roots[name], self.corpus.get(name, []))
        return self._trials[name]

    def reach(self, step: Step) -> list[str]:
        """The schemas that a step may change the verdicts of."""
        return [n for n, (o, w) in self.reached.items() if step.old in o or step.new in w]

    def all(self, steps: Sequence[Step]) -> list[Change]:
        judged = {p for s in steps if s.narrows or s.widens for p in (s.old, s.new) if p}
        self.blurred = _blurred(self.old, judged) | _blurred(self.new, judged)
        blurred = [self._blur(step) for step in steps]
        found = [self._change(step) for step in blurred]
        return found + list(self._beyond(blurred))

    def _blur(self, step: Step) -> Step:
        """Where one value may fit two alternatives, what narrows one may widen all, and the other way."""
        if (step.narrows or step.widens) and not self.blurred.isdisjoint((step.old, step.new)):
            return dataclasses.replace(step, narrows=True, widens=True)
        return step

    def _change(self, step: Step) -> Change:
        if step.keyword == "x-profile":
            return Change(AREA, step.place[0], step.pointer, step.what, breaks=(HOMES,))
        effects = [e for name in self.reach(step) for e in self._effects(step, name)]
        breaks = _whom(e for e in effects if e.proven)
        may = tuple(w for w in _whom(effects) if w not in breaks)
        what = step.what
        if (step.narrows or step.widens) and not effects:
            what += "; nothing that is sent uses it"
        return Change(
            AREA, step.place[0], step.pointer, what, breaks, may,
            editorial=step.editorial, effects=tuple(effects),
        )  # fmt: skip

    def _effects(self, step: Step, name: str) -> Iterator[Effect]:
        for whom, wanted in ((SENDERS, step.narrows), (RECEIVERS, step.widens)):
            if wanted and step.keyword == "x-ext":
                yield Effect(name, whom, {"body": _example(self.old, self.new, name), "ext": _EXT}, True)
            elif wanted:
                found = self.trial(name).witness(step, narrows=whom == SENDERS)
                yield Effect(name, whom, found.value if found else None, found is not None)

    def _beyond(self, steps: Sequence[Step]) -> Iterator[Change]:
        """Messages that are judged otherwise though no keyword says so: several changes at once."""
        told = [s for s in steps if s.narrows or s.widens]
        for name in sorted({name for step in steps for name in self.reach(step)}):
            here = [s for s in told if name in self.reach(s)]
            for value, narrows in self.trial(name).differences():
                if not any(s.narrows if narrows else s.widens for s in here):
                    whom = SENDERS if narrows else RECEIVERS
                    effect = Effect(name, whom, value, True)
                    what = "a message is judged otherwise, and no single keyword says why"
                    yield Change(AREA, name, "", what, breaks=(whom,), effects=(effect,))
                    break


_EXT = {"https://example.com/extension": True}


def _example(old: Side, new: Side, name: str) -> Any:
    found = [*new.schemas[name].get("examples", ()), *old.schemas[name].get("examples", ())]
    return found[0] if found else {}


def _whom(effects: Any) -> tuple[str, ...]:
    named = {e.whom for e in effects}
    return tuple(w for w in (SENDERS, RECEIVERS) if w in named)


def _blurred(side: Side, judged: Set[Place]) -> frozenset[Place]:
    """Those of the places that are below alternatives of which a value may fit two."""
    found: set[Place] = set()
    seen: set[Place] = set()
    waiting: list[Place] = list(side.roots.values())
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        target = side.leads(place)
        waiting += [inner for _, inner in children(side, place)] + ([target] if target else [])
        if "oneOf" in (side.at(place) or {}):
            below = side.reached(place) & judged
            if below - found and not alternatives_differ(side, place):
                found |= below
    return frozenset(found)


def bodies(vectors: dict[str, bytes]) -> dict[str, list[Any]]:
    """The bodies of messages by the path of their schema, from the tokens of vectors."""
    found: dict[str, list[Any]] = {}
    for path in sorted(vectors):
        parts = vectors[path].split(b".")
        try:
            claims = json.loads(base64.urlsafe_b64decode(parts[1] + b"=="))
            found.setdefault(f"messages/{claims['type']}.json", []).append(claims["body"])
        except (IndexError, KeyError, TypeError, ValueError):
            continue
    return found
