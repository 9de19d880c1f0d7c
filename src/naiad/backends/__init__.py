"""Runtimes. None of them reports to its maker what runs here, unless the environment says that it may."""

import os

# onnxruntime writes events into the user's cache folder and sends them away; it reads this when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
