"""Scripts that must not be served: the hosts end, and say why."""

from __future__ import annotations

from tests.conformance.azureml.script import Script

_GOOD = "def init(): pass\ndef run(data): pass\n"
_SCHEMA = """
from azureml.contrib.services.aml_request import rawhttp
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema

def init():
    pass
"""

SCRIPTS = (
    Script("a syntax error", "def init(:\n    pass"),
    Script("an import that fails", f"import not_installed_anywhere\n{_GOOD}"),
    Script("an exception while importing", f"{_GOOD}\n1 / 0"),
    Script("an exit while importing", f"import sys\nsys.exit(0)\n{_GOOD}"),
    Script("no init", "def run(data): pass"),
    Script("no run", "def init(): pass"),
    Script("run without parameters", "def init(): pass\ndef run(): pass"),
    Script("run with headers only", "def init(): pass\ndef run(request_headers): pass"),
    Script("run with any parameters", "def init(): pass\ndef run(*data): pass"),
    Script("run with named parameters", "def init(): pass\ndef run(data, **more): pass"),
    Script(
        "rawhttp and a schema",
        f"{_SCHEMA}\n@rawhttp\n@input_schema('d', StandardPythonParameterType('x'))\ndef run(d): pass",
    ),
    Script("a type that is none", f"{_SCHEMA}\n@input_schema('d', 'text')\ndef run(d): pass"),
    Script("a sample of None", f"{_SCHEMA}\n@input_schema('d', StandardPythonParameterType(None))\ndef run(d): pass"),
    Script(
        "an init that fails",
        "def init():\n    open('models/missing.onnx')\ndef run(data): pass",
        files={"models/qa/1/model.onnx": "", "models/qa/1/readme.txt": ""},
        variables={"AZUREML_MODEL_DIR": "{folder}/models"},
    ),
    Script("an init that exits", "import sys\ndef init():\n    sys.exit(5)\ndef run(data): pass"),
    Script("a swagger file that is no JSON", _GOOD, files={"swagger3.json": "{"}),
    Script("a missing script", _GOOD, flags=("--entry_script", "other.py")),
    Script("a time-out that is no number", _GOOD, variables={"SCORING_TIMEOUT_MS": "soon"}),
    Script("no script at all", _GOOD, flags=()),
    Script("an unknown flag", _GOOD, flags=("--entry_script", "score.py", "--unknown")),
    Script("a port that is none", _GOOD, flags=("--entry_script", "score.py", "--port", "0x")),
    Script("no workers", _GOOD, flags=("--entry_script", "score.py", "--worker_count", "0")),
)
