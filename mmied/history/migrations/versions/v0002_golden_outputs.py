"""A table for what each model gave on its fixed inputs."""

from typing import Any

from alembic import op
from sqlalchemy import REAL, Column, Double, PrimaryKeyConstraint, Text
from sqlalchemy.types import TypeEngine

revision = "0002"
down_revision = "0001"

_REAL: TypeEngine[Any] = Double().with_variant(REAL(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "goldens",
        Column("host", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("at", _REAL, nullable=False),
        Column("record", Text, nullable=False),
        PrimaryKeyConstraint("host", "model"),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the table, and all that it holds."""
    op.drop_table("goldens")
