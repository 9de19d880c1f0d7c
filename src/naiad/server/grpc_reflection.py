"""Server reflection (`grpc.reflection.v1`, `v1alpha`): clients such as grpcurl learn the messages from the server."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from google.protobuf import descriptor_pb2, text_format
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from naiad.errors import NotFoundError
from naiad.messages import service_pb2
from naiad.protocol.protobuf_wire import parse
from naiad.server.grpc_call import GrpcCall

Buffer = bytes | memoryview

SERVICES: Final = (
    "inference.GRPCInferenceService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
)
"""Everything that a port answers by gRPC."""


class Reflection:
    """One call of `ServerReflectionInfo`: an answer for every question.

    Args:
        call: that it came by.
    """

    def __init__(self, call: GrpcCall) -> None:
        self._call = call
        call.on_writable = call.resume

    def message(self, data: Buffer, arrived_ns: int) -> None:
        """A question.

        Raises:
            MalformedError: it is none.
        """
        # Both versions have the same messages, under different names.
        question = parse(reflection_pb2.ServerReflectionRequest, data)
        answer = reflection_pb2.ServerReflectionResponse(valid_host=question.host, original_request=question)
        try:
            _answer(question, answer)
        except (KeyError, NotFoundError):
            answer.error_response.error_code = NotFoundError.grpc_code
            answer.error_response.error_message = "not found"
        self._call.send([answer.SerializeToString()])
        if not self._call.writable:
            self._call.pause()

    def half_close(self) -> None:
        """No more questions."""
        self._call.finish()

    def cancel(self) -> None:
        """Nobody asks any more."""


def _answer(question: Any, answer: Any) -> None:
    """Fill an answer.

    Raises:
        KeyError, NotFoundError: there is no such thing.
    """
    kind = question.WhichOneof("message_request")
    pool = _pool()
    if kind == "list_services":
        for name in SERVICES:
            answer.list_services_response.service.add(name=name)
    elif kind == "file_by_filename":
        _add_files(answer, pool.FindFileByName(question.file_by_filename))
    elif kind == "file_containing_symbol":
        _add_files(answer, pool.FindFileContainingSymbol(question.file_containing_symbol))
    elif kind == "all_extension_numbers_of_type":
        name = question.all_extension_numbers_of_type
        answer.all_extension_numbers_response.base_type_name = pool.FindMessageTypeByName(name).full_name
    else:
        raise NotFoundError("there are no extensions")


def _add_files(answer: Any, file: Any) -> None:
    for each in _with_dependencies(file, set()):
        answer.file_descriptor_response.file_descriptor_proto.append(each.serialized_pb)


def _with_dependencies(file: Any, seen: set[str]) -> Iterator[Any]:
    """A file, and those that it imports."""
    if file.name not in seen:
        seen.add(file.name)
        yield file
        for dependency in file.dependencies:
            yield from _with_dependencies(dependency, seen)


@cache
def _pool() -> DescriptorPool:
    """The files of all services, and no others that this process happens to know."""
    pool = DescriptorPool()
    added: set[str] = set()

    def add(file: Any) -> None:
        for dependency in file.dependencies:
            if dependency.name not in added:
                add(dependency)
        added.add(file.name)
        pool.AddSerializedFile(file.serialized_pb)

    for module in (service_pb2, health_pb2, reflection_pb2):
        add(module.DESCRIPTOR)
    pool.AddSerializedFile(_version_1().SerializeToString())
    return pool


def _version_1() -> Any:
    """The file of `grpc.reflection.v1`: the same as v1alpha, which it was renamed from, but for its name."""
    file = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    return text_format.Parse(text_format.MessageToString(file).replace("v1alpha", "v1"), type(file)())
