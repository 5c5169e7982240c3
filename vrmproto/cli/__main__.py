"""``python -m vrmproto.cli``."""

from vrmproto.cli import main

main()
