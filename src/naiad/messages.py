"""tritonclient's generated protobuf messages, without the package around them.

`import tritonclient.grpc` imports grpcio (half a second and 30 MB) although the message modules need only protobuf.
They are loaded here by file, under their real names, so that a later `import tritonclient.grpc` finds the same modules.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def _load(module: str) -> ModuleType:
    name = f"tritonclient.grpc.{module}"
    if name in sys.modules:
        return sys.modules[name]
    package = importlib.util.find_spec("tritonclient")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("naiad needs tritonclient's protobuf messages: pip install 'tritonclient[grpc]'")
    path = Path(package.submodule_search_locations[0]) / "grpc" / f"{module}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"{path} is not there: the installed tritonclient has another layout")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


model_config_pb2: Any = _load("model_config_pb2")
"""The module of `inference.ModelConfig` and the messages inside it (triton.md §3.1)."""
