"""tritonclient's generated protobuf messages, without the package around them.

`import tritonclient.grpc` imports grpcio (half a second and 30 MB) although the message modules need only protobuf.
They are loaded here by file, under their real names, so that a later `import tritonclient.grpc` finds the same modules.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

_PACKAGE: Final = "tritonclient.grpc"


def _load(module: str, *imported: str) -> ModuleType:
    """A message module; `imported` are those that it imports from the package, loaded before."""
    name = f"{_PACKAGE}.{module}"
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
    # A message module says `from tritonclient.grpc import …`, which would run the package: for that moment another one
    # stands in its place.
    stand_in = None if _PACKAGE in sys.modules else ModuleType(_PACKAGE)
    if stand_in is not None:
        vars(stand_in).update({each: sys.modules[f"{_PACKAGE}.{each}"] for each in imported})
        sys.modules[_PACKAGE] = stand_in
    try:
        spec.loader.exec_module(loaded)
    finally:
        if stand_in is not None:
            del sys.modules[_PACKAGE]
    return loaded


model_config_pb2: Any = _load("model_config_pb2")
"""The module of `inference.ModelConfig` and the messages inside it (triton.md §3.1)."""

service_pb2: Any = _load("service_pb2", "model_config_pb2")
"""The module of the messages of `inference.GRPCInferenceService` (triton.md §2.2)."""
