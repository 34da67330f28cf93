"""The first tables."""

from typing import Any

from alembic import op
from sqlalchemy import (
    REAL,
    BigInteger,
    Column,
    Double,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
)
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None

_REAL: TypeEngine[Any] = Double().with_variant(REAL(), "sqlite")
_INTEGER: TypeEngine[Any] = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "environments",
        Column("host", Text, nullable=False),
        Column("fingerprint", Text, nullable=False),
        Column("stable", Text, nullable=False),
        PrimaryKeyConstraint("host", "fingerprint"),
        sqlite_strict=True,
    )
    op.create_table(
        "runs",
        Column("host", Text, nullable=False),
        Column("run_id", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("device", Text, nullable=False),
        Column("started_at", _REAL, nullable=False),
        Column("ended_at", _REAL, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("reason", Text),
        Column("orphaned", _INTEGER, nullable=False),
        Column("revision", Text),
        Column("fingerprint", Text),
        Column("cpu_seconds", _REAL),
        Column("gpu_seconds", _REAL),
        Column("momentary", Text),
        Column("record", Text, nullable=False),
        PrimaryKeyConstraint("host", "run_id"),
        ForeignKeyConstraint(["host", "fingerprint"], ["environments.host", "environments.fingerprint"]),
        sqlite_strict=True,
    )
    op.create_index("runs_by_start", "runs", ["host", "started_at"])
    op.create_index("runs_by_model", "runs", ["host", "model", "started_at"])
    op.create_index("runs_by_end", "runs", ["host", "ended_at"])
    op.create_index("runs_by_environment", "runs", ["host", "fingerprint"])
    op.create_table(
        "results",
        Column("host", Text, nullable=False),
        Column("run_id", Text, nullable=False),
        Column("position", _INTEGER, nullable=False),
        Column("model", Text, nullable=False),
        Column("scenario", Text, nullable=False),
        Column("started_at", _REAL, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("fingerprint", Text),
        Column("record", Text, nullable=False),
        PrimaryKeyConstraint("host", "run_id", "position"),
        ForeignKeyConstraint(["host", "run_id"], ["runs.host", "runs.run_id"], ondelete="CASCADE"),
        sqlite_strict=True,
    )
    op.create_index("results_by_scenario", "results", ["host", "model", "scenario", "started_at"])
    op.create_table(
        "samples",
        Column("host", Text, nullable=False),
        Column("run_id", Text, nullable=False),
        Column("position", _INTEGER, nullable=False),
        Column("content", LargeBinary, nullable=False),
        PrimaryKeyConstraint("host", "run_id", "position"),
        ForeignKeyConstraint(
            ["host", "run_id", "position"],
            ["results.host", "results.run_id", "results.position"],
            ondelete="CASCADE",
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "journal",
        Column("host", Text, nullable=False),
        Column("run_id", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("device", Text, nullable=False),
        Column("started_at", _REAL, nullable=False),
        PrimaryKeyConstraint("host", "run_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "events",
        Column("host", Text, nullable=False),
        Column("at", _REAL, nullable=False),
        Column("position", _INTEGER, nullable=False),
        Column("kind", Text, nullable=False),
        Column("model", Text),
        Column("message", Text, nullable=False),
        PrimaryKeyConstraint("host", "at", "position"),
        sqlite_strict=True,
    )
    op.create_table(
        "hardware",
        Column("host", Text, nullable=False),
        Column("at", _REAL, nullable=False),
        Column("record", Text, nullable=False),
        PrimaryKeyConstraint("host", "at"),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the tables, and all that they hold."""
    for name in ("hardware", "events", "journal", "samples", "results", "runs", "environments"):
        op.drop_table(name)
