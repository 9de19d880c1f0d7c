"""Traces in files: valid JSON whatever is in them, the right files, bounded memory, and disks that fail."""

from __future__ import annotations

import json
import logging
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad import datatypes
from naiad.datatypes import BY_NAME
from naiad.engine.request import InferRequest
from naiad.engine.request_trace import RequestTrace, TracedTensor
from naiad.engine.trace_file import Series, TraceFile, render
from tests.support.engine import RecordingSink, idle_model, spec
from tests.support.waiting import wait_for

ALL = Series(numbered=False, log_frequency=0)
BOTH = frozenset({"TIMESTAMPS", "TENSORS"})


def trace(number: int = 1, *, identity: str = "", name: str = "m") -> RequestTrace:
    request = InferRequest(idle_model([spec()], name=name), RecordingSink(), None, (), (), 1, None, 0)
    request.id = identity
    made = RequestTrace(number, BOTH, request)
    made.stamp("REQUEST_START", 10 * number)
    return made


def rendered(made: RequestTrace) -> Any:
    return json.loads(b"[" + b"".join(render(made)) + b"]")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def numbers(path: Path) -> list[int]:
    return list(dict.fromkeys(event["id"] for event in read(path)))


class TestRendering:
    def test_who_and_when(self) -> None:
        made = trace(7, identity="q")
        made.stamp("REQUEST_END", 90)
        assert rendered(made) == [
            {"id": 7, "model_name": "m", "model_version": 1, "request_id": "q"},
            {"id": 7, "timestamps": [{"name": "REQUEST_START", "ns": 70}]},
            {"id": 7, "timestamps": [{"name": "REQUEST_END", "ns": 90}]},
        ]
        assert "request_id" not in rendered(trace())[0]

    @pytest.mark.parametrize(
        ("datatype", "values", "data"),
        [
            ("FP32", [1, 0.1, 1e20, 10 / 3, np.nan, -np.inf], "1,0.1,1e+20,3.33333,nan,-inf"),
            ("FP64", [1e300, -0.0], "1e+300,-0"),
            ("FP16", [0.5], "0.5"),
            ("BF16", [0.5], "0.5"),
            ("INT64", [-(2**63), 2**63 - 1], "-9223372036854775808,9223372036854775807"),
            ("UINT8", [65, 34], "65,34"),
            ("BOOL", [True, False], "1,0"),
            ("FP32", [], ""),
        ],
    )
    def test_elements(self, datatype: str, values: list[Any], data: str) -> None:
        made = trace()
        row = BY_NAME[datatype]
        made.events = [TracedTensor("TENSOR_QUEUE_INPUT", "x", row, (len(values), 1), np.array(values, row.dtype))]
        assert rendered(made)[1] == {
            "id": 1,
            "activity": "TENSOR_QUEUE_INPUT",
            "tensor": {"name": "x", "data": data, "shape": f"{len(values)},1", "dtype": datatype},
        }

    def test_texts(self) -> None:
        made = trace()
        elements = datatypes.object_array([b'a"\\', "é\n".encode(), b"\xff", "text"], (4,))
        made.events = [TracedTensor("TENSOR_BACKEND_OUTPUT", "y", datatypes.BYTES, (4,), elements)]
        assert rendered(made)[1]["tensor"]["data"] == '"a"\\","é\n","\N{REPLACEMENT CHARACTER}","text"'
        assert made.size_bytes > 9

    def test_many_elements(self) -> None:
        made = trace()
        array = np.arange(10_000, dtype=np.int32)
        made.events = [TracedTensor("TENSOR_BACKEND_OUTPUT", "y", BY_NAME["INT32"], (10_000,), array)]
        assert rendered(made)[1]["tensor"]["data"] == ",".join(map(str, range(10_000)))
        assert made.size_bytes > 40_000

    @given(st.text(), st.text(), st.lists(st.one_of(st.binary(), st.text())))
    def test_whatever_is_in_it_it_is_json(self, name: str, identity: str, values: list[bytes | str]) -> None:
        made = trace(identity=identity, name=name)
        elements = datatypes.object_array(values, (len(values),))
        made.events.append(TracedTensor("TENSOR_QUEUE_INPUT", name, datatypes.BYTES, (len(values),), elements))
        about, _, tensor = rendered(made)
        assert about["model_name"] == tensor["tensor"]["name"] == name


class TestFiles:
    def test_all_go_to_one_file(self, tmp_path: Path) -> None:
        path = tmp_path / "t.json"
        path.write_text("of an earlier process")
        file = TraceFile(path)
        for number in range(1, 51):
            file.put(ALL, trace(number))
        file.finish(ALL)
        file.put(Series(numbered=False, log_frequency=0), trace(51))
        file.close()
        assert numbers(path) == list(range(1, 52))
        assert os.listdir(tmp_path) == ["t.json"]

    def test_so_many_to_a_file(self, tmp_path: Path) -> None:
        file = TraceFile(tmp_path / "t.json")
        series = Series(numbered=True, log_frequency=2)
        for number in range(1, 6):
            file.put(series, trace(number))
        wait_for((tmp_path / "t.json.1").exists, "the second file is begun")
        file.finish(series)
        file.close()
        assert [numbers(tmp_path / f"t.json.{index}") for index in range(3)] == [[1, 2], [3, 4], [5]]
        assert len(os.listdir(tmp_path)) == 3

    def test_a_series_with_an_end_has_a_file_of_its_own(self, tmp_path: Path) -> None:
        file = TraceFile(tmp_path / "t.json")
        ending = Series(numbered=True, log_frequency=0)
        for number in range(1, 4):
            file.put(ending, trace(number))
            file.put(ALL, trace(10 + number))
        file.finish(ending)
        own = tmp_path / "t.json.0"
        wait_for(lambda: own.exists() and own.read_bytes().endswith(b"]\n"), "the series' file is complete")
        assert numbers(own) == [1, 2, 3]
        file.close()
        assert numbers(tmp_path / "t.json") == [11, 12, 13]

    def test_what_is_written_can_be_read_before_the_end(self, tmp_path: Path) -> None:
        file = TraceFile(tmp_path / "t.json")
        file.put(ALL, trace())
        wait_for(lambda: (tmp_path / "t.json").exists() and (tmp_path / "t.json").stat().st_size > 1, "it is written")
        file.close()

    def test_nothing_is_written_when_nothing_is_traced(self, tmp_path: Path) -> None:
        file = TraceFile(tmp_path / "t.json")
        file.finish(ALL)
        file.close()
        assert os.listdir(tmp_path) == []

    def test_nor_after_the_end(self, tmp_path: Path) -> None:
        file = TraceFile(tmp_path / "t.json")
        file.put(ALL, trace(1))
        file.close()
        file.put(ALL, trace(2))
        file.finish(Series(numbered=True, log_frequency=0))
        file.close()
        assert numbers(tmp_path / "t.json") == [1]
        assert not [thread for thread in threading.enumerate() if thread.name == "trace-file"]


class TestTrouble:
    def test_what_waits_is_bounded(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        os.mkfifo(tmp_path / "t.json")  # opening it waits for a reader, as a disk that does not keep up
        file = TraceFile(tmp_path / "t.json", max_waiting_bytes=10 * trace().size_bytes)
        for number in range(1, 21):
            file.put(ALL, trace(number))
        assert file.dropped == 10
        with (tmp_path / "t.json").open("rb") as reader:
            file.put(ALL, trace(21))
            closing = threading.Thread(target=file.close)
            closing.start()
            content = reader.read()
            closing.join(10)
        written = list(dict.fromkeys(event["id"] for event in json.loads(content)))
        assert written[:10] == list(range(1, 11))
        assert caplog.text.count("dropping some") == 1
        assert f"{file.dropped} traces were dropped" in caplog.text

    def test_a_path_that_cannot_be_written(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        file = TraceFile(tmp_path / "absent" / "t.json")
        for number in range(5):
            file.put(ALL, trace(number))
        file.close()
        errors = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert len(errors) == 1
        assert "unable to write traces to" in errors[0].message

    def test_a_full_disk(self, caplog: pytest.LogCaptureFixture) -> None:
        file = TraceFile(Path("/dev/full"))
        file.put(ALL, trace())
        file.close()
        assert "No space left on device" in caplog.text

    def test_after_trouble_another_file_is_begun(self, tmp_path: Path) -> None:
        folder = tmp_path / "later"
        file = TraceFile(folder / "t.json")
        file.put(ALL, trace(1))
        wait_for(lambda: file.is_failing, "the first trace could not be written")
        folder.mkdir()
        file.put(ALL, trace(2))
        file.close()
        assert [numbers(path) for path in folder.iterdir()] == [[2]]
