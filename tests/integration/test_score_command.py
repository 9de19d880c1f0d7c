"""`naiad score`: the host on naiad's command line, and its reload while somebody writes a script."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.http_client import ask
from tests.support.scoring import write_script
from tests.support.waiting import wait_for

SCRIPT = "def init(): pass\ndef run(data): return 'one'\n"


@contextmanager
def scoring(directory: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "naiad", "score", *words, "--port=0", f"--ready_file={directory / 'ready.json'}"]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=directory)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(40)


def port(directory: Path) -> int:
    ready = directory / "ready.json"
    wait_for(ready.exists, "the host is ready")
    return int(json.loads(ready.read_text())["port"])


def test_a_script_is_served_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    write_script(tmp_path, SCRIPT)
    with scoring(tmp_path, "score.py") as process:
        assert ask(port(tmp_path), "POST", "/score", b"{}").json == "one"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_a_change_is_loaded_and_a_failing_start_waits_for_the_next_one(tmp_path: Path) -> None:
    app = tmp_path / "app"
    script = write_script(app, "def init(): raise ValueError('not yet')\ndef run(data): return data\n")
    with scoring(tmp_path, str(script), "--reload") as process:
        log = tmp_path / "log"
        wait_for(lambda: "error: User's init function failed: ValueError: not yet" in log.read_text(), "the failure")
        assert process.poll() is None
        script.write_text(SCRIPT)
        where = port(tmp_path)
        assert ask(where, "POST", "/score", b"{}").json == "one"
        script.write_text(SCRIPT.replace("one", "two"))
        wait_for(lambda: ask(where, "POST", "/score", b"{}").json == "two", "the changed script answers")
        script.write_text("def init(): raise ValueError('broken')\ndef run(data): return data\n")
        wait_for(lambda: "The old workers go on" in log.read_text(), "the failure is told")
        assert ask(where, "POST", "/score", b"{}").json == "two"
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(20) == 0


def test_the_help_and_a_mistake(tmp_path: Path) -> None:
    def run(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "naiad", "score", *words], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        return done.returncode, done.stdout + done.stderr

    status, text = run("--help")
    assert status == 0
    assert "--worker-count <an integer above 0>" in text
    status, text = run("score.py", "--prot", "1")
    assert (status, text) == (2, "error: unrecognized argument: --prot\n\nhint: did you mean --port?\n")
