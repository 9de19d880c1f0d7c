"""Fenced code blocks of a Markdown page, and what the page says is to be done with them.

    ```bash             run; shell variables and the working directory stay for the next block
    ```python           run; one interpreter for all of the page
    ```bash server      started, and left running until the page's end or the next such block
    ```bash not-run     shown only: what a test of a page cannot do, such as `make demo`
    ```text             shown only, as are json, protobuf and ini

Any other language or mark is an error, so that nothing is left out by a slip.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SHOWN: Final = frozenset({"text", "json", "protobuf", "ini"})
MARKS: Final = {"bash": ("", "server", "not-run"), "python": ("", "not-run")}

_FENCE: Final = re.compile(r"\s*(`{3,}|~{3,})(.*)")


class BlockError(Exception):
    """A block that nobody knows what to do with."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block that is to be run.

    Attributes:
        place: `page:line` of its fence.
        language: `bash` or `python`.
        mark: the word behind the language; empty for none.
        text: what is between the fences.
    """

    place: str
    language: str
    mark: str
    text: str


def runnable_blocks(page: Path) -> list[Block]:
    """The blocks of a page that are to be run, in order.

    Raises:
        BlockError: for an unknown language or mark, or a block that does not end.
    """
    blocks: list[Block] = []
    lines = enumerate(page.read_text(encoding="utf-8").splitlines(), start=1)
    for number, line in lines:
        fence = _FENCE.fullmatch(line)
        if fence is None:
            continue
        place = f"{page.name}:{number}"
        text: list[str] = []
        for _, inner in lines:
            if inner.strip() == fence[1]:
                break
            text.append(inner)
        else:
            raise BlockError(f"{place}: the block does not end")
        language, _, mark = fence[2].strip().partition(" ")
        if language in SHOWN and not mark:
            continue
        if language not in MARKS:
            raise BlockError(f"{place}: the language '{language}' is neither run nor shown")
        if mark not in MARKS[language]:
            raise BlockError(f"{place}: the mark '{mark}' is unknown for {language}")
        if mark != "not-run":
            blocks.append(Block(place, language, mark, "".join(f"{line}\n" for line in text)))
    return blocks
