"""The script's `run()`: what it takes, and how a request becomes its arguments (azure-ml.md §4.3)."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from naiad.scoring.aml_request import AMLRequest, AsyncAMLRequest
from naiad.scoring.errors import EntryScriptError
from naiad.scoring.input_modes import InputMode, JsonStringInput, ObjectInput, RawInput
from naiad.scoring.raw_http import is_raw
from naiad.scoring.schema.run_schema import RunSchema

_NAMED: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

_log = logging.getLogger("azmlinfsrv.user_script")


@dataclass(frozen=True, slots=True)
class UserRun:
    """A `run()` that can be called.

    Attributes:
        function: with all its decorators.
        mode: makes its arguments.
        wants_headers: it has a `request_headers` parameter.
        is_async: it is `async def`.
        is_raw: it is marked with `@rawhttp`.
        schema: from `@input_schema` and `@output_schema`; `None` without them.
    """

    function: Callable[..., Any]
    mode: InputMode
    wants_headers: bool
    is_async: bool
    is_raw: bool
    schema: RunSchema | None

    @classmethod
    def of(cls, function: Callable[..., Any]) -> UserRun:
        """Look at a function's signature and decorators.

        Raises:
            EntryScriptError: it cannot be called with what a request holds.
        """
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError) as error:
            raise EntryScriptError(f"The parameters of run() cannot be found out: {error}") from error
        if any(parameter.kind not in _NAMED for parameter in parameters):
            raise EntryScriptError("run() cannot accept positional-only arguments, *args, or **kwargs.")
        inputs = [parameter for parameter in parameters if parameter.name != "request_headers"]
        wants_headers = len(inputs) < len(parameters)
        if not inputs:
            missing = 'an argument other than "request_headers"' if wants_headers else "an argument for input data"
            raise EntryScriptError(f"run() needs to accept {missing}.")
        asynchronous, raw, schema = _is_async(function), is_raw(function), RunSchema.of(function)
        mode = _input_mode(inputs, is_async=asynchronous, is_raw=raw, schema=schema)
        if not isinstance(mode, ObjectInput):
            _refuse_more_than_one(inputs)
        return cls(function, mode, wants_headers, asynchronous, raw, schema)


def _input_mode(
    inputs: list[inspect.Parameter], *, is_async: bool, is_raw: bool, schema: RunSchema | None
) -> InputMode:
    if is_raw and schema is not None:
        raise EntryScriptError("run() cannot be decorated with both @rawhttp and @input_schema")
    if is_raw:
        _log.info("run() is decorated with @rawhttp. Server will invoke it with the HTTP request object.")
        return RawInput(inputs[0].name, AsyncAMLRequest if is_async else AMLRequest)
    if schema is not None:
        names = ", ".join(parameter.name for parameter in inputs)
        _log.info(
            "run() is decorated with @input_schema. Server will invoke it with the following arguments: %s.", names
        )
        return ObjectInput(inputs)
    _log.info("run() is not decorated. Server will invoke it with the input in JSON string.")
    return JsonStringInput(inputs[0].name)


def _refuse_more_than_one(inputs: list[inspect.Parameter]) -> None:
    for parameter in inputs[1:]:
        if parameter.default is inspect.Parameter.empty:
            raise EntryScriptError(
                f"run() is given one argument for input data, and its parameter {parameter.name!r} has no default.",
                hint="Describe several parameters with @input_schema, or give this one a default.",
            )


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - the method itself is asked for
    )
