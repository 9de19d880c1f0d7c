"""Azure ML's import paths."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from naiad.scoring import import_paths
from naiad.scoring.aml_response import AMLResponse


@pytest.mark.parametrize("name", sorted(import_paths.MODULES))
def test_every_name_of_the_table_can_be_imported(name: str) -> None:
    import_paths.install()
    module = importlib.import_module(name)
    source, names = import_paths.MODULES[name]
    assert module.__name__ == name
    for exported in names:
        assert getattr(module, exported) is getattr(importlib.import_module(source), exported)


def test_parents_are_empty_packages() -> None:
    import_paths.install()
    package = importlib.import_module("azureml.contrib.services")
    assert list(package.__path__) == []
    with pytest.raises(ModuleNotFoundError, match=r"azureml\.contrib\.services\.nothing"):
        importlib.import_module("azureml.contrib.services.nothing")


def test_an_installed_package_keeps_its_other_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("azureml/core", "azureml/contrib/services"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "azureml" / "__init__.py").write_text("NAME = 'the installed one'")
    (tmp_path / "azureml" / "core" / "__init__.py").write_text("VERSION = 1")
    (tmp_path / "azureml" / "contrib" / "__init__.py").write_text("")
    (tmp_path / "azureml" / "contrib" / "services" / "aml_response.py").write_text("AMLResponse = 'not ours'")
    monkeypatch.syspath_prepend(str(tmp_path))
    import_paths.install()
    assert importlib.import_module("azureml").NAME == "the installed one"
    assert importlib.import_module("azureml.core").VERSION == 1
    assert importlib.import_module("azureml.contrib.services.aml_response").AMLResponse is AMLResponse


@pytest.mark.parametrize("module", ["azureml.core", "azureml.core.model"])
def test_a_script_asks_for_the_path_of_its_model(module: str, tmp_path: Path) -> None:
    (tmp_path / "azureml-models" / "iris" / "3").mkdir(parents=True)
    (tmp_path / "azureml-models" / "iris" / "3" / "model.onnx").touch()
    text = (
        "from naiad.scoring import import_paths; import_paths.install();"
        f"from {module} import Model; print(Model.get_model_path('iris'))"
    )
    done = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "azureml-models/iris/3/model.onnx"


def test_installing_twice_is_installing_once() -> None:
    import_paths.install()
    finders = list(sys.meta_path)
    import_paths.install()
    assert sys.meta_path == finders


def test_pandas_is_imported_only_by_scripts_that_ask_for_it() -> None:
    text = (
        "import sys; from naiad.scoring import entry_script, import_paths; import_paths.install();"
        "import inference_schema.schema_decorators, inference_schema.parameter_types.numpy_parameter_type;"
        "assert 'pandas' not in sys.modules;"
        "import inference_schema.parameter_types.pandas_parameter_type;"
        "assert 'pandas' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", text], check=True, timeout=60)
