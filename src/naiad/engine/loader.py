"""From a model's folder to a `Model`: configuration, runtime, instances, scheduler.

The slow half (`open_version`) reads files and starts the runtime, off the event loop; the quick half (`assemble`) ties
the result to the loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from naiad import datatypes
from naiad.backends.base import Execute, LoadContext, RuntimeModel, backend
from naiad.config import autocomplete, normalize, pbtxt, validate
from naiad.engine.dynamic_batcher import BatchingPolicy, DynamicBatcher, QueuePolicy
from naiad.engine.execution import Executor
from naiad.engine.model import Model
from naiad.engine.pace import ALWAYS_NS, NEVER_NS, Pace
from naiad.engine.scheduler import Scheduler
from naiad.engine.statistics import ModelStatistics
from naiad.engine.tensor_spec import TensorSpec
from naiad.engine.warmup import warm_up
from naiad.errors import ConfigError, InvalidArgumentError, NaiadError, UnsupportedError
from naiad.messages import model_config_pb2
from naiad.repository.local import ModelFolder

logger = logging.getLogger(__name__)

_INLINE_BELOW_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """What the server says about loading models.

    Attributes:
        auto_complete: configurations may be absent or partial (not with --disable-auto-complete-config).
        cores: processors that one model's instances may use together.
        backend_settings: `--backend-config` values by backend name; "" holds those for all.
        config_name: of the configurations that come before config.pbtxt (--model-config-name).
        retries: how often a version that fails to load is tried again (--model-load-retry-count).
    """

    auto_complete: bool = True
    cores: int = 1
    backend_settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    config_name: str | None = None
    retries: int = 0

    def backend(self, name: str) -> dict[str, str]:
        """The values that the named backend gets: those for all, overridden by its own."""
        return {**self.backend_settings.get("", {}), **self.backend_settings.get(name, {})}


@dataclass(frozen=True, slots=True)
class OpenedVersion:
    """A version whose runtime is up and whose configuration is final."""

    folder: ModelFolder
    version: int
    config: Any
    runtime: RuntimeModel
    execute: Execute
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    load_seconds: float


def read_config(folder: ModelFolder, settings: LoadSettings, given: Any = None) -> Any:
    """The `ModelConfig` as the folder gives it, with the name and the backend filled in (triton.md §3.2).

    Args:
        folder: the model's.
        settings: of the server.
        given: a `ModelConfig` to use instead of the folder's.

    Raises:
        ConfigError: it cannot be parsed, names another model, or, in strict mode, is missing or incomplete.
    """
    config = model_config_pb2.ModelConfig()
    if given is not None:
        config.CopyFrom(given)
    elif (text := folder.config_text(path := folder.config_path(settings.config_name))) is not None:
        config = pbtxt.parse(text, source=f"{folder.name}/{path}")
    elif not settings.auto_complete:
        raise ConfigError(
            f"model '{folder.name}' has no config.pbtxt and auto-complete is disabled",
            hint="write one, or leave --disable-auto-complete-config out",
        )
    if config.name and config.name != folder.name:
        raise ConfigError(
            f"unexpected directory name '{folder.name}' for model '{config.name}', directory name must equal model name"
        )
    versions = folder.versions()
    entries = [entry.name for entry in folder.version_path(versions[0]).iterdir()] if versions else []
    autocomplete.complete_backend(config, name=folder.name, entries=entries)
    normalized = _normalized(config)
    validate.validate_model(normalized)
    if not settings.auto_complete:
        validate.validate_tensors(normalized)
    return config


def _normalized(config: Any) -> Any:
    copy = model_config_pb2.ModelConfig()
    copy.CopyFrom(config)
    normalize.normalize(copy)
    return copy


def open_version(folder: ModelFolder, version: int, base: Any, settings: LoadSettings) -> OpenedVersion:
    """Load one version's runtime and settle its configuration. Slow; call it off the event loop.

    Raises:
        NaiadError: the reason why this version cannot be served.
    """
    started = time.monotonic()
    config = model_config_pb2.ModelConfig()
    config.CopyFrom(base)
    # What the file alone shows to be wrong is told before a runtime starts.
    validate.validate_version(_normalized(config))
    refuse_unserved(config)
    opener = backend(config.backend)
    options = settings.backend(config.backend)
    runtime = opener(
        LoadContext(
            name=folder.name,
            path=folder.version_path(version),
            config=config,
            model_file=config.default_model_filename,
            instance_count=sum(group.count for group in _normalized(config).instance_group),
            cores=settings.cores,
            settings=options,
        )
    )
    try:
        if settings.auto_complete:
            autocomplete.complete_from_signature(
                config, runtime.signature, default_max_batch_size=_default_max_batch_size(options)
            )
        normalize.normalize(config)
        validate.validate(config)
        validate.validate_signature(config, runtime.signature)
        batched = config.max_batch_size > 0
        scalars = runtime.signature.scalars
        inputs = tuple(TensorSpec(tensor, batched=batched, scalar=tensor.name in scalars) for tensor in config.input)
        outputs = tuple(
            TensorSpec(tensor, batched=batched, scalar=tensor.name in scalars, labels=_labels(folder, tensor))
            for tensor in config.output
        )
        execute = runtime.bind([spec.name for spec in inputs], [spec.name for spec in outputs])
        warm_up(config, folder, inputs, execute)
        load_seconds = time.monotonic() - started
        return OpenedVersion(folder, version, config, runtime, execute, inputs, outputs, load_seconds)
    except BaseException:
        runtime.close()
        raise


def open_patiently(folder: ModelFolder, version: int, base: Any, settings: LoadSettings) -> OpenedVersion:
    """`open_version`, as often again as --model-load-retry-count says.

    Raises:
        NaiadError: as `open_version`, the last time.
    """
    for left in range(settings.retries, 0, -1):
        try:
            return open_version(folder, version, base, settings)
        except Exception as error:
            what = error.message if isinstance(error, NaiadError) else f"{type(error).__name__}: {error}"
            logger.warning("trying again to load '%s' version %d, %d left: %s", folder.name, version, left, what)
    return open_version(folder, version, base, settings)


def assemble(opened: OpenedVersion, loop: asyncio.AbstractEventLoop) -> Model:
    """Tie an opened version to the event loop that will drive it."""
    config = opened.config
    batched = config.max_batch_size > 0
    statistics = ModelStatistics(load_seconds=opened.load_seconds)
    scheduler = Scheduler(
        loop,
        batcher=DynamicBatcher(batching_policy(config)),
        executor=Executor(opened.inputs, opened.outputs, batched=batched, execute=opened.execute),
        instances=_instance_names(config),
        pace=Pace(_inline_below_ns(config)),
        statistics=statistics,
        preserve_ordering=config.dynamic_batching.preserve_ordering,
    )
    return Model(
        opened.folder.name,
        opened.version,
        config,
        runtime=opened.runtime,
        scheduler=scheduler,
        inputs=opened.inputs,
        outputs=opened.outputs,
        statistics=statistics,
    )


def resize_instances(model: Model, config: Any) -> None:
    """Give a loaded model the instances of a configuration that differs in nothing else; it serves meanwhile."""
    wanted = _normalized(config)
    if list(wanted.instance_group) != list(model.config.instance_group):
        del model.config.instance_group[:]
        model.config.instance_group.extend(wanted.instance_group)
        model.scheduler.resize(_instance_names(wanted))


def _instance_names(config: Any) -> list[str]:
    return [f"{group.name}_{index}" for group in config.instance_group for index in range(group.count)]


def batching_policy(config: Any) -> BatchingPolicy:
    """The batching rules of a configuration; without `dynamic_batching`, every request runs alone (triton.md §4.1)."""
    batching = config.dynamic_batching
    return BatchingPolicy(
        max_batch_size=max(1, config.max_batch_size),
        merges=config.HasField("dynamic_batching") and config.max_batch_size > 0,
        preferred=frozenset(batching.preferred_batch_size),
        delay_ns=batching.max_queue_delay_microseconds * 1000,
        levels=batching.priority_levels,
        default_level=batching.default_priority_level,
        default_policy=_queue_policy(batching.default_queue_policy),
        policies={level: _queue_policy(policy) for level, policy in batching.priority_queue_policy.items()},
    )


def _queue_policy(policy: Any) -> QueuePolicy:
    return QueuePolicy(
        delay_expired=policy.timeout_action == model_config_pb2.ModelQueuePolicy.DELAY,
        timeout_ns=policy.default_timeout_microseconds * 1000,
        allow_override=policy.allow_timeout_override,
        max_size=policy.max_queue_size,
    )


def refuse_unserved(config: Any) -> None:
    """Say no to what this version of naiad does not run, rather than serve it differently.

    Raises:
        UnsupportedError: naming the field.
    """
    unserved = {
        "sequence_batching": config.HasField("sequence_batching"),
        "ensemble_scheduling": config.HasField("ensemble_scheduling"),
        "model_transaction_policy.decoupled": config.model_transaction_policy.decoupled,
        "response_cache": config.response_cache.enable,
        "batch_input": bool(config.batch_input),
        "batch_output": bool(config.batch_output),
        "model_operations.op_library_filename": bool(config.model_operations.op_library_filename),
        "model_repository_agents": bool(config.model_repository_agents.agents),
        "input.allow_ragged_batch": any(tensor.allow_ragged_batch for tensor in config.input),
        "optimization.execution_accelerators": config.optimization.HasField("execution_accelerators"),
    }
    if wanted := [name for name, is_wanted in unserved.items() if is_wanted]:
        raise UnsupportedError(
            f"the configuration of model '{config.name}' asks for {', '.join(wanted)}, which this version of naiad "
            "does not serve"
        )


def _default_max_batch_size(options: Mapping[str, str]) -> int:
    text = options.get("default-max-batch-size", "4")
    try:
        return int(text)
    except ValueError as error:
        raise InvalidArgumentError(f"failed to convert default-max-batch-size '{text}' to integral number") from error


def _inline_below_ns(config: Any) -> int:
    """The model parameter `execution` pins where batches run: "inline", "thread", or "auto" (the default)."""
    choice = config.parameters["execution"].string_value if "execution" in config.parameters else "auto"
    limits = {"auto": _INLINE_BELOW_NS, "inline": ALWAYS_NS, "thread": NEVER_NS}
    if choice not in limits:
        raise ConfigError(f"parameter 'execution' of model '{config.name}' is '{choice}', expected one of {[*limits]}")
    return limits[choice]


def _labels(folder: ModelFolder, output: Any) -> list[str] | None:
    """The lines of `label_filename`, for classification (triton.md §1.6)."""
    if not output.label_filename or output.data_type == datatypes.BYTES.config_number:
        return None
    purpose = f"label file path '{output.label_filename}' for output '{output.name}'"
    return folder.read_text(output.label_filename, purpose=purpose).splitlines()
