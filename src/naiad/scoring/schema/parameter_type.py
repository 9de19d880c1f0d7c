"""What a parameter of `run()` is, told by a sample (azure-ml.md §4.6)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final

SWAGGER_2: Final = "2.0"
SWAGGER_3: Final = ("3.0", "3.1")

_JSON_KINDS: Final[dict[type, str]] = {
    dict: "an object",
    list: "an array",
    tuple: "an array",
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    type(None): "null",
}


class AbstractParameterType(ABC):
    """The base of all kinds; scripts may derive their own.

    Args:
        sample_input: a value of the kind that `run()` receives.
    """

    def __init__(self, sample_input: Any) -> None:
        self.sample_input = sample_input
        self.sample_data_type = type(sample_input)

    @abstractmethod
    def deserialize_input(self, input_data: Any) -> Any:
        """Make a value of the sample's kind from a JSON value.

        Raises:
            ValueError: it cannot be one; the sentence goes to the client.
        """

    @abstractmethod
    def input_to_swagger(self) -> dict[str, Any]:
        """The schema object of the sample, with the sample under `example`."""

    def supported_versions(self) -> list[str]:
        """Versions of the swagger document that can describe the sample: 2.0 has no arrays of mixed types."""
        return sorted([*SWAGGER_3, *([SWAGGER_2] if _is_uniform(self.input_to_swagger()["example"]) else [])])

    def convert(self, value: Any) -> Any:
        """What `run()` receives for a value: itself when it is of the sample's kind, else `deserialize_input` of it."""
        return value if isinstance(value, self.sample_data_type) else self.deserialize_input(value)


def kind_of(value: Any) -> str:
    """How a message names the kind of a JSON value."""
    return _JSON_KINDS.get(type(value), type(value).__name__)


def kind_name(kind: type) -> str:
    """How a message names a Python type that JSON values become."""
    return _JSON_KINDS.get(kind, f"a {kind.__name__}")


def _is_uniform(example: Any) -> bool:
    if isinstance(example, dict):
        return all(_is_uniform(value) for value in example.values())
    if not isinstance(example, list):
        return True
    return len({type(item) for item in example}) < 2 and all(
        _is_uniform(item) for item in example if isinstance(item, list)
    )
