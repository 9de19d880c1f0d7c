"""`python -m naiad.scoring`."""

from __future__ import annotations

import sys

from naiad.scoring.host import main

sys.exit(main(sys.argv[1:]))
