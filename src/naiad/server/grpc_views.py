"""The v2 extensions over gRPC: messages to values, values to messages, and nothing between (triton.md §2.2, §2.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from google.protobuf.json_format import ParseDict

from naiad.errors import InvalidArgumentError
from naiad.messages import service_pb2
from naiad.protocol.grpc_infer_request import read_version
from naiad.protocol.grpc_settings import log_changes, read_load, read_trace, read_unload, write_log, write_trace
from naiad.protocol.shared_memory import Registration
from naiad.server.log import LogFormat
from naiad.server.model_control import check_repository_name
from naiad.server.views import Views


class GrpcViews:
    """Answers to all requests but inferences: each takes its request's message and gives its response's. Those of the
    model repository take their time. All raise NaiadError.

    Args:
        views: what is answered.
    """

    def __init__(self, views: Views) -> None:
        self._views = views

    def server_live(self, request: Any) -> Any:
        """A server that answers is live."""
        return service_pb2.ServerLiveResponse(live=True)

    def server_ready(self, request: Any) -> Any:
        """Whether the server is ready."""
        return service_pb2.ServerReadyResponse(ready=self._views.is_ready)

    def server_metadata(self, request: Any) -> Any:
        """Of the server."""
        return ParseDict(self._views.server_metadata(), service_pb2.ServerMetadataResponse())

    def model_ready(self, request: Any) -> Any:
        """Whether a model is ready."""
        ready = self._views.is_model_ready(request.name, read_version(request.version))
        return service_pb2.ModelReadyResponse(ready=ready)

    def model_metadata(self, request: Any) -> Any:
        """Of a model."""
        metadata = self._views.model_metadata(request.name, read_version(request.version))
        return ParseDict(metadata, service_pb2.ModelMetadataResponse())

    def model_config(self, request: Any) -> Any:
        """Of a model."""
        config = self._views.model_config(request.name, read_version(request.version))
        return service_pb2.ModelConfigResponse(config=config)

    def model_statistics(self, request: Any) -> Any:
        """Of a model, or all of them. What the message has no field for is told over HTTP only."""
        statistics = self._views.statistics(request.name, read_version(request.version))
        return ParseDict(statistics, service_pb2.ModelStatisticsResponse(), ignore_unknown_fields=True)

    def system_memory_status(self, request: Any) -> Any:
        """The registered regions."""
        regions = {region["name"]: region for region in self._views.shared.status(request.name)}
        return ParseDict({"regions": regions}, service_pb2.SystemSharedMemoryStatusResponse())

    def system_memory_register(self, request: Any) -> Any:
        """Register a region."""
        self._views.shared.register(request.name, lambda: Registration(request.key, request.offset, request.byte_size))
        return service_pb2.SystemSharedMemoryRegisterResponse()

    def system_memory_unregister(self, request: Any) -> Any:
        """Unregister a region, or all."""
        self._views.shared.unregister(request.name)
        return service_pb2.SystemSharedMemoryUnregisterResponse()

    def cuda_memory_status(self, request: Any) -> Any:
        """The registered regions: none."""
        self._views.shared.cuda_status(request.name)
        return service_pb2.CudaSharedMemoryStatusResponse()

    def cuda_memory_register(self, request: Any) -> Any:
        """Always an error."""
        self._views.shared.cuda_register(request.name, lambda: None)
        return service_pb2.CudaSharedMemoryRegisterResponse()

    def cuda_memory_unregister(self, request: Any) -> Any:
        """Nothing to do."""
        self._views.shared.cuda_unregister(request.name)
        return service_pb2.CudaSharedMemoryUnregisterResponse()

    def trace_setting(self, request: Any) -> Any:
        """Change what is traced, or nothing; then what is."""
        return write_trace(self._views.trace.update(request.model_name, lambda: read_trace(request)))

    def log_settings(self, request: Any) -> Any:
        """Change what is logged, or nothing; then what is."""
        if request.settings:
            logging = self._views.logging
            changes = {key.removeprefix("log_"): value for key, value in log_changes(request).items()}
            if "format" in changes:
                changes["format"] = _log_format(changes["format"])
            logging.change(replace(logging.settings, **changes))
        return write_log(self._views.logging.document())

    async def repository_index(self, request: Any) -> Any:
        """What is in the repositories."""
        check_repository_name(request.repository_name)
        index = await self._views.repository_index(ready_only=request.ready)
        return ParseDict({"models": index}, service_pb2.RepositoryIndexResponse())

    async def repository_model_load(self, request: Any) -> Any:
        """Load a model."""
        check_repository_name(request.repository_name)
        await self._views.control.load(request.model_name, read_load(request))
        return service_pb2.RepositoryModelLoadResponse()

    async def repository_model_unload(self, request: Any) -> Any:
        """Unload a model."""
        check_repository_name(request.repository_name)
        read_unload(request)
        await self._views.control.unload(request.model_name)
        return service_pb2.RepositoryModelUnloadResponse()


def _log_format(text: str) -> LogFormat:
    try:
        return LogFormat(text)
    except ValueError:
        raise InvalidArgumentError(f"invalid argument for log_format, got: {text}") from None
