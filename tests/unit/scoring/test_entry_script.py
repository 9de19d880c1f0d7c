"""Loading a script, its `init()`, and what becomes of what its `run()` does."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from naiad.scoring.entry_script import SCRIPT_ERROR, EntryScript
from naiad.scoring.errors import EntryScriptError, ScoringTimeout
from naiad.scoring.result import INTERNAL_ERROR
from tests.support.entry_script import LoadScript, bytes_of, get, header, json_of, message, post

ECHO = "def run(data):\n    return data"
RAW_WITH_A_SCHEMA = """
from azureml.contrib.services.aml_request import rawhttp
from inference_schema.schema_decorators import input_schema
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
@rawhttp
@input_schema('data', StandardPythonParameterType('x'))
def run(data): pass
"""


def test_milestones_are_logged(load: LoadScript, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="azmlinfsrv"):
        load(ECHO).init()
    assert caplog.messages == [
        f"Found user script at {tmp_path / 'score.py'}",
        "run() is not decorated. Server will invoke it with the input in JSON string.",
        "Invoking user's init function",
        "Users's init has completed successfully",
        "Swaggers are prepared for the following versions: [2, 3, 3.1].",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def init(): pass", "does not have a run() function defined."),
        ("def init(): pass\nrun = 5", "does not have a run() function defined."),
        ("init = None\ndef init_(): pass\ndef run(data): pass", "does not have a init() function defined."),
        ("def run(): pass", "run() needs to accept an argument for input data."),
        ("def run(request_headers): pass", 'run() needs to accept an argument other than "request_headers".'),
        ("def run(*data): pass", "run() cannot accept positional-only arguments, *args, or **kwargs."),
        ("def run(data, **more): pass", "run() cannot accept positional-only arguments, *args, or **kwargs."),
        ("def run(data, /): pass", "run() cannot accept positional-only arguments, *args, or **kwargs."),
        ("def run(data, other): pass", "its parameter 'other' has no default."),
        ("async def init(): pass\ndef run(data): pass", "an async init() needs an async run()."),
        (
            RAW_WITH_A_SCHEMA,
            "run() cannot be decorated with both @rawhttp and @input_schema",
        ),
    ],
)
def test_a_script_that_cannot_be_served_is_refused(load: LoadScript, text: str, sentence: str) -> None:
    with pytest.raises(EntryScriptError) as caught:
        load(text)
    assert caught.value.message.endswith(sentence)


def test_a_run_that_does_not_tell_its_parameters_is_refused(load: LoadScript) -> None:
    with pytest.raises(EntryScriptError, match=r"The parameters of run\(\) cannot be found out: unexpected object 5"):
        load("def run(data): pass\nrun.__signature__ = 5")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EntryScriptError, match=r"No entry script at .*nowhere\.py: no such file"):
        EntryScript.load(tmp_path / "nowhere.py")


def test_a_file_that_is_not_python_is_named(tmp_path: Path) -> None:
    (tmp_path / "score.txt").write_text(ECHO)
    with pytest.raises(EntryScriptError, match=r"its name does not end in \.py"):
        EntryScript.load(tmp_path / "score.txt")


def test_an_import_that_fails_shows_the_users_lines_only(load: LoadScript) -> None:
    with pytest.raises(EntryScriptError) as caught:
        load("import not_a_package_anywhere\ndef run(data): pass")
    error = caught.value
    assert error.message == (
        "Failed to import user script because it raised an unhandled exception: "
        "ModuleNotFoundError: No module named 'not_a_package_anywhere'"
    )
    assert "'not_a_package_anywhere'" in (error.hint or "")
    assert "import not_a_package_anywhere" in error.traceback_text
    assert "naiad" not in error.traceback_text
    assert "entry_module" not in sys.modules


def test_a_syntax_error_is_shown_with_its_line(load: LoadScript) -> None:
    with pytest.raises(EntryScriptError) as caught:
        load("def run(data)\n    return data")
    assert "SyntaxError" in caught.value.message
    assert "def run(data)" in caught.value.traceback_text


def test_a_script_that_exits_is_refused(load: LoadScript) -> None:
    with pytest.raises(EntryScriptError, match="SystemExit: 7"):
        load("import sys; sys.exit(7)")


def test_a_script_imports_its_neighbours_and_the_source_folders(load: LoadScript, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "helper.py").write_text("NAME = 'from the source folder'")
    (tmp_path / "helper.py").write_text("NAME = 'from beside the script'")
    script = load("import helper\ndef run(data):\n    return helper.NAME", source_dirs=[source])
    assert json_of(script.score(post())) == "from the source folder"


def test_without_a_path_main_is_imported(tmp_path: Path) -> None:
    with pytest.raises(EntryScriptError, match=r"Expected score script main\.py in"):
        EntryScript.load(None, source_dirs=[tmp_path])
    (tmp_path / "main.py").write_text("def init(): pass\ndef run(data): return 'main'")
    script = EntryScript.load(None, source_dirs=[tmp_path])
    assert json_of(script.score(post())) == "main"


def test_dataclasses_find_their_module(load: LoadScript) -> None:
    script = load(
        """
        from __future__ import annotations
        import pickle
        from dataclasses import dataclass, asdict
        @dataclass
        class Answer:
            value: int = 1
        def run(data):
            return asdict(pickle.loads(pickle.dumps(Answer())))
        """
    )
    assert json_of(script.score(post())) == {"value": 1}


def test_a_driver_script_is_initialised_and_its_module_runs(
    load: LoadScript, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "helper.py").write_text("STATE = []\ndef run(data):\n    return ['the script', *STATE]")
    with caplog.at_level(logging.INFO, logger="azmlinfsrv"):
        script = load(
            """
            import helper as driver_module
            def init():
                driver_module.STATE.append('initialised by the driver')
            def run(*args):
                return 'the driver'
            """
        )
        script.init()
    assert json_of(script.score(post())) == ["the script", "initialised by the driver"]
    assert f"Found driver script at {tmp_path / 'score.py'}" in caplog.messages[0]


def test_an_init_that_fails_is_told_with_the_model_folder(
    load: LoadScript, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = tmp_path / "azureml-models"
    (model / "qa" / "1").mkdir(parents=True)
    (model / "qa" / "1" / "model.onnx").write_bytes(b"")
    script = load("def init():\n    open('nowhere.onnx')\ndef run(data): pass", model_dir=str(model))
    with caplog.at_level(logging.INFO, logger="azmlinfsrv"), pytest.raises(EntryScriptError) as caught:
        script.init()
    assert caught.value.message.startswith("User's init function failed: FileNotFoundError: ")
    assert "open('nowhere.onnx')" in caught.value.traceback_text
    assert "User's init function failed" in caplog.messages
    tree = caplog.messages[caplog.messages.index("Model Directory Contents:") + 1 :]
    assert tree == ["azureml-models/", "    qa/", "        1/", "            model.onnx"]


def test_a_large_model_folder_is_cut(load: LoadScript, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(250):
        (tmp_path / f"{number:03}").write_bytes(b"")
    script = load("def init():\n    1 / 0\ndef run(data): pass", model_dir=str(tmp_path))
    with caplog.at_level(logging.INFO, logger="azmlinfsrv"), pytest.raises(EntryScriptError):
        script.init()
    assert caplog.messages[-1] == "Output Truncated. First 200 lines shown."
    assert caplog.messages[-2] == "    198"


def test_the_model_folder_is_the_environments(
    load: LoadScript, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path))
    with caplog.at_level(logging.INFO, logger="azmlinfsrv"), pytest.raises(EntryScriptError):
        load("def init():\n    1 / 0\ndef run(data): pass").init()
    assert "    score.py" in caplog.messages


def test_an_exception_of_run_stays_in_the_log(ready: LoadScript, caplog: pytest.LogCaptureFixture) -> None:
    response = ready("def run(data):\n    raise KeyError('a secret of the script')").score(post())
    assert (response.status, message(response)) == (500, SCRIPT_ERROR)
    assert response.run_function_failed
    assert header(response, "x-ms-run-function-failed") == ["True"]
    assert header(response, "x-ms-run-fn-exec-ms") == []
    assert "KeyError: 'a secret of the script'" in caplog.text
    assert "entry_script.py" not in "".join(caplog.messages)


@pytest.mark.parametrize("leaving", ["ScoringTimeout", "SystemExit", "KeyboardInterrupt"])
def test_what_is_no_exception_goes_to_the_host(ready: LoadScript, leaving: str) -> None:
    script = ready(
        f"""
        from naiad.scoring.errors import ScoringTimeout
        def run(data):
            try:
                raise {leaving}
            except Exception:
                return 'swallowed'
        """
    )
    with pytest.raises((ScoringTimeout, SystemExit, KeyboardInterrupt)):
        script.score(post())


def test_a_timeout_of_the_scripts_own_is_a_failure_of_the_script(ready: LoadScript) -> None:
    response = ready("def run(data):\n    raise TimeoutError('the database')").score(post())
    assert (response.status, message(response)) == (500, SCRIPT_ERROR)


def test_options_is_answered_for_the_script(ready: LoadScript) -> None:
    script = ready(ECHO)
    assert not script.handles_options
    response = script.score(get(method="OPTIONS"))
    assert (response.status, response.body) == (200, b"")
    assert response.headers == [("Content-Type", "text/html; charset=utf-8"), ("x-ms-run-function-failed", "False")]


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(ready: LoadScript, method: str) -> None:
    response = ready(ECHO).score(get(method=method))
    assert (response.status, message(response)) == (405, "Method not allowed")


async def test_an_async_script_is_awaited(load: LoadScript) -> None:
    script = load(
        """
        import asyncio
        async def init():
            global ready
            await asyncio.sleep(0)
            ready = True
        async def run(data, request_headers):
            await asyncio.sleep(0)
            if data == 'fail':
                raise ValueError
            return [ready, data, request_headers['Host']]
        """
    )
    assert script.is_async
    await script.init_async()
    assert json_of(await script.score_async(post(b"x"))) == [True, "x", "localhost:5001"]
    failed = await script.score_async(post(b"fail"))
    assert (failed.status, failed.run_function_failed) == (500, True)
    refused = await script.score_async(post(b"\xff"))
    assert refused.status == 400


async def test_an_async_script_may_have_a_plain_init(load: LoadScript) -> None:
    script = load("def init():\n    global n\n    n = 4\nasync def run(data):\n    return n")
    await script.init_async()
    assert json_of(await script.score_async(post())) == 4


async def test_an_async_init_that_fails_is_told(load: LoadScript) -> None:
    script = load("async def init():\n    raise OSError('no model')\nasync def run(data):\n    return 1")
    with pytest.raises(EntryScriptError, match="User's init function failed: OSError: no model"):
        await script.init_async()


def test_an_object_with_an_async_call_is_async(load: LoadScript) -> None:
    script = load("class Run:\n    async def __call__(self, data):\n        return data\nrun = Run()")
    assert script.is_async


def test_a_result_that_json_cannot_hold_is_an_internal_error(
    ready: LoadScript, caplog: pytest.LogCaptureFixture
) -> None:
    response = ready("def run(data):\n    return {1, 2}").score(post())
    assert (response.status, message(response)) == (500, INTERNAL_ERROR)
    assert "run() returned set, which cannot be written as JSON" in caplog.text


def test_a_response_that_breaks_while_it_is_read_is_an_internal_error(
    ready: LoadScript, caplog: pytest.LogCaptureFixture
) -> None:
    response = ready(
        """
        from azureml.contrib.services.aml_response import AMLResponse
        def run(data):
            response = AMLResponse('x', 200)
            response.call_on_close(lambda: 1 / 0)
            return response
        """
    ).score(post())
    assert (response.status, message(response)) == (500, INTERNAL_ERROR)
    assert "ZeroDivisionError" in caplog.text


def test_the_execution_time_has_three_decimals(ready: LoadScript) -> None:
    (text,) = header(ready(ECHO).score(post()), "x-ms-run-fn-exec-ms")
    whole, _, decimals = text.partition(".")
    assert whole.isdecimal()
    assert len(decimals) == 3


def test_memory_of_the_transport_may_be_lent(ready: LoadScript) -> None:
    request = post()
    request.body = memoryview(b"lent")
    assert bytes_of(ready(ECHO).score(request)) == b'"lent"'
