"""Reflection: a client that knows nothing learns everything."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection_pb2

from naiad.protocol.protobuf_wire import MalformedError
from naiad.server.grpc_reflection import SERVICES, Reflection
from tests.support.grpc_call import fake_call


def ask(**question: Any) -> Any:
    call, fake = fake_call()
    asked = reflection_pb2.ServerReflectionRequest(host="h", **question)
    Reflection(call).message(asked.SerializeToString(), 5)
    told = fake.take(reflection_pb2.ServerReflectionResponse)
    assert (told.valid_host, told.original_request) == ("h", asked)
    return told


def test_the_services() -> None:
    assert [each.name for each in ask(list_services="").list_services_response.service] == list(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_can_be_called_with_what_is_told_of_it(service: str) -> None:
    files = ask(file_containing_symbol=service).file_descriptor_response.file_descriptor_proto
    pool = DescriptorPool()
    for data in reversed(files):
        pool.AddSerializedFile(data)
    found = pool.FindServiceByName(service)
    assert found.methods
    for method in found.methods:
        assert pool.FindMessageTypeByName(method.input_type.full_name).full_name


def test_a_file() -> None:
    first, second = ask(file_by_filename="grpc_service.proto").file_descriptor_response.file_descriptor_proto
    assert FileDescriptorProto.FromString(first).package == "inference"
    assert FileDescriptorProto.FromString(second).name == "model_config.proto"


def test_extensions() -> None:
    numbers = ask(all_extension_numbers_of_type="inference.ModelConfig").all_extension_numbers_response
    assert (numbers.base_type_name, list(numbers.extension_number)) == ("inference.ModelConfig", [])


@pytest.mark.parametrize(
    "question",
    [
        {"file_by_filename": "nope.proto"},
        {"file_by_filename": "/etc/passwd"},
        {"file_containing_symbol": "google.protobuf.FileDescriptorProto"},
        {"file_containing_symbol": ""},
        {"all_extension_numbers_of_type": "nope"},
        {"file_containing_extension": reflection_pb2.ExtensionRequest(containing_type="inference.ModelConfig")},
        {},
    ],
)
def test_what_there_is_not(question: dict[str, Any]) -> None:
    assert ask(**question).error_response.error_code == 5


def test_the_end_and_what_is_no_question() -> None:
    call, fake = fake_call()
    handler = Reflection(call)
    with pytest.raises(MalformedError):
        handler.message(b"\xff", 5)
    fake.writable = False
    handler.message(b"", 5)
    assert fake.paused()
    fake.read_again()
    assert not fake.paused()
    handler.half_close()
    assert fake.is_finished
