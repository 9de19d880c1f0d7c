"""Trace settings by request, and what a connection and a scheduler note about a traced request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import uvloop

from naiad.config.trace_config import TraceSettings
from naiad.engine.dynamic_batcher import BatchingPolicy, DynamicBatcher
from naiad.engine.engine import Engine
from naiad.engine.execution import Executor
from naiad.engine.model import Model
from naiad.engine.pace import ALWAYS_NS, NEVER_NS, Pace
from naiad.engine.scheduler import Scheduler
from naiad.engine.shared_memory import SharedMemory
from naiad.engine.tracing import Tracing
from naiad.errors import InternalError, InvalidArgumentError, UnsupportedError
from naiad.server.exchange import Exchange
from naiad.server.generate_route import GenerateRoute
from naiad.server.http1 import HttpConnection
from naiad.server.http_server import HttpServer, Limits
from naiad.server.http_views import HttpViews
from naiad.server.infer_route import InferRoute
from naiad.server.request_head import RequestHead
from naiad.server.trace_views import TraceViews
from naiad.server.views import Views
from tests.support.engine import GatedRuntime, idle_model, spec
from tests.support.http_client import infer_body, request_bytes
from tests.support.transport import FakeTransport, connect

DEADLINE_S = 10.0
BEFORE = ["HTTP_RECV_START", "HTTP_RECV_END", "REQUEST_START", "QUEUE_START"]
COMPUTED = ["COMPUTE_START", "COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START"]
AFTER = ["INFER_RESPONSE_COMPLETE", "COMPUTE_END", "REQUEST_END", "HTTP_SEND_START", "HTTP_SEND_END"]
FAILED = [*BEFORE, "COMPUTE_START", "REQUEST_END", "HTTP_SEND_START", "HTTP_SEND_END"]
DEFAULTS = {
    "trace_level": ["OFF"],
    "trace_rate": "1000",
    "trace_count": "-1",
    "log_frequency": "0",
    "trace_file": "t.json",
    "trace_mode": "triton",
}


def views(path: str = "t.json") -> HttpViews:
    engine = cast(Engine, SimpleNamespace(ready_versions=lambda name: ["1"] if name == "m" else []))
    return HttpViews(cast(Views, SimpleNamespace(trace=TraceViews(Tracing(TraceSettings(), path), engine))))


class TestSettings:
    def test_of_the_server_and_of_a_model(self) -> None:
        made = views()
        assert json.loads(made.trace_settings("", "", b"").body) == DEFAULTS
        changed = {**DEFAULTS, "trace_rate": "5"}
        assert json.loads(made.update_trace("m", "", b'{"trace_rate":"5"}').body) == changed
        assert json.loads(made.trace_settings("m", "", b"").body) == changed
        assert json.loads(made.trace_settings("", "", b"").body) == DEFAULTS
        assert json.loads(made.update_trace("", "", b'{"trace_level":["TENSORS"]}').body)["trace_level"] == ["TENSORS"]
        assert json.loads(made.trace_settings("m", "", b"").body) == {**changed, "trace_level": ["TENSORS"]}

    def test_of_a_model_that_there_is_not(self) -> None:
        for call in (views().trace_settings, views().update_trace):
            with pytest.raises(InvalidArgumentError, match=r"^Request for unknown model : nope$"):
                call("nope", "", b"{}")

    def test_that_cannot_be(self) -> None:
        made = views("")
        with pytest.raises(InvalidArgumentError, match="trace file name is not given"):
            made.update_trace("", "", b'{"trace_level":["TIMESTAMPS"]}')
        with pytest.raises(UnsupportedError):
            made.update_trace("", "", b'{"trace_rate":"5","trace_file":"x"}')
        with pytest.raises(InternalError):
            made.update_trace("", "", b"")
        assert json.loads(made.trace_settings("", "", b"").body) == {**DEFAULTS, "trace_file": ""}


class Traced:
    """A connection to a server whose model `m` (x FP32[2] → y FP32[2], batched) traces every request.

    Attributes:
        runtime: gives back what it gets.
    """

    def __init__(self, path: Path, *, inline: bool = True) -> None:
        specs = [spec("x")]
        self.runtime = GatedRuntime()
        self.model: Model = idle_model(specs, [spec("y")])
        self.model.scheduler = Scheduler(
            asyncio.get_running_loop(),
            batcher=DynamicBatcher(BatchingPolicy(max_batch_size=8, merges=True)),
            executor=Executor(specs, specs, batched=True, execute=self.runtime),
            instances=["m_0"],
            pace=Pace(ALWAYS_NS if inline else NEVER_NS),
            statistics=self.model.statistics,
            preserve_ordering=False,
        )
        self._path = path
        self._tracing = Tracing(TraceSettings(frozenset({"TIMESTAMPS"}), rate=1), str(path))
        self._tracing.attach(self.model)
        engine = cast(Engine, SimpleNamespace(model=lambda name, version: self.model))

        def handle(connection: Exchange, head: RequestHead, body: bytes | memoryview, arrived_ns: int) -> None:
            if head.path == b"/infer":
                InferRoute(engine, "m", "", head, max_input_bytes=1 << 20, shared=SharedMemory())(
                    connection, body, arrived_ns
                )
            else:
                GenerateRoute(engine, "m", "", head, streams=True, max_input_bytes=1 << 20)(
                    connection, body, arrived_ns
                )

        self.server = HttpServer(handle, limits=Limits())

    def connect(self) -> tuple[HttpConnection, FakeTransport]:
        return connect(self.server)

    async def finish(self) -> list[dict[str, int]]:
        """End everything; the moments of each trace, by name."""
        await self.model.scheduler.stop()
        assert self.model.scheduler.traced == 0
        self._tracing.close()
        traces: dict[int, dict[str, int]] = {}
        for event in json.loads(self._path.read_text(encoding="utf-8")):
            moments = traces.setdefault(event["id"], {})
            moments.update({stamp["name"]: stamp["ns"] for stamp in event.get("timestamps", ())})
        return list(traces.values())


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.001)


INFER = request_bytes("POST", "/infer", infer_body("x", [1, 2], "FP32", [1, 2]))
GENERATE = request_bytes("POST", "/generate", b'{"x":[1,2]}')


class TestOneRequest:
    @pytest.mark.parametrize("request_text", [INFER, GENERATE])
    @pytest.mark.parametrize("inline", [True, False])
    def test_that_is_answered(self, tmp_path: Path, request_text: bytes, *, inline: bool) -> None:
        async def test() -> None:
            traced = Traced(tmp_path / "t.json", inline=inline)
            _, transport = traced.connect()
            transport.deliver(request_text)
            await until(lambda: transport.written)
            assert b"[1.0,2.0]" in transport.take()
            (moments,) = await traced.finish()
            assert list(moments) == BEFORE + COMPUTED + AFTER
            assert list(moments.values()) == sorted(moments.values())

        self.run(test)

    def test_that_comes_in_pieces(self, tmp_path: Path) -> None:
        async def test() -> None:
            traced = Traced(tmp_path / "t.json")
            _, transport = traced.connect()
            for piece in (INFER[:20], INFER[20:-5], INFER[-5:], INFER):
                transport.deliver(piece)
                await asyncio.sleep(0)
            await until(lambda: transport.written.count(b"HTTP/1.1 200 OK") == 2)
            pieces, whole = await traced.finish()
            assert pieces["HTTP_RECV_START"] < pieces["HTTP_RECV_END"] <= pieces["REQUEST_START"]
            assert whole["HTTP_RECV_START"] == whole["HTTP_RECV_END"]

        self.run(test)

    def test_that_fails(self, tmp_path: Path) -> None:
        async def test() -> None:
            traced = Traced(tmp_path / "t.json")
            traced.runtime.error = InternalError("it broke")
            _, transport = traced.connect()
            transport.deliver(INFER)
            await until(lambda: transport.written)
            assert b"it broke" in transport.take()
            (moments,) = await traced.finish()
            assert list(moments) == FAILED

        self.run(test)

    def test_whose_client_goes_away(self, tmp_path: Path) -> None:
        async def test() -> None:
            traced = Traced(tmp_path / "t.json", inline=False)
            connection, transport = traced.connect()
            traced.runtime.gate.clear()
            transport.deliver(INFER)
            await until(lambda: traced.runtime.batches)
            connection.connection_lost(None)
            traced.runtime.gate.set()
            (moments,) = await traced.finish()
            assert list(moments) == [*BEFORE, "REQUEST_END"]
            assert not transport.written

        self.run(test)

    def test_among_others_in_a_batch(self, tmp_path: Path) -> None:
        async def test() -> None:
            traced = Traced(tmp_path / "t.json")
            transports = [traced.connect()[1] for _ in range(3)]
            for transport in transports:
                transport.deliver(INFER)
            await until(lambda: all(transport.written for transport in transports))
            traces = await traced.finish()
            assert [list(moments) for moments in traces] == [BEFORE + COMPUTED + AFTER] * 3
            assert len({moments["COMPUTE_START"] for moments in traces}) == 1

        self.run(test)

    def run(self, test: Callable[[], Any]) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(asyncio.wait_for(test(), DEADLINE_S))
