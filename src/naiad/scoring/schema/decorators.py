"""`@input_schema` and `@output_schema` (azure-ml.md §4.6)."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from naiad.scoring.errors import InputSchemaError
from naiad.scoring.schema.parameter_type import AbstractParameterType
from naiad.scoring.schema.run_schema import RunSchema

Function = TypeVar("Function", bound=Callable[..., Any])


def input_schema(
    param_name: str,
    param_type: AbstractParameterType,
    convert_to_provided_type: bool = True,
    optional: bool = False,
) -> Callable[[Function], Function]:
    """Describe a parameter of `run()`, and convert what a request gives for it.

    Args:
        param_name: the parameter.
        param_type: its type, with a sample.
        convert_to_provided_type: convert JSON to the type; else `run()` receives the JSON value.
        optional: leave a missing or empty value alone.

    Raises:
        TypeError: `param_type` is no parameter type.
        ValueError: the decorated function has no such parameter.
    """
    _check("param_type", param_type)

    def decorate(function: Function) -> Function:
        schema = RunSchema.attach(function)
        if param_name not in inspect.signature(function).parameters:
            raise ValueError(f"@input_schema names the parameter {param_name!r}, which run() does not have.")
        schema.add_input(param_name, param_type)
        if not convert_to_provided_type:
            return function
        return _converting(function, _Converter(param_name, param_type, schema.parameters, optional=optional))

    return decorate


def output_schema(output_type: AbstractParameterType) -> Callable[[Function], Function]:
    """Describe what `run()` returns. The result itself is not looked at.

    Raises:
        TypeError: `output_type` is no parameter type.
    """
    _check("output_type", output_type)

    def decorate(function: Function) -> Function:
        RunSchema.attach(function).set_output(output_type)
        return function

    return decorate


def _check(name: str, parameter_type: Any) -> None:
    if not isinstance(parameter_type, AbstractParameterType):
        raise TypeError(f"{name} must be a parameter type such as NumpyParameterType, not {parameter_type!r}.")


class _Converter:
    """Converts one parameter among the arguments of a call."""

    def __init__(
        self, name: str, parameter_type: AbstractParameterType, parameters: list[str], *, optional: bool
    ) -> None:
        self._name = name
        self._type = parameter_type
        self._position = parameters.index(name) if name in parameters else len(parameters)
        self._optional = optional

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The positional arguments; keyword arguments are changed in place, they belong to this call."""
        if self._name in kwargs:
            kwargs[self._name] = self._convert(kwargs[self._name])
        elif self._position < len(args):
            position = self._position
            return (*args[:position], self._convert(args[position]), *args[position + 1 :])
        return args

    def _convert(self, value: Any) -> Any:
        if self._optional and not isinstance(value, self._type.sample_data_type) and not value:
            return value
        try:
            return self._type.convert(value)
        except ValueError as error:
            raise InputSchemaError(f"The {self._name!r} parameter cannot be read: {error}") from error


def _converting(function: Function, converter: _Converter) -> Function:
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            return await function(*converter.arguments(args, kwargs), **kwargs)

        return run_async  # type: ignore[return-value]

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        return function(*converter.arguments(args, kwargs), **kwargs)

    return run  # type: ignore[return-value]
