"""ONNX's backend tests, served: what onnxruntime answers rightly by itself, naiad does over HTTP and gRPC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import onnx
import pytest
from tritonclient import http as tritonclient

from tests.conformance.onnx import client
from tests.conformance.onnx.grpc_client import GrpcClient
from tests.conformance.onnx.repository import MAX_BATCH_SIZE, ServedModel, write_repository
from tests.conformance.onnx.suite import DIFFERENT, NO_DATATYPE, NO_TENSOR, REFUSED, Case, Suite, load_suite
from tests.conformance.onnx.tensor import DATATYPES, NOT_IN_JSON, Array, Tensor, difference
from tests.support.http_client import Answer, Connection, request_bytes
from tests.support.server import Server, running

PARTS = 8
LIGHT = sorted(path.stem for path in Path(onnx.__file__).parent.glob("backend/test/data/light/*.onnx"))

NO_ZERO = "model output '{}' dimension must be integer >= 1, or -1 to indicate a variable-size dimension"
UNSERVABLE = {
    # Shape inference finds an output to have no elements, ever. A configuration cannot say so: dims are at least 1, or
    # -1, which is not what the graph says (triton.md §3.5).
    "test_causal_conv_with_state_kernel_size_one": NO_ZERO.format("present_state"),
    "test_causal_conv_with_state_kernel_size_one_expanded": NO_ZERO.format("present_state"),
    "test_shape_start_greater_than_end": NO_ZERO.format("y"),
}
"""Cases that Triton's rules keep from being served, and what a load of theirs says."""


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite()


class Naiad:
    """A server over the cases, and connections that stay open from the first request to the last."""

    def __init__(
        self,
        server: Server,
        models: Sequence[ServedModel],
        connections: Sequence[Connection],
        calls: GrpcClient,
    ) -> None:
        self.server = server
        self.models = models
        self.connections = connections
        self.calls = calls

    @property
    def connection(self) -> Connection:
        """The first of the connections."""
        return self.connections[0]

    def control(self, models: Sequence[ServedModel], action: str) -> list[Answer]:
        """Load or unload models, some at a time."""
        answers = []
        for start in range(0, len(models), len(self.connections)):
            part = list(zip(self.connections, models[start : start + len(self.connections)], strict=False))
            for connection, model in part:
                connection.send(request_bytes("POST", f"/v2/repository/models/{model.name}/{action}", b""))
            answers += [connection.read_answer() for connection, _ in part]
        return answers

    def load(self, models: Sequence[ServedModel]) -> tuple[list[ServedModel], dict[str, str]]:
        """Load models; those that are ready, and the errors of the others."""
        answers = dict(zip([model.name for model in models], self.control(models, "load"), strict=True))
        ready = [model for model in models if answers[model.name].status == 200]
        return ready, {name: answer.error for name, answer in answers.items() if answer.status != 200}

    def unload(self, models: Sequence[ServedModel]) -> None:
        """Unload models."""
        assert {answer.status for answer in self.control(models, "unload")} <= {200}


@pytest.fixture(scope="module")
def naiad(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Naiad]:
    folder = tmp_path_factory.mktemp("onnx")
    models = write_repository(folder / "models", suite.cases)
    with ExitStack() as stack:
        server = stack.enter_context(
            running(folder / "models", "--model-control-mode=explicit", directory=folder / "server")
        )
        connections = [stack.enter_context(server.connect()) for _ in range(MAX_BATCH_SIZE + 1)]
        options = [("grpc.max_receive_message_length", -1)]
        channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}", options=options))
        yield Naiad(server, models, connections, GrpcClient(channel))
        assert "Traceback" not in server.log


def test_what_is_left_out_is_onnxruntime_s_and_little(suite: Suite) -> None:
    assert set(suite.left_out) == {NO_TENSOR, NO_DATATYPE, REFUSED, DIFFERENT}
    assert len(suite.cases) > 1600
    assert sum(case.row_count > 0 for case in suite.cases) > 500
    tensors = [tensor for case in suite.cases for tensor in case.inputs]
    assert {tensor.datatype for tensor in tensors} == {name for name, _ in DATATYPES.values()}
    assert sum(tensor.array.ndim == 0 for tensor in tensors) > 50
    assert sum(tensor.array.size == 0 for tensor in tensors) > 20
    assert UNSERVABLE.keys() <= {case.name for case in suite.cases}


@pytest.mark.parametrize("part", range(PARTS))
def test_models_answer_as_expected(naiad: Naiad, part: int) -> None:
    models = [model for model in naiad.models if not model.batches and model.case.kind != "light"][part::PARTS]
    ready, errors = naiad.load(models)
    unservable = {name: reason for model in models if (reason := UNSERVABLE.get(name := model.name))}
    assert errors.keys() == unservable.keys(), errors
    assert all(reason in errors[name] for name, reason in unservable.items())
    wrong = {model.name: complaint for model in ready if (complaint := complaints(naiad, model.case))}
    assert wrong == {}
    naiad.unload(ready)


@pytest.mark.parametrize("part", range(PARTS))
def test_rows_of_several_requests_run_together(naiad: Naiad, part: int) -> None:
    models = [model for model in naiad.models if model.batches][part::PARTS]
    ready, errors = naiad.load(models)
    assert errors == {}
    wrong = {model.name: complaint for model in ready if (complaint := row_complaints(naiad.connections, model))}
    assert wrong == {}
    counts = [statistics(naiad.connection, model) for model in ready]
    assert sum(executions for _, executions in counts) < sum(requests for requests, _ in counts)
    naiad.unload(ready)


@pytest.mark.parametrize("name", LIGHT)
def test_architectures_answer_as_expected(naiad: Naiad, name: str) -> None:
    (model,) = [model for model in naiad.models if model.name == name]
    assert naiad.load([model])[1] == {}
    assert complaints(naiad, model.case) == ""
    naiad.unload([model])


@pytest.mark.parametrize("datatype", sorted(name for name, _ in DATATYPES.values()))
def test_tritonclient_reads_the_same(naiad: Naiad, suite: Suite, datatype: str) -> None:
    case = next(case for case in suite.cases if datatype in {tensor.datatype for tensor in case.inputs})
    (model,) = [model for model in naiad.models if model.name == case.name]
    assert naiad.load([model])[1] == {}
    ask = tritonclient.InferenceServerClient(f"127.0.0.1:{naiad.server.http_port}")
    try:
        for binary in (True, False):
            inputs = [triton_input(tensor, binary=binary) for tensor in case.inputs]
            outputs = [
                tritonclient.InferRequestedOutput(tensor.name, binary_data=is_binary(tensor, binary=binary))
                for tensor in case.outputs
            ]
            result = ask.infer(case.name, inputs, outputs=outputs)
            for tensor in case.outputs:
                got = np.asarray(result.as_numpy(tensor.name))
                if tensor.datatype == "BYTES" and binary:
                    got = np.array([element.decode() for element in got.ravel()], np.object_).reshape(got.shape)
                assert difference(as_sent(tensor), got, rtol=case.rtol, atol=case.atol) == ""
    finally:
        ask.close()
    naiad.unload([model])


def triton_input(tensor: Tensor, *, binary: bool) -> Any:
    sent = as_sent(tensor).array
    made = tritonclient.InferInput(tensor.name, list(sent.shape), tensor.datatype)
    return made.set_data_from_numpy(sent, binary_data=is_binary(tensor, binary=binary))


def is_binary(tensor: Tensor, *, binary: bool) -> bool:
    return binary or tensor.datatype in NOT_IN_JSON


def as_sent(tensor: Tensor) -> Tensor:
    """A scalar of a model that does not batch is one element on the wire (triton.md §3.4)."""
    return Tensor(tensor.name, tensor.datatype, tensor.array.reshape(tensor.array.shape or (1,)))


def complaints(naiad: Naiad, case: Case) -> str:
    """What is wrong with the answers to a case, as bytes and not, over HTTP and gRPC; nothing when all are right."""
    inputs, outputs = case.inputs, [as_sent(tensor) for tensor in case.outputs]
    found = []
    for binary in (True, False):
        answer = client.infer(naiad.connection, case.name, inputs, outputs, binary=binary)
        found.append(answer_complaint(answer, outputs, case))
        try:
            arrays = naiad.calls.infer(case.name, inputs, outputs, raw=binary)
        except grpc.RpcError as error:
            found.append(str(error))
        else:
            found.append(arrays_complaint(arrays, outputs, case))
    return " ".join(found).strip()


def row_complaints(connections: Sequence[Connection], model: ServedModel) -> str:
    """What is wrong with the answers to single rows and to several, asked for at the same time."""
    case = model.case
    inputs, outputs = ([row_per_element(tensor) for tensor in tensors] for tensors in (case.inputs, case.outputs))
    single = [(row, row + 1) for row in range(min(case.row_count, len(connections) - 1))]
    spans = [*single, (0, min(case.row_count, MAX_BATCH_SIZE))]
    asked = []
    for index, (start, stop) in enumerate(spans):
        sent = [tensor.rows(start, stop) for tensor in inputs]
        wanted = [tensor.rows(start, stop) for tensor in outputs]
        connections[index].send(client.infer_request(model.name, sent, wanted, binary=index % 2 == 0))
        asked.append((connections[index], wanted))
    return " ".join(answer_complaint(connection.read_answer(), wanted, case) for connection, wanted in asked).strip()


def row_per_element(tensor: Tensor) -> Tensor:
    """Rows that are scalars to the graph have one element on the wire (triton.md §3.4)."""
    array = tensor.array
    return Tensor(tensor.name, tensor.datatype, array if array.ndim > 1 else array[:, np.newaxis])


def answer_complaint(answer: Answer, expected: Sequence[Tensor], case: Case) -> str:
    if answer.status != 200:
        return answer.body.decode()
    return arrays_complaint(client.answered_arrays(answer), expected, case)


def arrays_complaint(arrays: Mapping[str, Array], expected: Sequence[Tensor], case: Case) -> str:
    if arrays.keys() != {tensor.name for tensor in expected}:
        return f"outputs {sorted(arrays)}"
    found = [difference(tensor, arrays[tensor.name], rtol=case.rtol, atol=case.atol) for tensor in expected]
    return " ".join(filter(None, found))


def statistics(connection: Connection, model: ServedModel) -> tuple[int, int]:
    """How many requests a model answered, and in how many executions."""
    row = connection.ask(request_bytes("GET", f"/v2/models/{model.name}/stats")).json["model_stats"][0]
    return row["inference_stats"]["success"]["count"], row["execution_count"]
