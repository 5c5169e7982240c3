"""``python -m conformance``: the same as ``vrm-conformance``."""

from conformance.cli import main

main()
