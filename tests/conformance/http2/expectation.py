"""What may become of bytes that were sent: each case says which of the outcomes RFC 9113 allows."""

from __future__ import annotations

from dataclasses import dataclass

from tests.conformance.http2.client import Client
from tests.conformance.http2.frames import Error, block, headers

PROBE = 10_001
"""The stream of a good request behind the others, which shows that the connection goes on."""
HEALTH = block(
    [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/v2/health/live"), (b":authority", b"localhost")]
)


@dataclass(frozen=True, slots=True)
class Expectation:
    """The outcomes that are right; joined by `|`.

    Attributes:
        connection: codes of a GOAWAY, behind which the connection ends.
        stream: codes that stream 1 is reset with while the connection goes on.
        statuses: of an answer on stream 1, behind which the connection goes on.
        silence: the connection goes on as if nothing had come.
    """

    connection: frozenset[Error] = frozenset()
    stream: frozenset[Error] = frozenset()
    statuses: frozenset[int] = frozenset()
    silence: bool = False

    def __or__(self, other: Expectation) -> Expectation:
        return Expectation(
            self.connection | other.connection,
            self.stream | other.stream,
            self.statuses | other.statuses,
            self.silence or other.silence,
        )

    def check(self, client: Client) -> None:
        """Read what the server makes of what was sent, and judge it."""
        if self.stream or self.statuses or self.silence:
            client.send(headers(PROBE, HEALTH, end=True))
        while not self._is_over(client):
            try:
                frame = client.read_frame()
            except TimeoutError:
                raise AssertionError(f"neither {self} nor anything else: {client.summary}") from None
            if frame is None:
                break
        if client.goaway or client.closed:
            client.read_to_end()
            assert client.goaway in self.connection, f"expected {self}, came {client.summary}"
            return
        stream = client.streams[1]
        if stream.error is not None:
            assert stream.error in self.stream, f"expected {self}, came {client.summary}"
        elif stream.ended:
            assert stream.status in self.statuses, f"expected {self}, came {client.summary}"
        else:
            assert self.silence, f"expected {self}, came {client.summary}"
        assert client.streams[PROBE].status == 200

    def _is_over(self, client: Client) -> bool:
        if client.goaway or client.closed:
            return True
        probed = client.streams[PROBE].settled
        return probed and (self.silence or client.streams[1].settled)


def connection_fails(*codes: Error) -> Expectation:
    """GOAWAY with one of the codes, and the connection ends (§5.4.1)."""
    return Expectation(connection=frozenset(codes))


def stream_fails(*codes: Error) -> Expectation:
    """Stream 1 is reset with one of the codes (§5.4.2)."""
    return Expectation(stream=frozenset(codes))


def answered(*statuses: int) -> Expectation:
    """Stream 1 has an answer with one of the statuses, 200 when none is given."""
    return Expectation(statuses=frozenset(statuses or (200,)))


def fails(*codes: Error) -> Expectation:
    """A stream error that may be taken for one of the connection (§5.4)."""
    return stream_fails(*codes) | connection_fails(*codes)


IGNORED = Expectation(silence=True)
MALFORMED = stream_fails(Error.PROTOCOL_ERROR) | answered(400)
"""A malformed request: a stream error, before which there may be an answer that says so (§8.1.1)."""
