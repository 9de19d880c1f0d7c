"""`make demo`, with less load: it comes to its end, says what is true, and leaves nothing running, whatever happens."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from naiad.targets.process import kill_service_processes, service_processes
from tests.support.waiting import wait_for

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo"
TIMEOUT_S = 100


@pytest.fixture(scope="module", autouse=True)
def wheels(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The wheels with the models, in the project's cache; skip where they cannot be had."""
    prepared = subprocess.run(
        [sys.executable, DEMO / "prepare.py"],
        cwd=tmp_path_factory.mktemp("prepare"),
        capture_output=True,
        text=True,
        check=False,
    )
    if prepared.returncode == os.EX_UNAVAILABLE:
        pytest.skip(prepared.stderr.strip())
    assert prepared.returncode == 0, prepared.stderr


class Demo:
    """A demo that was started in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.services = folder / ".naiad" / "services"
        self.service = self.services / "demo"
        self._output_path = folder.with_suffix(".txt")
        environment = {name: value for name, value in os.environ.items() if name != "KEEP"}
        with self._output_path.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, DEMO / "demo.py", "--folder", folder, "--seconds", "0.2"],
                cwd="/",
                env={**environment, "NAIAD_WORKSPACE": "/nowhere"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self._output_path.read_text(encoding="utf-8")

    def wait(self) -> int:
        return self.process.wait(TIMEOUT_S)

    def wait_until_deployed(self) -> None:
        wait_for(
            lambda: "$ naiad service show" in self.output or self.process.poll() is not None,
            "the service is deployed",
            deadline_s=TIMEOUT_S,
        )
        assert self.process.poll() is None, self.output
        assert service_processes(self.service)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        kill_service_processes(self.service)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "demo"


@pytest.fixture
def demo(folder: Path) -> Iterator[Demo]:
    running = Demo(folder)
    yield running
    running.end()


@pytest.fixture
def port_8000_taken() -> Iterator[None]:
    with socket.socket() as taken:
        with suppress(OSError):  # then somebody else has taken it, which is as good
            taken.bind(("127.0.0.1", 8000))
            taken.listen()
        yield


def test_walk_after_one_that_was_killed(demo: Demo, folder: Path, port_8000_taken: None) -> None:
    demo.wait_until_deployed()
    demo.process.kill()
    demo.process.wait()
    again = Demo(folder)
    try:
        assert again.wait() == 0, again.output
        assert list(again.services.iterdir()) == []
        assert service_processes(again.service) == []
    finally:
        again.end()
    assert "\033" not in again.output
    assert "HTTP/1.1 200 OK" in again.output
    for angle in (0, 90, 180, 270):
        assert re.search(rf"turned by +{angle}°: +{angle}° .* right", again.output)
    found = dict(re.findall(r"^  (\S+) +(\w+) +[0-9.]+%   then", again.output, re.MULTILINE))
    assert found == {
        "demo.py": "python",
        "README.md": "markdown",
        "pyproject.toml": "toml",
        "Makefile": "makefile",
        "deploymentconfig.json": "json",
        "page.png": "png",
        "model.onnx": "onnx",
        "workspace.db": "sqlite",
    }
    rows = re.findall(r"^(\w+) +(1|16) +(\d+) +[\d.]+ +[\d.]+ +([\d.]+)$", again.output, re.MULTILINE)
    assert [(model, clients) for model, clients, _, _ in rows] == [
        ("file_type", "1"),
        ("file_type", "16"),
        ("page_orientation", "1"),
        ("page_orientation", "16"),
    ]
    assert all(int(rate) > 0 for _, _, rate, _ in rows)
    assert [float(batch) > 1 for _, _, _, batch in rows] == [False, True, False, True]
    assert '"turned by": 0' in again.output
    assert '"type": "python"' in again.output


def test_an_interrupt_takes_everything_down(demo: Demo) -> None:
    demo.wait_until_deployed()
    demo.process.send_signal(signal.SIGINT)
    assert demo.wait() == 130
    assert demo.output.endswith("The demo was interrupted; nothing of it runs any more.\n")
    assert service_processes(demo.service) == []
    assert not demo.service.exists()


def test_a_second_demo_is_refused(folder: Path) -> None:
    folder.mkdir()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        demo = Demo(folder)
        assert demo.wait() == 1
    assert demo.output == f"\nerror: the demo stopped: another demo is running in {folder}\n"


def test_a_failure_is_a_sentence(folder: Path) -> None:
    folder.write_text("not a folder")
    demo = Demo(folder)
    assert demo.wait() == 1
    assert demo.output.startswith("\nerror: the demo stopped: ")
    assert "Traceback" not in demo.output
