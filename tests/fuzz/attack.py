"""Streams of bytes for a server, several at a time: which, in which pieces and order, and how they end, is told by a
seed and a number."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from enum import Enum, auto
from random import Random

from tests.fuzz.answers import MalformedAnswerError, are_frames, check_pair, split_answers
from tests.fuzz.corpus import Request, any_request, good_request
from tests.fuzz.mutations import MUTATIONS
from tests.support.http_client import Answer

STREAMS = 6
TIMEOUT_S = 20.0
_RESET = struct.pack("ii", 1, 0)


class Ending(Enum):
    """What the client does when everything is sent."""

    READ = auto()
    """Say that nothing more comes, and read to the end."""
    CLOSE = auto()
    """Close without reading."""
    RESET = auto()
    """Close so that the server gets an error."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What one connection sends.

    Attributes:
        name: of the way it was made.
        pieces: sent one after the other, with other streams' pieces between them.
        ending: what comes then.
        requests: the right requests that it is, each of which must be answered; none when it is spoilt.
    """

    name: str
    pieces: list[bytes]
    ending: Ending
    requests: tuple[Request, ...] = ()


def make_streams(seed: str, number: int) -> tuple[list[Stream], Random]:
    """The streams of one round, and the chance that their order is left to."""
    random = Random(f"{seed}:{number}")
    return [_make_stream(random) for _ in range(STREAMS)], random


def _make_stream(random: Random) -> Stream:
    if random.random() < 0.2:
        requests = [good_request(random) for _ in range(random.choice((1, 2, 5, 20)))]
        data = b"".join(request.encode(random) for request in requests)
        return Stream("good", cut(data, random), Ending.READ, tuple(requests))
    mutation = random.choice(MUTATIONS)
    data = mutation(any_request(random), random)
    if random.random() < 0.3:
        data = any_request(random).encode(random) + data
    if random.random() < 0.3:
        data += any_request(random).encode(random)
    if random.random() < 0.15:
        data = data[: random.randrange(len(data) + 1)]
    ending = random.choice((Ending.READ, Ending.READ, Ending.READ, Ending.CLOSE, Ending.RESET))
    return Stream(mutation.__name__, cut(data, random), ending)


def cut(data: bytes, random: Random) -> list[bytes]:
    """The same bytes in pieces."""
    cuts = random.choice((0, 0, 1, 3, 10))
    if random.random() < 0.03 and len(data) < 400:
        return [data[index : index + 1] for index in range(len(data))]
    places = sorted(random.randrange(len(data) + 1) for _ in range(cuts))
    pieces = [data[start:stop] for start, stop in zip([0, *places], [*places, len(data)], strict=True)]
    return [piece for piece in pieces if piece]


class Client:
    """One connection that sends a stream."""

    def __init__(self, port: int, stream: Stream) -> None:
        self.stream = stream
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unsent = list(stream.pieces)
        self._is_reset = False

    @property
    def has_more(self) -> bool:
        """Whether there is something left to send."""
        return bool(self._unsent) and not self._is_reset

    def send_piece(self) -> None:
        """Send the next piece."""
        try:
            self._socket.sendall(self._unsent.pop(0))
        except (BrokenPipeError, ConnectionResetError):
            self._is_reset = True  # the server has refused the rest

    def finish(self) -> list[Answer]:
        """Do what the stream ends with; the answers, where they are read.

        Raises:
            MalformedAnswerError: what came back is not what any server may send.
            TimeoutError: the server neither answers nor closes.
        """
        with self._socket:
            if self.stream.requests:
                return self._read_good()
            if self.stream.ending is Ending.RESET:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            if self.stream.ending is not Ending.READ:
                return []
            self._stop_sending()
            data = b"".join(iter(self._receive, b""))
        answers, rest = split_answers(data)
        if rest and not self._is_reset and not are_frames(rest):
            raise MalformedAnswerError(f"an answer is cut short: {rest!r}")
        return answers

    def _read_good(self) -> list[Answer]:
        """The answers to right requests, which come without the connection being closed."""
        data, answers = b"", list[Answer]()
        while len(answers) < len(self.stream.requests):
            received = self._receive()
            if not received:
                raise MalformedAnswerError(f"{len(answers)} answers to {len(self.stream.requests)} requests")
            found, data = split_answers(data + received)
            answers += found
        if data:
            raise MalformedAnswerError(f"more answers than requests: {data!r}")
        for request, answer in zip(self.stream.requests, answers, strict=True):
            check_pair(request, answer)
        return answers

    def _stop_sending(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._is_reset = True

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(1 << 16)
        except ConnectionResetError:
            self._is_reset = True
            return b""


def attack(port: int, streams: list[Stream], random: Random) -> list[tuple[Stream, list[Answer]]]:
    """Send the streams' pieces in a random order, each stream on its own connection; what came back."""
    clients = [Client(port, stream) for stream in streams]
    sending = list(clients)
    while sending:
        client = random.choice(sending)
        if client.has_more:
            client.send_piece()
        else:
            sending.remove(client)
    return [(client.stream, client.finish()) for client in clients]
