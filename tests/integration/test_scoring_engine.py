"""Entry scripts that call the engine of their service at `localhost:8000`, whatever its port is."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.scoring import Host, running, write_script
from tests.support.server import Server
from tests.support.server import running as serving

SYNCHRONOUS = """
    import json
    import numpy as np
    import tritonclient.grpc
    import tritonhttpclient

    def init():
        global clients
        clients = {
            "http": (tritonhttpclient, tritonhttpclient.InferenceServerClient(url="localhost:8000")),
            "grpc": (tritonclient.grpc, tritonclient.grpc.InferenceServerClient("localhost:8001")),
        }

    def run(data):
        wanted = json.loads(data)
        module, client = clients[wanted["by"]]
        values = np.array(wanted["values"], np.float32)
        given = module.InferInput("i0", list(values.shape), "FP32")
        given.set_data_from_numpy(values)
        return client.infer("fp32", [given]).as_numpy("o0").tolist()
"""
ASYNCHRONOUS = """
    import json
    import numpy as np
    import tritonclient.http.aio as triton

    async def init():
        global client
        client = triton.InferenceServerClient("127.0.0.1:8000", conn_limit=50)

    async def run(data):
        values = np.array(json.loads(data), np.float32)
        given = triton.InferInput("i0", list(values.shape), "FP32")
        given.set_data_from_numpy(values)
        return (await client.infer("fp32", [given])).as_numpy("o0").tolist()
"""


def environment(engine: Server) -> dict[str, str]:
    return {
        "NAIAD_ENGINE_URL": f"127.0.0.1:{engine.http_port}",
        "NAIAD_ENGINE_GRPC_URL": f"127.0.0.1:{engine.grpc_port}",
    }


@pytest.fixture(scope="module")
def synchronous(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    directory = tmp_path_factory.mktemp("synchronous")
    script = write_script(directory, SYNCHRONOUS)
    with running(script, "--worker-count=2", directory=directory, environment=environment(server)) as host:
        yield host


@pytest.mark.parametrize("by", ["http", "grpc"])
def test_the_engine_answers(synchronous: Host, by: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: synchronous.score({"by": by, "values": [number, 0.5]}), range(40)))
    assert [answer.json for answer in answers] == [[number, 0.5] for number in range(40)]


def test_where_the_engine_is_stands_in_the_log(synchronous: Host, server: Server) -> None:
    synchronous.score({"by": "http", "values": [1]})
    line = f"localhost:8000 is this service's engine, which listens on 127.0.0.1:{server.http_port}"
    assert line in synchronous.log


def test_an_async_script_waits_for_many_inferences_at_once(server: Server, tmp_path: Path) -> None:
    script = write_script(tmp_path, ASYNCHRONOUS)
    with running(script, directory=tmp_path, environment=environment(server)) as host, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: host.score([number, 2]), range(64)))
        assert [answer.json for answer in answers] == [[number, 2] for number in range(64)]


def test_two_services_do_not_meet(synchronous: Host, many_models: Path, tmp_path: Path) -> None:
    only_bytes = tmp_path / "models"
    only_bytes.mkdir()
    (only_bytes / "bytes").symlink_to(many_models / "bytes")
    script = write_script(tmp_path, SYNCHRONOUS)
    with (
        serving(only_bytes, directory=tmp_path / "engine") as engine,
        running(script, directory=tmp_path / "host", environment=environment(engine)) as host,
    ):
        assert host.score({"by": "http", "values": [1]}).status == 500
        host.wait_for_log("fp32")
        assert synchronous.score({"by": "http", "values": [1]}).status == 200
