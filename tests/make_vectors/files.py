"""The files of spec/vectors/: what is written, and what is not as it should be."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.make_vectors.base import FOLDER, KEYS, MAKERS, pretty, who

README = """# Vectors

Each folder is one case: tokens as exact bytes, and what a home has to say of the last one.
A negative vector breaks exactly one rule and is otherwise right and correctly signed, so that a check that
is missing shows: the message is taken, or refused with another code. The folders are written by a program;
nothing in them is made by hand.

Two kinds of vectors break more than one rule:

- The folders `order-A-B` show the order of checks (VRM-ENV-036). They break two rules on purpose, and no
  third: one that the check A answers, and one that B would answer. `then` has the second.
- No row of terms needs `pthid` or `agr`. So a vector about a wrong one there also has one that its row does
  not need (VRM-THR-008), which is looked at later.

## A folder

| file | content |
|---|---|
| `README.md` | what it is, and which requirement it breaks |
| `token.jwt` | the token under test, without a newline; it may hold any bytes |
| `1.jwt`, `2.jwt`, ... | tokens that are sent first |
| `then.jwt` | in some `order-` folders: the token with the first of its two faults mended |
| `blob.bin` | in some folders: the bytes of a blob |
| `expect.json` | the circumstances and the verdict |

| member of `expect.json` | meaning |
|---|---|
| `kind` | `message`: the token is sent to a home as a message |
| `now` | the home's clock, in epoch seconds, when the token arrives |
| `home`, `dev` | the origin of the home; whether it is in development mode |
| `known` | addressees known at the start; who is or was a party of a stored thread is known as well |
| `keys` | origin to the `keys` and `historical_keys` of its discovery document; absent: it cannot be read |
| `boards` | boards of the home: name to URL |
| `blobs` | what was put before: the `file` with its bytes, `by` whom, and the clock `now` then |
| `thread` | what goes before, in order: `file`, the clock `now`, the `state` of its receipt; all are taken |
| `removed` | what the operator takes off its board after `thread`: `file` (which opened it), `code`, `now` |
| `accept` | the verdict |
| `status`, `mid`, `state` | if taken: 202, or 200 for a repeat; the message id; the receipt's state |
| `status`, `code`, `requirement` | if refused: the status, the code, and the requirement that is broken |
| `covers` | further requirements that the vector shows |
| `then` | in the `order-` folders: what is answered once the first of the two faults is mended |

The references of these vectors have URLs below `HOME/v1/blobs/`: a home with others skips them.

An origin that has no member in `keys` has no discovery document that can be read (`key-unavailable`).

`then` has the `status`, `code` and `requirement` of the second fault. Its other members say how the first is
mended: `file` is the token to send in place of `token.jwt`; `now`, `known` or `thread` stand in for those of
the vector. Where it has none of these, no message has the second fault alone.

## How to run them, in any language

1. For each folder make an empty home with the origin `home`, the mode `dev`, this spec folder with its
   roster, and a clock that you set. Let `keys` stand in for fetching discovery documents, and take `known`
   as addressees, and `boards` as its boards.
2. Set the clock to the `now` of each entry of `thread` and hand its `file` over: it is taken, and the state
   is as said.
   The clock may go back between two tokens. Then let the operator take off their boards what `removed` lists.
3. Set the clock to `now` and hand over `token.jwt` as it is on disk. Compare.
4. Where `then` has a way to mend the first fault, begin anew with it and compare with its verdict.

A reader without threads can run the vectors that have no `thread`, up to the first check that needs one.
The verdict is `code`. `requirement` is the rule that the vector breaks; where several refusals have to
be alike, as those of a rotation, a home names one for all of them.

`keys.json` holds all keys with their private parts. They are test keys, known to all: never trust them.
"""


@functools.cache
def build() -> dict[str, bytes]:
    """Every file below spec/vectors/, by its path; the same each time."""
    files = {"README.md": README.encode()}
    listed = {
        k.name: {"id": who(k), "alg": k.alg, "kid": k.kid, "jwk": {**k.jwk, "d": k.secret}} for k in KEYS
    }
    note = "TEST KEYS. The private parts are published: never trust these keys for anything."
    files["keys.json"] = pretty({"note": note, "keys": listed})
    for maker in MAKERS:
        for vector in maker():
            for name, data in vector.files().items():
                path = f"{vector.slug}/{name}"
                if path in files:
                    raise ValueError(f"two vectors have the name {vector.slug}")
                files[path] = data
    return files


def differences(folder: Path = FOLDER) -> list[str]:
    """What is not on disk as it should be: changed, missing and stale files."""
    wanted = build()
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    wrong = [f"{name}: is stale" for name in found.keys() - wanted.keys()]
    wrong += [f"{name}: is missing" for name in wanted.keys() - found.keys()]
    both = wanted.keys() & found.keys()
    wrong += [f"{name}: has changed" for name in both if found[name].read_bytes() != wanted[name]]
    return sorted(wrong)


def write(folder: Path = FOLDER) -> int:
    """Write all files, take away what is stale, and return the number of files."""
    wanted = build()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    for name, data in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_bytes() != data:
            path.write_bytes(data)
    return len(wanted)


def main(arguments: Sequence[str]) -> int:
    if list(arguments) == ["--check"]:
        wrong = differences()
        print("\n".join(wrong) or "spec/vectors is as it should be")
        return bool(wrong)
    if arguments:
        print("usage: python -m tests.make_vectors [--check]", file=sys.stderr)
        return 2
    print(f"{write()} files in spec/vectors")
    return 0
