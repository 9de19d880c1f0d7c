"""What the engine asks of a runtime. One module or folder of this package a runtime; none is imported before a model
needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from naiad.config.signature import ModelSignature
from naiad.errors import InvalidArgumentError

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class LoadContext:
    """What a runtime may know when it opens one version of a model.

    Attributes:
        name: the model's name.
        path: the version's folder.
        config: the `ModelConfig` as written, before auto-complete.
        model_file: name of the model file (or folder) inside `path`.
        instance_count: how many instances will execute at the same time.
        cores: processors that the model's instances may use together.
        settings: `--backend-config` values for this runtime.
    """

    name: str
    path: Path
    config: Any
    model_file: str
    instance_count: int
    cores: int
    settings: Mapping[str, str] = field(default_factory=dict)


Execute = Callable[[Sequence[Array | None]], list[Array]]
"""Runs one batch: arrays in the order of the bound inputs (None where an optional input is absent) to arrays in the
order of the bound outputs. Called from one thread at a time per instance; raises `NaiadError` when it fails."""


class RuntimeModel(Protocol):
    """One loaded version of a model, shared by its instances."""

    @property
    def signature(self) -> ModelSignature:
        """Every input and output as the runtime sees them, batch dimension included."""

    def bind(self, inputs: Sequence[str], outputs: Sequence[str]) -> Execute:
        """Fix the order of tensors and give the function that runs an instance."""

    def close(self) -> None:
        """Free what the model holds. No instance runs any more when this is called."""


Open = Callable[[LoadContext], RuntimeModel]
"""What each runtime's module calls `open_model`."""

_MODULES = {"onnxruntime": "naiad.backends.onnxruntime"}


def backend(name: str) -> Open:
    """The opener of the named backend.

    Raises:
        InvalidArgumentError: when there is no such backend, in Triton's words (triton.md §3.2).
    """
    module = _MODULES.get(name)
    if module is None:
        raise InvalidArgumentError(
            f"unable to find backend library for backend '{name}', try specifying runtime on the model configuration.",
            hint=f"this version serves: {', '.join(sorted(_MODULES))}",
        )
    opener: Open = import_module(module).open_model
    return opener
