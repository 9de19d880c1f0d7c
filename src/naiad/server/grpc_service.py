"""Every gRPC method that a port answers: path, category, and what it calls. No logic of its own (triton.md §2.1)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from grpc_health.v1 import health_pb2

from naiad.errors import InternalError, NaiadError
from naiad.messages import service_pb2
from naiad.protocol.protobuf_wire import parse
from naiad.server.grpc_call import GrpcCall, Streaming, Unary
from naiad.server.grpc_health import HealthMethods
from naiad.server.grpc_infer import InferReader, ModelInfer
from naiad.server.grpc_reflection import Reflection
from naiad.server.grpc_stream_infer import InferStream
from naiad.server.grpc_views import GrpcViews
from naiad.server.restricted import Restrictions
from naiad.server.views import Views

logger = logging.getLogger(__name__)

Buffer = bytes | memoryview

View = Callable[[Any], Any]
"""Answers at once: the request's message in, the response's out."""

SlowView = Callable[[Any], Coroutine[Any, Any, Any]]
"""Answers in its own time."""

RESTRICTED_PREFIX: Final = "triton-grpc-protocol-"
"""What the names of headers begin with that open restricted methods (triton.md §1.2)."""

_INFERENCE: Final = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
_HEALTH: Final = health_pb2.DESCRIPTOR.services_by_name["Health"]


class InferenceService:
    """The methods of Triton's service, of health checks and of reflection; a `GrpcService`.

    Args:
        views: what is answered, besides inferences.
        restrictions: the headers that some categories of methods need.
        max_input_bytes: of an inference's message without its raw contents (--http-max-input-size).
    """

    def __init__(self, views: Views, restrictions: Restrictions, *, max_input_bytes: int) -> None:
        self._restrictions = restrictions
        self._tasks: set[asyncio.Task[None]] = set()
        self._health = HealthMethods(views)
        reader = InferReader(views.engine, views.shared.memory, max_input_bytes=max_input_bytes)
        answers = GrpcViews(views)
        quick: list[tuple[str, str, View]] = [
            ("health", "ServerLive", answers.server_live),
            ("health", "ServerReady", answers.server_ready),
            ("health", "ModelReady", answers.model_ready),
            ("metadata", "ServerMetadata", answers.server_metadata),
            ("metadata", "ModelMetadata", answers.model_metadata),
            ("model-config", "ModelConfig", answers.model_config),
            ("statistics", "ModelStatistics", answers.model_statistics),
            ("shared-memory", "SystemSharedMemoryStatus", answers.system_memory_status),
            ("shared-memory", "SystemSharedMemoryRegister", answers.system_memory_register),
            ("shared-memory", "SystemSharedMemoryUnregister", answers.system_memory_unregister),
            ("shared-memory", "CudaSharedMemoryStatus", answers.cuda_memory_status),
            ("shared-memory", "CudaSharedMemoryRegister", answers.cuda_memory_register),
            ("shared-memory", "CudaSharedMemoryUnregister", answers.cuda_memory_unregister),
            ("trace", "TraceSetting", answers.trace_setting),
            ("logging", "LogSettings", answers.log_settings),
        ]
        slow: list[tuple[str, str, SlowView]] = [
            ("model-repository", "RepositoryIndex", answers.repository_index),
            ("model-repository", "RepositoryModelLoad", answers.repository_model_load),
            ("model-repository", "RepositoryModelUnload", answers.repository_model_unload),
        ]
        inference, health, reflection = _INFERENCE.full_name, _HEALTH.full_name, Streaming(Reflection)
        table: list[tuple[str, str, Unary | Streaming]] = [
            ("inference", f"{inference}/ModelInfer", Unary(ModelInfer(reader))),
            ("inference", f"{inference}/ModelStreamInfer", Streaming(lambda call: InferStream(call, reader))),
            *[(category, f"{inference}/{name}", Unary(_quick(name, view))) for category, name, view in quick],
            *[(category, f"{inference}/{name}", Unary(self._slow(name, view))) for category, name, view in slow],
            ("health", f"{health}/Check", Unary(self._health.check)),
            ("health", f"{health}/List", Unary(self._health.list)),
            ("health", f"{health}/Watch", Streaming(self._health.watch)),
            ("metadata", "grpc.reflection.v1.ServerReflection/ServerReflectionInfo", reflection),
            ("metadata", "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", reflection),
        ]
        self._methods = {f"/{path}".encode(): method for _, path, method in table}
        self._categories = {f"/{path}".encode(): category for category, path, _ in table}

    def find(self, path: bytes) -> Unary | Streaming | None:
        """The method at `/package.Service/Method`; None for what is not implemented."""
        return self._methods.get(path)

    def authorize(self, path: bytes, metadata: Mapping[bytes, bytes]) -> None:
        """Let a call pass, or not.

        Raises:
            RestrictedError: its category needs a header that it has not.
        """
        if self._restrictions:
            self._restrictions.check(self._categories.get(path, ""), metadata)

    def stop(self) -> None:
        """The server drains: calls that would last as long as it does end."""
        self._health.stop()

    def _slow(self, name: str, view: SlowView) -> Callable[[GrpcCall, Buffer, int], None]:
        kind = _request_type(name)

        def method(call: GrpcCall, message: Buffer, arrived_ns: int) -> None:
            # Files of a model may come along.
            self._start(call, view(parse(kind, message, max_bytes=len(message))))

        return method

    def _start(self, call: GrpcCall, answering: Coroutine[Any, Any, Any]) -> None:
        """Answer when the coroutine has the answer; the client going away does not stop it."""

        async def run() -> None:
            error: NaiadError | None = None
            try:
                call.send([(await answering).SerializeToString()])
            except NaiadError as raised:
                error = raised
            except Exception:
                logger.exception("unexpected error in model control")
                error = InternalError("unexpected internal error, see the server's log")
            call.finish(error)

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _quick(name: str, view: View) -> Callable[[GrpcCall, Buffer, int], list[Buffer]]:
    kind = _request_type(name)

    def method(call: GrpcCall, message: Buffer, arrived_ns: int) -> list[Buffer]:
        return [view(parse(kind, message)).SerializeToString()]

    return method


def _request_type(method: str) -> Any:
    return getattr(service_pb2, _INFERENCE.methods_by_name[method].input_type.name)
