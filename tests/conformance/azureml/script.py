"""An entry script with what belongs to it, and the requests that are sent to it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.http_client import json_body, request_bytes

JSON_TYPE = "Content-Type: application/json"


@dataclass(frozen=True, slots=True)
class Script:
    """A folder to serve.

    Attributes:
        name: unique.
        text: of `score.py`.
        files: other files of the folder, by path.
        variables: of the environment; `{folder}` in a value is the folder.
        flags: of the command line.
        requests: raw requests by name; each is a case.
    """

    name: str
    text: str
    files: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ("--entry_script", "score.py")
    requests: Mapping[str, bytes] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Lay the folder out."""
        folder.mkdir(parents=True)
        for name, text in {"score.py": self.text, **self.files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")

    def environment(self, folder: Path) -> dict[str, str]:
        """The variables."""
        return {name: value.replace("{folder}", str(folder)) for name, value in self.variables.items()}


def post(body: bytes | str = b"", *headers: str) -> bytes:
    """A POST to `/score`."""
    return request_bytes("POST", "/score", body.encode() if isinstance(body, str) else body, headers=headers)


def post_json(document: Any) -> bytes:
    """A POST of JSON to `/score`."""
    return post(json_body(document), JSON_TYPE)


def get(query: str = "", *headers: str, path: str = "/score") -> bytes:
    """A GET of `/score`."""
    return request_bytes("GET", f"{path}?{query}" if query else path, headers=headers)
