"""Where the demo's service is and what it asks for: what the walk exported, under the how-to's names."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

ADDRESS = urlsplit(os.environ["scoring_uri"]).netloc  # noqa: SIM112 - a shell's variable
HEADERS = {"Authorization": f"Bearer {os.environ['service_key']}"}  # noqa: SIM112
