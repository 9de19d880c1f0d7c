"""`localhost:8000` inside an entry script is the service's own engine (azure-ml.md §1d, §8.5).

In a container the engine has that address. Here several services share a machine, each with an engine at a port of its
own, so Triton's clients are told the real address when a script gives them the one from the container. Only they are:
whoever speaks to the engine by other means finds its address in `NAIAD_ENGINE_URL`.
"""

from __future__ import annotations

import functools
import logging
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

HTTP_VARIABLE: Final = "NAIAD_ENGINE_URL"
GRPC_VARIABLE: Final = "NAIAD_ENGINE_GRPC_URL"

_CLIENT: Final = "InferenceServerClient"
_HTTP_MODULES: Final = ("tritonclient.http._client", "tritonclient.http.aio", "tritonhttpclient")
_GRPC_MODULES: Final = ("tritonclient.grpc._client", "tritonclient.grpc.aio", "tritongrpcclient")
_HERE: Final = r"(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])"

logger = logging.getLogger("azmlinfsrv")


class EngineAddress:
    """Where the address of an engine in a container really leads.

    Args:
        port: of the engine in a container.
        url: `host:port` of the engine.
    """

    def __init__(self, port: int, url: str) -> None:
        self._pattern = re.compile(rf"{_HERE}:{port}(?=/|$)", re.IGNORECASE)
        self._url = url
        self._is_told = False

    def of(self, url: str) -> str:
        """The address to use for one that a script gives."""
        real = self._pattern.sub(self._url, url, count=1) if self._pattern.match(url) else url
        if real != url and not self._is_told:
            self._is_told = True
            logger.info("%s is this service's engine, which listens on %s", url, self._url)
        return real


def install(environment: Mapping[str, str]) -> None:
    """Have Triton's clients find the engine that the environment names; without one nothing changes.

    Args:
        environment: with `NAIAD_ENGINE_URL` and `NAIAD_ENGINE_GRPC_URL`, each `host:port`.
    """
    addresses: dict[str, EngineAddress] = {}
    for variable, port, modules in ((HTTP_VARIABLE, 8000, _HTTP_MODULES), (GRPC_VARIABLE, 8001, _GRPC_MODULES)):
        if url := environment.get(variable):
            addresses.update(dict.fromkeys(modules, EngineAddress(port, url)))
    for name, address in addresses.items():
        if name in sys.modules:
            _direct(sys.modules[name], address)
    if addresses:
        sys.meta_path.insert(0, _Finder(addresses))


def _direct(module: ModuleType, address: EngineAddress) -> None:
    """Make the client of a module use the address."""
    client = vars(module).get(_CLIENT)
    if client is None or hasattr(client.__init__, "_naiad_directed"):
        return
    original: Callable[..., None] = client.__init__

    @functools.wraps(original)
    def connect(self: Any, url: Any, *arguments: Any, **options: Any) -> None:
        original(self, address.of(url) if isinstance(url, str) else url, *arguments, **options)

    connect._naiad_directed = True  # type: ignore[attr-defined]
    client.__init__ = connect


class _Finder(MetaPathFinder):
    """Finds the clients' modules as everybody does, and directs them when they are loaded."""

    def __init__(self, addresses: Mapping[str, EngineAddress]) -> None:
        self._addresses = addresses

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        address = self._addresses.get(name)
        if address is None:
            return None
        for finder in sys.meta_path:
            if isinstance(finder, _Finder):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _Loader(spec.loader, address)
                return spec
        return None


class _Loader(Loader):
    """Loads as another loader does, and directs the module's client."""

    def __init__(self, loader: Loader, address: EngineAddress) -> None:
        self._loader = loader
        self._address = address

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _direct(module, self._address)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
