"""A request body as JSON: orjson's speed with the values and sentences of Python's `json` (azure-ml.md §4.3)."""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

from naiad.errors import InvalidArgumentError

_AS_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")
_TWENTY_DIGITS: Final = b"0" * 20


def parse_json(body: bytes) -> Any:
    """The document in `body`; `NaN`, infinities, UTF-16 and long integers are what Python's `json` makes of them.

    Raises:
        InvalidArgumentError: with the sentence of the entry-script host.
    """
    # 2**64 has 20 digits; orjson makes a float of what is larger.
    if _TWENTY_DIGITS not in body.translate(_AS_ZEROS):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass
    try:
        return json.loads(body)
    except ValueError as error:
        if not body:
            raise InvalidArgumentError("POST body is empty. Expecting a JSON dictionary.") from None
        raise InvalidArgumentError(f"POST body could not be decoded as JSON: {error}") from None
    except RecursionError:
        raise InvalidArgumentError("POST body could not be decoded as JSON: it is nested too deeply") from None
