"""Generate against a real server: recorded answers of tritonserver 2.51 byte for byte, and a client that leaves."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.http_client import ask, request_bytes
from tests.support.onnx_models import spinner, write_model
from tests.support.prometheus import parse_metrics
from tests.support.server import Server, running
from tests.support.waiting import wait_for

UNKNOWN = "[request id: <id_unknown>] "
LAST_CHUNK = b"\r\n0\r\n\r\n"
TWO = '"i0":1,"i1":2'
TWO_ANSWER = '"model_name":"two","model_version":"1","o0":1.0,"o1":2}'

# Model, body, and the object that came back: what a tritonserver 2.51 answered to the same.
ANSWERED = [
    ("fp32", '{"i0":1.5}', '{"model_name":"fp32","model_version":"1","o0":1.5}'),
    ("fp32", '{"i0":[1.5,2]}', '{"model_name":"fp32","model_version":"1","o0":[1.5,2.0]}'),
    ("fp32", '{"i0":[]}', '{"model_name":"fp32","model_version":"1","o0":[]}'),
    ("fp32", '{"i0":[[1],[2]]}', '{"model_name":"fp32","model_version":"1","o0":[1.0,2.0]}'),
    (
        "fp32",
        '{"i0":[NaN,Infinity,-Infinity]}',
        '{"model_name":"fp32","model_version":"1","o0":[NaN,Infinity,-Infinity]}',
    ),
    ("int64", '{"i0":-1}', '{"model_name":"int64","model_version":"1","o0":-1}'),
    ("uint8", '{"i0":300}', '{"model_name":"uint8","model_version":"1","o0":44}'),
    ("bool", '{"i0":[true,false]}', '{"model_name":"bool","model_version":"1","o0":[true,false]}'),
    ("bytes", '{"i0":"hello é"}', '{"model_name":"bytes","model_version":"1","o0":"hello é"}'),
    ("bytes", '{"i0":["a","b"]}', '{"model_name":"bytes","model_version":"1","o0":["a","b"]}'),
    ("two", f"{{{TWO}}}", f"{{{TWO_ANSWER}"),
    ("two", f'{{{TWO},"id":"abc"}}', f'{{"id":"abc",{TWO_ANSWER}'),
    ("two", f'{{{TWO},"id":""}}', f"{{{TWO_ANSWER}"),
    ("two", f'{{{TWO},"priority":"a","timeout":-1,"triton_x":1.5,"sequence_start":1}}', f"{{{TWO_ANSWER}"),
    ("two", '{"i0":1,"parameters":{"i1":2,"id":"inner"}}', f"{{{TWO_ANSWER}"),
    ("pick", '{"index":1}', '{"model_name":"pick","model_version":"1","value":10.0}'),
    ("spin", '{"steps":[1,2]}', '{"done":[1,2],"model_name":"spin","model_version":"1"}'),
]

# Model, body, status and sentence.
REFUSED = [
    ("tiny", '{"x":[1]}', 400, "The schema can not convert input 'x' to tensor with proper shape"),
    ("tiny", '{"x":[]}', 400, f"{UNKNOWN}input byte size mismatch for input 'x' for model 'tiny'. Expected 64, got 0"),
    ("fp32", '{"i0":"a"}', 500, "Unable to parse 'data': attempt to access JSON non-number as double"),
    ("fp32", '{"i0":[[1,2]]}', 500, "Unable to parse 'data': Shape does not match true shape of 'data' field"),
    ("bytes", '{"i0":1}', 500, "Unable to parse JSON bytes array: attempt to access JSON non-string as string"),
    (
        "fp16",
        '{"i0":1}',
        400,
        "receiving FP16 data via JSON is not supported. Please use the binary data format for input i0",
    ),
    (
        "two",
        '{"i0":1,"id":"abc"}',
        400,
        (
            "[request id: abc] expected 2 inputs but got 1 inputs for model 'two'. Got input(s) ['i0'], but missing "
            "required input(s) ['i1']. Please provide all required input(s)."
        ),
    ),
    ("two", f'{{{TWO},"i0":2}}', 400, f"{UNKNOWN}input 'i0' already exists in request"),
    (
        "two",
        f'{{{TWO},"x":[1]}}',
        400,
        "parameter 'x' has invalid type. It should be either 'int', 'bool', or 'string'.",
    ),
    (
        "two",
        f'{{{TWO},"parameters":[]}}',
        500,
        "Expected JSON object for keyword: 'parameters': attempt to access JSON non-object as object",
    ),
    ("two", f'{{{TWO},"id":1}}', 500, "Unable to parse 'id': attempt to access JSON non-string as string"),
    ("two", "", 500, "failed to parse the request JSON buffer: The document is empty. at 0"),
    ("two", "[]", 500, "attempt to get members for non-object"),
    ("nope", "{}", 404, "Request for unknown model: 'nope' is not found"),
    ("two/versions/2", "{}", 404, "Request for unknown model: 'two' version 2 is not found"),
]


def exchange(server: Server, path: str, body: str, *headers: str) -> bytes:
    """The whole answer to one request on a connection of its own, as it came."""
    with server.connect() as connection:
        connection.send(request_bytes("POST", path, body.encode(), headers=(*headers, "Connection: close")))
        answer = b""
        while data := connection.socket.recv(1 << 16):
            answer += data
    return answer


def in_chunks(status: str, content_type: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + b"%x\r\n%b" % (len(body), body) + LAST_CHUNK


@pytest.mark.parametrize(("model", "body", "answer"), ANSWERED)
def test_recorded_answers(server: Server, model: str, body: str, answer: str) -> None:
    path = f"/v2/models/{model}/generate"
    assert exchange(server, path, body) == in_chunks("200 OK", "application/json", answer.encode())
    events = exchange(server, f"{path}_stream", body)
    data = b"data: " + answer.encode() + b"\n\n"
    assert events == in_chunks("200 OK", "text/event-stream; charset=utf-8", data)


@pytest.mark.parametrize(("model", "body", "status", "sentence"), REFUSED)
@pytest.mark.parametrize("operation", ["generate", "generate_stream"])
def test_recorded_refusals(server: Server, operation: str, model: str, body: str, status: int, sentence: str) -> None:
    answer = server.ask("POST", f"/v2/models/{model}/{operation}", body.encode())
    assert (answer.status, answer.json) == (status, {"error": sentence})
    assert answer.headers["content-type"] == "application/json"


def test_a_failure_of_the_model_has_status_400_and_the_form_of_the_answer(server: Server) -> None:
    answer = requests.post(
        f"http://127.0.0.1:{server.http_port}/v2/models/pick/generate", json={"index": 9}, timeout=15
    )
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/json")
    assert answer.json()["error"].startswith("onnx runtime error 2: ")
    answer = requests.post(answer.url + "_stream", json={"index": 9}, timeout=15)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/event-stream; charset=utf-8")
    assert re.fullmatch(r'data: \{"error":"onnx runtime error 2: .*"\}\n\n', answer.text)


def test_methods_versions_and_encodings(server: Server) -> None:
    for operation in ("generate", "generate_stream"):
        assert server.ask("GET", f"/v2/models/two/{operation}").status == 405
        assert server.ask("POST", f"/v2/models/two/versions/x/{operation}", b"{}").status == 404
        answer = exchange(server, f"/v2/models/two/versions/1/{operation}", f"{{{TWO}}}", "Accept-Encoding: gzip")
        assert f"{{{TWO_ANSWER}".encode() in answer
        refused = server.ask("POST", f"/v2/models/two/{operation}", b"{}", ("Content-Encoding: gzip",))
        assert refused.error == "Unsupported content-encoding, only 'identity' is supported."
        assert refused.status == 400


def test_generate_counts_as_inference(server: Server) -> None:
    def numbers() -> Any:
        return server.ask("GET", "/v2/models/auto/stats").json["model_stats"][0]

    before = numbers()
    exchange(server, "/v2/models/auto/generate", json.dumps({"x": [1] * 32}))
    after = numbers()
    assert after["inference_count"] == before["inference_count"] + 2
    assert after["inference_stats"]["success"]["count"] == before["inference_stats"]["success"]["count"] + 1


def test_a_client_that_goes_away_cancels_its_request(tmp_path: Path) -> None:
    config = 'backend: "onnxruntime" parameters { key: "execution" value { string_value: "thread" } }'
    write_model(tmp_path / "models", "slow", spinner(), config)
    with running(tmp_path / "models", directory=tmp_path) as server:

        def cancelled() -> float:
            text = ask(server.metrics_port, "GET", "/metrics").body.decode()
            family = parse_metrics(text)["nv_inference_request_failure"]
            return family.value(model="slow", version="1", reason="CANCELED")

        assert cancelled() == 0
        with server.connect() as connection:
            connection.send(request_bytes("POST", "/v2/models/slow/generate_stream", b'{"steps":500000}'))
        wait_for(lambda: cancelled() == 1, "the request is cancelled")
