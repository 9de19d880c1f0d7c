"""Writes triton-differences.md beside itself, from the conformance tests' tables; a test fails when they differ."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).resolve().with_name("triton-differences.md")
sys.path.insert(0, str(PAGE.parents[2]))

from tests.conformance.triton.known_difference import Kind  # noqa: E402
from tests.conformance.triton.ledger import Ledger  # noqa: E402

_INTRODUCTION = """\
<!-- Written by generate_triton_differences.py; change tests/conformance/triton/known_*.py instead. -->

# Where naiad and Triton differ

The tests in `tests/conformance/triton` send the same bytes to naiad and to a real tritonserver 2.51, over HTTP/1.1 and
over gRPC, and compare status, headers, messages and bodies. This page is their table of known differences: a difference
that is not in it fails the tests, and so does a row that has become untrue. Behind each reason stand the names of the
cases (`*` is any text) and the part of the answer that it concerns.
"""

_SECTIONS = {
    Kind.ADDITION: ("Additions", "All that Triton says, and more: Triton's clients cannot tell."),
    Kind.CHOICE: ("Choices", "Here a client can tell, and naiad does otherwise on purpose."),
    Kind.ORACLE: (
        "Of the tritonserver that was compared",
        "It is older than the Triton that naiad follows, built for GPUs, and runs ONNX in a Python-based backend.",
    ),
}


def page() -> str:
    """The page's text."""
    return "\n".join([_INTRODUCTION, *(line for kind in _SECTIONS for line in _section(kind))])


def _section(kind: Kind) -> Iterator[str]:
    title, meaning = _SECTIONS[kind]
    yield f"## {title}\n\n{meaning}\n"
    places: dict[str, list[str]] = {}
    for row in Ledger().table:
        if row.kind is kind:
            part = "" if row.part == "*" else f" in `{row.part}`"
            places.setdefault(row.reason, []).append(f"`{row.cases}`{part}")
    for reason, found in places.items():
        yield f"- {reason}\n  ({', '.join(found)})"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
