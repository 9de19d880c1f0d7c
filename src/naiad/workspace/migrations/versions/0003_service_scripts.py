"""Services with an entry script, with tokens, and with updates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("services") as services:
        services.add_column(sa.Column("token_auth_enabled", sa.Boolean(), nullable=False, server_default=sa.false()))
        services.add_column(sa.Column("inference", sa.JSON()))
        services.add_column(sa.Column("generation", sa.Integer(), nullable=False, server_default="1"))


def downgrade() -> None:
    with op.batch_alter_table("services") as services:
        for column in ("generation", "inference", "token_auth_enabled"):
            services.drop_column(column)
