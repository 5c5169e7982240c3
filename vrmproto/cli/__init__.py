"""The command line, one file per verb. :func:`main` is the script entry."""

from __future__ import annotations

import os
import sys

__all__ = ["DONE", "FAILED", "UNREACHABLE", "USAGE", "main"]

DONE, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3
"""Exit codes: done, checks failed, wrong usage or input that cannot be read, somebody is out of reach."""


def main() -> None:
    """Run ``vrmproto``; no traceback reaches a user unless VRMPROTO_DEBUG is set."""
    from vrmproto.cli.app import build
    from vrmproto.errors import ProtocolError, SpecError

    try:
        build()()
    except BrokenPipeError:
        # whoever read the output has seen enough; keep the interpreter from complaining at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(DONE)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        _stop(f"{error.filename}: {error.strerror}" if error.filename else str(error), USAGE)
    except SpecError as error:
        _stop(str(error), USAGE)
    except ProtocolError as error:
        _stop(str(error), FAILED)
    except Exception as error:
        if os.environ.get("VRMPROTO_DEBUG"):
            raise
        fault = f"{type(error).__name__}: {error}"
        _stop(f"this is a fault of ours ({fault}); VRMPROTO_DEBUG=1 shows where it happened", USAGE)


def _stop(message: str, status: int) -> None:
    print(f"vrmproto: {message}", file=sys.stderr)
    sys.exit(status)
