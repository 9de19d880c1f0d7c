"""Parameters that are pandas data frames (azure-ml.md §4.6). Imported only by scripts that use it."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any, Final, Literal, TypeAlias, get_args
from warnings import warn

import pandas as pd

from naiad.scoring.schema.parameter_type import AbstractParameterType, kind_of
from naiad.scoring.schema.value_schema import array_schema, object_schema

Orient: TypeAlias = Literal["split", "records", "index", "columns", "values", "table"]
_ORIENTS: Final = get_args(Orient)
_OBJECT_ORIENTS: Final = ("split", "index", "table")


class PandasParameterType(AbstractParameterType):
    """A parameter that is a data frame.

    Args:
        sample_input: a data frame.
        enforce_column_type: columns get the dtypes of the sample's columns of the same names.
        enforce_shape: the frame has as many columns as the sample.
        apply_column_names: deprecated by Azure ML; columns get the sample's names, in its order.
        orient: how the frame is written in JSON; pandas' word.
    """

    def __init__(
        self,
        sample_input: pd.DataFrame,
        enforce_column_type: bool = True,
        enforce_shape: bool = True,
        apply_column_names: bool = False,
        orient: Orient = "records",
    ) -> None:
        if not isinstance(sample_input, pd.DataFrame):
            raise TypeError("The sample of a PandasParameterType must be a pandas DataFrame.")
        if orient not in _ORIENTS:
            raise ValueError(f"{orient!r} is no orient; expected one of {', '.join(_ORIENTS)}.")
        if apply_column_names:
            warn("apply_column_names is deprecated", DeprecationWarning, stacklevel=2)
        super().__init__(sample_input)
        self.enforce_column_type = enforce_column_type
        self.enforce_shape = enforce_shape
        self.apply_column_names = apply_column_names
        self.orient: Orient = orient

    def deserialize_input(self, input_data: Any) -> pd.DataFrame:
        """The data frame in lists and objects.

        Raises:
            ValueError: it is none in this orient, or not of the sample's types or shape.
        """
        if not isinstance(input_data, dict if self.orient in _OBJECT_ORIENTS else (list, dict)):
            form = "an object" if self.orient in _OBJECT_ORIENTS else "an array or an object"
            raise ValueError(f"expected a data frame as {form} (orient {self.orient!r}), got {kind_of(input_data)}")
        try:
            frame = self._read(input_data)
        except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
            raise ValueError(f"Invalid input data frame: {error}") from error
        width = self.sample_input.shape[1]
        if self.enforce_shape and frame.shape[1] != width:
            raise ValueError(
                f"Invalid input data frame: data frame has size {frame.shape[1]} on dimension #1, "
                f"while expected value is {width}"
            )
        return frame

    def input_to_swagger(self) -> dict[str, Any]:
        """See `AbstractParameterType.input_to_swagger`."""
        sample = json.loads(self.sample_input.to_json(orient=self.orient, date_format="iso"))
        schema = array_schema(sample) if isinstance(sample, list) else object_schema(sample)
        for name, dtype in self.sample_input.dtypes.items():
            detail = {"M": "date-time", "m": "timedelta"}.get(dtype.kind)
            if detail is not None:
                for cell in self._cells(schema, str(name)):
                    cell["format"] = detail
        return {**schema, "format": f"pandas.DataFrame:{self.orient}"}

    def _read(self, input_data: Any) -> pd.DataFrame:
        frame: pd.DataFrame = pd.read_json(StringIO(json.dumps(input_data)), orient=self.orient, dtype=False)
        if self.apply_column_names:
            frame.columns = self.sample_input.columns.copy()
        if self.enforce_column_type:
            dtypes = self.sample_input.dtypes.to_dict()
            wanted = {name: dtypes.get(name, "object") for name in frame.columns}
            for name, dtype in wanted.items():
                if str(dtype).startswith("timedelta"):
                    frame[name] = pd.to_timedelta(frame[name])
            frame = frame.astype(wanted)
        return frame

    def _cells(self, schema: dict[str, Any], column: str) -> list[dict[str, Any]]:
        """The schema objects of a column's values, wherever the orient puts them."""
        if self.orient == "records":
            return [schema["items"]["properties"][column]]
        if self.orient == "table":
            return [schema["properties"]["data"]["items"]["properties"][column]]
        if self.orient == "index":
            return [row["properties"][column] for row in schema["properties"].values()]
        if self.orient == "columns":
            return list(schema["properties"][column]["properties"].values())
        return []
