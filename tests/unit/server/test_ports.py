"""Which ports there are for which settings, and what is allowed on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from naiad.config.settings import read_settings
from naiad.engine.engine import Engine
from naiad.errors import ConfigError, UsageError
from naiad.server.grpc_call import Streaming, Unary
from naiad.server.http2 import KeepAlive
from naiad.server.http_server import Limits
from naiad.server.metrics import MetricsRoutes
from naiad.server.ports import Port, server_ports
from naiad.server.views import Views
from tests.support.certificates import Authority

VIEWS = cast(Views, SimpleNamespace(engine=None, shared=SimpleNamespace(memory=None)))


class Nothing:
    """A service without methods."""

    def find(self, path: bytes) -> Unary | Streaming | None:
        return None

    def authorize(self, path: bytes, metadata: Mapping[bytes, bytes]) -> None:
        return


def ports(*arguments: str) -> dict[str, Port]:
    """By the services on them."""
    settings = read_settings(arguments, {})
    calls = Nothing() if settings.allow_grpc else None
    found = server_ports(settings, VIEWS, MetricsRoutes(cast(Engine, None)), calls)
    return {"+".join(key for key, _ in port.services): port for port in found}


class TestWhich:
    @pytest.mark.parametrize(
        ("arguments", "places"),
        [
            ([], {"http": ("127.0.0.1", 8000), "grpc": ("127.0.0.1", 8001), "metrics": ("127.0.0.1", 8002)}),
            (["--allow-grpc=0", "--allow-metrics=0"], {"http": ("127.0.0.1", 8000)}),
            (["--allow-http=0", "--allow-metrics=0"], {"grpc": ("127.0.0.1", 8001)}),
            (["--grpc-port=8000"], {"http+grpc": ("127.0.0.1", 8000), "metrics": ("127.0.0.1", 8002)}),
            (
                ["--http-port=0", "--grpc-port=0", "--allow-metrics=0"],
                {"http": ("127.0.0.1", 0), "grpc": ("127.0.0.1", 0)},
            ),
            (
                ["--grpc-port=8000", "--grpc-address=127.0.0.2", "--allow-metrics=0"],
                {"http": ("127.0.0.1", 8000), "grpc": ("127.0.0.2", 8000)},
            ),
            (["--grpc-port=8000", "--allow-http=0", "--allow-metrics=0"], {"grpc": ("127.0.0.1", 8000)}),
            (
                ["--http-address=::1", "--metrics-address=127.0.0.1", "--allow-grpc=0"],
                {"http": ("::1", 8000), "metrics": ("127.0.0.1", 8002)},
            ),
        ],
    )
    def test_places(self, arguments: list[str], places: dict[str, tuple[str, int]]) -> None:
        assert {key: (port.address, port.number) for key, port in ports(*arguments).items()} == places

    def test_sharing(self) -> None:
        shared = ports("--reuse-grpc-port=1")
        assert (shared["http"].shared, shared["grpc"].shared) == (False, True)


class TestAllowed:
    def test_defaults_of_settings_are_those_of_the_types(self) -> None:
        server = ports()["http"].server
        assert server._limits == Limits()
        assert server.keep_alive == KeepAlive()

    def test_what_is_set(self) -> None:
        server = ports(
            "--grpc-keepalive-time=1",
            "--grpc-keepalive-timeout=2",
            "--grpc-keepalive-permit-without-calls=1",
            "--grpc-http2-min-recv-ping-interval-without-data=3",
            "--grpc-http2-max-ping-strikes=4",
            "--grpc-max-connection-age=5",
            "--grpc-max-connection-age-grace=6",
            "--http-max-streams=7",
            "--http-max-header-size=8",
        )["grpc"].server
        assert server.keep_alive == KeepAlive(1_000_000, 2_000_000, True, 3_000_000, 4, 5_000_000, 6_000_000)
        assert (server.session_limits.max_streams, server.session_limits.max_headers_bytes) == (7, 8)


class TestTls:
    def test_each_port_has_its_own(self, tmp_path: Path) -> None:
        pair = Authority(tmp_path).issue("server")
        flags = ["--grpc-use-ssl=1", f"--grpc-server-cert={pair.certificate}", f"--grpc-server-key={pair.key}"]
        found = ports(*flags)
        assert found["http"].tls is None
        assert found["grpc"].tls is not None
        with pytest.raises(UsageError, match="one port for HTTP and gRPC needs --http-use-ssl and --grpc-use-ssl to"):
            ports(*flags, "--grpc-port=8000")
        both = [*flags, *(flag.replace("grpc", "http") for flag in flags)]
        assert ports(*both, "--grpc-port=8000")["http+grpc"].tls is not None

    def test_files_are_looked_at_before_anything_starts(self) -> None:
        with pytest.raises(ConfigError, match="unable to read the certificate 'nowhere'"):
            ports("--http-use-ssl=1", "--http-server-cert=nowhere", "--http-server-key=nowhere")
