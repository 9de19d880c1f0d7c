"""The table of methods: all of Triton's, their categories, and what each makes of its message."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, cast

import pytest
from grpc_health.v1 import health_pb2
from hypothesis import given
from hypothesis import strategies as st

from naiad.config.restricted_api import CATEGORIES, parse_restricted_api
from naiad.config.trace_config import TraceSettings
from naiad.engine.shared_memory import SharedMemory
from naiad.engine.tracing import Tracing
from naiad.errors import InternalError, InvalidArgumentError, NaiadError, NotFoundError, RestrictedError
from naiad.messages import service_pb2
from naiad.server.grpc_call import Streaming, Unary
from naiad.server.grpc_service import RESTRICTED_PREFIX, InferenceService
from naiad.server.log import LogFormat, LogSettings
from naiad.server.logging_views import LoggingViews
from naiad.server.restricted import Restrictions
from naiad.server.shared_memory_views import SharedMemoryViews
from naiad.server.trace_views import TraceViews
from naiad.server.views import Views
from tests.support.engine import idle_model, spec
from tests.support.grpc_call import FakeCall, fake_call
from tests.support.grpc_messages import infer_message, output, tensor

SERVICE = "inference.GRPCInferenceService"
METHODS = [method.name for method in service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods]
CATEGORY = {
    "ServerLive": "health",
    "ServerReady": "health",
    "ModelReady": "health",
    "ServerMetadata": "metadata",
    "ModelMetadata": "metadata",
    "ModelInfer": "inference",
    "ModelStreamInfer": "inference",
    "ModelConfig": "model-config",
    "ModelStatistics": "statistics",
    "RepositoryIndex": "model-repository",
    "RepositoryModelLoad": "model-repository",
    "RepositoryModelUnload": "model-repository",
    "SystemSharedMemoryStatus": "shared-memory",
    "SystemSharedMemoryRegister": "shared-memory",
    "SystemSharedMemoryUnregister": "shared-memory",
    "CudaSharedMemoryStatus": "shared-memory",
    "CudaSharedMemoryRegister": "shared-memory",
    "CudaSharedMemoryUnregister": "shared-memory",
    "TraceSetting": "trace",
    "LogSettings": "logging",
}


class FakeLog:
    """Log settings, and no log."""

    def __init__(self) -> None:
        self.settings = LogSettings()

    def change(self, settings: LogSettings) -> None:
        self.settings = settings


class FakeEngine:
    """An engine with the model `m`."""

    def __init__(self) -> None:
        self.found = idle_model([spec("a")], [spec("y")])
        self.is_ready = True

    def model(self, name: str, version: str = "") -> Any:
        if name != "m" or version not in ("", "1"):
            raise NotFoundError(f"Request for unknown model: '{name}' is not found")
        return self.found

    def knows(self, name: str) -> bool:
        return name == "m"

    def ready_versions(self, name: str) -> list[str]:
        return ["1"] if name == "m" else []

    def ready_models(self) -> list[Any]:
        return [self.found]

    async def index(self) -> list[Any]:
        await asyncio.sleep(0)
        return [("m", "", None)]


class FakeControl:
    """Remembers what was loaded; the model `broken` does not load, `bug` in a way that nobody expects."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    async def load(self, name: str, parameters: object) -> None:
        await asyncio.sleep(0)
        if name == "broken":
            raise InternalError("failed to load 'broken'")
        self.loaded.append(name if name != "bug" else name[9])

    async def unload(self, name: str) -> None:
        self.loaded.remove(name)


class Service:
    """The service of a server with the model `m`, which allows all and restricts what it is told to."""

    def __init__(self, *restricted: str, strict: bool = True) -> None:
        self.engine = FakeEngine()
        self.control = FakeControl()
        self.log = FakeLog()
        engine = cast(Any, self.engine)
        views = Views(
            engine,
            server_id="id",
            strict_readiness=strict,
            control=cast(Any, self.control),
            shared=SharedMemoryViews(SharedMemory(), allowed=True),
            logging=LoggingViews(cast(Any, self.log), changed=lambda: None),
            trace=TraceViews(Tracing(TraceSettings(), "t.json"), engine),
        )
        groups = [parse_restricted_api(text) for text in restricted]
        restrictions = Restrictions(groups, what="protocol", prefix=RESTRICTED_PREFIX)
        self.served = InferenceService(views, restrictions, max_input_bytes=1 << 20)

    def call(self, method: str, request: bytes) -> FakeCall:
        """A unary call, which may not be over."""
        call, fake = fake_call()
        found = self.served.find(f"/{SERVICE}/{method}".encode())
        assert isinstance(found, Unary)
        pieces = found.method(call, request, 5)
        if pieces is not None:
            fake.send(pieces)
            fake.finish()
        return fake

    def ask(self, method: str, **fields: Any) -> Any:
        """The message that answers a method that answers at once."""
        types = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods_by_name[method]
        request = getattr(service_pb2, types.input_type.name)(**fields).SerializeToString()
        return self.call(method, request).take(getattr(service_pb2, types.output_type.name))


@pytest.fixture
def service() -> Service:
    return Service()


class TestTable:
    def test_has_every_method(self, service: Service) -> None:
        assert set(METHODS) == set(CATEGORY)
        for method in METHODS:
            found = service.served.find(f"/{SERVICE}/{method}".encode())
            assert isinstance(found, Streaming if method == "ModelStreamInfer" else Unary)

    @pytest.mark.parametrize("path", [b"", b"/", b"/inference.GRPCInferenceService/Nope", b"/ServerLive"])
    def test_and_no_other(self, service: Service, path: bytes) -> None:
        assert service.served.find(path) is None

    @pytest.mark.parametrize("method", METHODS)
    def test_what_is_no_message_is_refused(self, service: Service, method: str) -> None:
        if method != "ModelStreamInfer":
            with pytest.raises(InternalError, match=r"^Unable to parse request$"):
                service.call(method, b"\xff")


VALID = {
    "ModelInfer": infer_message(tensor(), raw=[bytes(8)], identity="x", outputs=[output()]),
    "TraceSetting": service_pb2.TraceSettingRequest(
        settings={"trace_rate": service_pb2.TraceSettingRequest.SettingValue(value=["5"])}, model_name="m"
    ).SerializeToString(),
    "SystemSharedMemoryRegister": service_pb2.SystemSharedMemoryRegisterRequest(
        name="r", key="naiad-nope", offset=1, byte_size=8
    ).SerializeToString(),
}


@given(st.sampled_from([name for name in METHODS if not name.startswith(("ModelStream", "Repository"))]), st.data())
def test_any_bytes_are_answered_or_refused(method: str, data: st.DataObject) -> None:
    valid = VALID.get(method, service_pb2.ModelReadyRequest(name="m", version="1").SerializeToString())
    start = data.draw(st.integers(0, len(valid)))
    message = valid[:start] + data.draw(st.binary(max_size=20)) + valid[data.draw(st.integers(start, len(valid))) :]
    service = Service()
    service.engine.found.infer = lambda request: None
    with contextlib.suppress(NaiadError):
        service.call(method, message)


class TestRestrictions:
    @pytest.mark.parametrize("category", CATEGORIES)
    def test_of_a_category(self, category: str) -> None:
        served = Service(f"{category}:Key=secret").served
        for method in METHODS:
            path = f"/{SERVICE}/{method}".encode()
            served.authorize(path, {b"triton-grpc-protocol-key": b"secret"})
            if CATEGORY[method] != category:
                served.authorize(path, {})
                continue
            for metadata in ({}, {b"key": b"secret"}, {b"triton-grpc-protocol-key": b"other"}):
                with pytest.raises(RestrictedError) as caught:
                    served.authorize(path, metadata)
                sentence = "This protocol is restricted, expecting header 'triton-grpc-protocol-Key'"
                assert (caught.value.message, caught.value.grpc_code) == (sentence, 14)

    def test_of_health_and_metadata_hold_for_the_other_services(self) -> None:
        served = Service("health,metadata:key=secret").served
        for path in (
            b"/grpc.health.v1.Health/Check",
            b"/grpc.health.v1.Health/List",
            b"/grpc.health.v1.Health/Watch",
            b"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            b"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        ):
            assert served.find(path) is not None
            with pytest.raises(RestrictedError):
                served.authorize(path, {})


class TestViews:
    @pytest.mark.parametrize(("strict", "ready"), [(True, False), (False, True)])
    def test_health(self, *, strict: bool, ready: bool) -> None:
        service = Service(strict=strict)
        assert service.ask("ServerLive").live
        assert service.ask("ServerReady").ready
        service.engine.is_ready = False
        assert service.ask("ServerReady").ready is ready
        assert service.ask("ModelReady", name="m", version=" 1").ready
        assert not service.ask("ModelReady", name="m", version="2").ready
        assert not service.ask("ModelReady", name="nope").ready
        with pytest.raises(InvalidArgumentError, match="stol"):
            service.ask("ModelReady", name="m", version="x")

    def test_metadata(self, service: Service) -> None:
        server = service.ask("ServerMetadata")
        assert server.name == "id"
        assert "statistics" in server.extensions
        model = service.ask("ModelMetadata", name="m")
        assert (model.name, list(model.versions)) == ("m", ["1"])
        assert [(each.name, each.datatype, list(each.shape)) for each in model.inputs] == [("a", "FP32", [-1, 2])]
        for method in ("ModelMetadata", "ModelConfig"):
            with pytest.raises(NotFoundError):
                service.ask(method, name="nope")

    def test_config(self, service: Service) -> None:
        assert service.ask("ModelConfig", name="m", version="1").config == service.engine.found.config

    def test_statistics(self, service: Service) -> None:
        service.engine.found.statistics.count_batch(requests=1, rows=3, queue_ns=5, input_ns=6, infer_ns=7)
        for name, version in (("", ""), ("m", ""), ("m", "1"), ("", "7")):
            (told,) = service.ask("ModelStatistics", name=name, version=version).model_stats
            assert (told.name, told.version, told.inference_count, told.execution_count) == ("m", "1", 3, 1)
            assert told.inference_stats.compute_infer.ns == 7
            assert [each.batch_size for each in told.batch_stats] == [3]
        with pytest.raises(InvalidArgumentError, match="requested model 'nope' is not available"):
            service.ask("ModelStatistics", name="nope")

    def test_shared_memory(self, service: Service) -> None:
        assert not service.ask("SystemSharedMemoryStatus").regions
        assert not service.ask("CudaSharedMemoryStatus").regions
        for method in ("SystemSharedMemoryStatus", "CudaSharedMemoryStatus"):
            with pytest.raises(NotFoundError, match="shared memory region: 'r'"):
                service.ask(method, name="r")
        with pytest.raises(InternalError, match="Unable to open shared memory region: 'naiad-nope'"):
            service.ask("SystemSharedMemoryRegister", name="r", key="naiad-nope", byte_size=8)
        with pytest.raises(InvalidArgumentError, match="'r', GPUs not supported"):
            service.ask("CudaSharedMemoryRegister", name="r", raw_handle=b"x", byte_size=8)
        assert not service.ask("CudaSharedMemoryStatus", name="").regions
        service.ask("SystemSharedMemoryUnregister")
        service.ask("CudaSharedMemoryUnregister", name="r")

    def test_trace(self, service: Service) -> None:
        setting = service_pb2.TraceSettingRequest.SettingValue(value=["5"])
        told = service.ask("TraceSetting", settings={"trace_rate": setting}, model_name="m").settings
        assert list(told["trace_rate"].value) == ["5"]
        assert list(service.ask("TraceSetting").settings["trace_rate"].value) == ["1000"]
        with pytest.raises(InvalidArgumentError, match=r"^Request for unknown model : nope$"):
            service.ask("TraceSetting", settings={"trace_file": setting}, model_name="nope")

    def test_log(self, service: Service) -> None:
        def value(**field: Any) -> Any:
            return service_pb2.LogSettingsRequest.SettingValue(**field)

        wanted = {"log_info": value(bool_param=False), "log_format": value(string_param="ISO8601")}
        told = service.ask("LogSettings", settings=wanted).settings
        assert (told["log_info"].bool_param, told["log_format"].string_param) == (False, "ISO8601")
        assert service.log.settings == LogSettings(info=False, format=LogFormat.ISO8601)
        with pytest.raises(InvalidArgumentError, match=r"^invalid argument for log_format, got: zzz$"):
            service.ask("LogSettings", settings={**wanted, "log_format": value(string_param="zzz")})
        assert service.ask("LogSettings").settings == told


async def finished(call: FakeCall) -> FakeCall:
    async with asyncio.timeout(10):
        while not call.is_finished:
            await asyncio.sleep(0.001)
    return call


class TestRepository:
    async def test_index(self, service: Service) -> None:
        call = await finished(service.call("RepositoryIndex", b""))
        assert [each.name for each in call.take(service_pb2.RepositoryIndexResponse).models] == ["m"]
        ready = service_pb2.RepositoryIndexRequest(ready=True).SerializeToString()
        call = await finished(service.call("RepositoryIndex", ready))
        assert not call.take(service_pb2.RepositoryIndexResponse).models

    async def test_load_and_unload(self, service: Service) -> None:
        request = service_pb2.RepositoryModelLoadRequest(model_name="n").SerializeToString()
        call = await finished(service.call("RepositoryModelLoad", request))
        assert (call.sent, call.error, service.control.loaded) == ([b""], None, ["n"])
        call = await finished(service.call("RepositoryModelUnload", request))
        assert (call.sent, call.error, service.control.loaded) == ([b""], None, [])

    @pytest.mark.parametrize("method", ["RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload"])
    async def test_of_a_name(self, service: Service, method: str) -> None:
        request = service_pb2.RepositoryIndexRequest(repository_name="r").SerializeToString()
        call = await finished(service.call(method, request))
        assert call.error is not None
        assert (call.error.message, call.error.grpc_code) == ("'repository_name' specification is not supported", 12)

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [("broken", "failed to load 'broken'"), ("bug", "unexpected internal error, see the server's log")],
    )
    async def test_what_does_not_load(self, service: Service, name: str, sentence: str) -> None:
        request = service_pb2.RepositoryModelLoadRequest(model_name=name).SerializeToString()
        call = await finished(service.call("RepositoryModelLoad", request))
        assert isinstance(call.error, NaiadError)
        assert (call.error.message, call.sent) == (sentence, [])


def test_health_and_its_end(service: Service) -> None:
    async def test() -> None:
        found = service.served.find(b"/grpc.health.v1.Health/Watch")
        assert isinstance(found, Streaming)
        call, fake = fake_call()
        found.method(call).message(b"", 5)
        assert fake.take(health_pb2.HealthCheckResponse).status == 1
        service.served.stop()
        assert fake.is_finished

    asyncio.run(test())
