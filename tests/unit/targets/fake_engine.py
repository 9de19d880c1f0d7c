"""A process of a service as the supervisor knows it, with faults on demand: started like the real ones, by path."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LEAKED: list[bytes] = []
SHOWN = ("AML_", "AZUREML_", "NAIAD_ENGINE_", "SCORING_", "SERVICE_NAME", "WORKER_")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/leak":
            LEAKED.append(b"x" * (128 << 20))
        document = {
            "path": self.path,
            "authorization": self.headers["Authorization"],
            "body": body.decode(),
            "pid": os.getpid(),
            "environment": {name: os.environ[name] for name in os.environ if name.startswith(SHOWN)},
        }
        self._answer(json.dumps(document).encode())

    def _answer(self, body: bytes) -> None:
        status = 200
        if self.headers["Authorization"] == "Bearer refused-key":
            status, body = 401, b'{"error": "that key was refused"}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--http-fd", "--fd", type=int)
    parser.add_argument("--grpc-port")
    parser.add_argument("--metrics-port")
    parser.add_argument("--ready-file", type=Path)
    parser.add_argument("--error", help="fail with this sentence")
    parser.add_argument("--error-on-restart", type=Path, help="fail with a sentence once this file exists")
    parser.add_argument("--die", type=int, help="die of this signal at the start")
    parser.add_argument("--never-ready", action="store_true")
    parser.add_argument("--child", action="store_true", help="start a process that would outlive this one")
    parser.add_argument("--deaf", action="store_true", help="ignore SIGTERM")
    arguments = parser.parse_args()

    print("the engine starts", flush=True)
    if arguments.error_on_restart is not None:
        if arguments.error_on_restart.exists():
            arguments.error = "the restart failed"
        arguments.error_on_restart.touch()
    if arguments.error:
        print(
            f'E1122 15:28:40.000000 1 fake] "{arguments.error}"\nerror: {arguments.error}\n\nhint: an option',
            file=sys.stderr,
        )
        return 1
    if arguments.die:
        os.kill(os.getpid(), arguments.die)
    if arguments.child:
        subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    listening = socket.socket(fileno=arguments.http_fd)
    server = ThreadingHTTPServer(listening.getsockname(), Handler, bind_and_activate=False)
    server.daemon_threads = False
    server.socket.close()
    server.socket = listening
    if not arguments.never_ready:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        ready = {"http": listening.getsockname()[1], "metrics": 0, "pid": os.getpid()}
        temporary = arguments.ready_file.with_suffix(".tmp")
        temporary.write_text(json.dumps(ready))
        temporary.rename(arguments.ready_file)
    signal.sigwait({signal.SIGUSR1 if arguments.deaf else signal.SIGTERM})
    if not arguments.never_ready:
        server.shutdown()
    server.server_close()  # waits for answers that are on their way
    print("the engine has drained", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
