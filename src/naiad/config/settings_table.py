"""The server's settings, one row each: flags, variables, keys of the file, help and reference all come from here.

Names are tritonserver's flags where tritonserver has the setting (triton.md §7).
"""

from __future__ import annotations

from typing import Final

from naiad.config.backend_options import parse_backend_option
from naiad.config.restricted_api import CATEGORIES, parse_restricted_api
from naiad.config.setting import (
    BOOLEAN,
    COUNT,
    FILE_STEM,
    MILLISECONDS,
    PORT,
    POSITIVE,
    SECONDS,
    TEXT,
    VERBOSITY,
    Kind,
    Setting,
    choice,
)
from naiad.config.trace_config import parse_trace_option

MODELS: Final = "Models"
HTTP: Final = "HTTP"
GRPC: Final = "gRPC"
METRICS: Final = "Metrics"
LOGGING: Final = "Logging"
TRACING: Final = "Tracing"
PROCESS: Final = "Process"

_BACKEND_OPTION: Final = Kind("<backend>,<option>=<value> or <option>=<value>", parse_backend_option)
_TRACE_OPTION: Final = Kind("<option>=<value> or <mode>,<option>=<value>", parse_trace_option)
_RESTRICTED_API: Final = Kind("<categories>:<header>=<value>", parse_restricted_api, is_secret=True)

SETTINGS: Final = (
    Setting(
        "model-repository",
        TEXT,
        (),
        "A folder with one folder per model, or the URL of one: s3:// (with naiad[s3] installed), gs:// (naiad[gcs]), "
        "as:// (naiad[azure]), or any that fsspec has a driver for. May be given several times.",
        MODELS,
        repeats=True,
        aliases=("model-store",),
    ),
    Setting(
        "disable-auto-complete-config",
        BOOLEAN,
        False,
        "Every model must have a complete config.pbtxt.",
        MODELS,
        bare=True,
    ),
    Setting("strict-model-config", BOOLEAN, False, "The older spelling of --disable-auto-complete-config.", MODELS),
    Setting(
        "model-config-name",
        FILE_STEM,
        None,
        "A model's configuration is configs/<name>.pbtxt in its folder where there is one, and config.pbtxt elsewhere.",
        MODELS,
    ),
    Setting("exit-on-error", BOOLEAN, True, "Do not start when a model cannot be loaded.", MODELS),
    Setting(
        "strict-readiness",
        BOOLEAN,
        True,
        "Be ready only when every model is; otherwise as soon as the server answers.",
        MODELS,
    ),
    Setting(
        "model-control-mode",
        choice("none", "poll", "explicit"),
        "none",
        "Who loads and unloads models after the start: nobody, what changes in the repository, or requests.",
        MODELS,
    ),
    Setting(
        "load-model",
        TEXT,
        (),
        "A model to load at the start in explicit mode, or * for all. May be given several times.",
        MODELS,
        repeats=True,
    ),
    Setting("repository-poll-secs", SECONDS, 15.0, "How often poll mode looks at the repository.", MODELS),
    Setting(
        "repository-cache",
        TEXT,
        None,
        "The folder that keeps copies of the models of remote repositories; one in the user's cache folder when not "
        "given.",
        MODELS,
    ),
    Setting(
        "repository-max-model-size",
        POSITIVE,
        1 << 36,
        "Bytes of the largest model that is fetched from a remote repository.",
        MODELS,
    ),
    Setting(
        "repository-max-model-files",
        POSITIVE,
        10_000,
        "Files that a model of a remote repository may have.",
        MODELS,
    ),
    Setting("model-load-thread-count", POSITIVE, 4, "Models that load at a time.", MODELS),
    Setting("model-load-retry-count", COUNT, 0, "How often a model that fails to load is tried again at once.", MODELS),
    Setting(
        "backend-config",
        _BACKEND_OPTION,
        (),
        "A runtime's option, for one runtime or for all. May be given several times.",
        MODELS,
        repeats=True,
    ),
    Setting("allow-http", BOOLEAN, True, "Serve HTTP.", HTTP),
    Setting("http-address", TEXT, "127.0.0.1", "The address to listen on; 0.0.0.0 for every one of the machine.", HTTP),
    Setting("http-port", PORT, 8000, "The port to listen on; 0 for any that is free.", HTTP),
    Setting(
        "http-fd",
        COUNT,
        None,
        "A file descriptor that is a listening socket, to serve HTTP and gRPC on instead of ports of their own.",
        HTTP,
    ),
    Setting("reuse-http-port", BOOLEAN, False, "Share the port with other servers that have this setting too.", HTTP),
    Setting(
        "http-max-input-size",
        POSITIVE,
        1 << 26,
        "Bytes of the largest JSON body and of the largest tensor in it.",
        HTTP,
    ),
    Setting(
        "http-max-body-size",
        POSITIVE,
        1 << 30,
        "Bytes of the largest body with binary tensors, and of a call's largest message.",
        HTTP,
    ),
    Setting(
        "http-max-receiving-size",
        POSITIVE,
        1 << 31,
        "Bytes of all large bodies and messages in the server at a time, until they are answered, and of what clients "
        "of HTTP/2 have not read.",
        HTTP,
    ),
    Setting("http-max-header-size", POSITIVE, 1 << 14, "Bytes of the largest request head.", HTTP),
    Setting("http-max-connections", POSITIVE, 10_000, "Connections that may be open at a time.", HTTP),
    Setting(
        "http-max-streams", POSITIVE, 1024, "Requests that one connection of HTTP/2 may have open at a time.", HTTP
    ),
    Setting("http-receive-timeout-secs", SECONDS, 60.0, "The longest a request may take to arrive.", HTTP),
    Setting("http-idle-timeout-secs", SECONDS, 600.0, "The longest pause between two requests.", HTTP),
    Setting(
        "auth-keys",
        TEXT,
        None,
        "A JSON file with primaryKey and secondaryKey; every request then needs one of them as bearer key. "
        "Read again when it changes.",
        HTTP,
    ),
    Setting(
        "http-restricted-api",
        _RESTRICTED_API,
        (),
        "Answer requests to these categories of the HTTP API only when a header has this value. Categories, separated "
        f"by commas: {', '.join(CATEGORIES)}. May be given several times.",
        HTTP,
        repeats=True,
    ),
    Setting("http-use-ssl", BOOLEAN, False, "Speak TLS on the HTTP port.", HTTP),
    Setting("http-use-ssl-mutual", BOOLEAN, False, "Take only clients with a certificate, too.", HTTP),
    Setting("http-server-cert", TEXT, None, "A PEM file with the server's certificate and those above it.", HTTP),
    Setting("http-server-key", TEXT, None, "A PEM file with the certificate's private key.", HTTP),
    Setting("http-root-cert", TEXT, None, "A PEM file with the authorities of clients' certificates.", HTTP),
    Setting(
        "allow-client-shm",
        BOOLEAN,
        False,
        "Let clients register POSIX shared memory for tensors. Whoever may do so reads and writes any segment that the "
        "server's user can open.",
        HTTP,
    ),
    Setting("allow-grpc", BOOLEAN, True, "Serve gRPC, on the HTTP port as well as on its own.", GRPC),
    Setting("grpc-address", TEXT, None, "The address of the gRPC port; --http-address when not given.", GRPC),
    Setting(
        "grpc-port",
        PORT,
        8001,
        "The port of gRPC; 0 for any that is free, and the port of HTTP for that one alone.",
        GRPC,
    ),
    Setting("reuse-grpc-port", BOOLEAN, False, "Share the port with other servers that have this setting too.", GRPC),
    Setting(
        "grpc-restricted-protocol",
        _RESTRICTED_API,
        (),
        "As --http-restricted-api, for calls: the metadata's name is the header's behind triton-grpc-protocol-.",
        GRPC,
        repeats=True,
    ),
    Setting(
        "grpc-infer-response-compression-level",
        choice("none", "low", "medium", "high"),
        "none",
        "How hard to compress answers to clients that accept compressed ones.",
        GRPC,
    ),
    Setting("grpc-use-ssl", BOOLEAN, False, "Speak TLS on the gRPC port.", GRPC),
    Setting("grpc-use-ssl-mutual", BOOLEAN, False, "Take only clients with a certificate, too.", GRPC),
    Setting("grpc-server-cert", TEXT, None, "A PEM file with the server's certificate and those above it.", GRPC),
    Setting("grpc-server-key", TEXT, None, "A PEM file with the certificate's private key.", GRPC),
    Setting("grpc-root-cert", TEXT, None, "A PEM file with the authorities of clients' certificates.", GRPC),
    Setting(
        "grpc-keepalive-time",
        MILLISECONDS,
        7_200_000,
        "Silence after which a client with calls under way is asked whether it is there.",
        GRPC,
    ),
    Setting("grpc-keepalive-timeout", MILLISECONDS, 20_000, "How long it has to answer.", GRPC),
    Setting(
        "grpc-keepalive-permit-without-calls",
        BOOLEAN,
        False,
        "Pings make sense without calls under way, too, either way.",
        GRPC,
    ),
    Setting(
        "grpc-http2-min-recv-ping-interval-without-data",
        MILLISECONDS,
        300_000,
        "How often a client may ping with nothing else going on.",
        GRPC,
    ),
    Setting(
        "grpc-http2-max-ping-strikes",
        COUNT,
        2,
        "How many pings too many a client is allowed before its connection is closed; 0 for any number.",
        GRPC,
    ),
    Setting(
        "grpc-max-connection-age",
        MILLISECONDS,
        None,
        "Connections end after this, give or take a tenth; never when not given.",
        GRPC,
    ),
    Setting(
        "grpc-max-connection-age-grace",
        MILLISECONDS,
        None,
        "How much longer calls on such a connection may take; as long as they like when not given.",
        GRPC,
    ),
    Setting("allow-metrics", BOOLEAN, True, "Serve Prometheus metrics.", METRICS),
    Setting("metrics-address", TEXT, None, "The address of the metrics port; --http-address when not given.", METRICS),
    Setting(
        "metrics-port",
        PORT,
        8002,
        "The port of GET /metrics, which the HTTP port answers too; 0 for any that is free.",
        METRICS,
    ),
    Setting("log-verbose", VERBOSITY, 0, "1 and above: log more.", LOGGING),
    Setting("log-info", BOOLEAN, True, "Log what happens.", LOGGING),
    Setting("log-warning", BOOLEAN, True, "Log warnings.", LOGGING),
    Setting("log-error", BOOLEAN, True, "Log errors.", LOGGING),
    Setting(
        "log-format",
        choice("default", "ISO8601"),
        "default",
        "How a line of the log begins: I0131 23:59:59.123456, or 2026-01-31T23:59:59Z I.",
        LOGGING,
    ),
    Setting("log-file", TEXT, None, "A file to add the log to, instead of stderr.", LOGGING),
    Setting(
        "trace-config",
        _TRACE_OPTION,
        (),
        "Which requests to trace, and where to: level=TIMESTAMPS or level=TENSORS, rate=<one in so many>, "
        "count=<how many, -1 for all>, triton,file=<path>, triton,log-frequency=<traces to a file, 0 for all>. May be "
        "given several times. All but the file can be changed while the server runs.",
        TRACING,
        repeats=True,
    ),
    Setting("id", TEXT, "naiad", "The server's name in its metadata.", PROCESS),
    Setting("exit-timeout-secs", COUNT, 30, "How long a stop waits for requests that are being answered.", PROCESS),
    Setting(
        "ready-file",
        TEXT,
        None,
        "A file to write when the server is ready: JSON with the ports and the process id.",
        PROCESS,
    ),
    Setting(
        "config",
        TEXT,
        None,
        "A YAML file with settings: the keys are the flags without dashes in front, the values of those that may be "
        "given several times may be lists. Flags and variables win over it.",
        PROCESS,
    ),
)
