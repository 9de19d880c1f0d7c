"""Settings at work in real servers: the file, the log, ports, configurations by name, loading again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.http_client import ask
from tests.support.onnx_models import TINY_CONFIG, tiny, write_model
from tests.support.server import Server, fails_to_start, running

TABLE = re.compile(r"^\+-[-+]+-\+\n(?:\|.*\|\n|\+-[-+]+-\+\n)+", re.MULTILINE)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("settings") / "models"
    folder = write_model(path, "tiny", tiny(), TINY_CONFIG)
    (folder / "configs").mkdir()
    (folder / "configs" / "small.pbtxt").write_text(TINY_CONFIG.replace("64", "2"), encoding="utf-8")
    (folder / "configs" / "broken.pbtxt").write_text("max_batch_size: [", encoding="utf-8")
    write_model(path, "other", tiny(), TINY_CONFIG)
    return path


def max_batch_sizes(server: Server) -> dict[str, int]:
    return {name: server.ask("GET", f"/v2/models/{name}/config").json["max_batch_size"] for name in ("tiny", "other")}


class TestFile:
    def test_everything_from_a_file(self, models: Path, tmp_path: Path) -> None:
        (tmp_path / "serve.yaml").write_text(
            f"model-repository: [{models}]\nid: from-the-file\nmodel_control_mode: explicit\nload-model: [tiny]\n"
            "http-max-header-size: 300\nsagemaker-port: 8080\n",
            encoding="utf-8",
        )
        with running(None, f"--config={tmp_path / 'serve.yaml'}", directory=tmp_path) as server:
            assert server.ask("GET", "/v2").json["name"] == "from-the-file"
            assert server.ask("GET", "/v2/models").json == {"models": ["tiny"]}
            assert server.ask("GET", "/v2", headers=("x: " + "y" * 300,)).status == 431
            assert '"--sagemaker-port has no effect: naiad does not speak SageMaker\'s protocol"' in server.log

    def test_a_fault_in_it(self, models: Path, tmp_path: Path) -> None:
        (tmp_path / "serve.yaml").write_text("http-prot: 1\n", encoding="utf-8")
        status, log = fails_to_start(models, "--config", str(tmp_path / "serve.yaml"), directory=tmp_path)
        assert status == 1
        assert log == "error: serve.yaml:1: there is no setting 'http-prot'\n\nhint: did you mean http-port?\n"


class TestLog:
    def test_the_table_of_models(self, models: Path, tmp_path: Path) -> None:
        with running(models, directory=tmp_path) as server:
            (table,) = TABLE.findall(server.log)
            assert table.splitlines() == [
                "+-------+---------+--------+",
                "| Model | Version | Status |",
                "+-------+---------+--------+",
                "| other | 1       | READY  |",
                "| tiny  | 1       | READY  |",
                "+-------+---------+--------+",
            ]

    def test_the_table_with_models_that_do_not_load(self, tmp_path: Path) -> None:
        write_model(tmp_path / "models", "bad", b"nothing", TINY_CONFIG)
        write_model(tmp_path / "models", "good", tiny(), TINY_CONFIG)
        status, log = fails_to_start(tmp_path / "models", directory=tmp_path)
        (table,) = TABLE.findall(log)
        rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines() if row.startswith("|")]
        assert [row[:2] for row in rows] == [["Model", "Version"], ["bad", "1"], ["good", "1"]]
        assert rows[1][2].startswith("UNAVAILABLE: ")
        assert rows[2][2] == "READY"
        assert len({len(line) for line in table.splitlines()}) == 1
        assert status == 1
        assert log.rindex("error: failed to load all models: 'bad'") > log.index(table)

    def test_format_and_file(self, models: Path, tmp_path: Path) -> None:
        flags = ("--log-format=ISO8601", f"--log-file={tmp_path / 'naiad.log'}")
        with running(models, *flags, directory=tmp_path) as server:
            assert server.log == ""
        lines = (tmp_path / "naiad.log").read_text(encoding="utf-8").splitlines()
        assert re.match(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ I \d+ engine\.py:\d+\] "loading: \w+:1"$', lines[0])
        assert lines[-1].endswith('] "stopped"')

    def test_a_file_that_cannot_be_written(self, models: Path, tmp_path: Path) -> None:
        status, log = fails_to_start(models, "--log-file=/nowhere/naiad.log", directory=tmp_path)
        assert status == 1
        assert log == "error: unable to write the log file '/nowhere/naiad.log': No such file or directory\n"

    def test_only_warnings(self, models: Path, tmp_path: Path) -> None:
        with running(models, "--log-info=false", "--allow-gpu-metrics=true", directory=tmp_path) as server:
            server.ask("GET", "/v2")
            assert [line[0] for line in server.log.splitlines()] == ["W"]


class TestPorts:
    def test_metrics_alone(self, models: Path, tmp_path: Path) -> None:
        with running(models, "--allow-http=false", directory=tmp_path) as server:
            assert "http" not in json.loads((tmp_path / "ready.json").read_text(encoding="utf-8"))
            assert ask(server.metrics_port, "GET", "/metrics").status == 200
            assert "HTTPService" not in server.log

    def test_a_shared_port(self, models: Path, tmp_path: Path) -> None:
        with running(models, "--reuse-http-port=true", "--id=one", directory=tmp_path / "one") as first:
            flags = ("--reuse-http-port=true", f"--http-port={first.http_port}", "--id=two")
            with running(models, *flags, directory=tmp_path / "two") as second:
                assert second.http_port == first.http_port
                names = {first.ask("GET", "/v2").json["name"] for _ in range(200)}
                assert names == {"one", "two"}
            status, log = fails_to_start(models, f"--http-port={first.http_port}", directory=tmp_path / "three")
            assert status == 1
            assert f"Socket '127.0.0.1:{first.http_port}' already in use" in log


class TestConfigurations:
    def test_by_name(self, models: Path, tmp_path: Path) -> None:
        with running(models, "--model-config-name=small", directory=tmp_path) as server:
            assert max_batch_sizes(server) == {"tiny": 2, "other": 64}

    def test_without_a_name(self, models: Path, tmp_path: Path) -> None:
        with running(models, "--model-config-name=absent", directory=tmp_path) as server:
            assert max_batch_sizes(server) == {"tiny": 64, "other": 64}

    def test_a_fault_names_the_file(self, models: Path, tmp_path: Path) -> None:
        status, log = fails_to_start(models, "--model-config-name=broken", directory=tmp_path)
        assert status == 1
        assert "tiny/configs/broken.pbtxt" in log


def test_loading_is_tried_again(tmp_path: Path) -> None:
    write_model(tmp_path / "models", "bad", b"nothing", TINY_CONFIG)
    status, log = fails_to_start(tmp_path / "models", "--model-load-retry-count=2", directory=tmp_path)
    assert status == 1
    assert re.findall(r"trying again to load 'bad' version 1, (\d) left", log) == ["2", "1"]
    assert log.count("failed to load 'bad' version 1: ") == 1


def test_help_needs_no_engine() -> None:
    code = (
        "import sys\n"
        "from naiad.cli.main import run\n"
        "run(['serve', '--help'])\n"
        "assert not {'onnxruntime', 'numpy', 'fsspec', 'sqlalchemy'} & set(sys.modules)\n"
    )
    help_text = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert help_text.startswith("Usage: naiad serve [DIR]")
