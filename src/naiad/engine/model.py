"""One loaded version of a model: its tensors, its scheduler, its numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from naiad.backends.base import RuntimeModel
from naiad.engine.request import InferRequest
from naiad.engine.scheduler import Scheduler
from naiad.engine.statistics import ModelStatistics
from naiad.engine.tensor_spec import TensorSpec


class Model:
    """A model version that is ready to serve.

    Attributes:
        name, version: as in a URL; `version` is the text of an integer.
        config: the completed and normalised `ModelConfig`.
        inputs, outputs: tensors in the configuration's order.
        input_index, output_index: name to position.
        required_inputs: how many inputs a request must have.
        max_batch_size: rows at once; 0 for a model without a batch dimension.
        statistics: what was counted.
        infer: queues a validated request, whose sink hears of it later; raises `UnavailableError` when the queue is
            full or the model is being unloaded.
        plans: by transport, what it remembers about requests that it has read before; its own to fill and bound.
    """

    def __init__(
        self,
        name: str,
        version: int,
        config: Any,
        *,
        runtime: RuntimeModel,
        scheduler: Scheduler,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        statistics: ModelStatistics,
    ) -> None:
        self.name = name
        self.version = str(version)
        self.config = config
        self.inputs = inputs
        self.outputs = outputs
        self.input_index: Mapping[str, int] = {spec.name: index for index, spec in enumerate(inputs)}
        self.output_index: Mapping[str, int] = {spec.name: index for index, spec in enumerate(outputs)}
        self.required_inputs = sum(not spec.optional for spec in inputs)
        self.max_batch_size: int = config.max_batch_size
        self.statistics = statistics
        self.scheduler = scheduler
        self.infer: Callable[[InferRequest], None] = scheduler.enqueue
        self.plans: dict[str, Any] = {}
        self._runtime = runtime

    @property
    def platform(self) -> str:
        """What metadata calls the platform: the configuration's, else its backend's name (triton.md §1.3)."""
        return str(self.config.platform or self.config.backend)

    async def stop(self) -> None:
        """Finish what is queued or running, and take no more."""
        await self.scheduler.stop()

    async def free(self) -> None:
        """Free the runtime of a model that has stopped, which may take a while."""
        self.plans.clear()  # which refer to the model: it need not wait for the collector of cycles
        await asyncio.to_thread(self._runtime.close)
