"""Tables for the alarms that stand, and the messages about them that wait to be sent."""

from typing import Any

from alembic import op
from sqlalchemy import REAL, Column, Double, PrimaryKeyConstraint, Text
from sqlalchemy.types import TypeEngine

revision = "0005"
down_revision = "0004"

_REAL: TypeEngine[Any] = Double().with_variant(REAL(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "alarms",
        Column("host", Text, nullable=False),
        Column("fingerprint", Text, nullable=False),
        Column("started_at", _REAL, nullable=False),
        Column("record", Text, nullable=False),
        PrimaryKeyConstraint("host", "fingerprint"),
        sqlite_strict=True,
    )
    op.create_table(
        "outbox",
        Column("host", Text, nullable=False),
        Column("message_id", Text, nullable=False),
        Column("queued_at", _REAL, nullable=False),
        Column("record", Text, nullable=False),
        PrimaryKeyConstraint("host", "message_id"),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the tables, and all that they hold."""
    op.drop_table("outbox")
    op.drop_table("alarms")
