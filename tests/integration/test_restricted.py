"""Restricted APIs: every route of a category, every request, before its body (triton.md §1.1, §1.2)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from naiad.config.restricted_api import CATEGORIES
from tests.support.http_client import ask, infer_body, request_bytes
from tests.support.onnx_models import TINY_CONFIG, tiny, write_model
from tests.support.server import Server, fails_to_start, running

ROUTES = {
    "health": [
        ("GET", "/v2/health/live"),
        ("GET", "/v2/health/ready"),
        ("GET", "/v2/models/tiny/ready"),
        ("GET", "/v2/models/tiny/versions/1/ready"),
    ],
    "metadata": [
        ("GET", "/v2"),
        ("GET", "/v2/models"),
        ("GET", "/v2/models/tiny"),
        ("GET", "/v2/models/tiny/versions/1"),
    ],
    "inference": [
        ("POST", "/v2/models/tiny/infer"),
        ("POST", "/v2/models/tiny/versions/1/infer"),
        ("POST", "/v2/models/tiny/generate"),
        ("POST", "/v2/models/tiny/generate_stream"),
    ],
    "shared-memory": [
        ("GET", "/v2/systemsharedmemory/status"),
        ("GET", "/v2/systemsharedmemory/region/r/status"),
        ("POST", "/v2/systemsharedmemory/region/r/register"),
        ("POST", "/v2/systemsharedmemory/unregister"),
        ("GET", "/v2/cudasharedmemory/status"),
        ("POST", "/v2/cudasharedmemory/region/r/register"),
        ("POST", "/v2/cudasharedmemory/region/r/unregister"),
    ],
    "model-config": [("GET", "/v2/models/tiny/config"), ("GET", "/v2/models/tiny/versions/1/config")],
    "model-repository": [
        ("POST", "/v2/repository/index"),
        ("POST", "/v2/repository/some/index"),
        ("POST", "/v2/repository/models/tiny/load"),
        ("POST", "/v2/repository/models/nothing/unload"),
    ],
    "statistics": [("GET", "/v2/models/stats"), ("GET", "/v2/models/tiny/stats")],
    "logging": [("GET", "/v2/logging"), ("POST", "/v2/logging")],
}

CASES = [(category, *route) for category, routes in ROUTES.items() for route in routes]
ROW = infer_body("x", [1, 16], "FP32", [0.0] * 16)


def opening(category: str) -> str:
    """The header that opens a category of `server`."""
    return f"X-{category}: open {category}"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("restricted") / "models"
    write_model(path, "tiny", tiny(), TINY_CONFIG)
    return path


@pytest.fixture(scope="module")
def server(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Every category has a header of its own."""
    flags = [f"--http-restricted-api={category}:X-{category}=open {category}" for category in CATEGORIES]
    directory = tmp_path_factory.mktemp("server")
    with running(models, "--model-control-mode=explicit", "--load-model=tiny", *flags, directory=directory) as started:
        yield started


@pytest.mark.parametrize(("category", "method", "path"), CASES)
def test_only_its_own_header_opens_a_route(server: Server, category: str, method: str, path: str) -> None:
    refusal = {"error": f"This API is restricted, expecting header 'X-{category}'"}
    others = tuple(opening(other) for other in CATEGORIES if other != category)
    for headers in ((), others, (f"X-{category}:",), (f"X-{category}: open",), (f"X-{category}: Open {category}",)):
        answer = server.ask(method, path, b"{}" if method == "POST" else None, headers)
        assert (answer.status, answer.json) == (403, refusal)
        assert answer.headers["content-type"] == "application/json"
        assert "www-authenticate" not in answer.headers
    assert server.ask(method, path, b"{}" if method == "POST" else None, (opening(category),)).status != 403


@pytest.mark.parametrize(
    "path", ["/v2/health/live?x=1", "//v2/health/live", "/v2/health/live#x", "http://localhost/v2/health/live"]
)
def test_no_spelling_of_a_path_gets_around(server: Server, path: str) -> None:
    assert server.ask("GET", path).status == 403
    assert server.ask("GET", path, headers=(opening("health"),)).status == 200


def test_headers_names_have_no_case(server: Server) -> None:
    assert server.ask("GET", "/v2/health/live", headers=("x-HEALTH: open health",)).status == 200


def test_the_restriction_comes_before_the_method(server: Server) -> None:
    assert server.ask("POST", "/v2/health/live", b"").status == 403
    assert server.ask("POST", "/v2/health/live", b"", (opening("health"),)).status == 405


@pytest.mark.parametrize("path", ["/", "/v2/nothing", "/v2/health", "/v2/models/tiny/infer/x"])
def test_a_path_that_is_none_is_not_restricted(server: Server, path: str) -> None:
    assert server.ask("GET", path).status == 404


def test_every_request_of_a_connection_is_checked(server: Server) -> None:
    shut = request_bytes("POST", "/v2/models/tiny/infer", ROW)
    opened = request_bytes("POST", "/v2/models/tiny/infer", ROW, headers=[opening("inference")])
    with server.connect() as connection:
        statuses = [connection.ask(request).status for request in (opened, shut, opened, opened, shut, shut, opened)]
        assert statuses == [200, 403, 200, 200, 403, 403, 200]
        connection.send(opened + shut + opened)
        assert [connection.read_answer().status for _ in range(3)] == [200, 403, 200]


@pytest.mark.parametrize("framing", ["Content-Length: 60000000", "Transfer-Encoding: chunked"])
def test_a_body_is_not_waited_for(server: Server, framing: str) -> None:
    with server.connect() as connection:
        answer = connection.ask(request_bytes("POST", "/v2/models/tiny/infer", headers=[framing]))
        assert answer.status == 403
        assert connection.is_closed()


def test_metrics_are_not_restricted(server: Server) -> None:
    assert ask(server.metrics_port, "GET", "/metrics").status == 200


def test_tritons_client(server: Server) -> None:
    with triton.InferenceServerClient(f"127.0.0.1:{server.http_port}") as client:
        with pytest.raises(InferenceServerException, match="This API is restricted, expecting header 'X-statistics'"):
            client.get_inference_statistics()
        headers = {"X-statistics": "open statistics"}
        assert client.get_inference_statistics(headers=headers)["model_stats"][0]["name"] == "tiny"
        assert not client.is_server_live()
        assert client.is_server_live(headers={"X-health": "open health"})


def test_keys_and_headers(models: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"primaryKey": "one"}), encoding="utf-8")
    keys.chmod(0o600)
    flags = (f"--auth-keys={keys}", "--http-restricted-api=model-repository,logging:admin-key=a=b")
    with running(models, *flags, directory=tmp_path) as server:
        bearer, admin = "Authorization: Bearer one", "admin-key: a=b"
        for path in ("/v2/repository/index", "/v2/health/live"):
            method = "POST" if path.endswith("index") else "GET"
            statuses = [
                server.ask(method, path, b"" if method == "POST" else None, headers).status
                for headers in ((), (admin,), (bearer,), (bearer, admin))
            ]
            assert statuses == ([401, 401, 403, 200] if method == "POST" else [401, 401, 200, 200])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("health",), "--http-restricted-api is not <categories>:<header>=<value>"),
        (("heath:a=b",), "--http-restricted-api: unknown restricted api 'heath'"),
        (("health:a=b", "health:c=d"), "restricted api 'health' can not be specified in multiple config groups"),
    ],
)
def test_what_cannot_be(models: Path, tmp_path: Path, flags: tuple[str, ...], message: str) -> None:
    given = [f"--http-restricted-api={flag}" for flag in flags]
    status, log = fails_to_start(models, *given, directory=tmp_path)
    assert (status, log.splitlines()[0]) == (2, f"error: {message}")
