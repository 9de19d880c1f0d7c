"""HTTP/1.1 as a real socket sees it: framing, order, connections, curl."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.support.http_client import CLOSED, Connection, infer_body, json_body, request_bytes
from tests.support.server import Server

INFER = "/v2/models/tiny/infer"
ROW = infer_body("x", [1, 16], "FP32", [0.0] * 16)
CHUNKED = "Transfer-Encoding: chunked"


def chunks(body: bytes, size: int) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def echo_request(size: int, *, headers: tuple[str, ...] = ()) -> tuple[bytes, bytes]:
    """A request to the UINT8 model in raw bytes, and those bytes."""
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    lines = ["Inference-Header-Content-Length: 0", *headers]
    return request_bytes("POST", "/v2/models/uint8/infer", data, headers=lines), data


def test_headers_of_an_answer(server: Server) -> None:
    with server.connect() as connection:
        answer = connection.ask(request_bytes("POST", INFER, ROW))
        assert dict(answer.headers) == {"content-type": "application/json", "content-length": str(len(answer.body))}
        assert (answer.status, answer.reason) == (200, "OK")
        request, data = echo_request(8)
        answer = connection.ask(request)
        assert list(answer.headers) == ["content-type", "inference-header-content-length", "content-length"]
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.binary == data


def test_many_requests_on_one_connection(server: Server) -> None:
    with server.connect() as connection:
        for index in range(300):
            body = infer_body("x", [1, 16], "FP32", [0.0] * 16, id=str(index))
            assert connection.ask(request_bytes("POST", INFER, body)).json["id"] == str(index)


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    requests = []
    for index in range(200):
        body = infer_body("x", [1, 16], "FP32", [0.0] * 16, id=str(index))
        requests += [request_bytes("POST", INFER, body), request_bytes("GET", "/v2/models/tiny")]
    with server.connect() as connection:
        connection.send(b"".join(requests))
        for index in range(200):
            assert connection.read_answer().json["id"] == str(index)
            assert connection.read_answer().json["name"] == "tiny"


@pytest.mark.parametrize("size", [0, 1, 4_000, 70_000, 1_000_000, 5_000_000])
def test_bodies_of_any_size(server: Server, size: int) -> None:
    request, data = echo_request(size)
    with server.connect() as connection:
        for _ in range(2):
            answer = connection.ask(request)
            assert (answer.status, answer.body[len(answer.body) - size :]) == (200, data)


@pytest.mark.parametrize("size", [1, 7, 1000, 100_000])
def test_bodies_in_chunks(server: Server, size: int) -> None:
    data = bytes(range(256)) * 80
    headers = [CHUNKED, "Inference-Header-Content-Length: 0"]
    request = request_bytes("POST", "/v2/models/uint8/infer", chunks(data, size), headers=headers)
    with server.connect() as connection:
        for _ in range(2):
            assert connection.ask(request).binary == data
        assert connection.ask(request_bytes("POST", INFER, ROW)).status == 200
        request, large = echo_request(500_000)
        assert connection.ask(request).binary == large


@pytest.mark.parametrize("step", [1, 13, 1000])
def test_a_request_in_small_pieces(server: Server, step: int) -> None:
    request = request_bytes("POST", INFER, ROW)
    with server.connect() as connection:
        for start in range(0, len(request), step):
            connection.send(request[start : start + step])
        assert connection.read_answer().status == 200


@pytest.mark.parametrize("size", [100, 1_000_000])
def test_a_client_that_waits_for_a_go(server: Server, size: int) -> None:
    request, data = echo_request(size, headers=("Expect: 100-continue",))
    with server.connect() as connection:
        for _ in range(2):
            connection.send(request[:-size])
            assert connection.read_answer().status == 100
            connection.send(request[-size:])
            assert connection.read_answer().binary == data


def test_http_1_0_and_close(server: Server) -> None:
    with server.connect() as connection:
        connection.send(request_bytes("GET", "/v2/health/live", version="1.0", headers=["Connection: keep-alive"]))
        assert connection.read_answer().headers["connection"] == "keep-alive"
        connection.send(request_bytes("POST", INFER, ROW, version="1.0"))
        answer = connection.read_answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert connection.is_closed()


def test_head_is_answered_without_a_body(server: Server) -> None:
    with server.connect() as connection:
        connection.send(request_bytes("HEAD", "/v2/health/ready"))
        assert connection.read_answer(head_only=True).status == 405
        assert connection.ask(request_bytes("GET", "/v2/health/ready")).status == 200


def test_what_follows_a_close_is_no_trouble(server: Server) -> None:
    with server.connect() as connection:
        connection.send(request_bytes("GET", "/v2", headers=["Connection: close"]) + b"x" * 200_000)
        assert connection.read_answer().status == 200
        assert connection.is_closed()
    assert "Traceback" not in server.log


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n", 400),
        (request_bytes("GET", "/" + "a" * 20_000), 431),
        (b"GET /" + b"a" * 20_000, 431),
        (request_bytes("POST", INFER, headers=["Content-Length: 5", CHUNKED]), 400),
        (request_bytes("POST", INFER, headers=["Content-Length: abc"]), 400),
        (request_bytes("POST", INFER, headers=["Content-Length: -1"]), 400),
        (request_bytes("POST", INFER, headers=["Content-Length: 99999999999"]), 400),
        (request_bytes("POST", INFER, b"zz\r\n", headers=[CHUNKED]), 400),
        (request_bytes("POST", INFER, b"ffffffff\r\n", headers=[CHUNKED]), 413),
        (
            request_bytes("POST", INFER, headers=["Content-Length: 2000000000", "Inference-Header-Content-Length: 9"]),
            413,
        ),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_cannot_be_served_is_refused_and_the_connection_closed(server: Server, data: bytes, status: int) -> None:
    with server.connect() as connection:
        answer = connection.ask(data)
        assert answer.status == status
        assert answer.headers["connection"] == "close"
        assert answer.error
        assert connection.is_closed()
    assert server.ask("GET", "/v2/health/live").status == 200


def test_a_client_that_hangs_up_at_once(server: Server) -> None:
    for data in (b"", b"GET", request_bytes("POST", INFER, ROW)[:-5], request_bytes("POST", INFER, ROW)):
        for _ in range(20):
            with server.connect() as connection:
                connection.send(data)
    assert server.ask("POST", INFER, ROW).status == 200
    assert "Traceback" not in server.log


def test_large_json(server: Server) -> None:
    values = np.arange(300_000, dtype=np.float32) / 7
    answer = server.ask("POST", "/v2/models/fp32/infer", infer_body("i0", [300_000], "FP32", values.tolist()))
    assert np.array(answer.json["outputs"][0]["data"], np.float32).tobytes() == values.tobytes()


class TestCurl:
    def curl(self, server: Server, path: str, *arguments: str) -> tuple[int, str]:
        command = ["curl", "--silent", "--show-error", "--http1.1", "--write-out", "\n%{http_code}", *arguments]
        process = subprocess.run(
            [*command, f"http://127.0.0.1:{server.http_port}{path}"],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
        body, _, status = process.stdout.rpartition("\n")
        return int(status), body

    def test_get(self, server: Server) -> None:
        status, body = self.curl(server, "/v2/models/tiny")
        assert (status, json.loads(body)["name"]) == (200, "tiny")

    @pytest.mark.parametrize("flags", [[], ["--header", CHUNKED], ["--header", "Expect: 100-continue"], ["--http2"]])
    def test_post(self, server: Server, flags: list[str], tmp_path: Path) -> None:
        (tmp_path / "body").write_bytes(ROW)
        status, body = self.curl(server, INFER, "--data-binary", f"@{tmp_path / 'body'}", *flags)
        assert (status, json.loads(body)["model_name"]) == (200, "tiny")

    @pytest.mark.parametrize("flags", [[], ["--header", CHUNKED], ["--http2", "--header", CHUNKED], ["--http1.0"]])
    def test_a_large_body(self, server: Server, flags: list[str], tmp_path: Path) -> None:
        data = bytes(range(256)) * 8_000
        (tmp_path / "body").write_bytes(data)
        flags = [*flags, "--data-binary", f"@{tmp_path / 'body'}", "--output", str(tmp_path / "answer")]
        status, _ = self.curl(
            server, "/v2/models/uint8/infer", "--header", "Inference-Header-Content-Length: 0", *flags
        )
        assert status == 200
        assert (tmp_path / "answer").read_bytes().endswith(data)

    def test_compressed(self, server: Server, tmp_path: Path) -> None:
        (tmp_path / "body").write_bytes(ROW)
        status, body = self.curl(server, INFER, "--compressed", "--data-binary", f"@{tmp_path / 'body'}")
        assert (status, json.loads(body)["model_name"]) == (200, "tiny")


def test_an_answer_is_not_lost_when_the_body_is_refused(server: Server) -> None:
    """A client that is still sending must get to read why it should not."""
    head = request_bytes("POST", INFER, headers=["Content-Length: 70000000"])
    with Connection(server.http_port) as connection:
        answer = connection.ask(head)
        assert answer is not CLOSED
        assert answer.error.startswith("request JSON size of 70000000 bytes exceeds the maximum allowed input size")


def test_index_bodies(server: Server) -> None:
    assert server.ask("POST", "/v2/repository/index", b'{"ready":1}').error == (
        "Invalid value for 'ready': expected a boolean"
    )
    names = {row["name"] for row in server.ask("POST", "/v2/repository/index", json_body({"ready": True})).json}
    assert {"tiny", "two", "auto"} <= names
