"""What `@input_schema` and `@output_schema` say about a `run()` (azure-ml.md §4.6)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from naiad.scoring.decoration import find_mark
from naiad.scoring.schema.parameter_type import SWAGGER_2, SWAGGER_3, AbstractParameterType

_MARK: Final = "_naiad_schema"
_ALL_VERSIONS: Final = frozenset((SWAGGER_2, *SWAGGER_3))


@dataclass(slots=True)
class RunSchema:
    """The schema objects of one function; all its decorators write into the same.

    Attributes:
        parameters: names of the function's parameters, in order.
        inputs: schema object, with example, by parameter.
        output: schema object of the result.
        versions: of swagger that can describe all of it.
    """

    parameters: list[str]
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    output: dict[str, Any] | None = None
    versions: frozenset[str] = _ALL_VERSIONS

    @classmethod
    def of(cls, function: Callable[..., Any]) -> RunSchema | None:
        """What the decorators of a function, or of one that it wraps, have said; `None` without any."""
        schema = find_mark(function, _MARK)
        return schema if isinstance(schema, cls) else None

    @classmethod
    def attach(cls, function: Callable[..., Any]) -> RunSchema:
        """The schema of a function that is being decorated; a new one for the first decorator."""
        schema = cls.of(function)
        if schema is None:
            named = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            parameters = inspect.signature(function).parameters.values()
            schema = cls([parameter.name for parameter in parameters if parameter.kind in named])
            vars(function)[_MARK] = schema
        return schema

    def add_input(self, name: str, parameter_type: AbstractParameterType) -> None:
        """Enter a parameter's type."""
        self.inputs[name] = parameter_type.input_to_swagger()
        self.versions &= frozenset(parameter_type.supported_versions())

    def set_output(self, output_type: AbstractParameterType) -> None:
        """Enter the result's type.

        Raises:
            ValueError: it has one already.
        """
        if self.output is not None:
            raise ValueError("run() has two @output_schema decorators; one is expected.")
        self.output = output_type.input_to_swagger()
        self.versions &= frozenset(output_type.supported_versions())

    def input_object(self) -> dict[str, Any]:
        """The schema object of a request's body."""
        if not self.inputs:
            return {"type": "object"}
        properties: dict[str, Any] = {name: {} for name in self.parameters}
        example: dict[str, Any] = dict.fromkeys(self.parameters, "")
        for name, schema in self.inputs.items():
            properties[name] = {key: value for key, value in schema.items() if key != "example"}
            example[name] = schema["example"]
        return {"type": "object", "properties": properties, "example": example}

    def output_object(self) -> dict[str, Any]:
        """The schema object of an answer's body."""
        return {"type": "object"} if self.output is None else self.output


def get_input_schema(func: Callable[..., Any]) -> dict[str, Any]:
    """The schema object of a function's input, under inference-schema's name."""
    schema = RunSchema.of(func)
    return schema.input_object() if schema else {"type": "object"}


def get_output_schema(func: Callable[..., Any]) -> dict[str, Any]:
    """The schema object of a function's output, under inference-schema's name."""
    schema = RunSchema.of(func)
    return schema.output_object() if schema else {"type": "object"}


def get_supported_versions(func: Callable[..., Any]) -> list[str]:
    """The swagger versions that can describe a function, under inference-schema's name."""
    schema = RunSchema.of(func)
    return sorted(schema.versions if schema else _ALL_VERSIONS)


def is_schema_decorated(func: Callable[..., Any]) -> bool:
    """Whether a function has a schema, under inference-schema's name."""
    return RunSchema.of(func) is not None
