"""The entry-script host over its socket: routes, headers, time-outs, streams, limits, the log."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.http_client import Answer, request_bytes
from tests.support.scoring import Host, running, write_script
from tests.support.waiting import wait_for

SCRIPT = """
    import asyncio, hashlib, json, multiprocessing, os, signal, sys, time
    from pathlib import Path
    from azureml.contrib.services.aml_response import AMLResponse

    def init():
        print("init speaks")
        print("to stderr", file=sys.stderr)

    def pieces(wanted):
        try:
            for number in range(wanted["count"]):
                if number == wanted.get("fails_at"):
                    raise ValueError("no more")
                yield bytes([65 + number % 26]) * wanted["size"]
        finally:
            print("generator closed")

    def run(data):
        wanted = json.loads(data)
        do = wanted.pop("do", None)
        if do == "sleep":
            time.sleep(wanted["s"])
        elif do == "spin":
            until = time.monotonic() + wanted["s"]
            while time.monotonic() < until:
                pass
        elif do == "c":
            hashlib.pbkdf2_hmac("sha256", b"a", b"b", wanted["rounds"])
        elif do == "raise":
            raise RuntimeError("the script's own words")
        elif do == "stubborn":
            for _ in range(2):
                try:
                    time.sleep(wanted["s"])
                except BaseException:
                    print("swallowed")
        elif do == "stream":
            return AMLResponse(pieces(wanted), 200)
        elif do == "headers":
            return AMLResponse("x", 200, wanted["headers"])
        elif do == "pool":
            with multiprocessing.get_context("fork").Pool(2) as pool:
                wanted["mapped"] = pool.map(abs, wanted["values"])
        elif do == "asyncio":
            asyncio.run(asyncio.sleep(0.01))
        elif do == "alarm":
            def ring(*_):
                raise ValueError("own alarm")
            old = signal.signal(signal.SIGALRM, ring)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            try:
                time.sleep(10)
            except ValueError as error:
                wanted["raised"] = str(error)
            finally:
                signal.signal(signal.SIGALRM, old)
        elif do == "print":
            print(*wanted["values"], sep="-")
        return {"pid": os.getpid(), "model": os.environ.get("AZUREML_MODEL_DIR"), **wanted}
"""
ORIGIN = "Origin: https://page.example"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host whose run() may take 700 ms."""
    directory = tmp_path_factory.mktemp("host")
    script = write_script(directory, SCRIPT)
    flags = ("--access_control_allow_origins", "https://page.example, https://other.example", "--model_dir", "models")
    limits = ("--max-body-size=100000",)
    with running(script, *flags, *limits, directory=directory, environment={"SCORING_TIMEOUT_MS": "700"}) as started:
        yield started


class Meanwhile:
    """A request that is made in a thread while the test goes on."""

    def __init__(self, host: Host, document: object) -> None:
        self.answers: list[Answer] = []
        self._thread = threading.Thread(target=lambda: self.answers.append(host.score(document)))
        self._thread.start()

    def answer(self) -> Answer:
        self._thread.join(30)
        return self.answers[0]


def test_a_score_has_the_headers_of_the_contract(host: Host) -> None:
    answer = host.score({"a": 1})
    assert answer.status == 200
    assert answer.json["a"] == 1
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-ms-run-function-failed"] == "False"
    assert re.fullmatch(r"\d+\.\d{3}", answer.headers["x-ms-run-fn-exec-ms"])
    assert re.fullmatch(r"naiad/\d+\.\d+\.\d+", answer.headers["x-ms-server-version"])
    assert UUID(answer.headers["x-request-id"]).version == 4
    assert answer.headers["x-ms-request-id"] == answer.headers["x-request-id"]
    assert "x-ms-client-request-id" not in answer.headers


def test_every_request_has_an_id_of_its_own(host: Host) -> None:
    with host.connect() as connection:
        request = request_bytes("POST", "/score", b"{}")
        ids = {connection.ask(request).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("sent", "request_id", "legacy_id", "client_id"),
    [
        (("x-request-id: r",), "r", "r", None),
        (("x-ms-client-request-id: c",), None, "c", "c"),
        (("x-ms-request-id: m",), None, "m", "m"),
        (("x-request-id: r", "x-ms-request-id: m", "x-ms-client-request-id: c"), "r", "m", "c"),
        (("x-request-id: " + "r" * 100,), "r" * 100, "r" * 100, None),
    ],
)
def test_ids_of_the_request_come_back(
    host: Host, sent: tuple[str, ...], request_id: str | None, legacy_id: str, client_id: str | None
) -> None:
    headers = host.score({}, (*sent, "TraceId: t-1")).headers
    if request_id is not None:
        assert headers["x-request-id"] == request_id
    assert headers["x-ms-request-id"] == legacy_id
    assert headers.get("x-ms-client-request-id") == client_id
    assert headers["traceid"] == "t-1"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("x-request-id", "x-request-id must not exceed 100 characters"),
        ("x-ms-request-id", "x-ms-request-id and x-ms-client-request-id must not exceed 100 characters"),
        ("x-ms-client-request-id", "x-ms-request-id and x-ms-client-request-id must not exceed 100 characters"),
    ],
)
def test_a_long_id_is_refused(host: Host, header: str, message: str) -> None:
    answer = host.score({}, (f"{header}: {'x' * 101}",))
    assert (answer.status, answer.json) == (431, {"message": message})


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/", 200, b"Healthy"),
        ("POST", "/", 405, None),
        ("GET", "/nothing", 404, None),
        ("GET", "/score/", 404, None),
        ("DELETE", "/score", 405, None),
        ("OPTIONS", "/score", 200, b""),
        ("OPTIONS", "/", 200, b""),
        ("GET", "/swagger.json?version=9", 404, None),
        ("GET", "/swagger.json", 200, None),
        ("GET", "/swagger.json?version=3.1", 200, None),
        ("GET", "//score", 200, None),
    ],
)
def test_routes(host: Host, method: str, path: str, status: int, body: bytes | None) -> None:
    answer = host.ask(method, path)
    assert answer.status == status
    if body is not None:
        assert answer.body == body
    if status >= 400:
        assert list(answer.json) == ["message"]
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-ms-run-function-failed"] == "False"


def test_the_query_is_the_input_of_a_get(host: Host) -> None:
    answer = host.ask("GET", "/score?a=1&b=x")
    assert (answer.json["a"], answer.json["b"]) == (1, "x")


def test_the_model_folder_is_absolute(host: Host) -> None:
    assert host.score({}).json["model"] == str(host.log_path.parent / "models")


@pytest.mark.parametrize("path", ["/score", "/"])
def test_pages_of_the_named_origins_may_call(host: Host, path: str) -> None:
    answer = host.ask("GET", path, headers=(ORIGIN,))
    assert answer.headers["access-control-allow-origin"] == "https://page.example"
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in host.ask("GET", path, headers=("Origin: https://evil.example",)).headers
    assert "access-control-allow-origin" not in host.ask("GET", path).headers


def test_a_preflight_is_told_what_is_allowed(host: Host) -> None:
    asked = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: x-a, content-type")
    answer = host.ask("OPTIONS", "/score", headers=(ORIGIN, *asked))
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["access-control-allow-methods"] == "GET, POST"
    assert answer.headers["access-control-allow-headers"] == "x-a, content-type"


@pytest.mark.parametrize("do", [{"do": "sleep", "s": 20}, {"do": "spin", "s": 20}])
def test_a_run_that_takes_too_long_is_answered_and_ended(host: Host, do: dict[str, object]) -> None:
    began = time.monotonic()
    answer = host.score(do)
    assert (answer.status, answer.json) == (500, {"message": "Scoring timeout after 700 ms"})
    assert answer.headers["x-ms-run-function-failed"] == "True"
    assert host.score({}).status == 200, "the script's thread is free again"
    assert 0.7 <= time.monotonic() - began < 10


def test_a_client_is_answered_in_time_although_c_code_does_not_return(host: Host) -> None:
    began = time.monotonic()
    host.score({"do": "c", "rounds": 100_000})
    rounds = int(100_000 * 2 / (time.monotonic() - began))
    began = time.monotonic()
    answer = host.score({"do": "c", "rounds": rounds})
    answered_s = time.monotonic() - began
    assert answer.json == {"message": "Scoring timeout after 700 ms"}
    assert host.score({}).status == 200
    assert answered_s < time.monotonic() - began, "the answer did not wait for the end of run()"


def test_a_script_that_swallows_the_timeout_is_interrupted_again(host: Host) -> None:
    began = time.monotonic()
    assert host.score({"do": "stubborn", "s": 30}).status == 500
    assert host.score({}).status in (200, 500)
    assert time.monotonic() - began < 20
    host.wait_for_log("azmlinfsrv.print - swallowed", count=2)


def test_probes_and_documents_are_answered_while_the_script_runs(host: Host) -> None:
    slow = Meanwhile(host, {"do": "sleep", "s": 0.3})
    with host.connect() as connection:
        for path in ("/", "/swagger.json", "/nothing"):
            connection.ask(request_bytes("GET", path))
    assert not slow.answers
    assert slow.answer().status == 200


def test_a_script_may_fork_and_end_its_children(host: Host) -> None:
    before = host.score({}).json["pid"]
    # A machine that has other things to do may take longer than run() may.
    mapped = wait_for(lambda: host.score({"do": "pool", "values": [-1, 2]}).json.get("mapped"), "the pool's result")
    assert mapped == [1, 2]
    assert host.score({}).json["pid"] == before
    assert "Worker exiting" not in host.log


def test_a_script_may_use_the_main_thread_as_its_own(host: Host) -> None:
    assert host.score({"do": "asyncio"}).status == 200
    assert host.score({"do": "alarm"}).json["raised"] == "own alarm"
    assert host.score({"do": "sleep", "s": 10}).json == {"message": "Scoring timeout after 700 ms"}


def test_run_raising_is_500_and_the_reason_stays_in_the_log(host: Host) -> None:
    answer = host.score({"do": "raise"})
    assert answer.status == 500
    assert answer.json == {"message": "An unexpected error occurred in scoring script. Check the logs for more info."}
    assert answer.headers["x-ms-run-function-failed"] == "True"
    assert b"own words" not in answer.body
    host.wait_for_log("RuntimeError: the script's own words")


def read_chunks(host: Host, document: bytes, *, version: str = "1.1") -> bytes:
    with host.connect() as connection:
        connection.send(request_bytes("POST", "/score", document, version=version, headers=("Connection: close",)))
        received = b""
        while piece := connection.socket.recv(1 << 16):
            received += piece
    return received


def test_a_generator_streams(host: Host) -> None:
    received = read_chunks(host, b'{"do": "stream", "count": 3, "size": 2}')
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert b"x-request-id: " in head
    assert body == b"2\r\nAA\r\n2\r\nBB\r\n2\r\nCC\r\n0\r\n\r\n"
    host.wait_for_log("POST /score 200 ")
    wait_for(lambda: re.search(r"POST /score 200 [\d.]+ms N/A", host.log), "the stream's line in the log")


def test_a_client_of_http_1_0_gets_a_stream_that_ends_with_the_connection(host: Host) -> None:
    head, _, body = read_chunks(host, b'{"do": "stream", "count": 2, "size": 2}', version="1.0").partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body == b"AABB"


def test_a_stream_that_fails_is_broken_off(host: Host) -> None:
    try:
        received = read_chunks(host, b'{"do": "stream", "count": 9, "size": 2, "fails_at": 2}')
    except ConnectionResetError:
        received = b""
    assert not received.endswith(b"0\r\n\r\n")
    assert host.score({}).status == 200


def test_a_stream_waits_for_its_reader_and_ends_with_it(host: Host) -> None:
    closed = host.log.count("generator closed")
    with host.connect() as connection:
        connection.send(request_bytes("POST", "/score", b'{"do": "stream", "count": 100000, "size": 100000}'))
        connection.socket.recv(100)
        assert host.ask("GET", "/").status == 200
    host.wait_for_log("generator closed", count=closed + 1)
    assert host.score({}).status == 200


def test_a_script_cannot_smuggle_headers(host: Host) -> None:
    answer = host.score({"do": "headers", "headers": {"x-own": "1", "X-Request-ID": "mine", "x-tail": "ä"}})
    assert answer.headers["x-own"] == "1"
    assert answer.headers["x-tail"] == "ä"
    assert UUID(answer.headers["x-request-id"]).version == 4


def test_a_large_body_is_refused_before_it_is_sent(host: Host) -> None:
    with host.connect() as connection:
        connection.send(b"POST /score HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n")
        answer = connection.read_answer()
    message = "The request's body is larger than the 100000 bytes that are allowed."
    assert (answer.status, answer.json) == (413, {"message": message})
    assert host.ask("POST", "/score", b'{"a": "' + b"x" * 99_000 + b'"}').status == 200


def test_a_large_body_in_chunks_is_refused(host: Host) -> None:
    with host.connect() as connection:
        connection.send(b"POST /score HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186A1\r\n")
        assert connection.read_answer().status == 413


def test_what_is_no_http_is_refused_with_a_message(host: Host) -> None:
    with host.connect() as connection:
        answer = connection.ask(b"NONSENSE\r\n\r\n")
    assert answer.status == 400
    assert answer.json["message"].startswith("malformed HTTP request")


def test_prints_and_requests_are_lines_of_the_log(host: Host) -> None:
    host.score({"do": "print", "values": ["two", "words"]})
    host.ask("GET", "/score?a=1")
    host.wait_for_log("GET /score?a=1 200")
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
    assert re.search(rf"^{stamp} I \[\d+\] azmlinfsrv.print - two-words$", host.log, re.MULTILINE)
    assert re.search(
        rf"^{stamp} I \[\d+\] azmlinfsrv - GET /score\?a=1 200 \d+\.\d{{3}}ms \d+$", host.log, re.MULTILINE
    )
    assert "azmlinfsrv.print - init speaks" in host.log
    assert re.search("^to stderr$", host.log, re.MULTILINE)
    assert "GET / 200" not in host.log


def test_the_start_is_told(host: Host) -> None:
    for line in (
        f"Entry Script Name: {host.log_path.parent / 'score.py'}",
        "Worker Count: 1",
        f"Server Port: {host.port}",
        f"Liveness Probe: GET   127.0.0.1:{host.port}/",
        f"Score:          POST  127.0.0.1:{host.port}/score",
        "Enabling CORS for the following origins: https://page.example, https://other.example",
        "Scoring timeout is set to 700",
    ):
        assert line in host.log
    assert re.search(r"Worker with pid \d+ ready for serving traffic", host.log)


def test_http_2_is_spoken_on_the_same_port(host: Host, tmp_path: Path) -> None:
    import shutil
    import subprocess

    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    url = f"http://127.0.0.1:{host.port}/score?c=3"
    done = subprocess.run(
        [curl, "-s", "-i", "--http2-prior-knowledge", "-H", "X-Own: 1", url], capture_output=True, text=True, check=True
    )
    if "HTTP/2" not in done.stdout.splitlines()[0]:
        pytest.skip("this curl does not speak HTTP/2")
    assert '"c": 3' in done.stdout
    assert "x-request-id: " in done.stdout
