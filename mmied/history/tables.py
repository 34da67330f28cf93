"""The tables: columns for what is asked for, JSON for the rest.

Every primary key starts with the host, so that many hosts can share one PostgreSQL. On SQLite the tables are
STRICT, which knows only these four types; PostgreSQL gets double precision, bigint, text and bytea.
"""

from typing import Any

from sqlalchemy import (
    REAL,
    BigInteger,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

_REAL: TypeEngine[Any] = Double().with_variant(REAL(), "sqlite")
_INTEGER: TypeEngine[Any] = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()

environments = Table(
    "environments",
    metadata,
    Column("host", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("stable", Text, nullable=False),
    sqlite_strict=True,
)

runs = Table(
    "runs",
    metadata,
    Column("host", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("started_at", _REAL, nullable=False),
    Column("ended_at", _REAL, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("orphaned", _INTEGER, nullable=False),  # 0 or 1
    Column("revision", Text),
    Column("fingerprint", Text),
    Column("cpu_seconds", _REAL),
    Column("gpu_seconds", _REAL),
    Column("momentary", Text),  # the part of the environment that changes from run to run
    Column("record", Text, nullable=False),  # the Run without results and environment
    ForeignKeyConstraint(["host", "fingerprint"], ["environments.host", "environments.fingerprint"]),
    Index("runs_by_start", "host", "started_at"),
    Index("runs_by_model", "host", "model", "started_at"),
    Index("runs_by_end", "host", "ended_at"),
    Index("runs_by_environment", "host", "fingerprint"),
    sqlite_strict=True,
)

results = Table(
    "results",
    metadata,
    Column("host", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("position", _INTEGER, primary_key=True, autoincrement=False),
    Column("model", Text, nullable=False),
    Column("scenario", Text, nullable=False),
    Column("started_at", _REAL, nullable=False),  # of the run
    Column("outcome", Text, nullable=False),
    Column("fingerprint", Text),
    Column("record", Text, nullable=False),  # the WorkloadResult without its samples
    ForeignKeyConstraint(["host", "run_id"], ["runs.host", "runs.run_id"], ondelete="CASCADE"),
    Index("results_by_scenario", "host", "model", "scenario", "started_at"),
    sqlite_strict=True,
)

# Apart from the results, so that a chart does not read them and they can go before the summaries do.
samples = Table(
    "samples",
    metadata,
    Column("host", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("position", _INTEGER, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["host", "run_id", "position"],
        ["results.host", "results.run_id", "results.position"],
        ondelete="CASCADE",
    ),
    sqlite_strict=True,
)

journal = Table(
    "journal",
    metadata,
    Column("host", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("started_at", _REAL, nullable=False),
    sqlite_strict=True,
)

goldens = Table(
    "goldens",
    metadata,
    Column("host", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("at", _REAL, nullable=False),
    Column("record", Text, nullable=False),
    sqlite_strict=True,
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("host", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("candidate", Text, primary_key=True),
    Column("at", _REAL, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("revision", Text),
    Column("fingerprint", Text),
    Column("record", Text, nullable=False),  # the StandingVerdict
    sqlite_strict=True,
)

# A series lies in one piece, in the order of its runs: the newest are read without looking at the others.
points = Table(
    "points",
    metadata,
    Column("host", Text, primary_key=True),
    Column("model", Text, primary_key=True),  # "" for the host's own
    Column("scenario", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("at", _REAL, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("figure", _REAL, nullable=False),  # in the metric's unit
    Column("value", _REAL, nullable=False),  # what is judged
    Column("uncertainty", _REAL),
    Column("fit", _INTEGER, nullable=False),  # 0 or 1
    Column("confirming", _INTEGER, nullable=False),  # 0 or 1
    Column("revision", Text),
    Column("fingerprint", Text),
    Column("record", Text, nullable=False),  # the rest of the SeriesPoint
    ForeignKeyConstraint(["host", "run_id"], ["runs.host", "runs.run_id"], ondelete="CASCADE"),
    Index("points_by_run", "host", "run_id"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

changes = Table(
    "changes",
    metadata,
    Column("host", Text, primary_key=True),
    Column("change_id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("scenario", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("worse", _INTEGER, nullable=False),  # 0 or 1
    Column("state", Text, nullable=False),
    Column("started_at", _REAL, nullable=False),
    Column("ended_at", _REAL),  # null while it is active
    Column("record", Text, nullable=False),  # the RecordedChange
    Index("changes_by_start", "host", "started_at"),
    Index("changes_by_series", "host", "model", "scenario", "metric", "started_at"),
    sqlite_strict=True,
)

baselines = Table(
    "baselines",
    metadata,
    Column("host", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("scenario", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("figure", _REAL, nullable=False),
    Column("at", _REAL, nullable=False),
    Column("source", Text, nullable=False),  # accepted or pinned
    Column("record", Text, nullable=False),  # the Baseline
    sqlite_strict=True,
)

# Since when a series is learned anew: older points are shown, and are no evidence.
resets = Table(
    "resets",
    metadata,
    Column("host", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("scenario", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("at", _REAL, nullable=False),
    sqlite_strict=True,
)

alarms = Table(  # that stand; one that is over goes
    "alarms",
    metadata,
    Column("host", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("started_at", _REAL, nullable=False),
    Column("record", Text, nullable=False),  # the Alarm
    sqlite_strict=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("host", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("queued_at", _REAL, nullable=False),
    Column("record", Text, nullable=False),  # the Message
    sqlite_strict=True,
)

events = Table(
    "events",
    metadata,
    Column("host", Text, primary_key=True),
    Column("at", _REAL, primary_key=True),
    Column("position", _INTEGER, primary_key=True, autoincrement=False),  # among those of the same moment
    Column("kind", Text, nullable=False),
    Column("model", Text),
    Column("message", Text, nullable=False),
    sqlite_strict=True,
)

hardware = Table(
    "hardware",
    metadata,
    Column("host", Text, primary_key=True),
    Column("at", _REAL, primary_key=True),
    Column("record", Text, nullable=False),
    sqlite_strict=True,
)
