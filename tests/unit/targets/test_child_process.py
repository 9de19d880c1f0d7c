from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from naiad.targets.child_process import ChildProcess
from naiad.targets.launch import ProcessPlan, Role
from naiad.targets.service_log import ServiceLog

HOST_LOG = """
2026-11-22 19:01:27,077 I [8500] azmlinfsrv.user_script - Invoking user's init function
2026-11-22 19:01:27,090 E [8500] azmlinfsrv - Traceback (most recent call last):
an earlier one
2026-11-22 19:01:27,094 E [8500] azmlinfsrv.user_script - Encountered Exception Traceback (most recent call last):
  File "score.py", line 10, in init
    raise ValueError("no weights")
ValueError: no weights

2026-11-22 19:01:27,094 I [8500] azmlinfsrv.user_script - Model Directory Contents:
2026-11-22 19:01:27,094 I [8500] azmlinfsrv.user_script - 1/
2026-11-22 19:01:27,094 I [8500] azmlinfsrv.user_script -     model.onnx
2026-11-22 19:01:27,095 I [8500] gunicorn.error - Worker exiting (pid: 8500)
2026-11-22 19:01:27,124 E [8493] gunicorn.error - Worker (pid:8500) exited with code 1
error: User's init function failed: ValueError: no weights

hint: an option of the host
"""


async def cause(folder: Path, script: str, *, role: Role = "workers", label: str = "") -> str:
    """Why a shell script ended that runs in the place of a process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = await ChildProcess.start(
            ProcessPlan(role, ("/bin/sh", "-c", script)),
            listener=listener,
            directory=folder,
            part="1-workers",
            log=ServiceLog(folder),
            label=label,
        )
        await process.ended
        assert process.ready() is None
        return process.cause_of_death()


def test_a_failed_script_is_told_with_its_traceback_and_the_model_folder(tmp_path: Path) -> None:
    (tmp_path / "said").write_text(HOST_LOG)
    assert asyncio.run(cause(tmp_path, f"cat {tmp_path}/said; exit 3")) == (
        "User's init function failed: ValueError: no weights\n\n"
        "Traceback (most recent call last):\n"
        '  File "score.py", line 10, in init\n'
        '    raise ValueError("no weights")\n'
        "ValueError: no weights\n\n"
        "Model Directory Contents:\n1/\n    model.onnx"
    )


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 'error: one'; echo 'error: two'; exit 1", "two"),
        ("echo said; exit 3", "The entry-script host exited with code 3; its last lines were:\n  said"),
        ("exit 3", "The entry-script host exited with code 3 without a word"),
        (
            "echo 'error: one'; kill -9 $$",
            "The entry-script host was killed by SIGKILL; its last lines were:\n  error: one",
        ),
    ],
)
def test_other_ends(tmp_path: Path, script: str, told: str) -> None:
    assert asyncio.run(cause(tmp_path, script)) == told


def test_its_lines_are_labelled_in_the_log_only(tmp_path: Path) -> None:
    told = asyncio.run(cause(tmp_path, "echo one; echo two; exit 1", label="[workers] "))
    assert told.endswith("\n  one\n  two")
    assert (tmp_path / "log.txt").read_text() == "[workers] one\n[workers] two\n"


def test_roots_right_over_files_is_not_the_scripts(tmp_path: Path) -> None:
    (tmp_path / "read-only").write_text("kept")
    (tmp_path / "read-only").chmod(0o444)
    script = f"echo spoilt > {tmp_path}/read-only && echo could; exit 1"
    assert "Permission denied" in asyncio.run(cause(tmp_path, script))
    assert (tmp_path / "read-only").read_text() == "kept"
