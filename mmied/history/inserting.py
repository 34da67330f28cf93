"""Insert rows that are new, or put rows in the place of older ones; the same on both databases."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql


def add_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows that are not there yet; how many those were."""
    if not rows:
        return 0
    # SQLAlchemy looks at the count of an INSERT only when told to, and says -1 on PostgreSQL otherwise.
    statement = _insert(connection, table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return connection.execute(statement, rows).rowcount


def put_row(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert the row, or put it in the place of the one with its primary key."""
    key = [column.name for column in table.primary_key]
    statement = _insert(connection, table).values(**row)
    rest = {name: statement.excluded[name] for name in row if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=rest))


def _insert(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # 2 MB that a history in SQLite need not hold

        return postgresql.insert(table)
    return sqlite.insert(table)
