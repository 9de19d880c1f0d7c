"""Model configurations as text: config.pbtxt (protobuf text format) and the JSON of a load request."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import json_format, text_format

from naiad.config.model_config import ModelConfig
from naiad.errors import ConfigError
from naiad.messages import model_config_pb2

_LONGEST_COMPLAINT = 400

_UNKNOWN_FIELD = re.compile(r'Message type "([\w.]+)" has no field named "([^"]*)"')
_UNKNOWN_VALUE = re.compile(
    r'Enum type "(?P<text_enum>[\w.]+)" has no value named (?P<text_value>\w+)'
    r"|Invalid enum value (?P<json_value>\S+) for enum type (?P<json_enum>[\w.]+?)\.?(?:\s|$)"
)
_JSON_FIELD = re.compile(r"Failed to parse (\w+) field: ")


def parse(text: str | bytes, *, source: str) -> ModelConfig:
    """Read a config.pbtxt.

    Args:
        text: the file's content; bytes are UTF-8, with or without a byte order mark.
        source: what to call the text in an error, usually the file's path in the repository.

    Raises:
        ConfigError: naming source, line and what is wrong there.
    """
    text = _decode(text, source)
    try:
        return text_format.Parse(text, ModelConfig())
    except text_format.ParseError as error:
        number = error.GetLine() or 1
        lines = text.split("\n")
        line = lines[number - 1] if number <= len(lines) else ""
        what = re.sub(r"^\d+:\d+ : ", "", str(error)).removeprefix(f"'{line}': ")
        raise _refusal(f"{source}:{number}", what) from None


def parse_json(text: str | bytes, *, source: str) -> ModelConfig:
    """Read a configuration in proto3 JSON, as a load request overrides one (triton.md §3.6).

    Field names may be snake_case or camelCase, 64-bit numbers may be strings, enum names may have any case.

    Args:
        text: a JSON object; bytes are UTF-8.
        source: what to call the text in an error.

    Raises:
        ConfigError: naming source and what is wrong: broken JSON (with its line), an unknown or repeated field, a
            value of the wrong type.
    """
    text = _decode(text, source)
    try:
        document = json.loads(text, object_pairs_hook=_without_repeats)
        json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise _refusal(f"{source}:{error.lineno}", error.msg) from None
    except RecursionError:
        raise _refusal(source, "nested too deeply") from None
    except UnicodeEncodeError:
        raise _refusal(source, "a string holds half of a surrogate pair") from None
    except ValueError as error:
        raise _refusal(source, str(error)) from None
    try:
        return json_format.ParseDict(_canonical_object(document, ModelConfig.DESCRIPTOR), ModelConfig())
    except json_format.ParseError as error:
        message = str(error).split("\n", 1)[0]
        path = ".".join(_JSON_FIELD.findall(message))
        what = _JSON_FIELD.sub("", message).rstrip(".")
        raise _refusal(source, f"{path}: {what}" if path else what) from None
    except OverflowError as error:  # an infinite enum, which protobuf does not expect
        raise _refusal(source, str(error)) from None


def render(config: ModelConfig) -> str:
    """Write a configuration as the text of a config.pbtxt that `parse` reads back unchanged."""
    return str(text_format.MessageToString(config, as_utf8=True))


def _decode(text: str | bytes, source: str) -> str:
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{source}:{line}: byte 0x{text[error.start]:02x} is not UTF-8 text") from None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in pairs:
        if name in document:
            raise ValueError(f"field '{name}' is given more than once")
        document[name] = value
    return document


def _canonical_object(document: Any, descriptor: Any) -> Any:
    """Make a JSON object one that protobuf's Python parser judges well.

    It insists on the case of enum names, and takes any sequence for a message; everything else is left to it.
    """
    if not isinstance(document, dict):
        raise json_format.ParseError(f"expected an object for {descriptor.full_name}, got {json.dumps(document)}")
    canonical = {}
    for name, value in document.items():
        field = descriptor.fields_by_name.get(name) or descriptor.fields_by_camelcase_name.get(name)
        canonical[name] = value if field is None or value is None else _canonical_field(value, field)
    return canonical


def _canonical_field(value: Any, field: Any) -> Any:
    if field.enum_type is not None:
        return _canonical_enum(value, field.enum_type.values_by_name)
    if field.message_type is None:
        return value
    if field.message_type.GetOptions().map_entry:
        entry = field.message_type.fields_by_name["value"]
        return {k: _canonical_field(v, entry) for k, v in value.items()} if isinstance(value, dict) else value
    if not field.has_presence:
        return [_canonical_object(v, field.message_type) for v in value] if isinstance(value, list) else value
    return _canonical_object(value, field.message_type)


def _canonical_enum(value: Any, names: Mapping[str, Any]) -> Any:
    if not isinstance(value, str) or value in names:
        return value
    canonical = value.replace("-", "_").upper()
    return canonical if canonical in names else value


def _refusal(place: str, what: str) -> ConfigError:
    if len(what) > _LONGEST_COMPLAINT:
        what = what[:_LONGEST_COMPLAINT] + "…"
    return ConfigError(f"{place}: {what}", hint=_hint(what))


def _hint(complaint: str) -> str | None:
    """What may have been meant by a field or an enum value that does not exist."""
    pool = model_config_pb2.DESCRIPTOR.pool
    try:
        if match := _UNKNOWN_FIELD.search(complaint):
            return _suggestion(match[2], pool.FindMessageTypeByName(match[1]).fields_by_name)
        if match := _UNKNOWN_VALUE.search(complaint):
            enum = pool.FindEnumTypeByName(match["text_enum"] or match["json_enum"])
            return _suggestion(match["text_value"] or match["json_value"], enum.values_by_name)
    except KeyError:
        # The complaint quotes a text that looks like a complaint.
        return None
    return None


def _suggestion(name: str, known: Iterable[str]) -> str:
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1) or difflib.get_close_matches(name.upper(), known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"expected one of: {', '.join(known)}"
