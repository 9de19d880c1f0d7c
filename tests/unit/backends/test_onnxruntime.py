"""The onnxruntime backend: every datatype, odd graphs, options, and files that are none."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import psutil
import pytest
from onnx import helper, numpy_helper

from naiad import datatypes
from naiad.backends.base import LoadContext, RuntimeModel, backend
from naiad.config import pbtxt
from naiad.datatypes import BY_NAME
from naiad.errors import InternalError, InvalidArgumentError, NaiadError, UnavailableError, UnsupportedError
from tests.support.onnx_models import identity, model, picker, tensor, tiny, write_model


def open_model(
    tmp_path: Path, made: Any, config: str = "", *, file: str = "model.onnx", **context: Any
) -> RuntimeModel:
    folder = write_model(tmp_path, "m", made)
    return backend("onnxruntime")(
        LoadContext(
            name="m",
            path=folder / "1",
            config=pbtxt.parse(config, source="config.pbtxt"),
            model_file=file,
            instance_count=1,
            cores=2,
            **context,
        )
    )


def refusal(tmp_path: Path, made: Any, config: str = "", *, error: type[NaiadError], **context: Any) -> str:
    with pytest.raises(error) as caught:
        open_model(tmp_path, made, config, **context)
    assert type(caught.value) is error
    return caught.value.message


def sample(row: datatypes.DataType) -> Any:
    if row is datatypes.BYTES:
        return datatypes.object_array([b"", "é".encode(), b"a\0b"], (3,))
    return np.array([0, 1, 3], np.int64).astype(row.dtype)


class TestDatatypes:
    @pytest.mark.parametrize("row", datatypes.DATATYPES, ids=lambda row: row.name)
    def test_every_one_comes_back_as_it_went(self, tmp_path: Path, row: datatypes.DataType) -> None:
        loaded = open_model(tmp_path, identity((row.name, ["n"])))
        (signature,) = loaded.signature.inputs
        assert (signature.name, signature.datatype, signature.shape) == ("i0", row, (-1,))
        given = sample(row)
        (output,) = loaded.bind(["i0"], ["o0"])([given])
        if row is datatypes.BYTES:
            assert [str(element).encode() for element in output] == list(given)
        else:
            assert output.dtype == row.dtype
            assert output.tobytes() == given.tobytes()

    @pytest.mark.parametrize("row", datatypes.DATATYPES, ids=lambda row: row.name)
    def test_no_elements(self, tmp_path: Path, row: datatypes.DataType) -> None:
        run = open_model(tmp_path, identity((row.name, ["n", 3]))).bind(["i0"], ["o0"])
        (output,) = run([np.empty((0, 3), row.dtype)])
        assert output.shape == (0, 3)

    @pytest.mark.parametrize("offset", range(8))
    @pytest.mark.parametrize("name", ["FP64", "INT64", "FP32", "BF16"])
    def test_from_any_place_in_a_body(self, tmp_path: Path, name: str, offset: int) -> None:
        """Requests' tensors begin wherever their JSON ends."""
        row = BY_NAME[name]
        values = np.arange(1000).astype(row.dtype)
        body = b"x" * offset + values.tobytes()
        array = np.frombuffer(memoryview(body)[offset:], row.dtype)
        (output,) = open_model(tmp_path, identity((name, ["n"]))).bind(["i0"], ["o0"])([array])
        assert output.tobytes() == values.tobytes()

    def test_inputs_are_not_written_to(self, tmp_path: Path) -> None:
        nodes = [helper.make_node("Relu", ["x"], ["h"]), helper.make_node("Neg", ["h"], ["y"])]
        made = model(nodes, [tensor("x", "FP32", ["n"])], [tensor("y", "FP32", ["n"])])
        values = np.array([-1, 2, -3], np.float32)
        values.flags.writeable = False
        run = open_model(tmp_path, made).bind(["x"], ["y"])
        assert run([values])[0].tolist() == [0, -2, 0]
        assert values.tolist() == [-1, 2, -3]

    def test_outputs_of_two_runs_are_two(self, tmp_path: Path) -> None:
        run = open_model(tmp_path, identity(("FP32", ["n"]))).bind(["i0"], ["o0"])
        first = run([np.ones(3, np.float32)])[0]
        run([np.zeros(3, np.float32)])
        assert first.tolist() == [1, 1, 1]

    def test_text_that_is_none(self, tmp_path: Path) -> None:
        run = open_model(tmp_path, identity(("BYTES", ["n"]))).bind(["i0"], ["o0"])
        with pytest.raises(InvalidArgumentError) as caught:
            run([datatypes.object_array([b"a\xff"], (1,))])
        assert caught.value.message == (
            "input 'i0' has an element that is not UTF-8 text: invalid start byte at byte 1"
        )

    def test_bfloat16_beside_others(self, tmp_path: Path) -> None:
        made = identity(("BF16", ["n"]), ("INT64", ["n"]), ("FP32", ["n"]))
        run = open_model(tmp_path, made).bind(["i2", "i0", "i1"], ["o0", "o1", "o2"])
        given = np.array([1.5], ml_dtypes.bfloat16)
        half, integer, single = run([np.array([2.5], np.float32), given, np.array([7], np.int64)])
        assert half.tobytes() == given.tobytes()
        assert integer.tolist() == [7]
        assert single.tolist() == [2.5]

    def test_bfloat16_beside_text_is_refused_before_the_first_request(self, tmp_path: Path) -> None:
        loaded = open_model(tmp_path, identity(("BF16", ["n"]), ("BYTES", ["n"])))
        with pytest.raises(
            UnsupportedError, match="a model with BF16 tensors cannot have an input of type TYPE_STRING"
        ):
            loaded.bind(["i0", "i1"], ["o0", "o1"])


class TestGraphs:
    def test_scalars(self, tmp_path: Path) -> None:
        loaded = open_model(tmp_path, identity(("FP32", [])))
        assert loaded.signature.inputs[0].shape == ()
        (output,) = loaded.bind(["i0"], ["o0"])([np.array(2.5, np.float32)])
        assert np.asarray(output).shape == ()
        assert float(output) == 2.5

    def test_fixed_and_symbolic_dimensions(self, tmp_path: Path) -> None:
        loaded = open_model(tmp_path, identity(("FP32", ["batch", 3, "n"])))
        assert loaded.signature.inputs[0].shape == (-1, 3, -1)

    def optional(self) -> Any:
        """y = x + bias, where bias is an input with a default."""
        bias = numpy_helper.from_array(np.array([10.0], np.float32), "bias")
        inputs = [tensor("x", "FP32", [1]), tensor("bias", "FP32", [1])]
        return model([helper.make_node("Add", ["x", "bias"], ["y"])], inputs, [tensor("y", "FP32", [1])], [bias])

    def test_an_input_with_a_default_may_be_left_out(self, tmp_path: Path) -> None:
        loaded = open_model(tmp_path, self.optional())
        assert [each.name for each in loaded.signature.inputs] == ["x"]
        assert [each.name for each in loaded.signature.optional_inputs] == ["bias"]
        run = loaded.bind(["x", "bias"], ["y"])
        one = np.ones(1, np.float32)
        assert run([one, None])[0].tolist() == [11]
        assert run([one, one])[0].tolist() == [2]

    def test_outputs_come_in_the_order_bound(self, tmp_path: Path) -> None:
        run = open_model(tmp_path, identity(("FP32", [1]), ("INT32", [1]))).bind(["i1", "i0"], ["o1", "o0"])
        integer, real = run([np.array([7], np.int32), np.array([2.5], np.float32)])
        assert (integer.tolist(), real.tolist()) == ([7], [2.5])

    def test_a_failure_of_the_graph_is_told_in_tritons_words(self, tmp_path: Path) -> None:
        run = open_model(tmp_path, picker()).bind(["index"], ["value"])
        assert run([np.array([[2]], np.int64)])[0].tolist() == [[20.0]]
        with pytest.raises(InternalError, match=r"^onnx runtime error 2: .*indices element out of data bounds"):
            run([np.array([[9]], np.int64)])
        assert run([np.array([[1]], np.int64)])[0].tolist() == [[10.0]]

    def test_an_array_that_does_not_fit_is_an_error(self, tmp_path: Path) -> None:
        run = open_model(tmp_path, tiny()).bind(["x"], ["y"])
        for array in (np.zeros((1, 3), np.float32), np.zeros((1, 16), np.int32), np.zeros(16, np.float32)):
            with pytest.raises(InternalError, match=r"^onnx runtime error "):
                run([array])

    def test_what_is_no_tensor(self, tmp_path: Path) -> None:
        element = helper.make_tensor_type_proto(1, ["n"])
        sequence = helper.make_value_info("s", helper.make_sequence_type_proto(element))
        made = model([helper.make_node("SequenceLength", ["s"], ["y"])], [sequence], [tensor("y", "INT64", [])])
        assert refusal(tmp_path, made, error=UnsupportedError) == (
            "Unsupported ONNX Type 'seq(tensor(float))' for I/O 's', expected 'ONNX_TYPE_TENSOR'."
        )


class TestFiles:
    def test_none(self, tmp_path: Path) -> None:
        message = refusal(tmp_path, tiny(), error=UnavailableError, file="other.onnx")
        assert message == f"unable to find '{tmp_path}/m/1/other.onnx' for model 'm'"

    @pytest.mark.parametrize("content", [b"", b"not a model", b"\0" * 1000, b"\x08\x08"], ids=repr)
    def test_no_model(self, tmp_path: Path, content: bytes) -> None:
        assert refusal(tmp_path, content, error=InternalError).startswith("onnx runtime error ")

    def test_half_a_model(self, tmp_path: Path) -> None:
        content = tiny().SerializeToString()
        assert refusal(tmp_path, content[: len(content) // 2], error=InternalError).startswith("onnx runtime error 7: ")

    def test_a_folder_with_the_model_in_it(self, tmp_path: Path) -> None:
        folder = write_model(tmp_path / "other", "m", tiny()) / "1" / "folder"
        folder.mkdir()
        (folder.parent / "model.onnx").rename(folder / "model.onnx")
        context = LoadContext(
            name="m",
            path=folder.parent,
            config=pbtxt.parse("", source="config.pbtxt"),
            model_file="folder",
            instance_count=1,
            cores=1,
        )
        assert backend("onnxruntime")(context).signature.inputs[0].name == "x"


def run_options(loaded: RuntimeModel) -> Any:
    session: Any = loaded._session  # type: ignore[attr-defined]  # nothing else tells what options it has
    return session.get_session_options()


class TestOptions:
    @pytest.mark.parametrize(("cores", "instances", "threads"), [(1, 1, 1), (4, 1, 4), (4, 2, 2), (2, 4, 1), (3, 2, 1)])
    def test_threads_are_shared_out(self, tmp_path: Path, cores: int, instances: int, threads: int) -> None:
        folder = write_model(tmp_path, "m", tiny())
        config = pbtxt.parse("", source="config.pbtxt")
        context = LoadContext("m", folder / "1", config, "model.onnx", instance_count=instances, cores=cores)
        options = run_options(backend("onnxruntime")(context))
        assert (options.intra_op_num_threads, options.inter_op_num_threads) == (threads, 1)

    def parameter(self, key: str, value: str) -> str:
        return f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}'

    def test_threads_may_be_set(self, tmp_path: Path) -> None:
        config = self.parameter("intra_op_thread_count", "3") + self.parameter("inter_op_thread_count", "2")
        options = run_options(open_model(tmp_path, tiny(), config))
        assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 2)

    def test_the_servers_options_come_behind_the_models(self, tmp_path: Path) -> None:
        settings = {"intra_op_thread_count": "5", "inter_op_thread_count": "4"}
        loaded = open_model(tmp_path, tiny(), self.parameter("intra_op_thread_count", "3"), settings=settings)
        options = run_options(loaded)
        assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 4)

    @pytest.mark.parametrize(
        ("level", "name"),
        [("-1", "BASIC"), ("1", "EXTENDED"), ("2", "DISABLE_ALL"), ("0", "ENABLE_ALL"), ("7", "ENABLE_ALL")],
    )
    def test_graph_optimization(self, tmp_path: Path, level: str, name: str) -> None:
        loaded = open_model(tmp_path, tiny(), f"optimization {{ graph {{ level: {level} }} }}")
        assert name in str(run_options(loaded).graph_optimization_level)

    @pytest.mark.parametrize("value", ["0", "1"])
    def test_memory(self, tmp_path: Path, value: str) -> None:
        config = self.parameter("enable_mem_arena", value) + self.parameter("enable_mem_pattern", value)
        options = run_options(open_model(tmp_path, tiny(), config))
        assert (options.enable_cpu_mem_arena, options.enable_mem_pattern) == (value == "1", value == "1")

    @pytest.mark.parametrize("value", ["2", "-1"])
    def test_an_execution_mode_that_is_none(self, tmp_path: Path, value: str) -> None:
        config = self.parameter("execution_mode", value)
        assert refusal(tmp_path, tiny(), config, error=InvalidArgumentError) == (
            f"Invalid configuration value provided. Expected values for  execution_mode are 0 or 1 but got {value} ."
        )

    @pytest.mark.parametrize("key", ["intra_op_thread_count", "inter_op_thread_count", "execution_mode"])
    @pytest.mark.parametrize("value", ["x", "1.5"])
    def test_a_number_that_is_none(self, tmp_path: Path, key: str, value: str) -> None:
        message = refusal(tmp_path, tiny(), self.parameter(key, value), error=InvalidArgumentError)
        assert message == f"failed to convert '{value}' to integral number"

    @pytest.mark.parametrize("key", ["intra_op_thread_count", "inter_op_thread_count"])
    @pytest.mark.parametrize("value", ["-1", "1025", "1000000"])
    def test_more_threads_than_there_can_be(self, tmp_path: Path, key: str, value: str) -> None:
        message = refusal(tmp_path, tiny(), self.parameter(key, value), error=InvalidArgumentError)
        assert message == f"{key} is {value}, expected a number between 0 and 1024"

    @pytest.mark.parametrize("value", ["x", "2", "-1"])
    def test_a_boolean_that_is_none(self, tmp_path: Path, value: str) -> None:
        message = refusal(tmp_path, tiny(), self.parameter("enable_mem_arena", value), error=InvalidArgumentError)
        assert message == f"failed to convert '{value}' to boolean"


@pytest.mark.parametrize("name", ["", "tensorrt", "onnx", "../onnxruntime", "os"])
def test_a_backend_that_is_none(name: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        backend(name)
    assert caught.value.message == (
        f"unable to find backend library for backend '{name}', try specifying runtime on the model configuration."
    )


def test_two_instances_may_run_at_the_same_time(tmp_path: Path) -> None:
    run = open_model(tmp_path, identity(("FP32", ["n"]))).bind(["i0"], ["o0"])

    def ask(value: int) -> bool:
        return all(run([np.full(100, value, np.float32)])[0].tolist() == [value] * 100 for _ in range(50))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(8)))


def test_nothing_is_reported_to_its_maker(tmp_path: Path) -> None:
    made = write_model(tmp_path / "models", "m", tiny()) / "1" / "model.onnx"
    program = f"import naiad.backends.onnxruntime as o; o.onnxruntime.InferenceSession({str(made)!r}); input()"
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    subprocess.run(
        [sys.executable, "-c", program], env={**environment, "HOME": str(home)}, input=b"\n", check=True, timeout=60
    )
    assert list(home.rglob("*")) == []


def test_closing_frees_the_session_whoever_holds_what_was_bound(tmp_path: Path) -> None:
    """Its threads go with it."""
    process = psutil.Process()
    options = 'parameters { key: "intra_op_thread_count" value { string_value: "4" } }'
    before = process.num_threads()
    opened = open_model(tmp_path, tiny(), options)
    execute = opened.bind(["x"], ["y"])
    execute([np.zeros((1, 16), np.float32)])
    assert process.num_threads() == before + 3
    opened.close()
    assert process.num_threads() == before
