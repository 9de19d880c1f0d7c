"""What the entry-script host answers to: `/`, `/score` and `/swagger.json` (azure-ml.md §4.2)."""

from __future__ import annotations

from functools import partial
from typing import Final
from urllib.parse import parse_qs

from naiad.scoring.cors import Cors
from naiad.scoring.entry_script import EntryScript
from naiad.scoring.job import Job
from naiad.scoring.reply import ScoreReply, Target
from naiad.scoring.request_ids import RequestIdSource, read_request_ids
from naiad.scoring.score_queue import ScoreQueue
from naiad.scoring.score_request import ScoreRequest
from naiad.scoring.score_response import ScoreResponse, error_response
from naiad.server.exchange import Exchange
from naiad.server.request_head import RequestHead

_NOT_FOUND: Final = (
    "The requested URL was not found on the server. If you entered the URL manually please check your spelling and try"
    " again."
)
_NOT_ALLOWED: Final = "The method is not allowed for the requested URL."
_HTML: Final = ("Content-Type", "text/html; charset=utf-8")
_METHODS: Final = {
    b"/": ("OPTIONS", "HEAD", "GET"),
    b"/swagger.json": ("OPTIONS", "HEAD", "GET"),
    b"/score": ("OPTIONS", "HEAD", "GET", "POST"),
}


class ScoreRoutes:
    """Answers requests, or puts them into the queue of the script.

    Args:
        script: what is served; its `init()` has run.
        queue: of the requests for it.
        cors: which web pages may call.
        server_version: header line that names the server, or nothing.
        router_codes: a failed `run()` is 502 (azure-ml.md §5.4).
    """

    def __init__(
        self, script: EntryScript, queue: ScoreQueue, *, cors: Cors, server_version: bytes, router_codes: bool
    ) -> None:
        self._script = script
        self._queue = queue
        self._cors = cors
        self._server_version = server_version
        self._router_codes = router_codes
        self._id_source = RequestIdSource()

    def handle(self, connection: Exchange, head: RequestHead, body: bytes | memoryview, arrived_ns: int) -> None:
        """Answer a request, now or later, by its connection."""
        target = head.route
        if target is None:
            target = head.route = self._target(head)
        target.serve(connection, target, body, arrived_ns)

    def needs_key(self, head: RequestHead) -> bool:
        """Whether a request must have a key, where requests must: probes have none, nor do browsers that ask first."""
        if head.path == b"/":
            return False
        return self._script.handles_options or not self._cors.is_preflight(head.method, head.headers)

    def _target(self, head: RequestHead) -> Target:
        path = b"/" + head.path.lstrip(b"/")
        target = path + b"?" + head.query if head.query else path
        methods = _METHODS.get(path, ())
        serves = {b"/": self._health, b"/swagger.json": self._swagger, b"/score": self._score}
        is_ours = head.method in methods
        serve, ids, tail = (self._not_allowed if methods else self._not_found), None, b""
        if is_ours:
            ids = read_request_ids(head.headers)
            trace_id = head.headers.get(b"traceid")
            tail = self._cors.fields(head.method, head.headers) + self._server_version
            tail += b"" if trace_id is None else b"TraceId: %b\r\n" % trace_id
            serve = self._bad_ids if ids.fault else serves[path]
            if head.method == "OPTIONS" and path != b"/score":
                serve = self._options
        return Target(
            serve,
            head,
            tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.fields),
            ids,
            self._id_source,
            tail,
            self._router_codes,
            is_logged=is_ours and path != b"/",
            line=f"{head.method} {target.decode('ascii', 'backslashreplace')}",
        )

    def _score(self, connection: Exchange, target: Target, body: bytes | memoryview, arrived_ns: int) -> None:
        head = target.head
        # Only scripts that get the request itself can ask for the address.
        address = connection.remote_address if self._script.handles_options else ""
        request = ScoreRequest(head.method, "/score", head.query, target.headers, body, address)
        job = Job(request, ScoreReply(connection, target, arrived_ns), arrived_ns)
        connection.on_lost = partial(self._queue.abandon, job)
        self._queue.submit(job)

    def _swagger(self, connection: Exchange, target: Target, body: bytes | memoryview, arrived_ns: int) -> None:
        given = parse_qs(target.head.query.decode("latin-1"), keep_blank_values=True).get("version", ["2"])
        ScoreReply(connection, target, arrived_ns).answer(self._script.swagger(given[0]))

    def _health(self, connection: Exchange, target: Target, body: bytes | memoryview, arrived_ns: int) -> None:
        ScoreReply(connection, target, arrived_ns).answer(ScoreResponse(200, b"Healthy", [_HTML]))

    def _options(self, connection: Exchange, target: Target, body: bytes | memoryview, arrived_ns: int) -> None:
        allowed = ScoreResponse(200, b"", [_HTML, ("Allow", ", ".join(_METHODS[b"/"]))])
        ScoreReply(connection, target, arrived_ns).answer(allowed)

    def _bad_ids(self, connection: Exchange, target: Target, body: bytes | memoryview, arrived_ns: int) -> None:
        fault = target.ids.fault if target.ids else ""
        ScoreReply(connection, target, arrived_ns).answer(error_response(431, fault))

    def _not_found(self, connection: Exchange, target: Target, body: bytes | memoryview, arrived_ns: int) -> None:
        ScoreReply(connection, target, arrived_ns).answer(error_response(404, _NOT_FOUND))

    def _not_allowed(self, connection: Exchange, target: Target, body: bytes | memoryview, arrived_ns: int) -> None:
        ScoreReply(connection, target, arrived_ns).answer(error_response(405, _NOT_ALLOWED))
