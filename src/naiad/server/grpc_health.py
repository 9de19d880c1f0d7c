"""`grpc.health.v1`: whether the server is ready, or a model, for probes that speak gRPC.

A service name that is a model's asks for that model; any other for the server, whatever it is, as tritonserver does.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from grpc_health.v1 import health_pb2

from naiad.protocol.protobuf_wire import field, parse
from naiad.server.grpc_call import GrpcCall
from naiad.server.views import Views

Buffer = bytes | memoryview

_LOOK_AGAIN_S: Final = 0.5
_SERVER: Final = ""


class HealthMethods:
    """The methods of the service.

    Args:
        views: know what is ready.
    """

    def __init__(self, views: Views) -> None:
        self._views = views
        self._watches: set[HealthWatch] = set()
        self._timer: asyncio.TimerHandle | None = None

    def status(self, service: str) -> bytes:
        """The `HealthCheckResponse` for a service."""
        views = self._views
        known = bool(service) and views.engine.knows(service)
        ready = views.is_model_ready(service, "") if known else views.is_ready
        states = health_pb2.HealthCheckResponse
        status: Any = states.SERVING if ready else states.NOT_SERVING
        written: bytes = states(status=status).SerializeToString()
        return written

    def check(self, call: GrpcCall, message: Buffer, arrived_ns: int) -> list[Buffer]:
        """The unary method `Check`."""
        return [self.status(parse(health_pb2.HealthCheckRequest, message).service)]

    def list(self, call: GrpcCall, message: Buffer, arrived_ns: int) -> list[Buffer]:
        """The unary method `List`: the server, and every ready model. Its messages are newer than the library's:
        `HealthListResponse` is a map from names to `HealthCheckResponse`s."""
        names = [_SERVER, *self._views.list_models()["models"]]
        return [b"".join(field(1, field(1, name.encode()) + field(2, self.status(name))) for name in names)]

    def watch(self, call: GrpcCall) -> HealthWatch:
        """The streaming method `Watch`."""
        return HealthWatch(call, self)

    def add(self, watch: HealthWatch) -> None:
        """Tell a watch of changes from now on."""
        self._watches.add(watch)
        if self._timer is None:
            self._look_again()

    def discard(self, watch: HealthWatch) -> None:
        """Tell it no more."""
        self._watches.discard(watch)

    def stop(self) -> None:
        """The server drains: watches end."""
        for watch in tuple(self._watches):
            watch.end()

    def _look_again(self) -> None:
        self._timer = None
        for watch in tuple(self._watches):
            watch.look()
        if self._watches:
            self._timer = asyncio.get_running_loop().call_later(_LOOK_AGAIN_S, self._look_again)


class HealthWatch:
    """One call of `Watch`: the state when it begins, and whenever it has changed.

    Args:
        call: that it came by.
        methods: know the state.
    """

    def __init__(self, call: GrpcCall, methods: HealthMethods) -> None:
        self._call = call
        self._methods = methods
        self._service: str | None = None
        self._told = b""

    def message(self, data: Buffer, arrived_ns: int) -> None:
        """What to watch; only the first message counts.

        Raises:
            MalformedError: it is no request.
        """
        if self._service is None:
            self._service = parse(health_pb2.HealthCheckRequest, data).service
            self.look()
            self._methods.add(self)

    def half_close(self) -> None:
        """The request is whole. A call without one, and one that the server ends, is over."""
        if self._service is None:
            self._call.finish()

    def cancel(self) -> None:
        """Nobody watches any more."""
        self._methods.discard(self)

    def look(self) -> None:
        """Tell the state, when it is another than before and the client has read that."""
        if self._call.is_finished:
            self._methods.discard(self)
            return
        status = self._methods.status(self._service or _SERVER)
        if status != self._told and self._call.writable:
            self._told = status
            self._call.send([status])

    def end(self) -> None:
        """The server stops."""
        self._methods.discard(self)
        self._call.finish()
