"""Tables for the series of figures, their changes and their baselines."""

from typing import Any

from alembic import op
from sqlalchemy import (
    REAL,
    BigInteger,
    Column,
    Double,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Text,
)
from sqlalchemy.types import TypeEngine

revision = "0004"
down_revision = "0003"

_REAL: TypeEngine[Any] = Double().with_variant(REAL(), "sqlite")
_INTEGER: TypeEngine[Any] = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "points",
        Column("host", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("scenario", Text, nullable=False),
        Column("metric", Text, nullable=False),
        Column("at", _REAL, nullable=False),
        Column("run_id", Text, nullable=False),
        Column("figure", _REAL, nullable=False),
        Column("value", _REAL, nullable=False),
        Column("uncertainty", _REAL),
        Column("fit", _INTEGER, nullable=False),
        Column("confirming", _INTEGER, nullable=False),
        Column("revision", Text),
        Column("fingerprint", Text),
        Column("record", Text, nullable=False),
        PrimaryKeyConstraint("host", "model", "scenario", "metric", "at", "run_id"),
        ForeignKeyConstraint(["host", "run_id"], ["runs.host", "runs.run_id"], ondelete="CASCADE"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("points_by_run", "points", ["host", "run_id"])
    op.create_table(
        "changes",
        Column("host", Text, nullable=False),
        Column("change_id", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("scenario", Text, nullable=False),
        Column("metric", Text, nullable=False),
        Column("worse", _INTEGER, nullable=False),
        Column("state", Text, nullable=False),
        Column("started_at", _REAL, nullable=False),
        Column("ended_at", _REAL),
        Column("record", Text, nullable=False),
        PrimaryKeyConstraint("host", "change_id"),
        sqlite_strict=True,
    )
    op.create_index("changes_by_start", "changes", ["host", "started_at"])
    op.create_index("changes_by_series", "changes", ["host", "model", "scenario", "metric", "started_at"])
    op.create_table(
        "baselines",
        Column("host", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("scenario", Text, nullable=False),
        Column("metric", Text, nullable=False),
        Column("figure", _REAL, nullable=False),
        Column("at", _REAL, nullable=False),
        Column("source", Text, nullable=False),
        Column("record", Text, nullable=False),
        PrimaryKeyConstraint("host", "model", "scenario", "metric"),
        sqlite_strict=True,
    )
    op.create_table(
        "resets",
        Column("host", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("scenario", Text, nullable=False),
        Column("metric", Text, nullable=False),
        Column("at", _REAL, nullable=False),
        PrimaryKeyConstraint("host", "model", "scenario", "metric"),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the tables, and all that they hold."""
    for name in ("resets", "baselines", "changes", "points"):
        op.drop_table(name)
