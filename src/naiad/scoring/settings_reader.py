"""Reading the host's settings: flags win over variables, variables over the configuration file (azure-ml.md §4.1)."""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from naiad.config.setting import BOOLEAN, ValueFault
from naiad.errors import ConfigError, NaiadError, UsageError
from naiad.scoring.settings import SOURCES, ScoringSettings

_VARIABLES: Final = {source.variable: name for name, source in SOURCES.items()}
_IMAGE_APP_ROOT: Final = "/var/azureml-app"
_NO_SCRIPT: Final = (
    "Either provide an entry_script using --entry_script or provide a path to the configuration file using "
    "--config_file"
)
# Azure's names for telemetry, which this host has no use for.
_IGNORED_KEYS: Final = frozenset(
    {
        *("AML_APP_INSIGHTS_ENABLED", "APP_INSIGHTS_LOG_RESPONSE_ENABLED", "AML_MODEL_DC_STORAGE_ENABLED"),
        "HOSTNAME",
    }
)


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """Settings, and what there is to say about them.

    Attributes:
        settings: all of them.
        config_file: the file that was read, if one was.
        warnings: sentences for the log.
    """

    settings: ScoringSettings
    config_file: Path | None
    warnings: tuple[str, ...]


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> ReadSettings:
    """Settings from a command line, the environment and a configuration file.

    Args:
        arguments: flags with `-` or `_`, their values behind a space or `=`.
        environment: variables.

    Raises:
        UsageError: the command line cannot be understood, or no script is named.
        ConfigError: a variable or the configuration file has a value that cannot be.
    """
    flags = _read_flags(arguments)
    given = {name: environment[source.variable] for name, source in SOURCES.items() if source.variable in environment}
    variables = {name: _parse(name, text, _variable_error) for name, text in given.items() if text != ""}
    if flags.get("entry_script") is not None:
        flags["entry_script"] = str(Path(flags["entry_script"]).absolute())
        flags.setdefault("app_root", variables.get("app_root", str(Path.cwd())))
    known = {**variables, **flags}
    file = _find_config_file(known)
    values, warnings = ({}, []) if file is None else _read_config_file(file)
    values.update(known)
    if values.get("entry_script") is None and "config_file" not in known and "app_root" not in known:
        raise UsageError(_NO_SCRIPT)
    values.setdefault("app_root", _IMAGE_APP_ROOT if Path(_IMAGE_APP_ROOT).is_dir() else str(Path.cwd()))
    if values.get("model_dir"):
        values["model_dir"] = str(Path(values["model_dir"]).absolute())
    return ReadSettings(ScoringSettings(**values), file, tuple(warnings))


def flags_help(*, width: int = 110) -> str:
    """All flags, for a terminal of so many columns."""
    lines = []
    for name, source in SOURCES.items():
        default = ScoringSettings.__dataclass_fields__[name].default
        shown = str(default).lower() if isinstance(default, bool) else default
        lines.append(f"  --{name.replace('_', '-')} <{source.kind.expected}>")
        tail = "" if source.default in (None, "") else f" Default: {shown}."
        text = f"{source.help} [{source.variable}]{tail}"
        lines += textwrap.wrap(text, width, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join(lines)


def _read_flags(arguments: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    words = list(arguments)
    while words:
        word = words.pop(0)
        flag, equals, text = word.partition("=")
        name = flag.removeprefix("--").replace("-", "_")
        if name == "rest" and flag.startswith("--"):  # azmlinfsrv's hidden flag: REST is all there is
            continue
        if not flag.startswith("--") or name not in SOURCES:
            near = difflib.get_close_matches(name, SOURCES, n=1)
            hint = f"did you mean --{near[0].replace('_', '-')}?" if near else None
            raise UsageError(f"unrecognized argument: {word}", hint=hint)
        if not equals:
            is_bare = SOURCES[name].kind is BOOLEAN and (not words or words[0].startswith("--"))
            if not is_bare and not words:
                raise UsageError(f"{flag} expects {SOURCES[name].kind.expected}, and nothing follows it")
            text = "true" if is_bare else words.pop(0)
        values[name] = _parse(name, text, lambda _, sentence, flag=flag: UsageError(f"{flag} {sentence}"))
    return values


def _parse(name: str, text: str, error: Any) -> Any:
    kind = SOURCES[name].kind
    try:
        return kind.parse(text)
    except ValueFault as fault:
        raise error(name, str(fault)) from None
    except ValueError:
        raise error(name, f"must be {kind.expected}, not '{text}'") from None


def _variable_error(name: str, sentence: str) -> NaiadError:
    variable = SOURCES[name].variable
    return ConfigError(f"{variable} {sentence} (environment variable: {variable})")


def _find_config_file(known: Mapping[str, Any]) -> Path | None:
    """The named file, else a config.json in the application's folder or beside the script."""
    if known.get("config_file"):
        named = Path(known["config_file"]).absolute()
        if not named.is_file():
            raise ConfigError(f"Invalid config file!: {named} is not there (environment variable: AZUREML_CONFIG_FILE)")
        return named
    folders = [Path(known["app_root"])] if known.get("app_root") else []
    if known.get("entry_script"):
        folders.append((Path(known.get("app_root", ".")) / known["entry_script"]).parent)
    for folder in folders:
        file = folder / "config.json"
        if file.is_file() and file.stat().st_size:
            return file
    return None


def _read_config_file(file: Path) -> tuple[dict[str, Any], list[str]]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"Invalid config file!: {file}: {error}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"Invalid config file!: {file}: a JSON object is expected, not {type(document).__name__}")
    extra = [key for key in document if key not in _VARIABLES and key not in _IGNORED_KEYS]
    warnings = []
    if extra:
        warnings.append(
            f"Found extra keys in the config file that are not supported by the server.\nExtra keys = {extra}"
        )
    values = {}
    for key, value in document.items():
        if key in _VARIABLES and value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            values[_VARIABLES[key]] = _parse(_VARIABLES[key], text, _variable_error)
    return values, warnings
