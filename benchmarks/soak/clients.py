"""The clients: each is a thread with its own manner, and tells what became of each of its requests."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.shared_memory import SharedMemory
from random import Random
from typing import ClassVar

import numpy as np

from benchmarks.soak import inference
from benchmarks.soak.connection import Answer, Connection, LostError
from benchmarks.soak.inference import Body, Inference
from benchmarks.soak.repository import MAX_BATCH_SIZE, STEADY, WIDE
from benchmarks.soak.tally import Outcome
from benchmarks.soak.task import Task

_SMALL_BATCH = MAX_BATCH_SIZE // 2


class Client(threading.Thread, ABC):
    """One client.

    Args:
        task: the soak.
        number: tells clients of a kind apart.
    """

    kind: ClassVar[str]
    least_pause_s: ClassVar[float] = 0

    def __init__(self, task: Task, number: int) -> None:
        super().__init__(name=f"{self.kind}-{number}", daemon=True)
        self.random = Random(self.name)
        self.port = task.port
        self.grpc_port = task.grpc_port
        self.tally = task.tally
        self._models = task.models
        self._timelines = task.timelines
        self._stop_event = task.stop
        self._pause_s = max(task.pause_s, self.least_pause_s)
        self._sent = 0
        self._connection: Connection | None = None

    def run(self) -> None:
        """Take turns until it is over."""
        while not self._stop_event.is_set():
            try:
                self.turn()
            except LostError as error:
                self.tally.complain(self.kind, Outcome.LOST, str(error))
                self.disconnect()
            except Exception as error:  # a client that dies would hide what it has not asked
                self.tally.complain(self.kind, Outcome.WRONG, repr(error))
                self.disconnect()
            if self._pause_s:
                self._stop_event.wait(2 * self._pause_s * self.random.random())
        self.disconnect()

    @abstractmethod
    def turn(self) -> None:
        """Send something, and look at what comes back."""

    @property
    def connection(self) -> Connection:
        """The connection, opened when there is none."""
        if self._connection is None:
            self._connection = Connection(self.port)
        return self._connection

    def disconnect(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def make_inference(self, *, rows: int = 0, identified: bool = True, wide: bool = False) -> Inference:
        """A request for any model, now."""
        name = WIDE if wide else self.random.choice([name for name in self._models if name != WIDE])
        timeline = self._timelines[name]
        rows = rows or self.random.randint(1, _SMALL_BATCH)
        # Small integers, whose products every way to travel keeps.
        count = rows * self._models[name].columns
        start = self.random.randrange(1000)
        x = np.arange(start, start + count, dtype=np.float32).reshape(rows, -1) % np.float32(4096)
        self._sent += 1
        return Inference(name, timeline, timeline.mark(), x, f"{self.name}-{self._sent}" if identified else "")

    def conclude(self, asked: Inference, answer: Answer) -> None:
        """Judge the answer to a request."""
        self.note(*asked.judge(answer))

    def note(self, outcome: Outcome, complaint: str) -> None:
        """Tell what became of a request."""
        if complaint:
            self.tally.complain(self.kind, outcome, complaint)
        else:
            self.tally.count(self.kind, outcome)

    def expect_silence(self) -> None:
        """Nothing may have come besides what was read."""
        if self.connection.has_more:
            self.tally.complain(self.kind, Outcome.WRONG, "more answers than requests")
            self.disconnect()


class PlainClient(Client):
    """One request after the other on a connection that stays open."""

    encode: ClassVar[Callable[[Inference], Body]]
    identified: ClassVar[bool] = True
    rows: ClassVar[int] = 0
    wide: ClassVar[bool] = False

    def turn(self) -> None:
        """Ask once."""
        asked = self.make_inference(rows=self.rows, identified=self.identified, wide=self.wide)
        self.connection.send(asked.request(type(self).encode))
        self.conclude(asked, self.connection.read())
        self.expect_silence()


class JsonClient(PlainClient):
    """Tensors in JSON."""

    kind = "json"
    encode = inference.as_json


class BinaryClient(PlainClient):
    """Tensors as bytes."""

    kind = "binary"
    encode = inference.as_binary


class GzipClient(PlainClient):
    """Compressed by gzip."""

    kind = "gzip"
    encode = inference.as_gzip


class DeflateClient(PlainClient):
    """Compressed by deflate."""

    kind = "deflate"
    encode = inference.as_deflate


class RawClient(PlainClient):
    """Raw bytes."""

    kind = "raw"
    encode = inference.as_raw
    identified = False
    rows = 1


class ChunkedClient(PlainClient):
    """In chunks."""

    kind = "chunked"
    encode = inference.as_chunks


class WideClient(PlainClient):
    """Large bodies: up to 1.6 MB."""

    kind = "large"
    encode = inference.as_binary
    wide = True
    least_pause_s = 0.02


class PipeliningClient(Client):
    """Several requests at once, cut anywhere."""

    kind = "pipelined"

    def turn(self) -> None:
        """Send them all, then read all answers, which come in the same order."""
        asked = [self.make_inference() for _ in range(self.random.randint(2, 8))]
        encoders = (inference.as_binary, inference.as_json, inference.as_chunks)
        data = b"".join(each.request(self.random.choice(encoders)) for each in asked)
        cut = self.random.randrange(len(data))
        self.connection.send(data[:cut])
        self.connection.send(data[cut:])
        for each in asked:
            self.conclude(each, self.connection.read())
        self.expect_silence()


class ReconnectingClient(Client):
    """A connection for every request."""

    kind = "reconnecting"

    def turn(self) -> None:
        """Connect, ask, close."""
        asked = self.make_inference()
        self.connection.send(asked.request(inference.as_binary))
        self.conclude(asked, self.connection.read())
        self.disconnect()


class LeavingClient(Client):
    """Goes away in the middle: of the request, or before the answer."""

    kind = "leaving"

    def turn(self) -> None:
        """Send some of a request, or all of it, and close."""
        asked = self.make_inference(wide=self.random.random() < 0.1)
        data = asked.request(self.random.choice((inference.as_binary, inference.as_json, inference.as_chunks)))
        if self.random.random() < 0.5:
            data = data[: self.random.randrange(len(data))]
        with suppress(LostError):
            self.connection.send(data)
        self.disconnect()
        self.tally.count(self.kind, Outcome.ABANDONED)


class BadClient(Client):
    """Requests that are wrong, each of which must be told so."""

    kind = "bad"

    def turn(self) -> None:
        """Ask wrongly."""
        path, headers, body, status = self.random.choice(_BAD)
        lines = [f"POST {path} HTTP/1.1", "Host: soak", *headers, f"Content-Length: {len(body)}"]
        self.connection.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        answer = self.connection.read()
        if answer.status == status and answer.json["error"]:
            self.tally.count(self.kind, Outcome.REFUSED)
        else:
            self.tally.complain(self.kind, Outcome.WRONG, f"{answer.status} {answer.body[:300]!r} for {body[:200]!r}")
        if answer.headers.get("connection") == "close":
            self.disconnect()


_STEADY = "/v2/models/steady/infer"
_ROW = {"name": "x", "datatype": "FP32", "shape": [1, 16], "data": [0] * 16}


def _bad(**fields: object) -> bytes:
    return json.dumps({"inputs": [{**_ROW, **fields}]}).encode()


_BAD: tuple[tuple[str, tuple[str, ...], bytes, int], ...] = (
    (_STEADY, (), b"{", 500),
    (_STEADY, (), b"", 400),
    (_STEADY, (), _bad(name="z"), 400),
    (_STEADY, (), _bad(datatype="INT32"), 400),
    (_STEADY, (), _bad(shape=[1, 17], data=[0] * 17), 400),
    (_STEADY, (), _bad(shape=[9, 16], data=[0] * 144), 400),
    (_STEADY, (), _bad(data=["a"] * 16), 500),
    (_STEADY, (), _bad(data=[0] * 15), 500),
    (_STEADY, ("Inference-Header-Content-Length: 9999",), _bad(), 400),
    (_STEADY, ("Inference-Header-Content-Length: x",), _bad(), 400),
    (_STEADY, ("Content-Encoding: br",), _bad(), 501),
    (_STEADY, ("Content-Encoding: gzip",), _bad(), 400),
    (_STEADY, ("Transfer-Encoding: chunked",), _bad(), 400),
    (_STEADY, ("no header",), _bad(), 400),
    ("/v2/models/nobody/infer", (), _bad(), 404),
    ("/v2/models/steady/versions/7/infer", (), _bad(), 404),
    ("/v2/nothing", (), b"", 404),
    ("/v2/repository/models/nobody/load", (), b"", 500),
    ("/v2/repository/models/steady/load", (), b'{"parameters":{"config":"{"}}', 500),
)
"""Path, headers, body, and the status that must come."""


class LookingClient(Client):
    """Everything that can be looked at."""

    kind = "looking"
    least_pause_s = 0.005

    def turn(self) -> None:
        """Look at one thing."""
        name = self.random.choice(list(STEADY))
        paths = ("", "/health/live", "/models", "/models/stats", f"/models/{name}", f"/models/{name}/config")
        path = "/v2" + self.random.choice((*paths, f"/models/{name}/ready", f"/models/{name}/stats"))
        self.connection.send(f"GET {path} HTTP/1.1\r\nHost: soak\r\n\r\n".encode())
        answer = self.connection.read()
        if answer.status == 200:
            self.tally.count(self.kind, Outcome.ANSWERED)
        else:
            self.tally.complain(self.kind, Outcome.WRONG, f"{answer.status} {answer.body[:300]!r} for {path}")


class SharedMemoryClient(Client):
    """Tensors in shared memory that it registers, uses and takes away again."""

    kind = "shared memory"

    def turn(self) -> None:
        """One segment's life."""
        region = f"soak_{self.ident}_{self._sent}"
        segment = SharedMemory(region, create=True, size=2 * _SMALL_BATCH * 64)
        try:
            self._control(region, "register", {"key": f"/{region}", "offset": 0, "byte_size": segment.size})
            for _ in range(20):
                self._ask(region, segment)
            self._control(region, "unregister", {})
        finally:
            segment.close()
            segment.unlink()

    def _control(self, region: str, action: str, document: object) -> None:
        body = json.dumps(document).encode()
        path = f"/v2/systemsharedmemory/region/{region}/{action}"
        head = f"POST {path} HTTP/1.1\r\nHost: soak\r\nContent-Length: {len(body)}\r\n\r\n"
        self.connection.send(head.encode() + body)
        answer = self.connection.read()
        if answer.status != 200:
            self.tally.complain(self.kind, Outcome.WRONG, f"{action}: {answer.status} {answer.body[:300]!r}")

    def _ask(self, region: str, segment: SharedMemory) -> None:
        asked = self.make_inference()
        size = asked.x.nbytes
        shared = segment.buf
        assert shared is not None, "the segment is open"
        shared[:size] = asked.x.tobytes()
        places = [
            {"shared_memory_region": region, "shared_memory_offset": offset, "shared_memory_byte_size": size}
            for offset in (0, size)
        ]
        tensor = {"name": "x", "datatype": "FP32", "shape": list(asked.x.shape), "parameters": places[0]}
        document = {
            "id": asked.identity,
            "inputs": [tensor],
            "outputs": [{"name": "y", "parameters": places[1]}],
        }
        self.connection.send(asked.request(lambda _: ([], json.dumps(document).encode())))
        answer = self.connection.read()
        if answer.status == 200:
            # As if it had come behind the JSON.
            headers = {"inference-header-content-length": str(len(answer.body))}
            answer = Answer(200, headers, answer.body + bytes(shared[size : 2 * size]))
        self.conclude(asked, answer)


CLIENTS: tuple[type[Client], ...] = (
    *(JsonClient, BinaryClient, BinaryClient, GzipClient, DeflateClient, RawClient, ChunkedClient, WideClient),
    *(PipeliningClient, ReconnectingClient, LeavingClient, BadClient, LookingClient, SharedMemoryClient),
)
"""One of each over HTTP, and another of the most usual."""
