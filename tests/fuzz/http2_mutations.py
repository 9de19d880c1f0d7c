"""Ways to spoil a conversation over HTTP/2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from tests.conformance.http2.frames import (
    MAX_WINDOW,
    Flag,
    Frame,
    Setting,
    Type,
    data,
    goaway,
    priority,
    reset,
    settings,
    window_update,
)

Parts = list[Frame | bytes]
_LENGTHS = (0, 1, 4, 5, 6, 8, 9, 100, 16_384, 16_385, 65_537, (1 << 24) - 1)
_STREAMS = (0, 1, 2, 3, 5, 7, 99, 1 << 30, (1 << 31) - 1, 1 << 31)
_NUMBERS = (0, 1, 2, 1000, 16_383, 16_384, 65_535, 1 << 24, MAX_WINDOW, 1 << 31, (1 << 32) - 1)


def frame_changed(frames: list[Frame], random: Random) -> Parts:
    """One field of one frame's header."""
    place = random.randrange(len(frames))
    frame = frames[place]
    changed = random.choice(
        (
            replace(frame, type=random.choice((*Type, 255))),
            replace(frame, flags=random.randrange(256)),
            replace(frame, flags=frame.flags ^ random.choice((*Flag,))),
            replace(frame, stream=random.choice(_STREAMS)),
            replace(frame, length=random.choice(_LENGTHS)),
            replace(frame, length=max(0, len(frame.payload) + random.choice((-1, 1)))),
        )
    )
    return [*frames[:place], changed, *frames[place + 1 :]]


def frame_dropped(frames: list[Frame], random: Random) -> Parts:
    """One frame less."""
    place = random.randrange(len(frames))
    return [*frames[:place], *frames[place + 1 :]]


def frame_repeated(frames: list[Frame], random: Random) -> Parts:
    """One frame several times."""
    place = random.randrange(len(frames))
    return [*frames[:place], *[frames[place]] * random.choice((2, 2, 50)), *frames[place + 1 :]]


def frames_swapped(frames: list[Frame], random: Random) -> Parts:
    """Frames in another order."""
    shuffled: Parts = list(frames)
    start = random.randrange(len(frames))
    part = shuffled[start : start + random.choice((2, 3, 10))]
    random.shuffle(part)
    shuffled[start : start + len(part)] = part
    return shuffled


def frame_added(frames: list[Frame], random: Random) -> Parts:
    """Any frame in between."""
    stream, number = random.choice(_STREAMS), random.choice(_NUMBERS)
    added = random.choice(
        (
            Frame(random.choice((*Type, 255)), random.randrange(256), stream, random.randbytes(random.randrange(40))),
            settings((random.choice((*Setting,)), number)),
            window_update(stream, number),
            priority(stream, depends_on=random.choice(_STREAMS), weight=random.randrange(256)),
            reset(stream, number),
            goaway(random.choice(_STREAMS), number, random.randbytes(10)),
            data(stream, random.randbytes(20), padding=random.choice((None, 3))),
        )
    )
    place = random.randrange(len(frames) + 1)
    return [*frames[:place], added, *frames[place:]]


def stream_reset(frames: list[Frame], random: Random) -> Parts:
    """A stream ends somewhere."""
    place = random.randrange(len(frames))
    return [*frames[: place + 1], reset(frames[place].stream or 1), *frames[place + 1 :]]


def payload_cut(frames: list[Frame], random: Random) -> Parts:
    """One payload shorter or longer than it was."""
    place = random.randrange(len(frames))
    payload = frames[place].payload
    at = random.randrange(len(payload) + 1)
    changed = random.choice((payload[:at], payload[at:], payload[:at] + random.randbytes(3) + payload[at:]))
    return [*frames[:place], replace(frames[place], payload=changed), *frames[place + 1 :]]


def header_block_spoilt(frames: list[Frame], random: Random) -> Parts:
    """Bytes of a header block are others."""
    return _payload_spoilt(frames, random, Type.HEADERS)


def body_spoilt(frames: list[Frame], random: Random) -> Parts:
    """Bytes of JSON, of a gRPC prefix or of protobuf are others."""
    return _payload_spoilt(frames, random, Type.DATA)


def bytes_spoilt(frames: list[Frame], random: Random) -> Parts:
    """Any bytes are others."""
    return [_spoilt(b"".join(frame.encode() for frame in frames), random)]


def bytes_cut(frames: list[Frame], random: Random) -> Parts:
    """The rest is missing."""
    content = b"".join(frame.encode() for frame in frames)
    return [content[: random.randrange(len(content))]]


MUTATIONS: tuple[Callable[[list[Frame], Random], Parts], ...] = (
    *(frame_changed, frame_dropped, frame_repeated, frames_swapped, frame_added, stream_reset, payload_cut),
    *(header_block_spoilt, body_spoilt, body_spoilt, body_spoilt, body_spoilt, bytes_spoilt, bytes_cut),
)


def _payload_spoilt(frames: list[Frame], random: Random, kind: Type) -> Parts:
    """Each such frame with some chance, and one at least."""
    places = [place for place, frame in enumerate(frames) if frame.type == kind and frame.payload]
    chosen = {place for place in places if random.random() < 0.4} | set(random.sample(places, min(1, len(places))))
    return [
        replace(frame, payload=_spoilt(frame.payload, random)) if place in chosen else frame
        for place, frame in enumerate(frames)
    ]


def _spoilt(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 10))):
        place = random.randrange(len(changed))
        changed[place] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256), changed[place] ^ 1))
    return bytes(changed)
