"""Parameters that are numpy arrays (azure-ml.md §4.6)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from naiad.scoring.schema.dtype_schema import array_schema, example_of
from naiad.scoring.schema.parameter_type import AbstractParameterType, kind_of

_TIMEDELTA_UNITS: Final = {
    "years": "Y",
    "months": "M",
    "weeks": "W",
    "days": "D",
    "hours": "h",
    "minutes": "m",
    "seconds": "s",
    "milliseconds": "ms",
    "microseconds": "us",
    "nanoseconds": "ns",
    "picoseconds": "ps",
    "femtoseconds": "fs",
    "attoseconds": "as",
}


class NumpyParameterType(AbstractParameterType):
    """A parameter that is an array.

    Args:
        sample_input: an array of one dimension or more; a structured dtype takes rows that are arrays or objects.
        enforce_column_type: the array is of the sample's dtype; else of the one that numpy finds.
        enforce_shape: the array has as many dimensions as the sample and, from the second on, their sizes.
    """

    def __init__(
        self,
        sample_input: Any,
        enforce_column_type: bool = True,
        enforce_shape: bool = True,
    ) -> None:
        if not isinstance(sample_input, np.ndarray) or sample_input.ndim == 0:
            raise TypeError("The sample of a NumpyParameterType must be a numpy array of one dimension or more.")
        super().__init__(sample_input)
        self.enforce_column_type = enforce_column_type
        self.enforce_shape = enforce_shape
        self._converts_rows = sample_input.dtype.names is not None or sample_input.dtype.kind == "m"

    def deserialize_input(self, input_data: Any) -> npt.NDArray[Any]:
        """The array in nested lists.

        Raises:
            ValueError: it is none, or not of the sample's dtype or shape.
        """
        if not isinstance(input_data, list):
            raise ValueError(f"Invalid input format: expected an array of items, got {kind_of(input_data)}.")
        sample = self.sample_input
        items = input_data
        if self.enforce_column_type and self._converts_rows:
            items = _rows(input_data, sample.dtype, sample.ndim)
        try:
            array = np.array(items, dtype=sample.dtype if self.enforce_column_type else None)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"Invalid input array: {error}") from error
        if self.enforce_shape and array.shape[1:] != sample.shape[1:]:
            raise _wrong_shape(array.shape, sample.shape)
        return array

    def input_to_swagger(self) -> dict[str, Any]:
        """See `AbstractParameterType.input_to_swagger`."""
        schema = array_schema(self.sample_input.dtype, self.sample_input.ndim)
        example = [example_of(item, schema["items"]) for item in self.sample_input]
        return {**schema, "example": example, "format": "numpy.ndarray"}


def _wrong_shape(shape: tuple[int, ...], expected: tuple[int, ...]) -> ValueError:
    if len(shape) != len(expected):
        return ValueError(
            f"Invalid input array: an array with {len(expected)} dimensions is expected; "
            f"input has {len(shape)} [shape {shape}]"
        )
    axis = next(axis for axis in range(1, len(expected)) if shape[axis] != expected[axis])
    return ValueError(
        f"Invalid input array: array has size {shape[axis]} on dimension #{axis}, "
        f"while expected value is {expected[axis]}"
    )


def _rows(value: Any, dtype: np.dtype[Any], depth: int) -> Any:
    """Nested lists of `depth` levels, with each element as numpy wants it: rows of a structure are tuples."""
    if depth and isinstance(value, list):
        return [_rows(item, dtype, depth - 1) for item in value]
    return _element(value, dtype)


def _element(value: Any, dtype: np.dtype[Any]) -> Any:
    if dtype.names is not None:
        return tuple(_element(field, dtype[index]) for index, field in enumerate(_fields(value, dtype.names)))
    return _timedelta(value) if dtype.kind == "m" else value


def _fields(row: Any, names: tuple[str, ...]) -> list[Any]:
    if isinstance(row, dict):
        missing = [name for name in names if name not in row]
        if missing:
            raise ValueError(f"Invalid input array: a row has no field {missing[0]!r}")
        return [row[name] for name in names]
    if not isinstance(row, list) or len(row) != len(names):
        raise ValueError(f"Invalid input array: a row must be an object or an array with the fields {', '.join(names)}")
    return row


def _timedelta(value: Any) -> Any:
    count, _, unit = value.partition(" ") if isinstance(value, str) else ("", "", "")
    code = _TIMEDELTA_UNITS.get(unit.strip().lower())
    if code is None or not count.removeprefix("-").isdecimal():
        raise ValueError(
            f"Invalid timedelta {value!r}: expected a count and a unit such as '5 days'; "
            f"units are {', '.join(_TIMEDELTA_UNITS)}"
        )
    try:
        return np.array(int(count), dtype=f"timedelta64[{code}]")[()]
    except OverflowError as error:
        raise ValueError(f"Invalid timedelta {value!r}: {error}") from error
