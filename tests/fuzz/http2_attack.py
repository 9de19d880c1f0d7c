"""Conversations over HTTP/2 for a server, several at a time, most of them spoilt; which, is told by a seed and a
number."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from random import Random

from tests.conformance.http2.client import Client, Stream
from tests.conformance.http2.frames import PREFACE, Setting, settings, window_update
from tests.fuzz.answers import MalformedAnswerError
from tests.fuzz.attack import STREAMS, Ending, cut
from tests.fuzz.http2_corpus import WINDOW_BYTES, Exchange, conversation, interleave
from tests.fuzz.http2_mutations import MUTATIONS

GREETING = PREFACE + settings((Setting.INITIAL_WINDOW_SIZE, WINDOW_BYTES)).encode() + window_update(0, 1 << 30).encode()


@dataclass(frozen=True, slots=True)
class Talk:
    """What one connection sends.

    Attributes:
        name: of the way it was made.
        pieces: sent behind the greeting one after the other, with other talks' pieces between them.
        ending: what comes then.
        exchanges: the right requests that it is, each of which must be answered; none when it is spoilt.
    """

    name: str
    pieces: list[bytes]
    ending: Ending
    exchanges: tuple[Exchange, ...] = ()


def make_talks(seed: str, number: int) -> tuple[list[Talk], Random]:
    """The talks of one round, and the chance that their order is left to."""
    random = Random(f"{seed}:{number}")
    return [_make_talk(random) for _ in range(STREAMS)], random


def _make_talk(random: Random) -> Talk:
    exchanges = conversation(random)
    frames = interleave(exchanges, random)
    if random.random() < 0.2:
        content = b"".join(frame.encode() for frame in frames)
        return Talk("good", cut(content, random), Ending.READ, tuple(exchanges))
    mutation = random.choice(MUTATIONS)
    parts = [part if isinstance(part, bytes) else part.encode() for part in mutation(frames, random)]
    content = b"".join(parts)
    ending = random.choice((Ending.READ, Ending.READ, Ending.READ, Ending.CLOSE, Ending.RESET))
    return Talk(mutation.__name__, cut(content, random), ending)


def attack(port: int, talks: list[Talk], random: Random) -> list[tuple[Talk, list[Stream]]]:
    """Send the talks' pieces in a random order, each talk on its own connection; what came back on their streams.

    Raises:
        MalformedAnswerError: a right request has no answer, or another than a right one.
        AssertionError: what came back is not what any server may send, or does not end.
    """
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(port)) for _ in talks]
        for client in clients:
            greet(client)
        unsent = [list(talk.pieces) for talk in talks]
        sending = [index for index, pieces in enumerate(unsent) if pieces]
        while sending:
            index = random.choice(sending)
            clients[index].send(unsent[index].pop(0))
            if not unsent[index] or clients[index].closed:
                sending.remove(index)
        return [(talk, _finish(client, talk)) for client, talk in zip(clients, talks, strict=True)]


def greet(client: Client) -> None:
    """Say what is taken, and wait for what the server takes: until then that is little."""
    client.send(GREETING)
    client.read_until(lambda: client.settings and client.granted_bytes, "the server's settings")


def _finish(client: Client, talk: Talk) -> list[Stream]:
    for index, exchange in enumerate(talk.exchanges):
        stream = client.read_stream(1 + 2 * index)
        if stream.status != 200 or (exchange.is_rpc and stream.grpc_status != 0):
            raise MalformedAnswerError(f"{stream} to the good request {exchange.frames}")
    if talk.ending is Ending.RESET:
        client.abort()
    elif talk.ending is Ending.CLOSE:
        client.close()
    else:
        with suppress(OSError):  # the server has refused the rest
            client.socket.shutdown(socket.SHUT_WR)
        client.read_to_end()
    return list(client.streams.values())
