"""Where naiad and the real tritonserver 2.51 are known to differ over gRPC, and why."""

from __future__ import annotations

from tests.conformance.triton.known_difference import Kind, KnownDifference, rows

_ADDITION, _ORACLE, _CHOICE = Kind.ADDITION, Kind.ORACLE, Kind.CHOICE

KNOWN_GRPC_DIFFERENCES: tuple[KnownDifference, ...] = (
    *rows(
        _ADDITION,
        "naiad says which method it has not; the real server says nothing.",
        "grpc calls/*",
        part="details",
        triton="",
        naiad="there is no method *",
    ),
    *rows(
        _ADDITION,
        "Health/Watch, Health/List and reflection are services that the real server does not have.",
        "grpc views/health watched",
        "grpc views/health listed",
        "grpc calls/path /grpc.reflection.*",
    ),
    *rows(
        _ORACLE,
        "The real server runs ONNX in a Python-based backend here, whose script it shows.",
        "*",
        part="responses/0/config/runtime",
        triton="model.py",
        naiad="(absent)",
    ),
    *rows(_ORACLE, "Each server has a version of its own.", "*", part="responses/0/version", triton="2.51.0"),
    *rows(_CHOICE, "What naiad does not have is not listed.", "*", part="responses/0/extensions/length"),
    *rows(
        _ORACLE,
        "The real server goes through inputs in the order of a hash table, naiad in the model's or the alphabet's.",
        "grpc contents/two: batch sizes differ",
        part="details",
    ),
    *rows(
        _ORACLE,
        "An open dimension is told as that, as in newer versions; this one multiplies it out.",
        "grpc contents/tiny: shape [[]-1, 16]*",
        part="details",
    ),
    *rows(
        _CHOICE,
        "A sentence is cut where a client's limit for header lists might be reached.",
        "grpc requests/id long in an error",
        part="details",
    ),
    *rows(
        _CHOICE,
        "A number of classes of more than 32 bits is large; in the real server it wraps.",
        "grpc requests/classes: 4294967296 of *",
    ),
    *rows(
        _CHOICE,
        "A call that takes one message gets one; the real server passes over all others.",
        "grpc calls/*: two messages",
    ),
    *rows(
        _CHOICE,
        "Who has no key is told so, whatever the message; the real server reads it first.",
        "restricted/no protobuf without a key",
    ),
    *rows(
        _CHOICE,
        "naiad refuses a trace level that there is none of; the real server passes over it.",
        "grpc *: unknown level",
    ),
    *rows(
        _CHOICE,
        "This version of naiad writes traces in Triton's format alone, and refuses another mode.",
        "grpc settings/trace: mode",
    ),
    *rows(_CHOICE, "A trace setting below 0 is refused; in the real server it wraps.", "grpc settings/*: * negative"),
    *rows(
        _CHOICE,
        "Of log settings naiad changes all that were asked for, or none.",
        "grpc settings/logging: good beside bad",
    ),
    *rows(
        _ORACLE,
        "Names of models that are none are refused as newer versions refuse them.",
        "grpc control/load ''",
        "grpc control/load '..'",
        "grpc control/load 'a/b'",
    ),
    *rows(
        _CHOICE,
        "Files that come with a request are loaded; the real server looks at the configuration alone, finds that it is "
        "the one it has, and does nothing.",
        "grpc control/files that are no graph",
    ),
    *rows(
        _ORACLE,
        "Keys that are no segment's are refused as newer versions refuse them, before anything is opened.",
        "grpc shared memory/register: no key",
        "grpc shared memory/register: key with a path",
        "grpc shared memory/register: key with the reserved prefix",
    ),
    *rows(
        _CHOICE,
        "naiad reads segments and does not map them, so that an offset need not be a page's.",
        "grpc shared memory/register: offset not of a page",
        "grpc shared memory/register: byte_size 0",
    ),
    *rows(
        _ORACLE,
        "An offset and a size that overflow are told apart, as in newer versions.",
        "grpc shared memory/*put: offset negative",
        part="details",
    ),
    *rows(
        _ORACLE,
        "A size of 0 is told as that, as in newer versions; this one subtracts 1 from it.",
        "grpc shared memory/*put: byte_size 0",
    ),
    *rows(
        _ORACLE,
        "naiad answers as a server that is built without GPUs; the real server asks the driver that is not there.",
        "grpc shared memory/cuda register: *",
        "grpc calls/CudaSharedMemoryRegister: *",
        part="details",
    ),
)
