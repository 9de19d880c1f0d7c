"""The ports of the server: taken before models load, answered on once they are, told to whoever waits."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from naiad.config.settings import Settings
from naiad.errors import NotFoundError, UsageError
from naiad.server.auth import KeyRing
from naiad.server.exchange import Exchange
from naiad.server.grpc_call import GrpcService
from naiad.server.http2 import KeepAlive
from naiad.server.http_server import HttpServer, Limits, adopt, bind
from naiad.server.metrics import MetricsRoutes
from naiad.server.request_head import RequestHead
from naiad.server.response import Response
from naiad.server.restricted import Restrictions
from naiad.server.tls import TLS_SETTINGS, tls_of
from naiad.server.v2_routes import V2Routes
from naiad.server.views import Views

logger = logging.getLogger(__name__)

_HTTP: Final = ("http", "HTTPService")
_GRPC: Final = ("grpc", "GRPCInferenceService")
_METRICS: Final = ("metrics", "Metrics Service")

_COMPRESSION_LEVELS: Final = {"none": 0, "low": 1, "medium": 6, "high": 9}


@dataclass(frozen=True, slots=True)
class Port:
    """Where a service is, or two.

    Attributes:
        services: their names in the ready file, and in the log, where they are Triton's.
        server: that answers.
        address: to listen on.
        number: of the port; 0 for any that is free.
        shared: other servers that say so too may take it as well.
        descriptor: a listening socket that was inherited and is taken instead, when given.
        tls: speaks TLS, when given.
    """

    services: tuple[tuple[str, str], ...]
    server: HttpServer
    address: str
    number: int
    shared: bool = False
    descriptor: int | None = None
    tls: ssl.SSLContext | None = None

    def take(self) -> socket.socket:
        """Take the port without answering on it.

        Raises:
            UnavailableError, UsageError: as `bind` and `adopt`.
        """
        if self.descriptor is not None:
            return adopt(self.descriptor)
        return bind(self.address, self.number, shared=self.shared)

    async def answer(self, taken: socket.socket) -> Mapping[str, int]:
        """Answer on it; its number, by the names in the ready file.

        Raises:
            UnavailableError: as `HttpServer.listen`.
        """
        await self.server.listen(taken, tls=self.tls)
        number: int = taken.getsockname()[1]
        for _, title in self.services:
            logger.info("Started %s at %s:%d", title, self.address, number)
        return {key: number for key, _ in self.services}


def server_ports(settings: Settings, views: Views, metrics: MetricsRoutes, calls: GrpcService | None) -> list[Port]:
    """The ports that the settings ask for. HTTP's answers calls and metrics too.

    Args:
        settings: all of them.
        views: what HTTP answers, besides inferences.
        metrics: answers scrapes.
        calls: answers gRPC; None when nothing does.

    Raises:
        UsageError, ConfigError: a setting contradicts another one, or a file that it names is not usable.
    """
    limits, keys = _limits(settings), KeyRing(Path(settings.auth_keys)) if settings.auth_keys else None
    level = _COMPRESSION_LEVELS[settings.grpc_infer_response_compression_level]
    keep_alive = _keep_alive(settings)
    ports: list[Port] = []
    http_place = (settings.http_address, settings.http_port)
    grpc_place = (settings.grpc_address or settings.http_address, settings.grpc_port)
    # A socket that was inherited is the only one that whoever opened it knows of.
    same_place = settings.http_fd is not None or (http_place == grpc_place and settings.http_port > 0)
    is_one = calls is not None and settings.allow_http and same_place
    if settings.allow_http:
        restrictions = Restrictions(settings.http_restricted_api)
        routes = V2Routes(
            views,
            max_input_bytes=settings.http_max_input_size,
            restrictions=restrictions,
            metrics=metrics.metrics if settings.allow_metrics else None,
        )
        server = HttpServer(
            routes.handle,
            limits=limits,
            keys=keys,
            check_access=routes.check_access if restrictions else None,
            grpc=calls,
            compression_level=level,
            keep_alive=keep_alive,
        )
        services = (_HTTP, _GRPC) if is_one else (_HTTP,)
        shared, tls = settings.reuse_http_port, tls_of(settings, "http")
        ports.append(Port(services, server, *http_place, shared, settings.http_fd, tls))
    if is_one:
        _check_tls_is_the_same(settings)
    elif calls is not None:
        server = HttpServer(
            _nothing_but_calls, limits=limits, keys=keys, grpc=calls, compression_level=level, keep_alive=keep_alive
        )
        ports.append(Port((_GRPC,), server, *grpc_place, settings.reuse_grpc_port, tls=tls_of(settings, "grpc")))
    if settings.allow_metrics:
        address = settings.metrics_address or settings.http_address
        server = HttpServer(metrics.handle, limits=limits, keys=keys)
        ports.append(Port((_METRICS,), server, address, settings.metrics_port))
    return ports


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_head_bytes=settings.http_max_header_size,
        max_input_bytes=settings.http_max_input_size,
        max_body_bytes=settings.http_max_body_size,
        max_receiving_bytes=settings.http_max_receiving_size,
        max_connections=settings.http_max_connections,
        max_streams=settings.http_max_streams,
        receive_timeout_s=settings.http_receive_timeout_secs,
        idle_timeout_s=settings.http_idle_timeout_secs,
    )


def _keep_alive(settings: Settings) -> KeepAlive:
    def ns(milliseconds: int | None) -> int:
        return (milliseconds or 0) * 1_000_000

    return KeepAlive(
        ping_after_ns=ns(settings.grpc_keepalive_time),
        ping_timeout_ns=ns(settings.grpc_keepalive_timeout),
        without_calls=settings.grpc_keepalive_permit_without_calls,
        min_ping_interval_ns=ns(settings.grpc_http2_min_recv_ping_interval_without_data),
        max_ping_strikes=settings.grpc_http2_max_ping_strikes,
        max_age_ns=ns(settings.grpc_max_connection_age),
        max_age_grace_ns=ns(settings.grpc_max_connection_age_grace),
    )


def _check_tls_is_the_same(settings: Settings) -> None:
    for name in TLS_SETTINGS:
        if settings.values[f"http_{name}"] != settings.values[f"grpc_{name}"]:
            flag = name.replace("_", "-")
            raise UsageError(f"one port for HTTP and gRPC needs --http-{flag} and --grpc-{flag} to be the same")


def _nothing_but_calls(
    connection: Exchange, head: RequestHead, body: bytes | memoryview, arrived_ns: int
) -> Response | None:
    raise NotFoundError("Not Found", hint="this port answers gRPC; --http-port is where HTTP is answered")
