"""Ways for tensors to travel besides the plain body: shared memory and compression, with Triton's client."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.support.onnx_models import TINY_CONFIG, tiny, write_model
from tests.support.server import Server, running

ROWS = np.arange(32, dtype=np.float32).reshape(2, 16)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("transport")
    write_model(directory / "models", "tiny", tiny(), TINY_CONFIG)
    with running(directory / "models", "--allow-client-shm=true", directory=directory) as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.http_port}") as made:
        yield made
        made.unregister_system_shared_memory()


@pytest.fixture
def segments() -> Iterator[dict[str, Path]]:
    """An input segment with ROWS in it, and an output segment; by key."""
    paths = {f"/naiad_{name}_{os.getpid()}": Path(f"/dev/shm/naiad_{name}_{os.getpid()}") for name in ("in", "out")}
    source, target = paths.values()
    source.write_bytes(ROWS.tobytes())
    target.write_bytes(bytes(64))
    yield paths
    for path in paths.values():
        path.unlink(missing_ok=True)


def expected(client: Any) -> Any:
    tensor = triton.InferInput("x", [2, 16], "FP32")
    tensor.set_data_from_numpy(ROWS)
    return client.infer("tiny", [tensor]).as_numpy("y")


def test_tensors_in_shared_memory_both_ways(client: Any, segments: dict[str, Path]) -> None:
    in_key, out_key = segments
    client.register_system_shared_memory("in", in_key, 128)
    client.register_system_shared_memory("out", out_key, 48, offset=16)
    tensor = triton.InferInput("x", [2, 16], "FP32")
    tensor.set_shared_memory("in", 128)
    output = triton.InferRequestedOutput("y")
    output.set_shared_memory("out", 32, offset=8)
    answer = client.infer("tiny", [tensor], outputs=[output]).get_response()
    assert answer["outputs"] == [{"name": "y", "datatype": "FP32", "shape": [2, 4]}]
    written = np.frombuffer(segments[out_key].read_bytes()[24:56], np.float32).reshape(2, 4)
    assert np.array_equal(written, expected(client))
    assert client.get_system_shared_memory_status("in") == [
        {"name": "in", "key": in_key, "offset": 0, "byte_size": 128}
    ]


def test_spans_that_do_not_fit(client: Any, segments: dict[str, Path]) -> None:
    in_key, out_key = segments
    client.register_system_shared_memory("in", in_key, 128)
    client.register_system_shared_memory("out", out_key, 16)
    tensor = triton.InferInput("x", [2, 16], "FP32")
    tensor.set_shared_memory("in", 64)
    with pytest.raises(InferenceServerException, match="input byte size mismatch for input 'x'"):
        client.infer("tiny", [tensor])
    for byte_size, offset in ((128, 4), (129, 0), (1 << 62, 0)):
        tensor.set_shared_memory("in", byte_size, offset=offset)
        with pytest.raises(InferenceServerException, match=r"Invalid offset \+ byte size"):
            client.infer("tiny", [tensor])
    tensor = triton.InferInput("x", [2, 16], "FP32")
    tensor.set_shared_memory("in", 128)
    output = triton.InferRequestedOutput("y")
    output.set_shared_memory("out", 16)
    with pytest.raises(InferenceServerException, match="should be at least 32 bytes to hold the results"):
        client.infer("tiny", [tensor], outputs=[output])
    client.unregister_system_shared_memory("in")
    with pytest.raises(InferenceServerException, match="Unable to find shared memory region: 'in'"):
        client.infer("tiny", [tensor])


def test_a_segment_that_shrinks_does_not_stop_the_server(client: Any, segments: dict[str, Path]) -> None:
    in_key, _ = segments
    client.register_system_shared_memory("in", in_key, 128)
    os.truncate(segments[in_key], 10)
    tensor = triton.InferInput("x", [2, 16], "FP32")
    tensor.set_shared_memory("in", 128)
    with pytest.raises(InferenceServerException, match="Invalid offset"):
        client.infer("tiny", [tensor])
    assert client.is_server_live()


def test_cuda_regions_are_refused_as_on_a_cpu(server: Server) -> None:
    body = b'{"raw_handle":{"b64":"AAAA"},"device_id":0,"byte_size":1}'
    answer = server.ask("POST", "/v2/cudasharedmemory/region/g/register", body)
    assert (answer.status, json.loads(answer.body)["error"]) == (
        400,
        "failed to register CUDA shared memory region: 'g', GPUs not supported",
    )
    assert json.loads(server.ask("GET", "/v2/cudasharedmemory/status").body) == []


def test_a_system_region_is_no_cuda_region(server: Server, segments: dict[str, Path]) -> None:
    key, _ = segments
    registered = server.ask(
        "POST", "/v2/systemsharedmemory/region/r/register", json.dumps({"key": key, "byte_size": 8}).encode()
    )
    assert (registered.status, registered.body) == (200, b"")
    assert registered.headers["content-type"] == "application/json"
    answer = server.ask("GET", "/v2/cudasharedmemory/region/r/status")
    assert (answer.status, answer.error) == (
        404,
        "The region named 'r' is registered as system shared memory, not CUDA shared memory",
    )
    assert server.ask("POST", "/v2/systemsharedmemory/unregister").headers["content-type"] == "application/json"


def test_shared_memory_is_off_unless_allowed(tmp_path: Path) -> None:
    write_model(tmp_path / "models", "tiny", tiny())
    with running(tmp_path / "models", directory=tmp_path) as started:
        for verb in ("region/r/register", "unregister"):
            answer = started.ask("POST", f"/v2/systemsharedmemory/{verb}", b"{}")
            assert answer.status == 501
            assert json.loads(answer.body)["error"].startswith("Client shared memory is disabled.")
        assert json.loads(started.ask("GET", "/v2/systemsharedmemory/status").body) == []


@pytest.mark.parametrize("sent", [None, "gzip", "deflate"])
@pytest.mark.parametrize("wanted", [None, "gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_compression_both_ways(client: Any, sent: str | None, wanted: str | None, binary: bool) -> None:
    tensor = triton.InferInput("x", [2, 16], "FP32")
    output = triton.InferRequestedOutput("y", binary_data=binary)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensor.set_data_from_numpy(ROWS, binary_data=binary)
    answer = client.infer(
        "tiny",
        [tensor],
        outputs=[output],
        request_compression_algorithm=sent,
        response_compression_algorithm=wanted,
    )
    assert np.allclose(answer.as_numpy("y"), expected(client))


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    import zlib

    write_model(tmp_path / "models", "tiny", tiny())
    with running(tmp_path / "models", "--http-max-input-size=100000", directory=tmp_path) as started:
        body = zlib.compress(b" " * 50_000_000)
        answer = started.ask("POST", "/v2/models/tiny/infer", body, headers=("Content-Encoding: deflate",))
        assert answer.status == 400
        assert json.loads(answer.body)["error"].startswith("Decompressed data size exceeds")
