"""What can go wrong around a user's entry script."""

from __future__ import annotations

from naiad.errors import ConfigError, InvalidArgumentError, NaiadError


class EntryScriptError(ConfigError):
    """The script cannot be served: it does not import, lacks `init()` or `run()`, or its `init()` failed.

    Args:
        message: one sentence, the entry-script host's own where it has one (azure-ml.md §4.3).
        traceback_text: the user's part of the traceback, when the script raised; empty otherwise.
        hint: what to do about it, when there is something to do.
    """

    def __init__(self, message: str, *, traceback_text: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.traceback_text = traceback_text


class InputSchemaError(InvalidArgumentError, ValueError):
    """A value of a request is not what `@input_schema` describes."""


class UnsupportedMediaTypeError(NaiadError):
    """The body is not of the content type that `run()` takes."""

    http_status = 415
    grpc_code = 3
    code_name = "Invalid argument"


class ScoringTimeout(BaseException):
    """Raised inside `run()` by the host's timer. No `except Exception` of a script swallows it."""
