"""Random damage to a copy of a spec folder. Each is a fault by construction, whatever the checker says to it.

- *member*: a member goes that its place requires: of rows, codes, endpoints, agreements, rungs and vectors
  by the metaschema, of a schema its names (``$schema``, ``$id``, ``title``, ``description``, and of a message
  ``x-profile``, ``x-ext``, ``examples`` and that it is closed).
- *reference*, *id*: a ``$ref`` is misspelt, so that nothing lies there; an ``$id`` is another one's.
- *word*: a state, guard, type, profile or role in a row, a cause of a code, a schema or code of an endpoint,
  a clause of a purpose or a view gets a letter more, and is in no vocabulary.
- *pointer*: a pointer of a row or of a view into the body gets a letter more.
- *states*: the values of two states change places, one an end and the other left by a row: something follows
  an end.
- *row*: a row, a code, an endpoint, a rung or a numbered sentence stands there twice.
- *anchor*: a numbered sentence loses its id, or a heading that a link names gets a letter more.
- *number*, *code*, *link*: in a page an id that is named, a code in code type or a link is misspelt.
- *digest*: of a digest or an id of a message that follows from the folder one letter becomes another.
- *name*: a file is renamed, and whatever names, links or lists it does so in vain; *gone*: it is removed.
- *byte*: of a generated file one byte changes; *source*: a phrase that stands in a generated text gets a
  letter more.
- *bound*: a bound or a list of values in a schema changes, and a stock validator then refuses one of the
  examples of the file; *example*: a value in an example changes its type, and the same.
- *syntax*: of a JSON file a bracket, quote, colon or comma goes that its syntax needs.
- *verdict*: in a vector the status becomes another one, or accept and refuse change places.
- *bad*: a bad example gets another keyword or pointer than the one that it is refused by.

What means the same afterwards (another wording, another order of members) is not among them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

__all__ = ["KINDS", "Copy", "damage"]

ID = re.compile(r"VRM-[A-Z]+-\d{3}")
SENTENCE = re.compile(r"^- .+( \{#VRM-[A-Z]+-\d{3} [a-z ]+\})$", re.M)
SCHEMAS = ("messages/*.json", "shared/*.json", "documents/*.json")
BOUNDS = {"minimum": 10**15, "maximum": -1, "minLength": 9999, "maxLength": 0, "minItems": 99, "maxItems": 0}
Json = Any


class Copy:
    """A copy of the folder that takes back what was done to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.before: dict[str, bytes | None] = {}
        values = [(p, self.json(p)) for p in self.paths(*SCHEMAS, "envelope.json")]
        resources = [(v["$id"], DRAFT202012.create_resource(v)) for _, v in values]
        self.registry: Any = Registry().with_resources(resources)

    def paths(self, *patterns: str) -> list[str]:
        found = {p for pattern in patterns for p in self.root.glob(pattern) if p.is_file()}
        return sorted(p.relative_to(self.root).as_posix() for p in found)

    def text(self, path: str) -> str:
        return (self.root / path).read_text("utf-8")

    def json(self, path: str) -> Json:
        return json.loads(self.text(path))

    def put(self, path: str, data: bytes | None) -> str:
        """Write a file, or take it away; its path."""
        file = self.root / path
        self.before.setdefault(path, file.read_bytes() if file.exists() else None)
        if data is None:
            file.unlink()
        else:
            file.write_bytes(data)
        return path

    def put_json(self, path: str, value: Json) -> str:
        return self.put(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())

    def restore(self) -> None:
        for path, data in self.before.items():
            if data is not None:
                (self.root / path).write_bytes(data)
            else:
                (self.root / path).unlink(missing_ok=True)
        self.before = {}

    def refuses(self, schema: Json) -> bool:
        """Whether a stock validator refuses an example of a schema."""
        judge = Draft202012Validator(schema, registry=self.registry, format_checker=FormatChecker())
        return not all(judge.is_valid(example) for example in schema["examples"])


def inner(value: Json) -> Iterator[Json]:
    """A value and every object and array in it."""
    yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(part, dict | list):
            yield from inner(part)


def misspelt(word: str, rng: Random) -> str:
    """A letter more; the word begins and ends as before, so that only its name changes."""
    at = rng.randrange(1, len(word))
    return word[:at] + rng.choice("qxz") + word[at:]


def rows(tables: Json) -> list[Json]:
    return [row for kind in tables["kinds"].values() for row in kind["rows"]]


def _member(copy: Copy, rng: Random) -> str:
    schema, message = rng.choice(copy.paths(*SCHEMAS)), rng.choice(copy.paths("messages/*.json"))
    vector = rng.choice(copy.paths("vectors/*/expect.json"))
    places: list[tuple[str, Callable[[Json], list[Json]], tuple[str, ...]]] = [
        ("threads.json", rows, ("by", "type", "to")),
        ("errors.json", lambda v: [*v["codes"]], ("code", "layer", "status", "by", "title")),
        ("endpoints.json", lambda v: [*v["endpoints"]], ("name", "method", "path", "codes", "answers")),
        ("roster/matrix.json", lambda v: [*v["agreements"]], ("id", "version", "iri", "class", "clauses")),
        ("ladder.json", lambda v: [*v["rungs"]], ("stage", "types")),
        (schema, lambda v: [v], ("$schema", "$id", "title", "description")),
        (message, lambda v: [v], ("x-profile", "x-ext", "examples", "additionalProperties")),
        (vector, lambda v: [v], ("kind",)),
    ]
    path, find, names = rng.choice(places)
    value = copy.json(path)
    del rng.choice(find(value))[rng.choice(names)]
    return copy.put_json(path, value)


def _reference(copy: Copy, rng: Random) -> str:
    path = rng.choice([p for p in copy.paths(*SCHEMAS) if '"$ref": "../' in copy.text(p)])
    text = copy.text(path)
    found = rng.choice(list(re.finditer(r'"\$ref": "[^"#]*/([a-z-]+)\.json', text)))
    return copy.put(path, (text[: found.start(1)] + misspelt(found[1], rng) + text[found.end(1) :]).encode())


def _id(copy: Copy, rng: Random) -> str:
    path, other = rng.sample(copy.paths(*SCHEMAS, "envelope.json", "meta/*.json"), 2)
    value = copy.json(path)
    value["$id"] = copy.json(other)["$id"]
    return copy.put_json(path, value)


def _word(copy: Copy, rng: Random) -> str:
    def bad(value: Json, name: str | int) -> None:
        value[name] = misspelt(value[name], rng)

    path = rng.choice(
        ["threads.json"] * 3 + ["errors.json", "endpoints.json", "purposes.json", "views/dpv-27560.json"]
    )
    value = copy.json(path)
    if path == "threads.json":
        row = rng.choice([row for row in rows(value) if row["to"] != "=" and "in" in row and "guards" in row])
        kind = rng.choice(list(value["kinds"].values()))
        places: list[tuple[Json, Any]] = [
            (row, "to"),
            (row, "type"),
            (row, "by"),
            (row["in"], 0),
            (row["guards"], 0),
            (kind, "profile"),
        ]
        bad(*rng.choice(places))
    elif path == "errors.json":
        bad(rng.choice(value["codes"])["by"], 0)
    elif path == "endpoints.json":
        schema = rng.choice([a for e in value["endpoints"] for a in e["answers"] if "schema" in a])
        codes = rng.choice([e["codes"] for e in value["endpoints"] if e["codes"]])
        places = [(schema, "schema"), (codes, 0), (rng.choice(value["endpoints"]), "profile")]
        bad(*rng.choice(places))
    elif path == "purposes.json":
        bad(value, rng.choice([p for p, clause in value.items() if clause]))
    else:
        bad(rng.choice([e for v in value["views"].values() for e in v["map"] if "view" in e]), "view")
    return copy.put_json(path, value)


def _pointer(copy: Copy, rng: Random) -> str:
    path = rng.choice(["threads.json", "views/schema-org.json"])
    text = copy.text(path)
    found = rng.choice(list(re.finditer(r'": "/([a-z_/]+)"', text)))
    return copy.put(path, (text[: found.start(1)] + misspelt(found[1], rng) + text[found.end(1) :]).encode())


def _states(copy: Copy, rng: Random) -> str:
    tables = copy.json("threads.json")
    kind = rng.choice([k for k in tables["kinds"].values() if any("end" in s for s in k["states"].values())])
    states = kind["states"]
    end = rng.choice([n for n, s in states.items() if "end" in s])
    left = rng.choice(sorted({s for row in kind["rows"] for s in row.get("in", ())}))
    states[end], states[left] = states[left], states[end]
    return copy.put_json("threads.json", tables)


def _row(copy: Copy, rng: Random) -> str:
    path = rng.choice(
        ["threads.json", "errors.json", "endpoints.json", "ladder.json", "roster/matrix.json", ""]
    )
    if not path:
        path = rng.choice(pages(copy, SENTENCE, "protocol/*.md"))
        line = rng.choice([m[0] for m in SENTENCE.finditer(copy.text(path))])
        return copy.put(path, copy.text(path).replace(line, f"{line}\n{line}", 1).encode())
    value = copy.json(path)
    lists = [p for p in inner(value) if isinstance(p, list) and p and isinstance(p[0], dict)]
    if path == "threads.json":
        lists = [kind["rows"] for kind in value["kinds"].values()]
    elif path == "endpoints.json":
        lists = [value["endpoints"]]
    listed = rng.choice(lists)
    listed.insert(rng.randrange(len(listed)), rng.choice(listed))
    return copy.put_json(path, value)


def pages(copy: Copy, needle: re.Pattern[str], *patterns: str) -> list[str]:
    return [p for p in copy.paths(*patterns) if needle.search(copy.text(p))]


def _anchor(copy: Copy, rng: Random) -> str:
    named = {
        (p, a)
        for q in copy.paths("protocol/*.md")
        for p, a in re.findall(r"\]\(([a-z]+\.md)#([a-z-]+)\)", copy.text(q))
    }
    if rng.random() < 0.3:
        page, anchor = rng.choice(sorted(named))
        path = f"protocol/{page}"
        lines = copy.text(path).splitlines(keepends=True)
        slug = [re.sub(r"[^\w\- ]", "", li.lstrip("#").strip().lower()).replace(" ", "-") for li in lines]
        at = next(n for n, li in enumerate(lines) if li.startswith("#") and slug[n] == anchor)
        lines[at] = lines[at].rstrip("\n") + "x\n"
        return copy.put(path, "".join(lines).encode())
    path = rng.choice(pages(copy, SENTENCE, "protocol/*.md"))
    return spoil(copy, path, SENTENCE, rng, lambda _: "")


def spoil(copy: Copy, path: str, needle: re.Pattern[str], rng: Random, change: Callable[[str], str]) -> str:
    """Change the group 1 of one place that a pattern finds in a file."""
    text = copy.text(path)
    found = rng.choice(list(needle.finditer(text)))
    return copy.put(path, (text[: found.start(1)] + change(found[1]) + text[found.end(1) :]).encode())


def _number(copy: Copy, rng: Random) -> str:
    needle = re.compile(r"(?<!#)\b(VRM-[A-Z]+-\d{3})\b")
    path = rng.choice(pages(copy, needle, "*.md", "protocol/*.md"))
    return spoil(copy, path, needle, rng, lambda name: f"{name[:-3]}9{name[-2:]}")


def _code(copy: Copy, rng: Random) -> str:
    codes = "|".join(c["code"] for c in copy.json("errors.json")["codes"])
    needle = re.compile(rf"`({codes})`")
    path = rng.choice(pages(copy, needle, "implementing.md", "protocol/*.md"))
    return spoil(copy, path, needle, rng, lambda code: misspelt(code, rng))


def _link(copy: Copy, rng: Random) -> str:
    needle = re.compile(r"\]\(((?!https?:)[^)\s#]{3,}|#[^)\s]+|[^)\s#]+#[^)\s]{3,})\)")
    path = rng.choice(pages(copy, needle, "*.md", "protocol/*.md", "vectors/README.md"))
    return spoil(copy, path, needle, rng, lambda target: target[:-2] + "q" + target[-2:])


def _digest(copy: Copy, rng: Random) -> str:
    listed = {a["digest"] for a in copy.json("roster/roster.json")["agreements"]}
    needle = re.compile(r'"(?:digest|sha256|mid)": "([A-Za-z0-9_-]{43})"')
    files = copy.paths(
        "messages/*.json", "roster/roster.json", "roster/*/*/manifest.json", "vectors/*/expect.json"
    )
    places = [
        (p, m) for p in files for m in needle.finditer(copy.text(p)) if "messages/" not in p or m[1] in listed
    ]
    path, found = rng.choice(places)
    text, at = copy.text(path), found.start(1) + rng.randrange(42)
    letter = rng.choice([c for c in "aB3_" if c != text[at]])
    return copy.put(path, (text[:at] + letter + text[at + 1 :]).encode())


def _name(copy: Copy, rng: Random) -> str:
    path = rng.choice(copy.paths("*.md", "*.json", "*/*.md", "*/*.json", "roster/*/*/*", "vectors/*/*"))
    folder, _, name = path.rpartition("/")
    stem, dot, ending = name.rpartition(".")
    other = f"{folder}/{stem}x{dot}{ending}".lstrip("/")
    copy.put(other, (copy.root / path).read_bytes())
    return copy.put(path, None)


def _gone(copy: Copy, rng: Random) -> str:
    path = rng.choice(copy.paths("*.md", "*.json", "*/*.md", "*/*.json", "roster/*/*/*", "vectors/*/*"))
    optional = path.startswith("messages/invalid/") or path == "shared/duration.json"
    return _gone(copy, rng) if optional else copy.put(path, None)


def _byte(copy: Copy, rng: Random) -> str:
    path = rng.choice(copy.paths("roster/*/*/*", "roster/roster.json", "shared/purpose.json"))
    data = bytearray((copy.root / path).read_bytes())
    data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
    return copy.put(path, bytes(data))


def _source(copy: Copy, rng: Random) -> str:
    path = "roster/phrases.json"
    made = "".join(map(copy.text, copy.paths("roster/*/*/*.md")))
    said = re.findall(r'": "([^"\\{}]{12,})"', copy.text(path))
    # Some phrases are for agreements that nobody has made yet, and some stand there twice.
    used = rng.choice([text for text in said if text in made and said.count(text) == 1])
    return spoil(copy, path, re.compile(rf'": "({re.escape(used)})"'), rng, lambda text: misspelt(text, rng))


def _bound(copy: Copy, rng: Random) -> str:
    while True:
        path = rng.choice(copy.paths(*SCHEMAS))
        value = copy.json(path)
        parts = [p for p in inner({k: v for k, v in value.items() if k != "examples"}) if isinstance(p, dict)]
        part = rng.choice(parts)
        bounds = [name for name in (*BOUNDS, "enum") if name in part]
        if not bounds or "properties" in bounds:
            continue
        name = rng.choice(bounds)
        part[name] = ["nothing of this"] if name == "enum" else BOUNDS[name]
        if "examples" in value and copy.refuses(value):
            return copy.put_json(path, value)


def _example(copy: Copy, rng: Random) -> str:
    while True:
        path = rng.choice(copy.paths(*SCHEMAS))
        value = copy.json(path)
        place = rng.choice([p for p in inner(value.get("examples", [])) if p] or [None])
        if place is None:
            continue
        key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
        place[key] = rng.choice([7, True, "x y", [], {}])
        if copy.refuses(value):
            return copy.put_json(path, value)


def _syntax(copy: Copy, rng: Random) -> str:
    path = rng.choice(copy.paths("*.json", "*/*.json", "messages/invalid/*.json", "vectors/*/expect.json"))
    text = copy.text(path)
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', lambda m: '"' + "-" * (len(m[0]) - 2) + '"', text)
    at = rng.choice([n for n, letter in enumerate(outside) if letter in '{}[]",:'])
    return copy.put(path, (text[:at] + text[at + 1 :]).encode())


def _verdict(copy: Copy, rng: Random) -> str:
    path = rng.choice(copy.paths("vectors/*/expect.json"))
    value = copy.json(path)
    if value["accept"] or rng.random() < 0.5:
        value["accept"] = not value["accept"]
    else:
        value["status"] = 418
    return copy.put_json(path, value)


def _bad(copy: Copy, rng: Random) -> str:
    path = rng.choice(copy.paths("messages/invalid/*.json"))
    value = copy.json(path)
    entry = rng.choice(value)
    if rng.random() < 0.5:
        entry["keyword"] = rng.choice(
            [k for k in ("type", "pattern", "required", "maximum") if k != entry["keyword"]]
        )
    else:
        entry["pointer"] += "/more"
    return copy.put_json(path, value)


KINDS: dict[str, Callable[[Copy, Random], str]] = {
    "member": _member, "reference": _reference, "id": _id, "word": _word, "pointer": _pointer,
    "states": _states, "row": _row, "anchor": _anchor, "number": _number, "code": _code, "link": _link,
    "digest": _digest, "name": _name, "gone": _gone, "byte": _byte, "source": _source, "bound": _bound,
    "example": _example, "syntax": _syntax, "verdict": _verdict, "bad": _bad,
}  # fmt: skip


def damage(copy: Copy, seed: int) -> tuple[str, str]:
    """Damage a copy somewhere: the kind of damage, and the file."""
    rng = Random(seed)
    kind = rng.choice(sorted(KINDS))
    return kind, KINDS[kind](copy, rng)
