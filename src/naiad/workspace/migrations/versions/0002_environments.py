"""Environments, and the sources of services with an entry script."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "environments",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("created_time", sa.DateTime(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
    )
    op.create_table(
        "sources",
        sa.Column("digest", sa.Text(), primary_key=True),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("added_time", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "service_sources",
        sa.Column("service_name", sa.Text(), sa.ForeignKey("services.name", ondelete="CASCADE"), primary_key=True),
        sa.Column(
            "digest", sa.Text(), sa.ForeignKey("sources.digest", ondelete="RESTRICT"), nullable=False, index=True
        ),
    )


def downgrade() -> None:
    for table in ("service_sources", "sources", "environments"):
        op.drop_table(table)
