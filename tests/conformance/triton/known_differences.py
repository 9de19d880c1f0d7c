"""Where naiad and the real tritonserver 2.51 are known to differ over HTTP and in what loads, and why.

A row that no difference matches any more fails the run; a difference that no row matches does too.
"""

from __future__ import annotations

from tests.conformance.triton.folders.refused import GRAPH_REFUSES
from tests.conformance.triton.known_difference import Kind, KnownDifference, rows

_ADDITION, _ORACLE, _CHOICE = Kind.ADDITION, Kind.ORACLE, Kind.CHOICE

_EVERYWHERE = (
    KnownDifference(
        _ADDITION,
        "The real server leaves some answers untyped, and its HTTP library calls them text/plain; naiad types JSON.",
        part="*header/content-type",
        triton="text/plain",
        naiad="application/json",
    ),
    KnownDifference(
        _ADDITION, "naiad may say beside the error what to do about it.", part="*body/hint", triton="(absent)"
    ),
    KnownDifference(
        _ADDITION,
        "The bodies of health and model control are for KServe's clients; the real server's are empty.",
        part="body",
        triton="",
        naiad='{"[lnr]*',
    ),
    KnownDifference(
        _ADDITION,
        "naiad counts how many batches ran on the event loop and how many beside it.",
        part="body/model_stats/*/execution",
        triton="(absent)",
    ),
    KnownDifference(
        _ORACLE,
        "The real server runs ONNX in a Python-based backend here, whose script it shows.",
        part="body/runtime",
        triton="model.py",
        naiad="",
    ),
    KnownDifference(_ORACLE, "Each server has a version of its own.", part="body/version", triton="2.51.0"),
    KnownDifference(
        _ADDITION,
        "Where a model is refused naiad's index says so.",
        part="*/0/state",
        triton="(absent)",
        naiad="UNAVAILABLE",
    ),
    KnownDifference(
        _ADDITION, "Where a model is refused naiad's index says why.", part="*/0/reason", triton="(absent)"
    ),
)

_HTTP = (
    *rows(_ADDITION, "`/v2/models` lists the models that are ready, for KServe's clients.", "routes/* /v2/models"),
    *rows(_ADDITION, "naiad's metrics are at the HTTP port too.", "routes/* /metrics"),
    *rows(_CHOICE, "An answer to HEAD has no body (RFC 9110 §9.3.2).", "routes/HEAD *", part="body"),
    *rows(_CHOICE, "A fragment is no part of a request target; naiad leaves it out.", "routes/fragment"),
    *rows(_CHOICE, "Clients that join a base URI ending in a slash are understood.", "routes/two slashes in front"),
    *rows(_CHOICE, "What naiad does not have is not listed.", "*", part="body/extensions/length"),
    *rows(
        _CHOICE,
        "An answer bears the server's own version of HTTP (RFC 9110 §6.2); the real server repeats the request's.",
        "connections/HTTP/*",
        part="version",
        naiad="HTTP/1.1",
    ),
    *rows(
        _ADDITION,
        "naiad says that it closes; the real server just does, or, in a version there is none of, does not.",
        "connections/HTTP/*",
        part="header/connection",
        naiad="close",
    ),
    *rows(_CHOICE, "There is no HTTP/1.2, and it is refused.", "connections/HTTP/1.2"),
    *rows(
        _ADDITION,
        "naiad says what is wrong with a request that is no HTTP before it closes; the real server only closes.",
        "connections/*",
        "control/load 'a b'",
        part="answers",
        triton="[[]]",
        naiad="[[]400]",
    ),
    *rows(
        _CHOICE, "A space in the name of a header is refused (RFC 9112 §5.1).", "connections/a header name with a space"
    ),
    *rows(
        _CHOICE,
        "A Content-Length that is given twice is refused (RFC 9112 §6.3).",
        "connections/Content-Length twice the same",
    ),
    *rows(
        _CHOICE,
        "Spaces behind a header's value do not belong to it (RFC 9112 §5.1).",
        "connections/spaces around a value",
    ),
    *rows(
        _CHOICE,
        "naiad sends no 100 where the body is already there, or for another expectation (RFC 9110 §10.1.1).",
        "connections/Expect *",
        part="answers",
        triton="[[]100, *",
    ),
    *rows(
        _CHOICE, "Chunk extensions are skipped; the real server closes.", "connections/chunk extensions", part="answers"
    ),
    *rows(
        _CHOICE,
        "naiad's metrics port has one page; the real one answers any other with nothing.",
        "connections/metrics: *",
    ),
    *rows(_CHOICE, "A path is ASCII (RFC 3986 §3.3); the real server takes any bytes.", "folder/größe"),
)

_JSON = (
    *rows(
        _ORACLE,
        "The sentence is that of a newer JSON parser.",
        "request JSON/grammar: a line break in a string",
        part="body/error",
    ),
    *rows(
        _CHOICE,
        "Of a member that comes twice naiad takes the last, the real server the first.",
        "request JSON/grammar: * twice",
    ),
    *rows(
        _CHOICE,
        "naiad's answers are always UTF-8; the real server repeats what was sent.",
        "request JSON/grammar: not UTF-8 in the id",
        part="body",
    ),
    *rows(
        _CHOICE,
        "naiad checks the datatype wherever the data is; the real server only that of JSON.",
        "datatypes/datatype '*' as bytes",
        part="body/error",
        naiad="invalid datatype for input i0",
    ),
    *rows(
        _ORACLE,
        "Inference-Header-Content-Length must be a number, as in newer versions; this one takes 0 where is none.",
        "binary/header length in words, *",
        "binary/header length empty, *",
    ),
    *rows(
        _ORACLE,
        "naiad checks the size of a shape before it looks for the data, as newer versions do.",
        "shapes/table dimension *",
        "shapes/overflow of *",
        part="body/error",
        naiad="* for input 'i0': *",
    ),
    *rows(
        _ORACLE,
        "The real server goes through inputs in the order of a hash table, naiad in the model's or the alphabet's.",
        "shapes/two: batch sizes differ",
        "shapes/two: one more",
        "shapes/two: two others",
        "shapes/two: types swapped",
        "shapes/three: one missing",
        "shapes/one: an input too many",
        "shapes/optional: one too many",
        part="body/error",
    ),
    *rows(
        _CHOICE,
        "naiad sees that an input is missing; the real server only counts, and the model fails.",
        "shapes/optional: alone",
    ),
    *rows(
        _CHOICE,
        "A number of classes of more than 32 bits is large; in the real server it wraps.",
        "outputs/classes: 4294967296*",
    ),
)

_EXTENSIONS = (
    *rows(
        _ORACLE,
        "The real server's JSON parser is not exact in the last digit of a double.",
        "plain/fp64: JSON in, bytes out",
        part="binary",
    ),
    *rows(
        _CHOICE,
        "naiad refuses a trace level that there is none of; the real server passes over it.",
        "extensions/*: unknown level",
    ),
    *rows(
        _CHOICE,
        "This version of naiad writes traces in Triton's format alone, and refuses another mode.",
        "extensions/*: mode",
    ),
    *rows(
        _CHOICE,
        "A trace setting below 0 is refused; in the real server it wraps.",
        "extensions/*: * negative",
        naiad="*",
    ),
    *rows(
        _CHOICE,
        "Of log settings naiad changes all that were asked for, or none.",
        "extensions/logging: good before bad",
    ),
)

_COMPRESSION = (
    *rows(
        _CHOICE,
        "Names of encodings are in any case, and an empty one is none (RFC 9110 §8.4.1).",
        "compression/request 'GZIP'",
        "compression/request ''",
        "compression/answer 'GZIP'",
    ),
    *rows(
        _CHOICE,
        "A body that is not what it is said to be is refused; the real server takes gzip for deflate, deflate for "
        "gzip, half of either, and none of what it cannot read.",
        "compression/request gzip that is none",
        "compression/request gzip cut short",
        "compression/request deflate that is none",
        "compression/request deflate without its head",
        "compression/request gzip called deflate",
        "compression/request deflate called gzip",
    ),
)

_CONTROL = (
    *rows(_ORACLE, "That `ready` must be a boolean is told in newer versions' words.", "repository/index: ready *"),
    *rows(
        _ORACLE,
        "naiad reads the body of an unload request; the real server passes over one that it cannot read.",
        "repository/unload with garbage",
        "control/unload with *",
    ),
    *rows(
        _ORACLE,
        "Names of models that are none are refused as newer versions refuse them.",
        "control/load '.'",
        "control/load '..'",
        "control/load 'a?b'",
    ),
    *rows(
        _CHOICE,
        "naiad's parser refuses an object for a list; the real one takes it for the only element.",
        "control/override wrong kinds",
    ),
    *rows(
        _CHOICE,
        "After an override a plain load goes back to the folder; in the real server only if the folder has changed.",
        "control/plain load *",
    ),
    *rows(
        _CHOICE,
        "naiad's index has what is loaded; the real server's only what has a folder.",
        "control/* files of a model without folder",
        "control/files of a model without folder",
        part="view/length",
    ),
    *rows(
        _CHOICE,
        "A file at a path from the root is refused; the real server takes it for one inside the model's folder.",
        "control/files at '/naiad_conformance_model.onnx'",
    ),
)

_SHARED_MEMORY = (
    *rows(
        _CHOICE,
        "A segment may have several names; in the real server the second one fails.",
        "shared memory/a second name",
    ),
    *rows(
        _ORACLE,
        "Keys that are no segment's are refused as newer versions refuse them, before anything is opened.",
        "shared memory/register: key empty",
        "shared memory/register: key with a path",
        "shared memory/register: key with the reserved prefix",
    ),
    *rows(
        _CHOICE,
        "naiad reads segments and does not map them, so that an offset need not be a page's.",
        "shared memory/register: offset not of a page",
        "shared memory/register: byte_size 0",
    ),
    *rows(
        _ORACLE,
        "A request to register shared memory without a body has no fields, as in newer versions.",
        "shared memory/register: nothing",
    ),
    *rows(
        _ORACLE,
        "An offset and a size that overflow are told apart, as in newer versions.",
        "shared memory/*put: offset that overflows",
        part="body/error",
    ),
    *rows(
        _ORACLE,
        "A size that is not given, or is 0, is told as that; the real server subtracts 1 from it.",
        "shared memory/*put: without byte_size",
        "shared memory/*put: byte_size 0",
    ),
    *rows(
        _ORACLE,
        "naiad answers as a server that is built without GPUs; the real server asks the driver that is not there.",
        "shared memory/cuda register: good",
        "shared memory/cuda register: no byte_size",
    ),
    *rows(_CHOICE, "A handle that is not one is no handle.", "shared memory/cuda register: handle a string"),
)

_FOLDERS = (
    *rows(
        _ORACLE,
        "The real server runs ONNX in a Python-based backend here, whose errors end in a trace of calls.",
        "*",
        triton="*\nAt:\n  *",
    ),
    *rows(
        _ORACLE,
        "The Python-based backend does not compare the configuration with the graph, as the real ONNX backend and "
        "naiad do.",
        *(f"folder/{name}" for name in GRAPH_REFUSES),
        "strict folder/backend_only",
    ),
    *rows(
        _ORACLE,
        "A Python-based backend cannot complete a reshape; naiad does as the real ONNX backend.",
        "folder/scalar_rows",
        part="body/*/0/reshape",
    ),
    *rows(_ORACLE, "naiad takes a folder for the file, as the real ONNX backend does.", "folder/layout_graph_folder"),
    *rows(
        _ADDITION,
        "naiad says where in the file the mistake is; the real server writes that to another log.",
        "folder/text_*",
        part="cause",
        triton="failed to read text proto from *",
        naiad="text_*/config.pbtxt:1: *",
    ),
    *rows(
        _ORACLE,
        "Newer versions refuse label files outside the model's folder, too.",
        "folder/labels_outside",
        triton="*failed to open text file for read *",
    ),
    *rows(
        _ADDITION,
        "naiad tells what is missing; the real server's log has the system's error.",
        "strict folder/no_file",
        part="cause",
    ),
    *rows(_CHOICE, "This version of naiad does not serve sequences.", "folder/sequence_control_empty"),
    *rows(
        _ADDITION,
        "naiad's index has models that have no version to serve, and says so.",
        "folder/*",
        part="index/length",
        triton="[[]]",
        naiad="*at least one version must be available*",
    ),
    *rows(
        _CHOICE,
        "naiad serves the versions that do load; in the real server one takes all others along.",
        "folder/layout_one_version_broken",
    ),
    *rows(
        _CHOICE,
        "A version is a positive integer without leading zeros; the real server takes the digits in front of any name.",
        "folder/layout_version_0",
        "folder/layout_version_negative",
        "folder/layout_version_tail",
    ),
    *rows(
        _CHOICE,
        "To naiad a model may be called stats; the real server's route for all statistics hides its metadata.",
        "folder/stats",
    ),
)

_COUNTERS = (
    *rows(
        _ADDITION,
        "Newer versions, and naiad, tell how long models took to load.",
        "counters/metrics",
        part="view/*/nv_model_load_duration_secs*",
    ),
    *rows(
        _ORACLE,
        "A server that is built without GPUs has no pinned memory.",
        "counters/metrics",
        part="view/*/nv_pinned_memory_pool_*",
    ),
    *rows(
        _ORACLE,
        "A Python-based backend counts executions that fail, too.",
        "counters/*",
        part="view/picker 1/*",
    ),
    *rows(_ORACLE, "A Python-based backend counts executions that fail, too.", "counters/metrics", part='*"picker"*'),
    *rows(
        _ORACLE,
        "Strings that are cut short get as far as the Python-based backend.",
        "counters/*",
        part="view/bytes 1/requests/fail",
    ),
    *rows(
        _ORACLE,
        "Strings that are cut short get as far as the Python-based backend.",
        "counters/metrics",
        part='*nv_inference_request_failure model="bytes",reason="BACKEND"*',
    ),
    *(
        row
        for model in ("table", "optional")
        for cases, part in (("counters/statistics *", f"view/{model} 1/*"), ("counters/metrics", f'*model="{model}",*'))
        for row in rows(
            _CHOICE,
            "A request that the one takes and the other refuses, for a reason above, counts.",
            cases,
            part=part,
        )
    ),
)

KNOWN_DIFFERENCES: tuple[KnownDifference, ...] = (
    *_EVERYWHERE,
    *_HTTP,
    *_JSON,
    *_EXTENSIONS,
    *_COMPRESSION,
    *_CONTROL,
    *_SHARED_MEMORY,
    *_FOLDERS,
    *_COUNTERS,
)
