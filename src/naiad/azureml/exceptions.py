"""Azure ML's exceptions, for `except` clauses that name them (azure-ml.md §2.12).

    AzureMLException
    ├── ComputeTargetException
    ├── ModelNotFoundException
    ├── UserErrorException
    ├── WebserviceException
    └── WorkspaceException

Their text is the message and a hint, without the original's nested JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from naiad.errors import NaiadError


class AzureMLException(Exception):
    """The base of all.

    Args:
        exception_message: what went wrong; also the attribute `message`.
        inner_exception: what it came from.
    """

    def __init__(self, exception_message: str, inner_exception: BaseException | None = None) -> None:
        super().__init__(exception_message)
        self.message = exception_message
        self.inner_exception = inner_exception

    def __str__(self) -> str:
        hint = getattr(self.inner_exception, "hint", None)
        return self.message if hint is None else f"{self.message}\n\nhint: {hint}"


class ComputeTargetException(AzureMLException):
    """A compute target does not exist or cannot be used."""


class ModelNotFoundException(AzureMLException):
    """A model is not where it should be."""


class UserErrorException(AzureMLException):
    """The caller passed something that cannot be used."""


class WebserviceException(AzureMLException):
    """An operation on a model or a service failed."""


class WorkspaceException(AzureMLException):
    """The workspace cannot be opened."""


@contextmanager
def translated(kind: type[AzureMLException]) -> Iterator[None]:
    """Raise naiad's errors as one of Azure ML's, with the original as `inner_exception`."""
    try:
        yield
    except NaiadError as error:
        raise kind(error.message, error) from error
