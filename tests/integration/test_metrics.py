"""The metrics port of a real server."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.http_client import Answer, Connection, infer_body, request_bytes
from tests.support.onnx_models import TINY_CONFIG, picker, tiny, write_model
from tests.support.prometheus import Family, parse_metrics
from tests.support.server import Server, running

TINY = infer_body("x", [2, 16], "FP32", [0.0] * 32)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("metrics")
    write_model(directory / "models", "tiny", tiny(), TINY_CONFIG + 'metric_tags { key: "team" value: "a\\"b" }\n')
    write_model(directory / "models", "pick", picker())
    with running(directory / "models", directory=directory) as started:
        yield started


def ask(server: Server, method: str = "GET", path: str = "/metrics") -> Answer:
    with Connection(server.metrics_port) as connection:
        return connection.ask(request_bytes(method, path))


def scrape(server: Server) -> dict[str, Family]:
    answer = ask(server)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    return parse_metrics(answer.body.decode())


def test_counters_count(measured: Server) -> None:
    def read() -> tuple[float, ...]:
        families = scrape(measured)
        labels = {"model": "tiny", "version": "1", "_team": 'a"b'}
        names = ("nv_inference_request_success", "nv_inference_count", "nv_inference_exec_count")
        return tuple(families[name].value(**labels) for name in names)

    before = read()
    for _ in range(3):
        assert measured.ask("POST", "/v2/models/tiny/infer", TINY).status == 200
    assert tuple(after - past for after, past in zip(read(), before, strict=True)) == (3, 6, 3)


def test_failures_count_by_their_reason(measured: Server) -> None:
    def failures(reason: str) -> float:
        families = scrape(measured)
        return families["nv_inference_request_failure"].value(model="pick", version="1", reason=reason)

    before = failures("BACKEND")
    body = infer_body("index", [1, 1], "INT64", [9])
    assert measured.ask("POST", "/v2/models/pick/infer", body).status == 500
    assert failures("BACKEND") == before + 1
    assert failures("CANCELED") == 0


def test_counters_agree_with_statistics(measured: Server) -> None:
    (statistics,) = measured.ask("GET", "/v2/models/tiny/stats").json["model_stats"]
    families = scrape(measured)
    labels = {"model": "tiny", "version": "1", "_team": 'a"b'}
    assert families["nv_inference_count"].value(**labels) == statistics["inference_count"]
    assert families["nv_inference_request_duration_us"].value(**labels) == (
        statistics["inference_stats"]["success"]["ns"] // 1000
    )


def test_scrapes_under_load_are_whole_and_never_go_back(measured: Server) -> None:
    def load() -> None:
        with measured.connect() as connection:
            for _ in range(200):
                assert connection.ask(request_bytes("POST", "/v2/models/tiny/infer", TINY)).status == 200

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running_load = [pool.submit(load) for _ in range(4)]
        last: dict[str, Family] = {}
        while not all(task.done() for task in running_load):
            families = scrape(measured)
            for name, family in families.items():
                for labels, value in family.samples.items() if family.kind == "counter" else ():
                    assert value >= last.get(name, family).samples[labels]
            last = families
        for task in running_load:
            task.result()


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/metrics", 405), ("GET", "/v2/health/live", 404)])
def test_there_is_nothing_else_on_the_port(measured: Server, method: str, path: str, status: int) -> None:
    assert ask(measured, method, path).status == status


def test_the_port_may_be_off(measured: Server, tmp_path: Path) -> None:
    write_model(tmp_path / "models", "tiny", tiny(), TINY_CONFIG)
    with running(tmp_path / "models", "--allow-metrics=false", directory=tmp_path) as server:
        assert server.metrics_port == 0
        assert server.ask("GET", "/metrics").status == 404
