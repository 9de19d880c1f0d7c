"""Configuration files that people write: JSON or YAML in, a mapping or readable faults out."""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from naiad.errors import ConfigError


def read_mapping(path: Path) -> dict[str, Any]:
    """Parse a JSON or YAML file whose top level is a mapping.

    Raises:
        ConfigError: when the file cannot be read or parsed, with line and column.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name}: not UTF-8 text (byte {error.start})") from None
    is_yaml = path.suffix in (".yml", ".yaml") or (path.suffix != ".json" and not text.lstrip().startswith("{"))
    values = _parse_yaml(text, path.name) if is_yaml else _parse_json(text, path.name)
    if not isinstance(values, dict):
        raise ConfigError(f"{path.name}: a mapping of keys to values is expected, not {type(values).__name__}")
    return {str(key): value for key, value in values.items()}


def _parse_json(text: str, source: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ConfigError(f"{source}: nested too deeply") from None
    except json.JSONDecodeError as error:
        # The standard library points behind a trailing comma on some versions and at it on others.
        position, reason = error.pos, error.msg
        trailing = re.compile(r",\s*[}\]]")
        before = text.rfind(",", 0, position + 1)
        if before >= 0 and (match := trailing.match(text, before)) and match.end() > position:
            position, reason = before, "Trailing comma: JSON has no comma after the last item"
        line, column = text.count("\n", 0, position) + 1, position - (text.rfind("\n", 0, position) + 1) + 1
        raise ConfigError(f"{source}: line {line}, column {column}: {reason}") from None


def _parse_yaml(text: str, source: str) -> Any:
    try:
        return yaml.safe_load(text)
    except RecursionError:
        raise ConfigError(f"{source}: nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError(f"{source}: {where}{error.problem or 'not valid YAML'}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: not valid YAML: {error}") from None


def faults(error: ValidationError, kind: type[BaseModel]) -> list[str]:
    """One line for each fault: where, what, and the nearest known key when the key is unknown.

    Args:
        error: what validating against `kind` raised.
        kind: the model, to know which keys there are.
    """
    lines = []
    for fault in error.errors(include_url=False):
        path = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            known = _known_keys(kind, fault["loc"][:-1])
            near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
            lines.append(f"unknown key {path}" + (f"; did you mean {near[0]}?" if near else ""))
        elif fault["type"] == "value_error":
            lines.append((f"{path}: " if path else "") + str(fault["ctx"]["error"]))
        else:
            got = "" if path.startswith("keys") else f", got {fault['input']!r}"
            lines.append(f"{path}: {fault['msg']}{got}")
    return lines


def _known_keys(kind: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    for part in path:
        inner = next(field.annotation for field in kind.model_fields.values() if field.alias == part)
        assert isinstance(inner, type)
        assert issubclass(inner, BaseModel)
        kind = inner
    return [field.alias or name for name, field in kind.model_fields.items()]
