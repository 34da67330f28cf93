"""Keep the confirmed changes of series, and find them again."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from mmied.codec import from_json, to_json
from mmied.history.inserting import put_row
from mmied.history.tables import changes
from mmied.regression import ChangeState, RecordedChange, SeriesKey


def put_change(connection: Connection, host: str, change: RecordedChange) -> None:
    """Keep the change, in the place of an earlier state of it."""
    ended_at = change.confirmed_at if change.ended_at is None else change.ended_at
    row = {
        "host": host,
        "change_id": change.change_id,
        "model": change.key.model,
        "scenario": change.key.scenario,
        "metric": change.key.metric,
        "worse": int(change.worse),
        "state": change.state,
        "started_at": change.started_at,
        "ended_at": None if change.state == "active" else ended_at,  # what pruning goes by
        "record": to_json(change),
    }
    put_row(connection, changes, row)


def amend_change(connection: Connection, host: str, change_id: str, fields: dict[str, Any]) -> RecordedChange | None:
    """Put other values in some fields of a change; what it is by then, or None where there is none of that name."""
    query = select(changes.c.record).where(changes.c.host == host, changes.c.change_id == change_id)
    record = connection.execute(query.with_for_update()).scalar_one_or_none()
    if record is None:
        return None
    change = replace(from_json(RecordedChange, record), **fields)
    put_change(connection, host, change)
    return change


def read_change(connection: Connection, host: str, change_id: str) -> RecordedChange | None:
    """Return the change of that name, or None."""
    query = select(changes.c.record).where(changes.c.host == host, changes.c.change_id == change_id)
    record = connection.execute(query).scalar_one_or_none()
    return None if record is None else from_json(RecordedChange, record)


def read_changes(
    connection: Connection,
    host: str,
    *,
    model: str | None,
    key: SeriesKey | None,
    state: ChangeState | None,
    worse: bool | None,
    since: float,
    limit: int,
) -> tuple[RecordedChange, ...]:
    """Return the newest changes that began at or after `since`, newest first."""
    query = select(changes.c.record).where(changes.c.host == host, changes.c.started_at >= since)
    if model is not None:
        query = query.where(changes.c.model == model)
    if key is not None:
        query = query.where(
            changes.c.model == key.model, changes.c.scenario == key.scenario, changes.c.metric == key.metric
        )
    if state is not None:
        query = query.where(changes.c.state == state)
    if worse is not None:
        query = query.where(changes.c.worse == int(worse))
    query = query.order_by(changes.c.started_at.desc(), changes.c.change_id.desc()).limit(limit)
    return tuple(from_json(RecordedChange, record) for record in connection.execute(query).scalars())
