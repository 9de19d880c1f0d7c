"""How a request becomes the arguments of `run()`: three ways, one for each decoration (azure-ml.md §4.3)."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import parse_qsl

import werkzeug.urls  # noqa: F401 - registers the error handler "werkzeug.url_quote"

from naiad.errors import InvalidArgumentError
from naiad.scoring.aml_request import AMLRequest, aml_request
from naiad.scoring.errors import UnsupportedMediaTypeError
from naiad.scoring.json_body import parse_json
from naiad.scoring.score_request import ScoreRequest

Arguments: TypeAlias = dict[str, Any]


class InputMode(Protocol):
    """From a request to keyword arguments."""

    methods: frozenset[str]

    def arguments(self, request: ScoreRequest) -> Arguments:
        """What `run()` is called with, `request_headers` aside.

        Raises:
            NaiadError: the request is not what `run()` takes; its sentence and status are the answer.
        """


_GET_AND_POST: Final = frozenset(("GET", "POST"))


class JsonStringInput:
    """For an undecorated `run()`: the body as text, or the query as the text of a JSON object."""

    methods = _GET_AND_POST

    def __init__(self, name: str) -> None:
        self._name = name

    def arguments(self, request: ScoreRequest) -> Arguments:
        """See `InputMode`."""
        if request.method == "GET":
            return {self._name: json.dumps(query_values(request.query))}
        try:
            return {self._name: str(request.body, "utf-8")}
        except UnicodeDecodeError as error:
            raise InvalidArgumentError(f"Input cannot be decoded as UTF-8: {error}") from None


class ObjectInput:
    """For `@input_schema`: the members of a JSON object, or the values of the query, by name."""

    methods = _GET_AND_POST

    def __init__(self, parameters: Sequence[inspect.Parameter]) -> None:
        self._defaults = [(parameter.name, parameter.default) for parameter in parameters]

    def arguments(self, request: ScoreRequest) -> Arguments:
        """See `InputMode`."""
        values = query_values(request.query) if request.method == "GET" else _json_object(request)
        arguments = {}
        for name, default in self._defaults:
            value = values.get(name, default)
            if value is inspect.Parameter.empty:
                raise InvalidArgumentError(f"A value is not provided for the {name!r} parameter.")
            arguments[name] = value
        return arguments


class RawInput:
    """For `@rawhttp`: the request itself."""

    methods = frozenset(("GET", "HEAD", "POST", "OPTIONS"))

    def __init__(self, name: str, request_class: type[AMLRequest]) -> None:
        self._name = name
        self._request_class = request_class

    def arguments(self, request: ScoreRequest) -> Arguments:
        """See `InputMode`."""
        return {self._name: aml_request(request, self._request_class)}


def query_values(query: bytes) -> dict[str, Any]:
    """The parameters of a query, each read as JSON where it is JSON; a repeated one becomes a list."""
    values: dict[str, list[Any]] = {}
    pairs = parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True, errors="werkzeug.url_quote")
    for name, text in pairs:
        values.setdefault(name, []).append(_json_or_text(text))
    return {name: several[0] if len(several) == 1 else several for name, several in values.items()}


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _json_object(request: ScoreRequest) -> dict[str, Any]:
    if not _says_json(request.headers):
        raise UnsupportedMediaTypeError("Expects Content-Type to be application/json")
    document = parse_json(bytes(request.body))
    if not isinstance(document, dict):
        raise InvalidArgumentError("POST body should be a JSON dictionary.")
    return document


def _says_json(headers: Sequence[tuple[str, str]]) -> bool:
    for name, value in headers:
        if len(name) == 12 and name.lower() == "content-type":
            if value == "application/json":
                return True
            kind = value.partition(";")[0].strip().lower()
            return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    return False


_WSGI_NAMES: dict[str, str] = {}
_MAX_NAMES: Final = 1000


def header_dictionary(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What a `request_headers` parameter receives: WSGI's view of the headers.

    Names are in title case, a repeated header is joined with commas, and a name with an underscore, which could pass
    for another header, is left out.
    """
    result: dict[str, str] = {}
    for name, value in headers:
        known = _WSGI_NAMES.get(name)
        if known is None:
            if "_" in name:
                continue
            known = name.title()
            if len(_WSGI_NAMES) < _MAX_NAMES:
                _WSGI_NAMES[name] = known
        result[known] = f"{result[known]},{value}" if known in result else value
    return result
