"""Every error that naiad raises on purpose.

    NaiadError                     status  gRPC code            Triton's code string
    ├── InternalError              500     13 INTERNAL          Internal
    │   └── DeploymentError        500     13
    ├── UnknownError               400      2 UNKNOWN           Unknown
    ├── InvalidArgumentError       400      3 INVALID_ARGUMENT  Invalid argument
    │   ├── ConfigError            400      3
    │   └── UsageError             400      3
    ├── NotFoundError              404      5 NOT_FOUND         Not found
    ├── AlreadyExistsError         400      6 ALREADY_EXISTS    Already exists
    │   └── ConflictError          409     10 ABORTED
    ├── UnsupportedError           501     12 UNIMPLEMENTED     Unsupported
    ├── UnavailableError           503     14 UNAVAILABLE       Unavailable
    ├── CancelledError             400      1 CANCELLED         <invalid code>
    ├── UnauthorizedError          401     16 UNAUTHENTICATED
    ├── RestrictedError            403     14 UNAVAILABLE
    ├── MethodNotAllowedError      405     12 UNIMPLEMENTED
    ├── ContentTooLargeError       413      8 RESOURCE_EXHAUSTED
    ├── HeaderFieldsTooLargeError  431      8 RESOURCE_EXHAUSTED
    └── RequestTimeoutError        408      4 DEADLINE_EXCEEDED

The first column of numbers is Triton's mapping (triton.md §1.2, §2.4) where Triton has the code.
An error has one sentence that names what was wrong and what was expected, and may have a hint.
"""

from __future__ import annotations

from typing import ClassVar


class NaiadError(Exception):
    """The base of all: a message for the person who caused it, and how each wire reports it.

    Args:
        message: one sentence naming what was wrong and what was expected; on Triton's routes, Triton's own.
        hint: what to do about it, when there is something to do.
    """

    http_status: ClassVar[int] = 500
    grpc_code: ClassVar[int] = 13
    code_name: ClassVar[str] = "Internal"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InternalError(NaiadError):
    """Something failed that no client could have prevented; Triton also reports unreadable JSON this way."""


class DeploymentError(InternalError):
    """A service did not come up; the message holds the cause, the hint what to look at."""


class UnknownError(NaiadError):
    """Triton's UNKNOWN."""

    http_status = 400
    grpc_code = 2
    code_name = "Unknown"


class InvalidArgumentError(NaiadError):
    """The caller asked for something that is not valid as asked."""

    http_status = 400
    grpc_code = 3
    code_name = "Invalid argument"


class ConfigError(InvalidArgumentError):
    """A model configuration, a setting or a configuration file is malformed or contradicts itself."""


class UsageError(InvalidArgumentError):
    """A command line cannot be understood."""


class NotFoundError(NaiadError):
    """The named thing does not exist."""

    http_status = 404
    grpc_code = 5
    code_name = "Not found"


class AlreadyExistsError(NaiadError):
    """The named thing exists and would have been overwritten."""

    http_status = 400
    grpc_code = 6
    code_name = "Already exists"


class ConflictError(AlreadyExistsError):
    """Another operation holds the thing, or something still uses it."""

    http_status = 409
    grpc_code = 10


class UnsupportedError(NaiadError):
    """The request is understood and this server does not do it."""

    http_status = 501
    grpc_code = 12
    code_name = "Unsupported"


class UnavailableError(NaiadError):
    """Not now: loading, draining, full, or timed out in the queue."""

    http_status = 503
    grpc_code = 14
    code_name = "Unavailable"


class CancelledError(NaiadError):
    """The caller went away before the answer."""

    http_status = 400
    grpc_code = 1
    code_name = "<invalid code>"


class UnauthorizedError(NaiadError):
    """Keys are on and the request has none, or a wrong one."""

    http_status = 401
    grpc_code = 16
    code_name = "Unauthorized"


class RestrictedError(NaiadError):
    """The API is restricted, and the request has not the header that opens it (triton.md §1.2)."""

    http_status = 403
    grpc_code = 14
    code_name = "Unavailable"


class MethodNotAllowedError(NaiadError):
    """The path exists, the method does not."""

    http_status = 405
    grpc_code = 12
    code_name = "Unsupported"


class ContentTooLargeError(NaiadError):
    """A body is over its limit before it was read."""

    http_status = 413
    grpc_code = 8
    code_name = "Invalid argument"


class HeaderFieldsTooLargeError(NaiadError):
    """A request head is over its limit."""

    http_status = 431
    grpc_code = 8
    code_name = "Invalid argument"


class RequestTimeoutError(NaiadError):
    """A request did not arrive whole in time."""

    http_status = 408
    grpc_code = 4
    code_name = "Unavailable"
