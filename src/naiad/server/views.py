"""What the server tells about itself and its models, and does on request: plain values in and out, the same for every
transport (DESIGN §2)."""

from __future__ import annotations

from typing import Any, Final

from naiad import __version__
from naiad.config.model_config import ModelConfig
from naiad.engine.engine import Engine
from naiad.engine.model import Model
from naiad.engine.statistics import Duration, ModelStatistics
from naiad.errors import InvalidArgumentError, NaiadError
from naiad.server.logging_views import LoggingViews
from naiad.server.model_control import ModelControl
from naiad.server.shared_memory_views import SharedMemoryViews
from naiad.server.trace_views import TraceViews

EXTENSIONS: Final = (
    "classification",
    "model_repository",
    "model_repository(unload_dependents)",
    "schedule_policy",
    "model_configuration",
    "system_shared_memory",
    "binary_tensor_data",
    "parameters",
    "statistics",
    "trace",
    "logging",
)


class Views:
    """What a server answers, besides inferences.

    Args:
        engine: the models.
        server_id: what metadata calls the server.
        strict_readiness: ready only when every model is.
        control: who may load and unload models.
        shared: who may register shared memory.
        logging: what is logged.
        trace: what is traced.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        server_id: str,
        strict_readiness: bool,
        control: ModelControl,
        shared: SharedMemoryViews,
        logging: LoggingViews,
        trace: TraceViews,
    ) -> None:
        self.engine = engine
        self.control = control
        self.shared = shared
        self.logging = logging
        self.trace = trace
        self._server_id = server_id
        self._strict_readiness = strict_readiness

    @property
    def is_ready(self) -> bool:
        """Whether the server calls itself ready (triton.md §1.3)."""
        return self.engine.is_ready or not self._strict_readiness

    def server_metadata(self) -> dict[str, Any]:
        """Name, version and extensions (triton.md §1.3)."""
        return {"name": self._server_id, "version": __version__, "extensions": list(EXTENSIONS)}

    def model_metadata(self, name: str, version: str) -> dict[str, Any]:
        """A model's tensors as clients see them (triton.md §1.3).

        Raises:
            NotFoundError, UnavailableError: as `Engine.model`.
        """
        model = self.engine.model(name, version)
        return {
            "name": model.name,
            "versions": [model.version] if version else self.engine.ready_versions(name),
            "platform": model.platform,
            "inputs": [_tensor(spec) for spec in model.inputs],
            "outputs": [_tensor(spec) for spec in model.outputs],
        }

    def model_config(self, name: str, version: str) -> ModelConfig:
        """A model's configuration, complete.

        Raises:
            NotFoundError, UnavailableError: as `Engine.model`.
        """
        return self.engine.model(name, version).config

    def is_model_ready(self, name: str, version: str) -> bool:
        """Whether the model version answers requests."""
        try:
            self.engine.model(name, version)
        except NaiadError:
            return False
        return True

    def statistics(self, name: str = "", version: str = "") -> dict[str, Any]:
        """The counters of one model, one version, or all, then whatever the version (triton.md §6.3).

        Raises:
            InvalidArgumentError: there is no such model or version.
        """
        models = [model for model in self.engine.ready_models() if name in ("", model.name)]
        if name and not models:
            raise InvalidArgumentError(f"requested model '{name}' is not available")
        if name and version:
            models = [model for model in models if int(model.version) == int(version)]
            if not models:
                raise InvalidArgumentError(f"requested model version is not available for model '{name}'")
        return {"model_stats": [_model_statistics(model) for model in models]}

    def list_models(self) -> dict[str, Any]:
        """The models that are ready, by name: KServe's list (peers.md §5)."""
        return {"models": list(dict.fromkeys(model.name for model in self.engine.ready_models()))}

    async def repository_index(self, *, ready_only: bool) -> list[dict[str, str]]:
        """Every model version of the repositories and its state (triton.md §1.7)."""
        entries = []
        for name, version, status in await self.engine.index():
            if ready_only and (status is None or status.model is None):
                continue
            state, reason = (str(status.state), status.reason) if status is not None else ("", "")
            entry = {"name": name, "version": version, "state": state, "reason": reason}
            entries.append({key: value for key, value in entry.items() if value})
        return entries


def _tensor(spec: Any) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype.name, "shape": list(spec.shape)}


def _model_statistics(model: Model) -> dict[str, Any]:
    numbers: ModelStatistics = model.statistics
    nothing = Duration()
    durations = {
        "success": numbers.success,
        "fail": numbers.fail,
        "queue": numbers.queue,
        "compute_input": numbers.compute_input,
        "compute_infer": numbers.compute_infer,
        "compute_output": numbers.compute_output,
        "cache_hit": nothing,
        "cache_miss": nothing,
    }
    return {
        "name": model.name,
        "version": model.version,
        "last_inference": numbers.last_inference_ms,
        "inference_count": numbers.inference_count,
        "execution_count": numbers.execution_count,
        "inference_stats": {key: _duration(value) for key, value in durations.items()},
        "response_stats": {},
        "batch_stats": [
            {
                "batch_size": size,
                "compute_input": _duration(times.compute_input),
                "compute_infer": _duration(times.compute_infer),
                "compute_output": _duration(times.compute_output),
            }
            for size, times in sorted(numbers.batches.items())
        ],
        "memory_usage": [],
        "execution": {"inline": numbers.inline_count, "threaded": numbers.threaded_count},
    }


def _duration(duration: Duration) -> dict[str, int]:
    return {"count": duration.count, "ns": duration.ns}
