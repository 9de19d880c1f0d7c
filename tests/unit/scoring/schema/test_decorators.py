"""`@input_schema` and `@output_schema` on functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from naiad.scoring.errors import InputSchemaError
from naiad.scoring.schema.decorators import input_schema, output_schema
from naiad.scoring.schema.numpy_type import NumpyParameterType
from naiad.scoring.schema.parameter_type import AbstractParameterType
from naiad.scoring.schema.run_schema import (
    get_input_schema,
    get_output_schema,
    get_supported_versions,
    is_schema_decorated,
)
from naiad.scoring.schema.standard_type import StandardPythonParameterType as Standard

VECTOR = NumpyParameterType(np.array([1.0]))


@input_schema("data", VECTOR)
@input_schema("factor", Standard(2))
@output_schema(Standard([1.0]))
def scaled(data: Any, factor: Any = 2, offset: Any = 0) -> Any:
    """Multiply."""
    assert isinstance(data, np.ndarray)
    return (data * factor + offset).tolist()


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        (([1, 2],), {}, [2, 4]),
        (([1, 2], 3), {}, [3, 6]),
        ((), {"data": [1, 2], "factor": 3, "offset": 1}, [4, 7]),
        (([1],), {"offset": 5}, [7]),
    ],
)
def test_a_decorated_function_is_called_as_before(args: Any, kwargs: Any, expected: Any) -> None:
    assert scaled(*args, **kwargs) == expected


def test_a_decorated_function_keeps_its_face() -> None:
    assert (scaled.__name__, scaled.__doc__) == ("scaled", "Multiply.")
    assert list(inspect.signature(scaled).parameters) == ["data", "factor", "offset"]


def test_a_wrong_value_names_the_parameter() -> None:
    with pytest.raises(InputSchemaError, match=r"^The 'factor' parameter cannot be read: expected an integer,"):
        scaled([1], "x")


def test_the_argument_itself_is_not_changed() -> None:
    data = [1, 2]
    scaled(data=data)
    assert data == [1, 2]


def test_conversion_may_be_turned_off() -> None:
    @input_schema("data", VECTOR, convert_to_provided_type=False)
    def run(data: Any) -> Any:
        return data

    assert run([1]) == [1]
    assert is_schema_decorated(run)


@pytest.mark.parametrize("empty", [None, [], "", 0])
def test_an_optional_parameter_may_be_empty(empty: Any) -> None:
    @input_schema("data", VECTOR, optional=True)
    def run(data: Any = None) -> Any:
        return data

    assert run() is None
    assert run(empty) == empty
    assert run(data=empty) == empty
    assert isinstance(run(data=[1]), np.ndarray)
    with pytest.raises(InputSchemaError):
        run("x")


async def test_an_async_function_stays_async() -> None:
    @input_schema("data", VECTOR)
    async def run(data: Any) -> Any:
        return type(data).__name__

    assert inspect.iscoroutinefunction(run)
    assert await run([1]) == "ndarray"
    with pytest.raises(InputSchemaError):
        await run("x")


def test_a_type_of_the_users_own() -> None:
    class Celsius(AbstractParameterType):
        def deserialize_input(self, input_data: Any) -> Any:
            if not isinstance(input_data, str) or not input_data.endswith("C"):
                raise ValueError("a temperature ends in C")
            return complex(input_data[:-1])

        def input_to_swagger(self) -> dict[str, Any]:
            return {"type": "string", "example": "20C"}

    @input_schema("data", Celsius(20j))
    def run(data: complex) -> float:
        return data.real

    assert run("21.5C") == 21.5  # type: ignore[arg-type]
    with pytest.raises(InputSchemaError, match="cannot be read: a temperature ends in C"):
        run("70F")  # type: ignore[arg-type]
    assert get_input_schema(run)["example"] == {"data": "20C"}


def test_a_schema_can_be_read_under_inference_schemas_names() -> None:
    assert is_schema_decorated(scaled)
    assert get_input_schema(scaled) == {
        "type": "object",
        "properties": {
            "data": {"type": "array", "items": {"type": "number", "format": "double"}, "format": "numpy.ndarray"},
            "factor": {"type": "integer", "format": "int64"},
            "offset": {},
        },
        "example": {"data": [1.0], "factor": 2, "offset": ""},
    }
    assert get_output_schema(scaled)["example"] == [1.0]
    assert get_supported_versions(scaled) == ["2.0", "3.0", "3.1"]


def test_an_undecorated_function_has_none() -> None:
    assert not is_schema_decorated(len)
    assert get_input_schema(len) == get_output_schema(len) == {"type": "object"}
    assert get_supported_versions(len) == ["2.0", "3.0", "3.1"]


def test_a_schema_is_found_through_wrappers_without_functools() -> None:
    def logged(function: Callable[..., Any]) -> Callable[..., Any]:
        def inner(data: Any) -> Any:
            return function(data)

        return inner

    assert is_schema_decorated(logged(scaled))


def test_versions_are_those_that_can_describe_everything() -> None:
    @input_schema("plain", Standard(1))
    @input_schema("mixed", Standard([1, "a"]))
    def run(plain: Any, mixed: Any) -> None: ...

    assert get_supported_versions(run) == ["3.0", "3.1"]


def test_mistakes_of_the_script_are_told_at_once() -> None:
    wrong: Any = 5
    with pytest.raises(TypeError, match="param_type must be a parameter type such as NumpyParameterType, not 5"):
        input_schema("data", wrong)
    with pytest.raises(TypeError, match="output_type must be a parameter type"):
        output_schema(wrong)
    with pytest.raises(ValueError, match="names the parameter 'dta', which run\\(\\) does not have"):
        input_schema("dta", VECTOR)(lambda data: data)
    with pytest.raises(ValueError, match="run\\(\\) has two @output_schema decorators; one is expected"):
        output_schema(VECTOR)(scaled)
