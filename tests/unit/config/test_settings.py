from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from naiad.config.given_settings import FLAGS
from naiad.config.setting import BOOLEAN, COUNT, PORT, POSITIVE, SECONDS, Kind
from naiad.config.settings import TRITONSERVER, Settings, read_settings
from naiad.config.settings_table import SETTINGS
from naiad.config.unserved_flags import UNSERVED_FLAGS
from naiad.errors import ConfigError, UsageError

TRITON_FLAGS = """
id exit-timeout-secs model-repository model-store exit-on-error disable-auto-complete-config strict-readiness
model-control-mode repository-poll-secs load-model model-config-name model-load-thread-count model-load-retry-count
model-namespacing enable-peer-access allow-http http-address http-port reuse-http-port http-header-forward-pattern
http-thread-count http-max-input-size http-restricted-api allow-grpc grpc-address grpc-port reuse-grpc-port
grpc-header-forward-pattern grpc-infer-thread-count grpc-infer-allocation-pool-size grpc-max-response-pool-size
grpc-use-ssl grpc-use-ssl-mutual grpc-server-cert grpc-server-key grpc-root-cert grpc-infer-response-compression-level
grpc-keepalive-time grpc-keepalive-timeout grpc-keepalive-permit-without-calls grpc-http2-max-pings-without-data
grpc-http2-min-recv-ping-interval-without-data grpc-http2-max-ping-strikes grpc-max-connection-age
grpc-max-connection-age-grace grpc-restricted-protocol log-verbose log-info log-warning log-error log-format log-file
allow-metrics allow-gpu-metrics allow-cpu-metrics metrics-address metrics-port metrics-interval-ms metrics-config
trace-config trace-file trace-level trace-rate trace-count trace-log-frequency rate-limit rate-limit-resource
cache-config cache-directory response-cache-byte-size allow-client-shm backend-directory backend-config
repoagent-directory host-policy model-load-gpu-limit pinned-memory-pool-byte-size cuda-memory-pool-byte-size
cuda-virtual-address-size min-supported-compute-capability buffer-manager-thread-count allow-sagemaker sagemaker-port
sagemaker-safe-port-range sagemaker-thread-count allow-vertex-ai vertex-ai-port vertex-ai-thread-count
vertex-ai-default-model strict-model-config
"""
"""triton.md §7."""

TRITON_DEFAULTS = {
    "exit_timeout_secs": 30,
    "exit_on_error": True,
    "strict_readiness": True,
    "model_control_mode": "none",
    "repository_poll_secs": 15,
    "model_load_thread_count": 4,
    "model_load_retry_count": 0,
    "allow_http": True,
    "http_address": "0.0.0.0",
    "http_port": 8000,
    "reuse_http_port": False,
    "http_max_input_size": 67108864,
    "log_verbose": 0,
    "log_info": True,
    "log_warning": True,
    "log_error": True,
    "log_format": "default",
    "allow_grpc": True,
    "grpc_port": 8001,
    "reuse_grpc_port": False,
    "grpc_use_ssl": False,
    "grpc_use_ssl_mutual": False,
    "grpc_infer_response_compression_level": "none",
    "grpc_keepalive_time": 7200000,
    "grpc_keepalive_timeout": 20000,
    "grpc_keepalive_permit_without_calls": False,
    "grpc_http2_min_recv_ping_interval_without_data": 300000,
    "grpc_http2_max_ping_strikes": 2,
    "allow_metrics": True,
    "metrics_port": 8002,
    "allow_client_shm": False,
    "id": "triton",
}

VALUES: dict[Kind, st.SearchStrategy[str]] = {
    BOOLEAN: st.sampled_from(["true", "False", "on", "off", "1", "0"]),
    COUNT: st.integers(0, 1 << 40).map(str),
    POSITIVE: st.integers(1, 1 << 40).map(str),
    PORT: st.integers(0, 65535).map(str),
    SECONDS: st.floats(1e-6, 1e9).map(repr),
}


def serve(*arguments: str, **environment: str) -> Settings:
    return read_settings(arguments, environment)


def triton(*arguments: str, **environment: str) -> Settings:
    return read_settings(arguments, environment, dialect=TRITONSERVER)


def config(folder: Path, text: str) -> str:
    path = folder / "serve.yaml"
    path.write_text(text)
    return str(path)


class TestFlags:
    def test_nothing_given(self) -> None:
        settings = serve()
        assert settings.values == {setting.attribute: setting.default for setting in SETTINGS}
        assert (settings.warnings, settings.notes) == ((), ())

    @pytest.mark.parametrize("arguments", [["--http-port", "1"], ["--http-port=1"]])
    def test_both_spellings(self, arguments: list[str]) -> None:
        assert serve(*arguments).http_port == 1

    def test_an_equals_sign_in_a_value(self) -> None:
        assert serve("--id=a=b").id == "a=b"

    def test_repeating(self) -> None:
        settings = serve("a", "--model-repository=b", "--model-store", "c", "d", "--load-model=m")
        assert settings.model_repository == ("a", "b", "c", "d")
        assert settings.load_model == ("m",)

    @pytest.mark.parametrize(
        ("arguments", "wanted", "repositories"),
        [
            (["--disable-auto-complete-config"], True, ()),
            (["--disable-auto-complete-config", "models"], True, ("models",)),
            (["--disable-auto-complete-config", "false"], False, ()),
            (["--disable-auto-complete-config=0", "models"], False, ("models",)),
            (["--disable-auto-complete-config", "--id=x"], True, ()),
        ],
    )
    def test_bare(self, arguments: list[str], wanted: bool, repositories: tuple[str, ...]) -> None:
        settings = serve(*arguments)
        assert (settings.disable_auto_complete_config, settings.model_repository) == (wanted, repositories)

    @pytest.mark.parametrize(
        ("arguments", "message", "hint"),
        [
            (["--http-prot=1"], "Unexpected argument: --http-prot", "did you mean --http-port?"),
            (["--xyzzy"], "Unexpected argument: --xyzzy", "naiad serve --help lists what there is"),
            (["-p"], "Unexpected argument: -p", "naiad serve --help lists what there is"),
            (["--"], "Unexpected argument: --", "naiad serve --help lists what there is"),
            (["--=1"], "Unexpected argument: --", "naiad serve --help lists what there is"),
            (["--http-port"], "--http-port needs a value", "for example --http-port=…"),
            (["--id=a", "--id=b"], "--id is given more than once, expected once", None),
            (["--http-port=x"], "--http-port is 'x', expected a port between 0 and 65535", None),
            (["--http-port=65536"], "--http-port is '65536', expected a port between 0 and 65535", None),
            (["--http-port="], "--http-port is '', expected a port between 0 and 65535", None),
            (["--exit-on-error=yes"], "--exit-on-error is 'yes', expected true or false", None),
            (["--http-max-connections=0"], "--http-max-connections is '0', expected an integer above 0", None),
            (["--exit-timeout-secs=-1"], "--exit-timeout-secs is '-1', expected an integer of at least 0", None),
            (
                ["--repository-poll-secs=nan"],
                "--repository-poll-secs is 'nan', expected a number of seconds above 0",
                None,
            ),
            (
                ["--repository-poll-secs=inf"],
                "--repository-poll-secs is 'inf', expected a number of seconds above 0",
                None,
            ),
            (["--model-control-mode=on"], "--model-control-mode is 'on', expected none, poll or explicit", None),
            (["--log-format=json"], "--log-format is 'json', expected default or ISO8601", None),
            (["--log-verbose=-1"], "--log-verbose is '-1', expected an integer of at least 0, true or false", None),
            (
                ["--model-config-name=../x"],
                "--model-config-name is '../x', expected a name without spaces and slashes",
                None,
            ),
            (
                ["--model-config-name=a b"],
                "--model-config-name is 'a b', expected a name without spaces and slashes",
                None,
            ),
            (
                ["--backend-config=onnxruntime,x"],
                "--backend-config is 'onnxruntime,x', expected <backend>,<option>=<value> or <option>=<value>",
                None,
            ),
        ],
    )
    def test_faults(self, arguments: list[str], message: str, hint: str | None) -> None:
        with pytest.raises(UsageError) as caught:
            serve(*arguments)
        assert (caught.value.message, caught.value.hint) == (message, hint)

    @pytest.mark.parametrize(("text", "level"), [("0", 0), ("3", 3), ("TRUE", 1), ("false", 0)])
    def test_verbosity(self, text: str, level: int) -> None:
        assert serve("--log-verbose", text).log_verbose == level

    def test_backend_options(self) -> None:
        options = serve("--backend-config=a,x=1", "--backend-config=y=b,c=d").backend_config
        assert options == (("a", "x", "1"), ("", "y", "b,c=d"))

    def test_an_unknown_attribute(self) -> None:
        with pytest.raises(AttributeError):
            serve().nonsense  # noqa: B018


class TestSources:
    def test_flags_win_over_variables_and_variables_over_the_file(self, tmp_path: Path) -> None:
        path = config(tmp_path, "http-port: 1\nid: file\nmetrics_port: 11\nload-model: [f]\n")
        settings = serve(f"--config={path}", "--http-port=3", NAIAD_HTTP_PORT="2", NAIAD_ID="variable")
        assert (settings.http_port, settings.id, settings.metrics_port) == (3, "variable", 11)
        assert settings.load_model == ("f",)
        assert settings.http_address == "127.0.0.1"

    def test_lists_are_replaced_not_merged(self, tmp_path: Path) -> None:
        path = config(tmp_path, "model-repository: [a, b]")
        assert serve(NAIAD_CONFIG=path).model_repository == ("a", "b")
        assert serve("c", NAIAD_CONFIG=path).model_repository == ("c",)

    def test_a_variable_of_a_setting_that_repeats(self) -> None:
        assert serve(NAIAD_MODEL_REPOSITORY="a").model_repository == ("a",)

    def test_a_variable_that_cannot_be(self) -> None:
        with pytest.raises(UsageError, match=r"^NAIAD_HTTP_PORT is 'x', expected a port between 0 and 65535$"):
            serve(NAIAD_HTTP_PORT="x")

    def test_the_flag_names_another_file_than_the_variable(self, tmp_path: Path) -> None:
        path = config(tmp_path, "id: x")
        assert serve("--config", path, NAIAD_CONFIG="/nowhere").id == "x"

    def test_the_file_is_not_there(self) -> None:
        with pytest.raises(ConfigError, match=r"^unable to read the settings file '/nowhere/x\.yaml': No such file"):
            serve("--config=/nowhere/x.yaml")

    @given(data=st.data())
    def test_every_source_says_the_same(self, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
        candidates = [setting for setting in SETTINGS if setting.kind in VALUES]
        chosen = data.draw(st.lists(st.sampled_from(candidates), unique=True, max_size=5))
        texts = {setting: data.draw(VALUES[setting.kind]) for setting in chosen}
        texts = {setting: text for setting, text in texts.items() if not setting.name.endswith("-port")}
        by_flag = serve(*(f"--{setting.name}={text}" for setting, text in texts.items()))
        by_variable = serve(**{setting.variable: text for setting, text in texts.items()})
        document = yaml.safe_dump({setting.attribute: text for setting, text in texts.items()})
        by_file = serve("--config", config(tmp_path_factory.getbasetemp(), document))
        path = by_file.config
        assert by_flag.values == by_variable.values
        assert {**by_flag.values, "config": path} == by_file.values


class TestContradictions:
    def test_one_port_for_two_services(self) -> None:
        with pytest.raises(
            UsageError,
            match=r"^The server cannot listen to HTTP requests and metrics requests at the same address and port 127",
        ):
            serve("--http-port=7", "--metrics-port=7")

    def test_metrics_at_the_port_of_grpc(self) -> None:
        with pytest.raises(
            UsageError,
            match=r"^The server cannot listen to GRPC requests and metrics requests at the same address and port 127",
        ):
            serve("--grpc-port=7", "--metrics-port=7")

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--http-port=0", "--grpc-port=0", "--metrics-port=0"],
            ["--http-port=7", "--grpc-port=7"],
            ["--grpc-port=7", "--metrics-port=7", "--allow-grpc=false"],
            ["--grpc-port=7", "--metrics-port=7", "--grpc-address=127.0.0.2"],
            ["--http-port=7", "--metrics-port=7", "--metrics-address=127.0.0.2"],
            ["--http-port=7", "--metrics-port=7", "--allow-metrics=false"],
            ["--http-port=7", "--metrics-port=7", "--allow-http=false"],
        ],
    )
    def test_ports_that_can_be(self, arguments: list[str]) -> None:
        assert serve(*arguments).values

    @pytest.mark.parametrize("second", ["health:c=d", "metadata,health:a=b"])
    def test_a_category_restricted_twice(self, second: str) -> None:
        with pytest.raises(
            UsageError, match=r"^restricted api 'health' can not be specified in multiple config groups$"
        ):
            serve("--http-restricted-api=health:a=b", f"--http-restricted-api={second}")
        with pytest.raises(UsageError, match=r"^restricted api 'health' "):
            serve("--grpc-restricted-protocol=health:a=b", f"--grpc-restricted-protocol={second}")
        both = serve("--http-restricted-api=health:a=b", "--grpc-restricted-protocol=health:a=b")
        assert both.grpc_restricted_protocol == both.http_restricted_api


class TestTritonserver:
    def test_every_flag_is_known_once(self) -> None:
        assert [flag for flag in TRITON_FLAGS.split() if flag not in FLAGS] == []
        served = {name for setting in SETTINGS for name in (setting.name, *setting.aliases)}
        unserved = [flag.name for flag in UNSERVED_FLAGS]
        assert served & set(unserved) == set()
        assert len(unserved) == len(set(unserved))
        assert set(unserved) <= set(TRITON_FLAGS.split())

    def test_its_defaults(self) -> None:
        settings = triton()
        assert {key: settings.values[key] for key in TRITON_DEFAULTS} == TRITON_DEFAULTS

    def test_a_default_that_is_not_naiads_is_told(self) -> None:
        assert triton("--id=x").notes == ("tritonserver's defaults, which are not naiad's: --http-address=0.0.0.0",)
        assert triton("--id=x", NAIAD_HTTP_ADDRESS="127.0.0.1").notes == ()

    def test_a_file_wins_over_its_defaults(self, tmp_path: Path) -> None:
        path = config(tmp_path, "http-address: 127.0.0.3\n")
        assert triton(f"--config={path}").http_address == "127.0.0.3"

    @pytest.mark.parametrize(
        ("arguments", "warnings"),
        [
            (["--allow-gpu-metrics=false"], []),
            (["--allow-gpu-metrics=FALSE", "--http-thread-count=64", "--rate-limit=off"], []),
            (["--http-header-forward-pattern="], []),
            (["--allow-gpu-metrics=true"], ["--allow-gpu-metrics has no effect: there are no metrics of GPUs"]),
            (
                ["--sagemaker-port", "1", "--sagemaker-port=2"],
                ["--sagemaker-port has no effect: naiad does not speak SageMaker's protocol"],
            ),
            (["--metrics-config=counter_latencies=true"], []),
            (["--host-policy=x,numa-node=1"], ["--host-policy has no effect: instances are not bound to processors"]),
        ],
    )
    def test_flags_that_have_no_effect(self, arguments: list[str], warnings: list[str]) -> None:
        assert list(triton(*arguments).warnings) == warnings
        assert list(serve(*arguments).warnings) == warnings

    def test_values_of_flags_without_effect_are_not_shown(self) -> None:
        (warning,) = triton("--grpc-header-forward-pattern=s3cret").warnings
        assert "s3cret" not in warning

    @pytest.mark.parametrize("flag", [flag.name for flag in UNSERVED_FLAGS])
    def test_a_flag_without_effect_is_named_with_its_reason(self, flag: str) -> None:
        row = next(row for row in UNSERVED_FLAGS if row.name == flag)
        told = [] if "*" in row.harmless else [f"--{flag} has no effect: {row.reason}"]
        assert list(triton(f"--{flag}=something").warnings) == told
        for harmless in set(row.harmless) - {"*"}:
            assert triton(f"--{flag}={harmless}").warnings == ()

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--openvino-mode=fast", "--id=x"],
            ["--openvino-mode", "fast", "--id=x"],
            ["--openvino-mode", "--id=x"],
            ["--id=x", "--openvino-mode"],
        ],
    )
    def test_a_flag_of_another_build(self, arguments: list[str]) -> None:
        settings = triton(*arguments)
        assert (settings.id, settings.model_repository) == ("x", ())
        assert settings.warnings == ("--openvino-mode has no effect: naiad does not know it",)

    def test_a_misspelt_flag(self) -> None:
        assert triton("--http-prot=1").warnings == (
            "--http-prot has no effect: naiad does not know it; did you mean --http-port?",
        )

    def test_the_last_of_several_wins(self) -> None:
        assert triton("--http-port=1", "--http-port=2").http_port == 2

    def test_a_shortened_flag(self) -> None:
        assert triton("--http-po=5", "--exit-o", "0").values["http_port"] == 5
        assert triton("--exit-o", "0").exit_on_error is False

    def test_a_flag_too_short(self) -> None:
        assert triton("--http=5").warnings[0].startswith("--http has no effect: naiad does not know it")

    @pytest.mark.parametrize("word", ["models", "-x", "--"])
    def test_words_that_are_no_flags(self, word: str) -> None:
        with pytest.raises(UsageError, match=rf"^Unexpected argument: {word}$"):
            triton(word)

    def test_naiads_flags_work_too(self) -> None:
        assert triton("--auth-keys=k.json").auth_keys == "k.json"


def test_every_setting_has_its_own_variable_and_help() -> None:
    variables = [setting.variable for setting in SETTINGS]
    assert len(set(variables)) == len(variables)
    assert [setting.name for setting in SETTINGS if not setting.help.endswith(".")] == []


@pytest.mark.parametrize(
    "setting", [setting for setting in SETTINGS if not setting.repeats and setting.default is not None]
)
def test_defaults_are_values_of_their_kind(setting: Any) -> None:
    assert setting.kind.parse(str(setting.default)) == setting.default
