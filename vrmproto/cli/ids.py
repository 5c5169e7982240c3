"""Ids on the command line: one in 64 begins with a hyphen, and is an id all the same."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand

__all__ = ["IdCommand"]

# An option has one hyphen and one letter, or two hyphens and small letters only.
_ID = re.compile(r"-[A-Za-z0-9_][A-Za-z0-9_-]{2,41}|--(?=[a-z-]*[A-Z0-9_])[A-Za-z0-9_-]{4,41}")


class IdCommand(TyperCommand):
    """A command with an id among its arguments: nobody has to write ``--`` before one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See click: the arguments, read into the context's parameters."""
        valued = {name for one in self.params if not getattr(one, "is_flag", True) for name in one.opts}
        ids: set[str] = set()
        read: list[str] = []
        for n, arg in enumerate(args):
            if arg == "--":
                read += args[n:]
                break
            # click takes nothing with a blank before it for an option.
            blank = _ID.fullmatch(arg) and not (n and args[n - 1] in valued)
            read.append(f" {arg}" if blank else arg)
            ids |= {read[-1]} if blank else set()
        left = super().parse_args(ctx, read)
        for name, value in ctx.params.items():
            if isinstance(value, str) and value in ids:
                ctx.params[name] = value[1:]
        return left
