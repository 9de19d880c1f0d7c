from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, select

from naiad.errors import ConfigError, UnavailableError
from naiad.workspace import database as database_module
from naiad.workspace.database import SCHEMA_REVISION, Database
from naiad.workspace.tables import Base, ModelNameRow


def open_database(tmp_path: Path, *, busy_timeout_s: float = 30.0) -> Database:
    return Database(f"sqlite:///{tmp_path / 'workspace.db'}", busy_timeout_s=busy_timeout_s)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = open_database(tmp_path)
    database.migrate()
    return database


def add_name(database: Database, name: str) -> None:
    with database.write() as session:
        session.add(ModelNameRow(name=name, last_version=1))


def names(database: Database) -> list[str]:
    with database.read() as session:
        return sorted(session.scalars(select(ModelNameRow.name)))


def test_the_newest_migration_is_what_the_code_expects() -> None:
    scripts = ScriptDirectory(str(Path(database_module.__file__).parent / "migrations"))
    assert scripts.get_current_head() == SCHEMA_REVISION


def test_migrations_lead_to_the_tables(database: Database, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'workspace.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_the_journal_is_a_write_ahead_log(database: Database, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "workspace.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_migrating_again_changes_nothing(database: Database) -> None:
    add_name(database, "a")
    database.migrate()
    assert names(database) == ["a"]


def test_a_failed_write_leaves_nothing(database: Database) -> None:
    def fail_half_way() -> None:
        with database.write() as session:
            session.add(ModelNameRow(name="a", last_version=1))
            session.flush()
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert names(database) == []


def test_readers_see_what_was_there_while_a_writer_works(database: Database) -> None:
    with database.write() as session:
        session.add(ModelNameRow(name="a", last_version=1))
        session.flush()
        assert names(database) == []
    assert names(database) == ["a"]


def test_writers_wait_for_each_other(database: Database) -> None:
    order: list[str] = []

    def write_second() -> None:
        with database.write():
            order.append("second")

    second = threading.Thread(target=write_second)
    with database.write():
        second.start()
        second.join(0.2)
        order.append("first")
    second.join(30)
    assert order == ["first", "second"]


def test_a_writer_that_waits_too_long_says_so(database: Database, tmp_path: Path) -> None:
    impatient = open_database(tmp_path, busy_timeout_s=0.01)
    with database.write(), pytest.raises(UnavailableError, match="held by another process"):
        add_name(impatient, "a")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "workspace.db").write_text("this is not a database, but it is long enough to be read as one" * 50)
    with pytest.raises(ConfigError, match="is not a naiad workspace database"):
        open_database(tmp_path).migrate()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be used: unable to open"):
        open_database(tmp_path / "nothing").migrate()


def test_a_database_of_a_newer_naiad(database: Database, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "workspace.db")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(ConfigError, match="schema revision 9999") as caught:
        open_database(tmp_path).migrate()
    assert "newer naiad" in str(caught.value.hint)


def test_processes_that_open_a_new_database_at_once(tmp_path: Path) -> None:
    """Each migrates, or waits for the one that does, and then writes."""
    script = (
        "import sys; from naiad.workspace.database import Database; from naiad.workspace.tables import ModelNameRow\n"
        "database = Database(f'sqlite:///{sys.argv[1]}'); sys.stdin.readline(); database.migrate()\n"
        "with database.write() as session: session.add(ModelNameRow(name=sys.argv[2], last_version=1))"
    )
    path = tmp_path / "workspace.db"
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(path), str(number)], stdin=subprocess.PIPE)
        for number in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert names(open_database(tmp_path)) == ["0", "1", "2", "3"]
