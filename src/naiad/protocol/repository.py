"""The bodies of the model repository extension: index, load and unload (triton.md §1.7)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any, Final

from naiad.errors import InternalError, InvalidArgumentError
from naiad.protocol import json_value

FILE: Final = "file:"
"""What the name of a load parameter that is a file begins with."""


@dataclass(frozen=True, slots=True)
class LoadParameters:
    """What a load request brings along.

    Attributes:
        config: a `ModelConfig` in JSON, or None.
        files: contents by path inside the model's folder.
    """

    config: str | None = None
    files: dict[str, bytes] = field(default_factory=dict)


def parse_index(body: bytes | memoryview) -> bool:
    """Whether an index request wants ready models only.

    Raises:
        InvalidArgumentError: `ready` is no boolean.
    """
    document = json_value.parse(body) if body else {}
    ready = document.get("ready", False) if isinstance(document, dict) else False
    if not isinstance(ready, bool):
        raise InvalidArgumentError("Invalid value for 'ready': expected a boolean")
    return ready


def parse_load(body: bytes | memoryview) -> LoadParameters:
    """Read a load request.

    Raises:
        InternalError: a value is of the wrong kind, or a parameter is not known.
        InvalidArgumentError: a file is not in base64.
    """
    parameters = LoadParameters()
    config = None
    for key, value in _parameters(body).items():
        if key == "config":
            config = json_value.as_string(value, "", unsaid=key)
        elif key.startswith(FILE):
            parameters.files[key[len(FILE) :]] = _decode(key, json_value.as_string(value, "", unsaid=key))
        else:
            json_value.as_string(value, "", unsaid=key)
            raise InternalError("unexpected error on creating Triton parameter", hint=f"'{key}' is no load parameter")
    return LoadParameters(config, parameters.files)


def parse_unload(body: bytes | memoryview) -> bool:
    """Whether an unload request wants the models of an ensemble unloaded with it.

    As Triton, it passes over a value of another kind (server: src/http_server.cc `HandleRepositoryControl`).

    Raises:
        InternalError: the body is no JSON.
    """
    parameters = _member(body, "parameters")
    return isinstance(parameters, dict) and parameters.get("unload_dependents") is True


def _parameters(body: bytes | memoryview) -> dict[str, Any]:
    parameters = _member(body, "parameters")
    if not isinstance(parameters, dict):
        raise InternalError("attempt to get members for non-object", hint="'parameters' must be an object")
    return parameters


def _member(body: bytes | memoryview, name: str) -> Any:
    document = json_value.parse(body) if body else {}
    return document.get(name, {}) if isinstance(document, dict) else {}


def _decode(key: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidArgumentError(f"parameter '{key}' is not valid base64: {error}") from error
