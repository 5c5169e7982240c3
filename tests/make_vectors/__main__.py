"""`python -m tests.make_vectors`."""

from __future__ import annotations

import sys

from tests.make_vectors import main

raise SystemExit(main(sys.argv[1:]))
