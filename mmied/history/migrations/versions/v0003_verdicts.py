"""A table for what was last said of each candidate optimization of a model."""

from typing import Any

from alembic import op
from sqlalchemy import REAL, Column, Double, PrimaryKeyConstraint, Text
from sqlalchemy.types import TypeEngine

revision = "0003"
down_revision = "0002"

_REAL: TypeEngine[Any] = Double().with_variant(REAL(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "verdicts",
        Column("host", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("candidate", Text, nullable=False),
        Column("at", _REAL, nullable=False),
        Column("verdict", Text, nullable=False),
        Column("revision", Text),
        Column("fingerprint", Text),
        Column("record", Text, nullable=False),
        PrimaryKeyConstraint("host", "model", "candidate"),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the table, and all that it holds."""
    op.drop_table("verdicts")
