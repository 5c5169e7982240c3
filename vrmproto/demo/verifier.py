"""Verifies what the steps left, each by a process of its own that sees nothing but the files of that step.

Started as ``python -m vrmproto.demo.verifier``. Each line of input is ``{"verify": folder}`` and is answered
by the report of ``vrmproto verify folder --json``, or by ``{}`` where there is none. This process itself
verifies nothing, and so learns nothing: it has read the spec, and forks. Python is started once that way.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from pathlib import Path

from vrmproto import bundle, strictjson
from vrmproto import spec as specs
from vrmproto.spec import Spec

__all__ = ["main"]


def in_child(spec: Spec, folder: str) -> bytes:
    """The report on a folder as a child makes it inside that folder; ``{}`` if it makes none."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.chdir(folder)
            with open(writing, "wb") as out:
                out.write(strictjson.dumps(bundle.verify(Path(), spec).document()))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    with open(reading, "rb") as told:
        report = told.read()
    _, status = os.waitpid(child, 0)
    return report if status == 0 else b"{}"


def main() -> None:
    """Answer line by line until the input ends."""
    spec = specs.load()
    gc.freeze()
    for line in sys.stdin.buffer:
        order, _ = strictjson.read(line.strip())
        sys.stdout.buffer.write(in_child(spec, str(order.get("verify"))) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
