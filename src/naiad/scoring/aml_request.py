"""`AMLRequest`, which a `@rawhttp` script receives: werkzeug's request, as Flask's is (azure-ml.md §4.3)."""

from __future__ import annotations

from collections.abc import Generator
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from werkzeug.wrappers import Request

from naiad.scoring.raw_http import rawhttp

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from naiad.scoring.score_request import ScoreRequest

# Other bytes have no place in a URL; werkzeug cannot decode them all.
_ASCII: Final = bytes(range(128))

__all__ = ["AMLRequest", "AsyncAMLRequest", "rawhttp"]


class AMLRequest(Request):
    """The request under Azure ML's name: `.method`, `.get_data()`, `.json`, `.files`, `.form`, `.args`, `.headers` …"""


class AwaitableBytes(bytes):
    """Bytes that may also be awaited, once or often."""

    def __await__(self) -> Generator[None, None, bytes]:
        yield from ()
        return bytes(self)


class AwaitableText(str):
    """Text that may also be awaited, once or often."""

    def __await__(self) -> Generator[None, None, str]:
        yield from ()
        return str(self)


class AsyncAMLRequest(AMLRequest):
    """For `async def run`: scripts of the asynchronous servers write `await request.get_data()`."""

    def get_data(self, *args: Any, **options: Any) -> Any:
        """The body; may be awaited. Arguments as in werkzeug."""
        data = super().get_data(*args, **options)
        return AwaitableText(data) if isinstance(data, str) else AwaitableBytes(data)


def aml_request(request: ScoreRequest, request_class: type[AMLRequest]) -> AMLRequest:
    """Dress a request in WSGI's clothes, whose names werkzeug reads."""
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": quote_from_bytes(request.query, safe=_ASCII),
        "REMOTE_ADDR": request.remote_address,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(request.body),
        "wsgi.input_terminated": True,
    }
    for name, value in request.headers:
        if "_" in name:
            # It would be taken for the header with hyphens.
            continue
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
            if key in environ:
                value = f"{environ[key]},{value}"
        environ[key] = value
    return request_class(environ)
