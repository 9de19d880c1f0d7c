"""Parameters of plain Python types, dictionaries and lists, which may hold other parameter types inside."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, Final

from naiad.scoring.schema.parameter_type import AbstractParameterType, kind_name, kind_of
from naiad.scoring.schema.value_schema import value_schema


class StandardPythonParameterType(AbstractParameterType):
    """A parameter of a plain Python type (azure-ml.md §4.6).

    Args:
        sample_input: a value; members of a dictionary and items of a list may be parameter types themselves.
    """

    def __init__(self, sample_input: Any) -> None:
        super().__init__(sample_input)
        self._members: dict[str, AbstractParameterType] = {}
        self._item: AbstractParameterType | None = None
        if isinstance(sample_input, dict):
            self._members = {
                name: value for name, value in sample_input.items() if isinstance(value, AbstractParameterType)
            }
        elif isinstance(sample_input, (list, tuple)):
            self._item = next((item for item in sample_input if isinstance(item, AbstractParameterType)), None)

    def convert(self, value: Any) -> Any:
        """See `AbstractParameterType.convert`; goes into dictionaries and lists."""
        if self.sample_data_type is dict:
            return self._convert_object(value)
        if self.sample_data_type in (list, tuple):
            return self._convert_array(value)
        return super().convert(value)

    def deserialize_input(self, input_data: Any) -> Any:
        """Make a value of the sample's type from a JSON value.

        Dates and times are ISO 8601 or written as in the swagger document; bytes are base64; an integer will do for
        a float.

        Raises:
            ValueError: it is of another type, or cannot be read.
        """
        kind = self.sample_data_type
        if kind in _FROM_TEXT:
            if not isinstance(input_data, str):
                raise ValueError(f"expected a string that holds {kind.__name__}, got {kind_of(input_data)}")
            try:
                return _FROM_TEXT[kind](input_data)
            except ValueError as error:
                form = "base64" if kind in (bytes, bytearray) else f"a {kind.__name__} in ISO 8601"
                raise ValueError(f"expected {form}: {error}") from error
        if kind is float and type(input_data) is int:
            return input_data
        if not isinstance(input_data, kind):
            raise ValueError(f"expected {kind_name(kind)}, got {kind_of(input_data)}")
        return input_data

    def input_to_swagger(self) -> dict[str, Any]:
        """See `AbstractParameterType.input_to_swagger`.

        Raises:
            ValueError: the sample is `None`.
            TypeError: the sample holds something that JSON cannot.
        """
        if self.sample_input is None:
            raise ValueError("Sample input cannot be None: a value of the parameter's type is expected")
        schema = value_schema(self.sample_input)
        try:
            json.dumps(schema)
        except TypeError as error:
            raise TypeError(f"The sample of a parameter must be made of what JSON can hold: {error}") from error
        return schema

    def _convert_object(self, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError(f"expected an object, got {kind_of(value)}")
        converted = dict(value)
        for name, parameter_type in self._members.items():
            if name in converted:
                try:
                    converted[name] = parameter_type.convert(converted[name])
                except ValueError as error:
                    raise ValueError(f"{name!r}: {error}") from error
        return converted

    def _convert_array(self, value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"expected an array, got {kind_of(value)}")
        return value if self._item is None else [self._item.convert(item) for item in value]


def _iso(text: str) -> str:
    """The swagger document's example has a space before the offset from UTC, ISO 8601 has none."""
    return re.sub(r" (?=[+-]\d{4}$)", "", text)


_FROM_TEXT: Final[dict[type, Callable[[str], Any]]] = {
    date: date.fromisoformat,
    datetime: lambda text: datetime.fromisoformat(_iso(text)),
    time: lambda text: time.fromisoformat(_iso(text)),
    bytes: base64.b64decode,
    bytearray: lambda text: bytearray(base64.b64decode(text)),
}
