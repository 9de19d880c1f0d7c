"""What alembic runs: the caller's connection, in the caller's transaction."""

from __future__ import annotations

from alembic import context

from naiad.workspace.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter most of a table in place
)
context.run_migrations()
