"""The model configuration itself: Triton's `inference.ModelConfig` message (triton.md §3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from naiad.messages import model_config_pb2

if TYPE_CHECKING:
    ModelConfig: TypeAlias = Any
else:
    ModelConfig = model_config_pb2.ModelConfig

ENSEMBLE_PLATFORM: Final = "ensemble"
TENSORRT_PLATFORM: Final = "tensorrt_plan"


def data_type_name(number: int) -> str:
    """The `TYPE_` name of a data type's number; a number without a name is written as digits."""
    names = model_config_pb2.DataType
    return str(names.Name(number)) if number in names.values() else str(number)
