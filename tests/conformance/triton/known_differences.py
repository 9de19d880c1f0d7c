"""Where naiad and the real tritonserver 2.51 are known to differ, and why.

A row that no difference matches any more fails the run; a difference that no row matches does too.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.conformance.triton.comparison import Difference
from tests.conformance.triton.folders.refused import GRAPH_REFUSES


@dataclass(frozen=True, slots=True)
class KnownDifference:
    """One row of the table. Patterns are the shell's: `*`, `?`, `[ab]`.

    Attributes:
        cases: pattern of the names of the cases that it concerns.
        part: pattern of what differs.
        reason: why.
        triton, naiad: patterns of what each says there.
        harmless: naiad says the same and more, or the same less accidentally, and no client of the real server
            can tell.
    """

    cases: str
    part: str
    reason: str
    triton: str = "*"
    naiad: str = "*"
    harmless: bool = False

    def explains(self, case: str, difference: Difference) -> bool:
        """Whether a difference is this one."""
        return (
            fnmatchcase(case, self.cases)
            and fnmatchcase(difference.part, self.part)
            and fnmatchcase(str(difference.triton), self.triton)
            and fnmatchcase(str(difference.naiad), self.naiad)
        )


def _rows(
    reason: str, *cases: str, part: str = "*", triton: str = "*", naiad: str = "*", harmless: bool = False
) -> tuple[KnownDifference, ...]:
    """One row for each pattern of cases, all for the same reason."""
    return tuple(KnownDifference(pattern, part, reason, triton, naiad, harmless) for pattern in cases)


def _harmless(reason: str, part: str, *, cases: str = "*", triton: str = "*", naiad: str = "*") -> KnownDifference:
    return KnownDifference(cases, part, reason, triton, naiad, harmless=True)


_HARMLESS = (
    _harmless(
        "The real server leaves some answers untyped, and its HTTP library calls them text/plain; naiad types JSON.",
        "*header/content-type",
        triton="text/plain",
        naiad="application/json",
    ),
    _harmless("naiad may say beside the error what to do about it.", "*body/hint", triton="(absent)"),
    _harmless(
        "The bodies of health and model control are for KServe's clients; the real server's are empty.",
        "body",
        triton="",
        naiad='{"[lnr]*',
    ),
    _harmless(
        "naiad counts how many batches ran on the event loop and how many beside it.",
        "body/model_stats/*/execution",
        triton="(absent)",
    ),
    _harmless(
        "The real server runs ONNX in a Python-based backend here, whose script it shows.",
        "body/runtime",
        triton="model.py",
        naiad="",
    ),
    _harmless("Two servers.", "body/version", cases="metadata/server"),
    _harmless("Where a model is refused naiad's index says so.", "*/0/state", triton="(absent)", naiad="UNAVAILABLE"),
    _harmless("Where a model is refused naiad's index says why.", "*/0/reason", triton="(absent)"),
    _harmless(
        "naiad names the member that is of the wrong kind, where the real server has the bare sentence.",
        "body/error",
        triton="attempt to *",
        naiad="*: attempt to *",
    ),
)

_HTTP = (
    *_rows("naiad lists its models there, for KServe's clients.", "routes/* /v2/models"),
    *_rows("An answer to HEAD has no body (RFC 9110 §9.3.2).", "routes/HEAD *", part="body", harmless=True),
    *_rows("A fragment is no part of a request target; naiad leaves it out.", "routes/fragment"),
    *_rows("Clients that join a base URI ending in a slash are understood.", "routes/two slashes in front"),
    *_rows("What naiad does not have is not listed.", "metadata/server", part="body/extensions/length"),
    *_rows(
        "An answer bears the server's own version of HTTP (RFC 9110 §6.2); the real server repeats the request's.",
        "connections/HTTP/*",
        part="version",
        naiad="HTTP/1.1",
        harmless=True,
    ),
    *_rows(
        "naiad says that it closes; the real server just does, or, in a version there is none of, does not.",
        "connections/HTTP/*",
        part="header/connection",
        naiad="close",
        harmless=True,
    ),
    *_rows("There is no HTTP/1.2.", "connections/HTTP/1.2"),
    *_rows(
        "naiad says what is wrong with a request that is no HTTP before it closes; the real server only closes.",
        "connections/*",
        "control/load 'a b'",
        part="answers",
        triton="[[]]",
        naiad="[[]400]",
        harmless=True,
    ),
    *_rows("Such a request is refused (RFC 9112 §5.1).", "connections/a header name with a space"),
    *_rows("Such a request is refused (RFC 9112 §6.3).", "connections/Content-Length twice the same"),
    *_rows("Spaces behind a value do not belong to it (RFC 9112 §5.1).", "connections/spaces around a value"),
    *_rows(
        "naiad sends no 100 where the body is already there, or for another expectation (RFC 9110 §10.1.1).",
        "connections/Expect *",
        part="answers",
        triton="[[]100, *",
        harmless=True,
    ),
    *_rows("Chunk extensions are skipped; the real server closes.", "connections/chunk extensions", part="answers"),
    *_rows("naiad's metrics port has one page; the real one answers any other with nothing.", "connections/metrics: *"),
    *_rows("A path is ASCII (RFC 3986 §3.3); the real server takes any bytes.", "folder/größe"),
)

_JSON = (
    *_rows(
        "The sentence is a newer JSON parser's.", "request JSON/grammar: a line break in a string", part="body/error"
    ),
    *_rows(
        "Of a member that comes twice naiad takes the last, the real server the first.",
        "request JSON/grammar: * twice",
    ),
    *_rows(
        "naiad's answers are always UTF-8; the real server repeats what was sent.",
        "request JSON/grammar: not UTF-8 in the id",
        part="body",
    ),
    *_rows(
        "naiad checks the datatype wherever the data is, as newer versions do.",
        "datatypes/datatype '*' as bytes",
        part="body/error",
        naiad="invalid datatype for input i0",
    ),
    *_rows(
        "The header must be a number, as in newer versions; this one takes the digits in front, and 0 where are none.",
        "binary/header length *",
    ),
    *_rows(
        "naiad checks the size of a shape before it looks for the data, as newer versions do.",
        "shapes/table dimension *",
        "shapes/overflow of *",
        part="body/error",
        naiad="* for input 'i0': *",
    ),
    *_rows(
        "The real server goes through inputs in the order of a hash table, naiad in the model's or the alphabet's.",
        "shapes/two: batch sizes differ",
        "shapes/two: one more",
        "shapes/two: two others",
        "shapes/two: types swapped",
        "shapes/three: one missing",
        "shapes/one: an input too many",
        "shapes/optional: one too many",
        part="body/error",
        harmless=True,
    ),
    *_rows(
        "naiad sees that an input is missing; the real server only counts, and the model fails.",
        "shapes/optional: alone",
    ),
    *_rows(
        "A number of classes of more than 32 bits is large; in the real server it wraps.",
        "outputs/classes: 4294967296*",
    ),
)

_EXTENSIONS = (
    *_rows(
        "The real server's JSON parser is not exact in the last digit of a double.",
        "plain/fp64: JSON in, bytes out",
        part="binary",
    ),
    *_rows(
        "naiad refuses a level that there is none of; the real server passes over it.", "extensions/*: unknown level"
    ),
    *_rows("This version of naiad has no other trace mode, and says so.", "extensions/*: mode"),
    *_rows("A number below 0 is refused; in the real server it wraps.", "extensions/*: * negative", naiad="*"),
    *_rows("naiad changes all that was asked for or nothing.", "extensions/logging: good before bad"),
)

_COMPRESSION = (
    *_rows(
        "Names of encodings are in any case, and an empty one is none (RFC 9110 §8.4.1).",
        "compression/request 'GZIP'",
        "compression/request ''",
        "compression/answer 'GZIP'",
    ),
    *_rows(
        "The real server adds what it would have taken; naiad says it in the hint.",
        "compression/request *",
        part="header/accept-encoding",
        triton="gzip, deflate",
    ),
    *_rows(
        "A body that is not what it is said to be is refused; the real server takes gzip for deflate, deflate for "
        "gzip, half of either, and none of what it cannot read.",
        "compression/request gzip that is none",
        "compression/request gzip cut short",
        "compression/request deflate that is none",
        "compression/request deflate without its head",
        "compression/request gzip called deflate",
        "compression/request deflate called gzip",
        "compression/request an empty body as gzip",
    ),
)

_CONTROL = (
    *_rows(
        "The member must be a boolean in newer versions' words.",
        "repository/index: ready *",
    ),
    *_rows(
        "naiad reads the body of an unload request; the real server passes over one that it cannot read.",
        "repository/unload with garbage",
        "control/unload with *",
    ),
    *_rows(
        "Such a name is refused as newer versions refuse it.",
        "control/load '.'",
        "control/load '..'",
        "control/load 'a?b'",
    ),
    *_rows(
        "naiad's parser refuses an object for a list; the real one takes it for the only element.",
        "control/override wrong kinds",
    ),
    *_rows(
        "After an override a plain load goes back to the folder; in the real server only if the folder has changed.",
        "control/plain load *",
    ),
    *_rows(
        "naiad's index has what is loaded; the real server's only what has a folder.",
        "control/* files of a model without folder",
        "control/files of a model without folder",
        part="view/length",
    ),
    *_rows("naiad says what is missing; the real server only logs it.", "control/files without config"),
    *_rows("Paths out of the model's folder are refused, and named.", "control/files at '*"),
    *_rows(
        "What is no base64 is refused; the real server reads nothing from it.",
        "control/files not in base64",
        part="body/error",
    ),
)

_SHARED_MEMORY = (
    *_rows(
        "A segment may have several names; in the real server the second one fails.",
        "shared memory/a second name",
    ),
    *_rows(
        "Keys that are no segment's are refused as newer versions refuse them, before anything is opened.",
        "shared memory/register: key empty",
        "shared memory/register: key with a path",
        "shared memory/register: key with the reserved prefix",
    ),
    *_rows(
        "naiad reads segments and does not map them, so that an offset need not be a page's.",
        "shared memory/register: offset not of a page",
        "shared memory/register: byte_size 0",
    ),
    *_rows("No body is no field, as in newer versions.", "shared memory/register: nothing"),
    *_rows(
        "An offset and a size that overflow are told apart, as in newer versions.",
        "shared memory/*put: offset that overflows",
        part="body/error",
    ),
    *_rows(
        "A size that is not given, or is 0, is told as that; the real server subtracts 1 from it.",
        "shared memory/*put: without byte_size",
        "shared memory/*put: byte_size 0",
    ),
    *_rows("naiad has no GPUs; the real server asks the driver that is not there.", "shared memory/cuda register: *"),
)

_FOLDERS = (
    *_rows(
        "The real server runs ONNX in a Python-based backend here, whose errors end in a trace of calls.",
        "*",
        triton="*\nAt:\n  *",
        harmless=True,
    ),
    *_rows(
        "The Python-based backend does not compare the configuration with the graph, as the real ONNX backend and "
        "naiad do.",
        *(f"folder/{name}" for name in GRAPH_REFUSES),
        "strict folder/backend_only",
        harmless=True,
    ),
    *_rows(
        "Without auto-complete the real server looks at tensors when it finds the model, naiad when it loads it.",
        "strict folder/input_without_dims",
    ),
    *_rows(
        "A Python-based backend cannot complete a reshape; naiad does as the real ONNX backend.",
        "folder/scalar_rows",
        part="body/*/0/reshape",
        harmless=True,
    ),
    *_rows(
        "naiad takes a folder for the file, as the real ONNX backend does.", "folder/layout_graph_folder", harmless=True
    ),
    *_rows(
        "naiad says where in the file the mistake is; the real server writes that to another log.",
        "folder/text_*",
        part="cause",
        triton="failed to read text proto from *",
        naiad="text_*/config.pbtxt:1: *",
        harmless=True,
    ),
    *_rows(
        "The cause is told, not the system's error.",
        "folder/labels_*",
        triton="*failed to open text file for read *",
    ),
    *_rows("The cause is told, not the system's error.", "strict folder/no_file", part="cause", harmless=True),
    *_rows(
        "The real server puts the prefix of a request where there is none.",
        "folder/warmup_no_data",
        triton="*[[]request id: <id_unknown>] warmup setting*",
    ),
    *_rows("This version of naiad does not serve sequences.", "folder/sequence_control_empty"),
    *_rows(
        "naiad's index has models that have no version to serve, and says so.",
        "folder/*",
        part="index/length",
        triton="[[]]",
        naiad="*at least one version must be available*",
        harmless=True,
    ),
    *_rows(
        "naiad serves the versions that do load; in the real server one takes all others along.",
        "folder/layout_one_version_broken",
    ),
    *_rows(
        "A version is a positive integer without leading zeros; the real server takes the digits in front of any name.",
        "folder/layout_version_0",
        "folder/layout_version_negative",
        "folder/layout_version_tail",
    ),
    *_rows(
        "To naiad a model may be called stats; the real server's route for all statistics hides its metadata.",
        "folder/stats",
    ),
)

KNOWN_DIFFERENCES = (*_HARMLESS, *_HTTP, *_JSON, *_EXTENSIONS, *_COMPRESSION, *_CONTROL, *_SHARED_MEMORY, *_FOLDERS)
