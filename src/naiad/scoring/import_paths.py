"""Azure ML's import paths, so that a script written for it imports what it always imported (azure-ml.md §4.3, §8.4).

A finder answers for the modules of the table, whether or not the real packages are installed: the host must recognise
the objects. For their parent packages, and for the model class that scripts ask for their model's path, the real ones
come first, and ours stand in where there are none.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

_REQUEST: Final = ("naiad.scoring.aml_request", ("AMLRequest", "rawhttp"))
_RESPONSE: Final = ("naiad.scoring.aml_response", ("AMLResponse",))
_TYPES: Final = "inference_schema.parameter_types"

# The name in Azure ML, and what of which module of ours stands under it.
MODULES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "azureml.contrib.services.aml_request": _REQUEST,
    "azureml.contrib.services.aml_response": _RESPONSE,
    "azureml_inference_server_http.api.aml_request": _REQUEST,
    "azureml_inference_server_http.api.aml_response": _RESPONSE,
    "azureml_inference_server_http.log_config": ("naiad.scoring.log", ("AMLLogFormatter", "RootAccessFilter")),
    "inference_schema.schema_decorators": ("naiad.scoring.schema.decorators", ("input_schema", "output_schema")),
    "inference_schema.schema_util": (
        "naiad.scoring.schema.run_schema",
        ("get_input_schema", "get_output_schema", "get_supported_versions", "is_schema_decorated"),
    ),
    f"{_TYPES}.abstract_parameter_type": ("naiad.scoring.schema.parameter_type", ("AbstractParameterType",)),
    f"{_TYPES}.numpy_parameter_type": ("naiad.scoring.schema.numpy_type", ("NumpyParameterType",)),
    f"{_TYPES}.pandas_parameter_type": ("naiad.scoring.schema.pandas_type", ("PandasParameterType",)),
    f"{_TYPES}.standard_py_parameter_type": (
        "naiad.scoring.schema.standard_type",
        ("StandardPythonParameterType",),
    ),
}
# By name, because nothing here may depend on the life cycle; it is there when a service runs the script.
_MODEL: Final = ("naiad.azureml.core.model", ("Model",))
STAND_INS: Final = {"azureml.core": _MODEL, "azureml.core.model": _MODEL}
_PARENTS: Final = frozenset(name.rsplit(".", depth)[0] for name in MODULES for depth in range(1, name.count(".") + 1))


class _ModuleLoader(Loader):
    """Fills a module with names of one of ours, which is imported only now."""

    def __init__(self, source: str, names: tuple[str, ...]) -> None:
        self._source = source
        self._names = names

    def exec_module(self, module: ModuleType) -> None:
        source = importlib.import_module(self._source)
        vars(module).update({name: getattr(source, name) for name in self._names})


class _PackageLoader(Loader):
    """Makes an empty package."""

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to fill it with."""


class _ModuleFinder(MetaPathFinder):
    """Comes first: the modules of the table are always ours."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in MODULES:
            return None
        return ModuleSpec(name, _ModuleLoader(*MODULES[name]))


class _StandInFinder(MetaPathFinder):
    """Comes last: stands in for what is not installed."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name in STAND_INS:
            return ModuleSpec(name, _ModuleLoader(*STAND_INS[name]), is_package=True)
        return ModuleSpec(name, _PackageLoader(), is_package=True) if name in _PARENTS else None


def install() -> None:
    """Make the import paths known to this process; once is enough, more do no harm."""
    if not any(isinstance(finder, _ModuleFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _ModuleFinder())
        sys.meta_path.append(_StandInFinder())
