"""A case: frames, and what may become of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.conformance.http2.expectation import Expectation
from tests.conformance.http2.frames import Frame


@dataclass(frozen=True, slots=True)
class Case:
    """Frames that are sent in one piece behind preface and SETTINGS.

    Attributes:
        section: of RFC 9113, or of RFC 7541 where it begins with HPACK.
        name: what is special.
        frames: what is sent.
        expected: what may become of it.
    """

    section: str
    name: str
    frames: tuple[Frame | bytes, ...]
    expected: Expectation

    def __str__(self) -> str:
        return f"{self.section} {self.name}"


def case(section: str, name: str, expected: Expectation, *parts: Frame | bytes | Iterable[Frame]) -> Case:
    """A case of frames one by one or several together."""
    frames: list[Frame | bytes] = []
    for part in parts:
        frames += [part] if isinstance(part, Frame | bytes) else part
    return Case(section, name, tuple(frames), expected)
