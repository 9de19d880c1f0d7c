"""The registry's database: connections, transactions, and bringing the schema up to date."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from naiad.errors import ConfigError, UnavailableError

SCHEMA_REVISION: Final = "0003"
"""The newest revision in `migrations/versions`: what this version of naiad reads and writes."""

_MIGRATIONS: Final = Path(__file__).parent / "migrations"


class Database:
    """Short transactions on one database, safe for several processes at once.

    Args:
        url: an SQLAlchemy URL.
        busy_timeout_s: how long a transaction waits for another process's.
    """

    def __init__(self, url: str, *, busy_timeout_s: float = 30.0) -> None:
        # No pool: a connection costs some 100 us and none is left open across a fork.
        self._engine = create_engine(url, poolclass=NullPool)
        self._writer = self._engine.execution_options(naiad_write=True)
        self._busy_timeout_s = busy_timeout_s
        self._location = self._engine.url.database or url
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", self._on_connect)
            event.listen(self._engine, "begin", _on_begin)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent view; what is changed in it is thrown away."""
        with self._translated(), Session(self._engine, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One writer at a time; commits when the block ends and rolls back when it raises."""
        with self._translated(), Session(self._writer) as session, session.begin():
            session.connection()  # a session takes its connection, and the lock, with the first statement only
            yield session

    def migrate(self) -> None:
        """Bring the schema to `SCHEMA_REVISION`; one short query when it is there already.

        Raises:
            ConfigError: when the database was written by a newer naiad, or is no database.
            UnavailableError: when another process holds it for longer than the busy timeout.
        """
        with self._translated():
            with self._engine.connect() as connection:
                if self._revision(connection) == SCHEMA_REVISION:
                    return
            if self._engine.dialect.name == "sqlite":
                self._use_write_ahead_log()
            with self._writer.begin() as connection:
                # Another process may have done it while this one waited for the lock.
                if self._revision(connection) != SCHEMA_REVISION:
                    self._upgrade(connection)

    def _revision(self, connection: Connection) -> str | None:
        if not self._engine.dialect.has_table(connection, "alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()

    def _upgrade(self, connection: Connection) -> None:
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise ConfigError(
                f"the workspace database {self._location} has schema revision {self._revision(connection)}, "
                f"which this version of naiad (schema {SCHEMA_REVISION}) does not know",
                hint="it was written by a newer naiad; upgrade this one",
            ) from error

    def _use_write_ahead_log(self) -> None:
        # Switching needs the file for itself and, unlike a transaction, does not wait for it.
        deadline = time.monotonic() + self._busy_timeout_s
        while True:
            connection = sqlite3.connect(self._location, timeout=self._busy_timeout_s)
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            finally:
                connection.close()

    def _on_connect(self, connection: sqlite3.Connection, _record: Any) -> None:
        # The driver must not begin transactions by itself: `_on_begin` says which kind.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={int(self._busy_timeout_s * 1000)}")
        connection.execute("PRAGMA foreign_keys=ON")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, sqlite3.OperationalError) as error:
            reason = str(error.orig if isinstance(error, OperationalError) else error)
            if "locked" in reason or "busy" in reason:
                raise UnavailableError(
                    f"the workspace database {self._location} has been held by another process "
                    f"for {self._busy_timeout_s:g} s",
                    hint="try again when the other command is done",
                ) from error
            raise ConfigError(f"the workspace database {self._location} cannot be used: {reason}") from error
        except (DatabaseError, sqlite3.DatabaseError) as error:
            if type(error) not in (DatabaseError, sqlite3.DatabaseError):
                raise  # a broken constraint or a wrong statement: naiad's own fault
            reason = str(error.orig if isinstance(error, DatabaseError) else error)
            raise ConfigError(f"{self._location} is not a naiad workspace database: {reason}") from error


def _on_begin(connection: Connection) -> None:
    # A writer that began as a reader can fail with "locked" at once, whatever the timeout; IMMEDIATE waits instead.
    write = connection.get_execution_options().get("naiad_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
