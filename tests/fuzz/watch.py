"""Looks after a server that is being attacked."""

from __future__ import annotations

import psutil

from tests.fuzz.corpus import ATTACKED, WATCHED
from tests.support.http_client import Connection, infer_body, request_bytes
from tests.support.server import Server
from tests.support.waiting import wait_for


class Watch:
    """A good request on a connection that was there first, memory, descriptors, the log."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._process = psutil.Process(server.process.pid)
        self._connection: Connection = server.connect()
        body = infer_body("x", [2, 16], "FP32", [[index / 8 for index in range(16)], [1] * 16])
        self._request = request_bytes("POST", f"/v2/models/{WATCHED}/infer", body)
        self._expected = self._connection.ask(self._request).json["outputs"]
        self._descriptors = self._process.num_fds()

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()

    @property
    def resident_bytes(self) -> int:
        """What the process has in memory."""
        return int(self._process.memory_info().rss)

    def check(self) -> None:
        """The server answers as it did at the beginning, and has logged nothing that it should not."""
        assert self._server.process.poll() is None, self._server.log[-5000:]
        answer = self._connection.ask(self._request)
        assert (answer.status, answer.json["outputs"]) == (200, self._expected)
        assert self._connection.ask(request_bytes("GET", "/v2/health/ready")).status == 200

    def check_log(self) -> None:
        """The log tells of no mistake of the server's own."""
        log = self._server.log
        assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:4000]
        assert "unexpected error" not in log

    def reload(self) -> None:
        """Load what requests may have unloaded."""
        for name in ATTACKED:
            answer = self._connection.ask(request_bytes("POST", f"/v2/repository/models/{name}/load", b""))
            assert answer.status == 200, answer.body

    def await_as_before(self) -> None:
        """Every connection of the attack is gone, and what it has opened."""
        unregistered = self._connection.ask(request_bytes("POST", "/v2/systemsharedmemory/unregister", b""))
        assert unregistered.status == 200
        wait_for(lambda: self._process.num_fds() <= self._descriptors, "all connections are closed")
