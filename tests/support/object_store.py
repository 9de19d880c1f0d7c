"""An object store in this process: fsspec's `memory://`, with a record of what was asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from fsspec.implementations.memory import MemoryFile, MemoryFileSystem


class ObjectStore:
    """What lies at `memory://`.

    Attributes:
        fetched: names of the files that were fetched, in order.
        listings: how often it was listed.
        before_fetch: called with the name of each file that is about to be fetched.
        before_listing: called once, before the next listing.
    """

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.listings = 0
        self.before_fetch: Callable[[str], object] = lambda _: None
        self.before_listing: Callable[[], object] | None = None
        self._fs = MemoryFileSystem()

    def put(self, name: str, content: bytes = b"x") -> None:
        """Write a file."""
        self._fs.pipe_file(f"/{name}", content)

    def delete(self, name: str) -> None:
        """Remove a file, and all below its name."""
        for path in [path for path in self._fs.store if f"{path}/".startswith(f"/{name}/")]:
            del self._fs.store[path]

    def put_raw(self, name: str, content: bytes = b"x") -> None:
        """Write a file under a name that no well-behaved client writes."""
        self._fs.store[name] = MemoryFile(self._fs, name, content)

    def clear(self) -> None:
        """Remove everything."""
        self._fs.store.clear()
        self._fs.pseudo_dirs[:] = [""]


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """An empty one, and no trace of it afterwards."""
    store = ObjectStore()
    get_file, find = MemoryFileSystem.get_file, MemoryFileSystem.find

    def recorded_get_file(fs: Any, rpath: str, lpath: str, **options: Any) -> Any:
        store.before_fetch(rpath)
        store.fetched.append(rpath)
        return get_file(fs, rpath, lpath, **options)

    def recorded_find(fs: Any, path: str, **options: Any) -> Any:
        store.listings += 1
        if store.before_listing is not None:
            hook, store.before_listing = store.before_listing, None
            hook()
        return find(fs, path, **options)

    store.clear()
    with (
        mock.patch.object(MemoryFileSystem, "get_file", recorded_get_file),
        mock.patch.object(MemoryFileSystem, "find", recorded_find),
    ):
        yield store
    store.clear()
