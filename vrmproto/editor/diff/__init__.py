"""What changed between two spec folders, and whom it breaks: :func:`changes`."""

from __future__ import annotations

from vrmproto.editor.diff.change import Change, Effect
from vrmproto.editor.diff.comparing import changes

__all__ = ["Change", "Effect", "changes"]
