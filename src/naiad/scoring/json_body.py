"""A request body as JSON: orjson's speed with the values and sentences of Python's `json` (azure-ml.md §4.3)."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
import orjson

from naiad.errors import InvalidArgumentError

_AS_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")

# orjson makes a float of an integer that needs more than 64 bits; -2**63 has 19 digits.
_LONG: Final = b"0" * 19


def parse_json(body: bytes) -> Any:
    """The document in `body`; `NaN`, infinities, UTF-16 and long integers are what Python's `json` makes of them.

    Raises:
        InvalidArgumentError: with the sentence of the entry-script host.
    """
    if not _has_long_integer(body):
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


def _has_long_integer(body: bytes) -> bool:
    """Whether so many digits stand together elsewhere than behind a decimal point, where doubles have them."""
    if _LONG not in body.translate(_AS_ZEROS):
        return False
    characters = np.frombuffer(body, np.uint8)
    others = np.flatnonzero((characters < ord("0")) | (characters > ord("9")))
    before = others[np.flatnonzero(np.diff(others, append=len(body)) > len(_LONG))]
    return bool(np.any(characters[before] != ord("."))) or others.size == 0 or int(others[0]) >= len(_LONG)
