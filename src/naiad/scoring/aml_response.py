"""`AMLResponse`, which a script returns to choose status, headers and bytes itself (azure-ml.md §4.3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from werkzeug.wrappers import Response

from naiad.scoring.score_response import FAILED_HEADER

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class AMLResponse(Response):
    """An HTTP answer under Azure ML's name and with its arguments.

    Args:
        message: text, bytes or an iterable of either, which is then streamed; with `json_str` anything that JSON can
            hold; `None` is the empty object.
        status_code: the status.
        response_headers: more headers; a value with commas becomes a header for each part.
        json_str: write `message` as JSON.
        run_function_failed: what `x-ms-run-function-failed` says.
    """

    default_mimetype = "text/html"

    def __init__(
        self,
        message: Any,
        status_code: int,
        response_headers: Mapping[str, str] = _NO_HEADERS,
        json_str: bool = False,
        run_function_failed: bool = False,
    ) -> None:
        if message is None or json_str:
            text = json.dumps({} if message is None else message)
            super().__init__(text, status=status_code, mimetype="application/json")
        else:
            super().__init__(message, status=status_code)
            if "Content-Type" in response_headers:
                self.headers.remove("Content-Type")
        self.headers[FAILED_HEADER] = str(run_function_failed)
        for name, value in response_headers.items():
            for part in value.split(","):
                self.headers.add(name, part.strip())
