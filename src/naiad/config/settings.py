"""The server's settings, from flags, environment variables and a file.

A flag is written `--http-port 8000` or `--http-port=8000`, the environment variable of `http-port` is
`NAIAD_HTTP_PORT`, and `--config` names a YAML file with `http-port: 8000`. Flags win over variables, variables over the
file. What there is stands in `settings_table`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from naiad.config.given_settings import FLAGS, GivenSettings, nearest_flag
from naiad.config.restricted_api import check_restricted_apis
from naiad.config.setting import FALSE, TRUE, Setting
from naiad.config.settings_file import read_settings_file
from naiad.config.settings_table import SETTINGS
from naiad.config.unserved_flags import UnservedFlag
from naiad.errors import UsageError


@dataclass(frozen=True, slots=True)
class Settings:
    """The value of every setting.

    Attributes:
        values: by `Setting.attribute`.
        warnings: sentences about what was given and has no effect.
        notes: sentences about what may surprise somebody.
    """

    values: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a command line is read.

    Attributes:
        command: that reads it.
        is_tritonserver: as tritonserver does (triton.md §7): no bare words, the last of several values wins, and a flag
            may be shortened as long as only one begins so; a flag that nobody knows is a warning.
        defaults: that differ from the table's.
    """

    command: str
    is_tritonserver: bool = False
    defaults: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


NAIAD_SERVE: Final = Dialect("naiad serve")
TRITONSERVER: Final = Dialect(
    "naiad-tritonserver",
    is_tritonserver=True,
    defaults=MappingProxyType({"http_address": "0.0.0.0", "id": "triton"}),  # noqa: S104 - tritonserver's default
)


def read_settings(
    arguments: Sequence[str], environment: Mapping[str, str], *, dialect: Dialect = NAIAD_SERVE
) -> Settings:
    """Settings from a command line, the environment and the file that one of them names.

    Args:
        arguments: flags and their values; with `naiad serve`, a bare word is one more model repository.
        environment: variables.
        dialect: of the arguments.

    Raises:
        UsageError: a flag is unknown, lacks its value, is given twice, or has a value that it cannot have; or settings
            contradict each other.
        ConfigError: as `read_settings_file`.
    """
    flags = _read_flags(arguments, dialect)
    sources = [flags, _read_variables(environment)]
    if path := next((source.values["config"] for source in sources if "config" in source.values), None):
        sources.append(read_settings_file(Path(path).expanduser()))
    layers = [source.values for source in sources] + [dialect.defaults]
    values = {
        setting.attribute: next(
            (layer[setting.attribute] for layer in layers if setting.attribute in layer), setting.default
        )
        for setting in SETTINGS
    }
    check_restricted_apis(values["http_restricted_api"])
    check_restricted_apis(values["grpc_restricted_protocol"])
    _check_ports(values)
    differing = [
        f"--{setting.name}={values[setting.attribute]}"
        for setting in SETTINGS
        if setting.attribute in dialect.defaults and not any(setting.attribute in source.values for source in sources)
    ]
    notes = (f"tritonserver's defaults, which are not naiad's: {' '.join(differing)}",) if differing else ()
    return Settings(values, tuple(dict.fromkeys(warning for source in sources for warning in source.warnings)), notes)


def _read_flags(arguments: Sequence[str], dialect: Dialect) -> GivenSettings:
    given = GivenSettings(UsageError, last_wins=dialect.is_tritonserver)
    words = list(arguments)
    while words:
        word = words.pop(0)
        if not word.startswith("-") and not dialect.is_tritonserver:
            given.add(FLAGS["model-repository"], word, source="the model repository")
            continue
        if not word.startswith("--") or word == "--":
            raise UsageError(f"Unexpected argument: {word}", hint=f"{dialect.command} --help lists what there is")
        name, has_value, text = word[2:].partition("=")
        flag = _find_flag(name, dialect)
        if not has_value and _takes_next(flag, words):
            if not words:
                raise UsageError(f"--{name} needs a value", hint=f"for example --{name}=…")
            text = words.pop(0)
        elif not has_value:
            text = "true"
        if flag is None:
            given.warnings.append(f"--{name} has no effect: naiad does not know it{_did_you_mean(name)}")
        else:
            given.add(flag, text, source=f"--{name}")
    return given


def _find_flag(name: str, dialect: Dialect) -> Setting | UnservedFlag | None:
    """What a flag names; None for a flag of another tritonserver."""
    if (flag := FLAGS.get(name)) is not None:
        return flag
    if not dialect.is_tritonserver:
        near = nearest_flag(name)
        raise UsageError(
            f"Unexpected argument: --{name}",
            hint=f"did you mean --{near}?" if near else f"{dialect.command} --help lists what there is",
        )
    longer = [known for known in FLAGS if known.startswith(name)] if name else []
    return FLAGS[longer[0]] if len(longer) == 1 else None


def _takes_next(flag: Setting | UnservedFlag | None, words: Sequence[str]) -> bool:
    """Whether the word behind a flag is its value."""
    if flag is None:
        return bool(words) and not words[0].startswith("-")
    if isinstance(flag, Setting) and flag.bare:
        return bool(words) and words[0].lower() in TRUE | FALSE
    return True


def _did_you_mean(name: str) -> str:
    near = nearest_flag(name)
    return f"; did you mean --{near}?" if near else ""


def _read_variables(environment: Mapping[str, str]) -> GivenSettings:
    given = GivenSettings(UsageError)
    for setting in SETTINGS:
        if setting.variable in environment:
            given.add(setting, environment[setting.variable], source=setting.variable)
    return given


def _check_ports(values: Mapping[str, Any]) -> None:
    """One port can serve HTTP and gRPC, but neither and metrics (triton.md §7)."""
    http = (values["http_address"], values["http_port"])
    grpc = (values["grpc_address"] or values["http_address"], values["grpc_port"])
    metrics = (values["metrics_address"] or values["http_address"], values["metrics_port"])
    for what, place, allowed in (("HTTP", http, values["allow_http"]), ("GRPC", grpc, values["allow_grpc"])):
        if place == metrics and place[1] and allowed and values["allow_metrics"]:
            address, port = place
            raise UsageError(
                f"The server cannot listen to {what} requests and metrics requests at the same address and port "
                f"{address}:{port}"
            )
