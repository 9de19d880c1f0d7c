"""The same model folders to both servers: what loads, what it then looks like, and why the others do not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.environment import TritonInstallation
from tests.conformance.triton import pair
from tests.conformance.triton.case import Request, get, parsed, post
from tests.conformance.triton.comparison import compare, compare_values
from tests.conformance.triton.folders import layout, refused, served
from tests.conformance.triton.folders.folder import Folder
from tests.conformance.triton.ledger import Ledger
from tests.conformance.triton.pair import Pair
from tests.conformance.triton.wire import Reply
from tests.support.server import running

pytestmark = pytest.mark.timeout(400)

FOLDERS = (*served.FOLDERS, *refused.FOLDERS, *layout.FOLDERS)
_IN_STRICT_MODE = (
    *("no_file", "backend_only", "file_named", "tensors_only", "no_batch_given", "plain", "groups_none", "labels"),
    *("batching_preferred", "policy_specific", "table_reshaped", "preferred_large", "group_gpu", "input_without_dims"),
)
STRICT_FOLDERS = tuple(folder for folder in FOLDERS if folder.name in _IN_STRICT_MODE)

_AT_A_TIME = 16
_REFUSED_IN_LOG = re.compile(r"Poll failed for model directory '(?P<name>[^']*)': (?P<cause>.*)\"$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of loading every folder.

    Attributes:
        servers: with the models.
        replies: to the load requests, by folder name; the real server's first.
        index: of the repository, by folder name; the real server's first.
        causes: why the real server did not even try, by folder name, as its log says.
    """

    servers: Pair
    replies: Mapping[str, tuple[Reply, Reply]]
    index: tuple[Mapping[str, list[Any]], Mapping[str, list[Any]]]
    causes: Mapping[str, str]


def _load_all(folders: Sequence[Folder], servers: Pair) -> Loaded:
    # Loading is mostly waiting, so the folders of a repository are loaded together.
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        replies = pool.map(lambda folder: servers.ask(Request(_load(folder.name))), folders)
        by_name = {folder.name: reply for folder, reply in zip(folders, replies, strict=True)}
    index = tuple(_by_name(parsed(reply.answers[0])) for reply in servers.ask(Request(post("/v2/repository/index"))))
    causes = {match["name"]: match["cause"] for match in _REFUSED_IN_LOG.finditer(servers.triton.log)}
    return Loaded(servers, by_name, (index[0], index[1]), causes)


@pytest.fixture(scope="module")
def completing(tmp_path_factory: pytest.TempPathFactory, installation: TritonInstallation) -> Iterator[Loaded]:
    """Both servers, which complete configurations."""
    yield from _loaded(FOLDERS, [], tmp_path_factory, installation)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, installation: TritonInstallation) -> Iterator[Loaded]:
    """Both servers, which take configurations as they are."""
    yield from _loaded(STRICT_FOLDERS, ["--disable-auto-complete-config"], tmp_path_factory, installation)


def _loaded(
    folders: Sequence[Folder],
    flags: Sequence[str],
    tmp_path_factory: pytest.TempPathFactory,
    installation: TritonInstallation,
) -> Iterator[Loaded]:
    repository = tmp_path_factory.mktemp("repository")
    for folder in folders:
        folder.write(repository)
    with pair.running(
        repository,
        "--model-control-mode=explicit",
        *flags,
        installation=installation,
        directory=tmp_path_factory.mktemp("naiad"),
        triton_flags=[f"--http-thread-count={_AT_A_TIME}"],
    ) as servers:
        yield _load_all(folders, servers)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_folders_agree(folder: Folder, completing: Loaded, ledger: Ledger) -> None:
    """Both load a folder, or neither does and for the same reason."""
    assert not _compare(f"folder/{folder.name}", folder, completing, ledger)


@pytest.mark.parametrize("folder", STRICT_FOLDERS, ids=lambda folder: folder.name)
def test_strict_folders_agree(folder: Folder, strict: Loaded, ledger: Ledger) -> None:
    """The same without auto-complete."""
    assert not _compare(f"strict folder/{folder.name}", folder, strict, ledger)


def test_folders_that_the_real_server_does_not_survive(tmp_path: Path) -> None:
    """naiad comes up over them and serves them."""
    repository = tmp_path / "models"
    repository.mkdir()
    for folder in layout.ONE_SIDED:
        folder.write(repository)
    with running(repository, directory=tmp_path) as naiad:
        index = naiad.ask("POST", "/v2/repository/index").json
    assert {entry["name"]: entry["state"] for entry in index} == {folder.name: "READY" for folder in layout.ONE_SIDED}


def _compare(case: str, folder: Folder, loaded: Loaded, ledger: Ledger) -> list[str]:
    triton, naiad = loaded.replies[folder.name]
    found = compare(triton, naiad)
    if folder.name in loaded.causes:
        cause = str((parsed(naiad.answers[0]) or {}).get("hint", "")).removeprefix(f"failed to load '{folder.name}': ")
        found += compare_values("cause", loaded.causes[folder.name], cause)
    entries = [index.get(folder.name, []) for index in loaded.index]
    unexplained = ledger.record(case, found) + ledger.record(case, compare_values("index", *entries))
    one, other = ([entry["version"] for entry in each if entry.get("state") == "READY"] for each in entries)
    if one != other:
        return unexplained  # One serves what the other does not: all else follows from that.
    path = f"/v2/models/{folder.name}".encode().decode("latin-1")
    for request in (get(path), get(f"{path}/config"), get(f"{path}/ready")):
        unexplained += ledger.record(case, loaded.servers.differences(Request(request)))
    return unexplained


def _load(name: str) -> bytes:
    return post(f"/v2/repository/models/{name.encode().decode('latin-1')}/load")


def _by_name(index: Sequence[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for entry in index:
        found.setdefault(entry["name"], []).append(entry)
    return found
