from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from naiad.errors import InvalidArgumentError, NotFoundError
from naiad.workspace.database import Database
from naiad.workspace.services import Service
from naiad.workspace.sources import Source
from naiad.workspace.tables import SourceRow
from naiad.workspace.workspace import Workspace


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    folder = tmp_path / "scripts"
    (folder / "lib").mkdir(parents=True)
    (folder / "score.py").write_text("import lib.words")
    (folder / "lib" / "words.py").write_text("WORDS = 1")
    return folder


def make_service(workspace: Workspace, name: str = "qa1") -> str:
    return workspace.services.create(Service(name, ()), overwrite=True).name


def make_old(workspace: Workspace) -> None:
    """Make it so that every source was added two days ago."""
    database = Database(f"sqlite:///{workspace.root / 'workspace.db'}")
    with database.write() as session:
        session.execute(update(SourceRow).values(added_time=datetime.now(UTC) - timedelta(days=2)))


def blobs(workspace: Workspace) -> int:
    return len([path for path in (workspace.root / "artifacts" / "sha256").rglob("*") if path.is_file()])


def test_a_folder_is_laid_out_and_stays_as_it_was(workspace: Workspace, scripts: Path) -> None:
    source = workspace.sources.add(scripts)
    (scripts / "score.py").write_text("changed")
    (scripts / "lib" / "words.py").unlink()
    place = workspace.sources.path(source)
    assert place.name == "scripts"
    assert (place / "score.py").read_text() == "import lib.words"
    assert (place / "lib" / "words.py").read_text() == "WORDS = 1"
    assert (place / "score.py").stat().st_mode & 0o222 == 0
    assert workspace.sources.path(source) == place


def test_a_script_alone_is_a_source_too(workspace: Workspace, scripts: Path) -> None:
    place = workspace.sources.path(workspace.sources.add(scripts / "score.py"))
    assert (place.name, place.read_text()) == ("score.py", "import lib.words")


def test_the_same_content_is_the_same_source(workspace: Workspace, scripts: Path) -> None:
    first = workspace.sources.add(scripts)
    assert workspace.sources.add(scripts) == first
    (scripts / "score.py").write_text("changed")
    assert workspace.sources.add(scripts) != first


def test_a_service_has_the_source_that_was_assigned_last(workspace: Workspace, scripts: Path) -> None:
    service = make_service(workspace)
    assert workspace.sources.of(service) is None
    folder, script = workspace.sources.add(scripts), workspace.sources.add(scripts / "score.py")
    for source in (folder, script, None):
        workspace.sources.assign(source, service=service)
        assert workspace.sources.of(service) == source


def test_what_no_service_uses_is_removed_after_a_day(workspace: Workspace, scripts: Path) -> None:
    used, unused = workspace.sources.add(scripts), workspace.sources.add(scripts / "score.py")
    place = workspace.sources.path(unused)
    service = make_service(workspace)
    workspace.sources.assign(used, service=service)
    assert place.exists()
    make_old(workspace)
    workspace.sources.assign(used, service=service)
    assert not place.exists()
    assert workspace.sources.path(used).is_dir()
    assert blobs(workspace) == 2
    with pytest.raises(NotFoundError, match=r"the source score\.py .* is not stored"):
        workspace.sources.path(unused)
    with pytest.raises(NotFoundError, match=r"the source score\.py .* is not stored"):
        workspace.sources.assign(unused, service=service)


def test_a_deleted_service_lets_its_source_go(workspace: Workspace, scripts: Path) -> None:
    source = workspace.sources.add(scripts)
    workspace.sources.assign(source, service=make_service(workspace))
    workspace.services.delete("qa1")
    make_old(workspace)
    workspace.sources.assign(None, service=make_service(workspace, "qa2"))
    assert blobs(workspace) == 0


def test_adding_a_removed_source_stores_it_again(workspace: Workspace, scripts: Path) -> None:
    source = workspace.sources.add(scripts)
    make_old(workspace)
    service = make_service(workspace)
    workspace.sources.assign(None, service=service)
    assert workspace.sources.add(scripts) == source
    workspace.sources.assign(source, service=service)
    assert (workspace.sources.path(source) / "score.py").is_file()


def test_deleting_a_model_leaves_the_files_that_a_source_has_too(workspace: Workspace, scripts: Path) -> None:
    source = workspace.sources.add(scripts)
    model = workspace.models.register(scripts, name="same-files")
    workspace.models.delete(model.id)
    assert (workspace.sources.path(source) / "lib" / "words.py").read_text() == "WORDS = 1"


def test_a_source_needs_a_service_to_be_assigned_to(workspace: Workspace, scripts: Path) -> None:
    source = workspace.sources.add(scripts)
    with pytest.raises(NotFoundError, match="service 'nobody' does not exist"):
        workspace.sources.assign(source, service="nobody")


def test_what_cannot_be_stored_is_refused(workspace: Workspace, scripts: Path) -> None:
    with pytest.raises(NotFoundError, match="Path does not exist"):
        workspace.sources.add(scripts / "gone.py")
    (scripts / "outside").symlink_to("/etc")
    with pytest.raises(InvalidArgumentError, match="points outside"):
        workspace.sources.add(scripts)


def test_a_source_is_named_by_what_is_asked_for(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match=r"the source score\.py \(sha256:0\) is not stored in this workspace"):
        workspace.sources.path(Source("sha256:0", "score.py"))
