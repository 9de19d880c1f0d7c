"""A server is awaited, measured and gone afterwards, whatever it does."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import ClassVar

import psutil
import pytest

from benchmarks.server import Server, ServerError, free_ports

READY = """
import http.server, json, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {child!r}], stdout=subprocess.PIPE)
child.stdout.readline()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        if self.path == "/v2":
            self.wfile.write(json.dumps({{"version": "7.5"}}).encode())
    def log_message(self, *arguments):
        pass
print("listening with child", child.pid, flush=True)
http.server.HTTPServer(("127.0.0.1", {port}), Handler).serve_forever()
"""
STUBBORN_CHILD = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"


class ScriptServer(Server):
    """A Python script as a server."""

    name: ClassVar[str] = "script"
    script = ""

    def command(self, folder: Path) -> list[str]:
        return [sys.executable, "-c", self.script or READY.format(port=self.http_port, child=STUBBORN_CHILD)]


def test_afterwards_only_the_log_is_left_even_of_children_that_ignore_sigterm(tmp_path: Path) -> None:
    with ScriptServer(tmp_path) as server:
        child = psutil.Process(int(server.log.split()[-1]))
        assert child.is_running()
        assert server.version == "7.5"
        assert server.ready_after_s > 0
    assert not child.is_running()
    assert server.process.poll() is not None
    assert "listening" in server.log


def test_memory_counts_every_process_and_shared_files_once(tmp_path: Path) -> None:
    with ScriptServer(tmp_path) as server:
        parent = psutil.Process(server.process.pid)
        tree = [parent, *parent.children()]
        total_rss = sum(process.memory_info().rss for process in tree)
        private = sum(process.memory_full_info().uss for process in tree)
        assert len(tree) == 2
        assert parent.memory_info().rss < server.resident_bytes() < total_rss
        assert server.resident_bytes() > private


def test_a_server_that_ends_early_shows_its_log(tmp_path: Path) -> None:
    server = ScriptServer(tmp_path)
    server.script = "import sys; sys.exit('no such model: zebra')"
    with pytest.raises(ServerError, match=r"ended with status 1\n(.|\n)*zebra"):
        server.start()


def test_a_server_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    server = ScriptServer(tmp_path, ready_timeout_s=0.3)
    server.script = "import signal; signal.pause()"
    with pytest.raises(ServerError, match=r"not ready after 0\.3 s"):
        server.start()
    assert server.process.poll() is not None


def test_extra_flags_come_last(tmp_path: Path) -> None:
    server = ScriptServer(tmp_path, extra_flags=["--zebra"])
    server.script = "import sys; sys.exit(' '.join(sys.argv))"
    with contextlib.suppress(ServerError):
        server.start()
    assert server.log.strip().endswith("--zebra")


def test_ports_differ() -> None:
    assert len(set(free_ports(5))) == 5
