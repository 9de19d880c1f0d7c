"""Health checks: the server, its models, and watching them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest
from grpc_health.v1 import health_pb2

from naiad.protocol.protobuf_wire import MalformedError, skip_field
from naiad.server import grpc_health
from naiad.server.grpc_health import HealthMethods
from naiad.server.views import Views
from tests.support.grpc_call import FakeCall, fake_call

DEADLINE_S = 10.0
SERVING, NOT_SERVING = 1, 2


class State:
    """What is ready, to be changed by a test; stands for `Views`."""

    def __init__(self, *models: str) -> None:
        self.is_ready = True
        self.ready = set(models)
        self.engine = SimpleNamespace(knows=lambda name: name in models)

    def is_model_ready(self, name: str, version: str) -> bool:
        return name in self.ready

    def list_models(self) -> dict[str, list[str]]:
        return {"models": sorted(self.ready)}


def methods(state: State) -> HealthMethods:
    return HealthMethods(cast(Views, state))


def check(state: State, service: str) -> int:
    call, _ = fake_call()
    (data,) = methods(state).check(call, health_pb2.HealthCheckRequest(service=service).SerializeToString(), 5)
    status: int = health_pb2.HealthCheckResponse.FromString(bytes(data)).status
    return status


def test_the_server_whatever_it_is_called() -> None:
    state = State("m")
    for ready, status in ((True, SERVING), (False, NOT_SERVING)):
        state.is_ready = ready
        for service in ("", "inference.GRPCInferenceService", "nope"):
            assert check(state, service) == status


def test_a_model() -> None:
    state = State("m", "n")
    state.is_ready = False
    state.ready.remove("n")
    assert (check(state, "m"), check(state, "n")) == (SERVING, NOT_SERVING)


def test_all_of_them() -> None:
    call, _ = fake_call()
    (data,) = methods(State("m", "n")).list(call, b"", 5)
    found, position = {}, 0
    while position < len(data):
        number, _, begin, position = skip_field(data, position)
        assert number == 1
        _, _, key, key_end = skip_field(data, begin)
        _, _, value, value_end = skip_field(data, key_end)
        assert value_end == position
        found[bytes(data[key:key_end]).decode()] = health_pb2.HealthCheckResponse.FromString(
            bytes(data[value:value_end])
        ).status
    assert found == {"": SERVING, "m": SERVING, "n": SERVING}


def test_what_is_no_request() -> None:
    with pytest.raises(MalformedError):
        methods(State()).check(fake_call()[0], b"\xff", 5)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.001)


def told(call: FakeCall) -> list[int]:
    return [health_pb2.HealthCheckResponse.FromString(data).status for data in call.sent]


class TestWatch:
    @pytest.fixture(autouse=True)
    def often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(grpc_health, "_LOOK_AGAIN_S", 0.002)

    async def test_tells_of_changes_and_of_nothing_else(self) -> None:
        state = State("m")
        served = methods(state)
        watches = []
        for service in ("", "m"):
            call, fake = fake_call()
            watch = served.watch(call)
            watch.message(health_pb2.HealthCheckRequest(service=service).SerializeToString(), 5)
            watch.half_close()
            watches.append((watch, fake))
        (first, server), (second, model) = watches
        assert told(server) == told(model) == [SERVING]
        state.is_ready = False
        await until(lambda: told(server) == [SERVING, NOT_SERVING])
        assert told(model) == [SERVING]
        server.writable = False
        state.is_ready = True
        state.ready.clear()
        await until(lambda: told(model) == [SERVING, NOT_SERVING])
        assert told(server) == [SERVING, NOT_SERVING]
        server.writable = True
        await until(lambda: told(server) == [SERVING, NOT_SERVING, SERVING])
        first.cancel()
        served.stop()
        assert (server.is_finished, model.is_finished) == (False, True)
        second.look()
        await until(lambda: served._timer is None)

    async def test_without_a_request_ends(self) -> None:
        call, fake = fake_call()
        methods(State()).watch(call).half_close()
        assert fake.is_finished
