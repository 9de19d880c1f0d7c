"""The folders of a service's generations: what each has of its own on disk."""

from __future__ import annotations

from pathlib import Path


def generation_folder(directory: Path, generation: int) -> Path:
    """The folder of a generation of the service of a directory."""
    return directory / "generations" / str(generation)


def older_generation_folders(directory: Path, *, than: int) -> list[Path]:
    """The folders of the generations below a number; one above it is being made."""
    folders = (directory / "generations").glob("*")
    return [folder for folder in folders if folder.name.isdecimal() and int(folder.name) < than]


def stored_source(directory: Path, generation: int) -> Path:
    """Where the source of a generation is kept as it was deployed, whatever its script does in its folder."""
    return generation_folder(directory, generation) / "source"
