"""A model folder made of files that a load request brought along (triton.md §1.7)."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from naiad.errors import InternalError, InvalidArgumentError
from naiad.repository.local import ModelFolder


class OverrideFolder:
    """Holds a request's files for as long as their model is served.

    Args:
        name: of the model.
        files: contents by path inside the model's folder, such as `1/model.onnx`.

    Raises:
        InvalidArgumentError: a path leads outside the model's folder or is no file's.
        InternalError: the files cannot be written.
    """

    def __init__(self, name: str, files: Mapping[str, bytes]) -> None:
        paths = {_checked(path): content for path, content in files.items()}
        try:
            self._directory = tempfile.TemporaryDirectory(prefix="naiad-override-")
            root = Path(self._directory.name, name)
            for path, content in paths.items():
                target = root / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        except OSError as error:
            raise InternalError(f"unable to write the files of model '{name}': {error.strerror}") from error
        self.folder = ModelFolder(name, root)

    def remove(self) -> None:
        """Delete the files."""
        self._directory.cleanup()


def _checked(text: str) -> PurePosixPath:
    path = PurePosixPath(text)
    if not text or text.endswith("/") or path.is_absolute() or ".." in path.parts or "\\" in text or "\0" in text:
        raise InvalidArgumentError(
            f"Invalid file parameter 'file:{text}', expected a path inside the model's folder, such as 1/model.onnx"
        )
    return path
