"""Warm-up samples: made as the configuration says, run as often as it says, refused with a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from naiad import datatypes
from naiad.backends.base import Array
from naiad.config import pbtxt
from naiad.engine.tensor_spec import TensorSpec
from naiad.engine.warmup import warm_up
from naiad.errors import InternalError
from naiad.repository.local import ModelFolder


class Runtime:
    def __init__(self) -> None:
        self.calls: list[Array | None] = []

    def __call__(self, arrays: Sequence[Array | None]) -> list[Array]:
        self.calls.append(arrays[0])
        return []


def run(folder: Path, sample: str, *, datatype: str = "TYPE_INT32", max_batch_size: int = 4) -> list[Array]:
    tensor = f'input {{ name: "x" data_type: {datatype} dims: 3 }}'
    text = f"max_batch_size: {max_batch_size} {tensor} model_warmup {{ {sample} }}"
    config = pbtxt.parse(text, source="test")
    runtime = Runtime()
    specs = [TensorSpec(tensor, batched=max_batch_size > 0) for tensor in config.input]
    warm_up(config, ModelFolder("m", folder), specs, runtime)
    return [call for call in runtime.calls if call is not None]


def data(source: str, datatype: str = "TYPE_INT32") -> str:
    return f'name: "w" batch_size: 2 inputs {{ key: "x" value {{ data_type: {datatype} dims: 3 {source} }} }}'


def test_zeros_run_as_often_as_asked(tmp_path: Path) -> None:
    calls = run(tmp_path, data("zero_data: true") + " count: 3")
    assert len(calls) == 3
    assert all(call.shape == (2, 3) and not call.any() for call in calls)


def test_no_count_means_once_and_no_batch_size_means_never(tmp_path: Path) -> None:
    assert len(run(tmp_path, data("zero_data: true"))) == 1
    assert run(tmp_path, data("zero_data: true").replace("batch_size: 2", "batch_size: 0")) == []


@pytest.mark.parametrize("row", datatypes.DATATYPES, ids=lambda row: row.name)
@pytest.mark.parametrize("source", ["zero_data: true", "random_data: true"])
def test_every_datatype_can_be_made(tmp_path: Path, row: datatypes.DataType, source: str) -> None:
    (call,) = run(tmp_path, data(source, row.config_name), datatype=row.config_name)
    assert call.shape == (2, 3)
    assert call.dtype == row.dtype


def test_a_model_without_batch_gets_one_request(tmp_path: Path) -> None:
    assert run(tmp_path, data("zero_data: true"), max_batch_size=0)[0].shape == (3,)


def test_data_out_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "warmup").mkdir()
    (tmp_path / "warmup/numbers").write_bytes(np.array([1, 2, 3], np.int32).tobytes())
    (call,) = run(tmp_path, data('input_data_file: "numbers"'))
    assert call.tolist() == [[1, 2, 3], [1, 2, 3]]


def test_text_out_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "warmup").mkdir()
    (tmp_path / "warmup/words").write_bytes(datatypes.encode_bytes([b"a", b"", b"ccc"]))
    (call,) = run(tmp_path, data('input_data_file: "words"', "TYPE_STRING"), datatype="TYPE_STRING")
    assert call[0].tolist() == [b"a", b"", b"ccc"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('input_data_file: "absent"', "failed to open text file for read "),
        ('input_data_file: "../../secret"', "is outside model directory"),
        (
            'input_data_file: "short"',
            "warmup setting expects 12 bytes, but the data provided from shortonly has 2 bytes",
        ),
    ],
)
def test_files_that_will_not_do(tmp_path: Path, source: str, message: str) -> None:
    folder = tmp_path / "m"
    (folder / "warmup").mkdir(parents=True)
    (folder / "warmup/short").write_bytes(b"ab")
    (tmp_path / "secret").write_bytes(b"x" * 12)
    with pytest.raises(InternalError, match="failed to run warmup sample 'w': ") as caught:
        run(folder, data(source))
    assert message in caught.value.message


def test_another_datatype_than_the_models(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match="input 'x' is TYPE_FP32, but the model expects TYPE_INT32"):
        run(tmp_path, data("zero_data: true", "TYPE_FP32"))


def test_an_input_that_the_sample_leaves_out(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match="the sample has no input 'x'"):
        run(tmp_path, 'name: "w" batch_size: 1')
