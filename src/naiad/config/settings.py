"""The server's settings: one table that yields flags, environment variables and the help text (triton.md §7).

Names are tritonserver's flags where tritonserver has the setting. A flag is written `--http-port 8000` or
`--http-port=8000`; the environment variable of `http-port` is `NAIAD_HTTP_PORT`. Flags win.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from naiad.config.restricted_api import check_restricted_apis, parse_restricted_api
from naiad.errors import ConfigError, UsageError

_TRUE: Final = frozenset({"true", "on", "1"})
_FALSE: Final = frozenset({"false", "off", "0"})


def _boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered not in _TRUE | _FALSE:
        raise ValueError(text)
    return lowered in _TRUE


def _positive(text: str) -> int:
    if (value := int(text)) <= 0:
        raise ValueError(text)
    return value


def _count(text: str) -> int:
    if (value := int(text)) < 0:
        raise ValueError(text)
    return value


def _port(text: str) -> int:
    if not 0 <= (value := int(text)) <= 65535:
        raise ValueError(text)
    return value


def _seconds(text: str) -> float:
    if not (value := float(text)) > 0:
        raise ValueError(text)
    return value


def _control_mode(text: str) -> str:
    if text not in ("none", "poll", "explicit"):
        raise ValueError(text)
    return text


def _verbosity(text: str) -> int:
    lowered = text.lower()
    return int(lowered == "true") if lowered in ("true", "false") else _count(text)


def _log_format(text: str) -> str:
    if text not in ("default", "ISO8601"):
        raise ValueError(text)
    return text


_EXPECTED: Final[dict[Callable[[str], Any], str]] = {
    str: "text",
    _boolean: "true or false",
    _positive: "an integer above 0",
    _count: "an integer of at least 0",
    _port: "a port between 0 and 65535",
    _seconds: "a number of seconds above 0",
    _control_mode: "none, poll or explicit",
    _verbosity: "an integer of at least 0, true or false",
    _log_format: "default or ISO8601",
    parse_restricted_api: "<categories>:<header>=<value>",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    Attributes:
        name: of the flag, without dashes in front.
        parse: text to value.
        default: its value when nobody gives it.
        help: what it does.
        section: where the help lists it.
        repeats: may be given several times; the value is a tuple.
        bare: may stand without a value, which then means true.
        aliases: other names of the flag.
    """

    name: str
    parse: Callable[[str], Any]
    default: Any
    help: str
    section: str
    repeats: bool = False
    bare: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def attribute(self) -> str:
        """The key of the value in `Settings`."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"NAIAD_{self.attribute.upper()}"

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        return _EXPECTED[self.parse]

    def read(self, text: str, source: str) -> Any:
        """Parse one value.

        Raises:
            UsageError: it is not what is expected.
        """
        try:
            return self.parse(text)
        except ValueError:
            raise UsageError(f"{source} is '{text}', expected {self.expected}") from None


REPOSITORY: Final = "Models"
HTTP: Final = "HTTP"
METRICS: Final = "Metrics"
PROCESS: Final = "Process"

SETTINGS: Final = (
    Setting(
        "model-repository",
        str,
        (),
        "A folder with one folder per model. May be given several times.",
        REPOSITORY,
        repeats=True,
        aliases=("model-store",),
    ),
    Setting(
        "disable-auto-complete-config",
        _boolean,
        False,
        "Every model must have a complete config.pbtxt.",
        REPOSITORY,
        bare=True,
    ),
    Setting(
        "strict-model-config",
        _boolean,
        False,
        "The older spelling of --disable-auto-complete-config.",
        REPOSITORY,
    ),
    Setting("exit-on-error", _boolean, True, "Do not start when a model cannot be loaded.", REPOSITORY),
    Setting(
        "strict-readiness",
        _boolean,
        True,
        "Be ready only when every model is; otherwise as soon as the server answers.",
        REPOSITORY,
    ),
    Setting(
        "model-control-mode",
        _control_mode,
        "none",
        "Who loads and unloads models after the start: nobody, what changes in the repository, or requests.",
        REPOSITORY,
    ),
    Setting(
        "load-model",
        str,
        (),
        "A model to load at the start in explicit mode, or * for all. May be given several times.",
        REPOSITORY,
        repeats=True,
    ),
    Setting("repository-poll-secs", _seconds, 15.0, "How often poll mode looks at the repository.", REPOSITORY),
    Setting("model-load-thread-count", _positive, 4, "Models that load at a time.", REPOSITORY),
    Setting(
        "backend-config",
        str,
        (),
        "A runtime's option, as <backend>,<option>=<value>, or <option>=<value> for all. May be given several times.",
        REPOSITORY,
        repeats=True,
    ),
    Setting("http-address", str, "127.0.0.1", "The address to listen on; 0.0.0.0 for every one of the machine.", HTTP),
    Setting("http-port", _port, 8000, "The port to listen on; 0 for any that is free.", HTTP),
    Setting(
        "http-max-input-size",
        _positive,
        1 << 26,
        "Bytes of the largest JSON body and of the largest tensor in it.",
        HTTP,
    ),
    Setting("http-max-body-size", _positive, 1 << 30, "Bytes of the largest body with binary tensors.", HTTP),
    Setting("http-max-receiving-size", _positive, 1 << 31, "Bytes of all bodies that are received at a time.", HTTP),
    Setting("http-max-header-size", _positive, 1 << 14, "Bytes of the largest request head.", HTTP),
    Setting("http-max-connections", _positive, 10_000, "Connections that may be open at a time.", HTTP),
    Setting("http-receive-timeout-secs", _seconds, 60.0, "The longest a request may take to arrive.", HTTP),
    Setting("http-idle-timeout-secs", _seconds, 600.0, "The longest pause between two requests.", HTTP),
    Setting(
        "auth-keys",
        str,
        None,
        "A JSON file with primaryKey and secondaryKey; every request then needs one of them as bearer key. "
        "Read again when it changes.",
        HTTP,
    ),
    Setting(
        "allow-client-shm",
        _boolean,
        False,
        "Let clients register POSIX shared memory for tensors. Whoever may do so reads and writes any segment that the "
        "server's user can open.",
        HTTP,
    ),
    Setting(
        "http-restricted-api",
        parse_restricted_api,
        (),
        "Answer requests to these categories of the HTTP API only when a header has this value: health, metadata, "
        "inference, shared-memory, model-config, model-repository, statistics, trace or logging, separated by commas. "
        "May be given several times.",
        HTTP,
        repeats=True,
    ),
    Setting("allow-metrics", _boolean, True, "Serve Prometheus metrics.", METRICS),
    Setting("metrics-address", str, None, "The address of the metrics port; --http-address when not given.", METRICS),
    Setting("metrics-port", _port, 8002, "The port of GET /metrics; 0 for any that is free.", METRICS),
    Setting("id", str, "naiad", "The server's name in its metadata.", PROCESS),
    Setting("exit-timeout-secs", _count, 30, "How long a stop waits for requests that are being answered.", PROCESS),
    Setting(
        "ready-file",
        str,
        None,
        "A file to write when the server is ready: JSON with the ports and the process id.",
        PROCESS,
    ),
    Setting("log-verbose", _verbosity, 0, "1 and above: log more.", PROCESS),
    Setting("log-info", _boolean, True, "Log informational messages.", PROCESS),
    Setting("log-warning", _boolean, True, "Log warnings.", PROCESS),
    Setting("log-error", _boolean, True, "Log errors.", PROCESS),
    Setting("log-format", _log_format, "default", "How a line of the log begins; tritonserver's two formats.", PROCESS),
    Setting("log-file", str, None, "A file to add the log to, instead of stderr.", PROCESS),
)

_BY_FLAG: Final = {flag: setting for setting in SETTINGS for flag in (setting.name, *setting.aliases)}

_NO_GRPC: Final = "this version of naiad does not serve gRPC"

UNSERVED_FLAGS: Final[Mapping[str, tuple[str, str]]] = {
    "allow-http": ("true", "HTTP is always served"),
    "allow-grpc": ("false", _NO_GRPC),
    "grpc-address": ("", _NO_GRPC),
    "grpc-port": ("", _NO_GRPC),
}
"""tritonserver's flags for what this version does not have: the value that asks for what naiad does anyway, and why any
other has no effect."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The value of every setting.

    Attributes:
        values: by `Setting.attribute`.
        warnings: sentences about what was given and has no effect.
    """

    values: Mapping[str, Any]
    warnings: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Settings from a command line and the environment.

    Args:
        arguments: flags and their values; a bare word is one more model repository.
        environment: variables.

    Raises:
        UsageError: a flag is unknown, lacks its value, is given twice, or has a value it cannot have.
    """
    given: dict[str, list[Any]] = {}
    warnings: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            given.setdefault("model_repository", []).append(word)
            continue
        flag, has_value, text = word.lstrip("-").partition("=")
        setting = _BY_FLAG.get(flag)
        if not word.startswith("--") or (setting is None and flag not in UNSERVED_FLAGS):
            raise UsageError(f"Unexpected argument: {word}", hint="naiad serve --help lists what there is")
        if not has_value:
            if setting is not None and setting.bare and (not rest or rest[0].lower() not in _TRUE | _FALSE):
                text = "true"
            elif rest:
                text = rest.pop(0)
            else:
                raise UsageError(f"--{flag} needs a value", hint=f"for example --{flag}=…")
        if setting is None:
            warnings.append(_unserved(flag, text))
        else:
            given.setdefault(setting.attribute, []).append(setting.read(text, f"--{flag}"))
    values = {setting.attribute: _value(setting, given, environment) for setting in SETTINGS}
    check_restricted_apis(values["http_restricted_api"])
    return Settings(values, tuple(filter(None, warnings)))


def _value(setting: Setting, given: Mapping[str, list[Any]], environment: Mapping[str, str]) -> Any:
    texts = given.get(setting.attribute)
    if texts is not None:
        if len(texts) > 1 and not setting.repeats:
            raise UsageError(f"--{setting.name} is given {len(texts)} times, expected once")
        return tuple(texts) if setting.repeats else texts[0]
    if setting.variable in environment:
        value = setting.read(environment[setting.variable], setting.variable)
        return (value,) if setting.repeats else value
    return setting.default


def _unserved(flag: str, text: str) -> str:
    harmless, reason = UNSERVED_FLAGS[flag]
    return "" if text.lower() == harmless else f"--{flag}={text} has no effect: {reason}"


def backend_settings(texts: Sequence[str]) -> dict[str, dict[str, str]]:
    """`--backend-config` values by backend name; "" holds those for all.

    Raises:
        ConfigError: a value is not of the form `<backend>,<option>=<value>` or `<option>=<value>`.
    """
    parsed: dict[str, dict[str, str]] = {}
    for text in texts:
        name, _, assignment = text.partition(",") if "," in text.partition("=")[0] else ("", "", text)
        option, equals, value = assignment.partition("=")
        if not equals or not option:
            raise ConfigError(f"--backend-config is '{text}', expected <backend>,<option>=<value> or <option>=<value>")
        parsed.setdefault(name, {})[option] = value
    return parsed
