"""Decide what the history gives up, and drop it a chunk at a time: first by age, then by size."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    not_,
    select,
    tuple_,
    union,
)

from mmied.history.tables import changes, environments, events, goldens, hardware, results, runs, samples, verdicts

SIZE_TARGET_RATIO = 0.9  # of the limit: room to write for a while before the next pruning
LEAST_BYTES = 65536  # dropped at a time, so that the last bytes above the target do not take many rounds
_ROW_BYTES = 64  # what a row takes beside its text, roughly


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which rows pruning may look at: those of `hosts`; `kept` are the (host, run_id) that stay."""

    hosts: tuple[str, ...]
    kept: frozenset[tuple[str, str]]


def find_scope(connection: Connection, host: str, *, own_file: bool) -> Scope:
    """Return what `host` may prune.

    In a file of its own that is everything, also what was written when the host had another name; in a shared
    database, its own rows. Of each of its models the newest run of each kind stays, and the newest successful one.
    """
    hosts = {host}
    if own_file:
        names = union(*(select(table.c.host) for table in (runs, hardware, events, changes)))
        hosts.update(connection.execute(names).scalars())
    kept = {*_newest_runs(connection, host), *_newest_runs(connection, host, runs.c.outcome == "succeeded")}
    return Scope(hosts=tuple(sorted(hosts)), kept=frozenset((host, run_id) for run_id in kept))


def drop_older(connection: Connection, scope: Scope, cutoff: float, chunk: int) -> int:
    """Drop up to `chunk` rows of each table that are older than `cutoff`; how many it were.

    Points go with their runs; a change that is active never goes.
    """
    dropped = 0
    dated = ((runs, runs.c.started_at), (events, events.c.at), (hardware, hardware.c.at), (changes, changes.c.ended_at))
    for table, at in dated:
        oldest = _oldest(scope, table, at).where(at < cutoff).limit(chunk)
        dropped += _drop(connection, table, connection.execute(oldest).all())
    return dropped


def drop_oldest(connection: Connection, scope: Scope, excess_bytes: float, chunk: int) -> int:
    """Drop some of the oldest rows, about half of `excess_bytes` in hardware samples; how many it were.

    Raw samples go before the runs that they belong to: a run without them still stands in charts and tables.
    """
    wanted = max(excess_bytes / 2, LEAST_BYTES)
    dropped = _drop_bytes(connection, scope, hardware, hardware.c.at, func.length(hardware.c.record), wanted, chunk)
    from_samples = _drop_samples(connection, scope, wanted, chunk)
    if from_samples:
        return dropped + from_samples
    summaries = (
        select(func.coalesce(func.sum(func.length(results.c.record)), 0))
        .where(results.c.host == runs.c.host, results.c.run_id == runs.c.run_id)
        .scalar_subquery()
    )
    length = func.length(runs.c.record) + summaries
    return dropped + _drop_bytes(connection, scope, runs, runs.c.started_at, length, wanted, chunk)


def drop_unused_environments(connection: Connection, scope: Scope) -> None:
    """Drop the environments that no run refers to any more."""
    used = select(runs.c.host).where(
        runs.c.host == environments.c.host, runs.c.fingerprint == environments.c.fingerprint
    )
    connection.execute(delete(environments).where(environments.c.host.in_(scope.hosts), not_(used.exists())))


def drop_unused_goldens(connection: Connection, scope: Scope) -> None:
    """Drop the golden outputs of models that no run is left of."""
    used = select(runs.c.host).where(runs.c.host == goldens.c.host, runs.c.model == goldens.c.model)
    connection.execute(delete(goldens).where(goldens.c.host.in_(scope.hosts), not_(used.exists())))


def drop_unused_verdicts(connection: Connection, scope: Scope) -> None:
    """Drop the verdicts on candidates of models that no run is left of."""
    used = select(runs.c.host).where(runs.c.host == verdicts.c.host, runs.c.model == verdicts.c.model)
    connection.execute(delete(verdicts).where(verdicts.c.host.in_(scope.hosts), not_(used.exists())))


def _newest_runs(connection: Connection, host: str, *conditions: ColumnElement[bool]) -> Iterable[str]:
    newest = (
        select(runs.c.model, runs.c.kind, func.max(runs.c.started_at).label("started_at"))
        .where(runs.c.host == host, *conditions)
        .group_by(runs.c.model, runs.c.kind)
        .subquery()
    )
    query = (
        select(runs.c.run_id)
        .join(
            newest,
            and_(
                runs.c.model == newest.c.model,
                runs.c.kind == newest.c.kind,
                runs.c.started_at == newest.c.started_at,
            ),
        )
        .where(runs.c.host == host, *conditions)
    )
    return connection.execute(query).scalars()


def _oldest(scope: Scope, table: Table, at: Column[Any], *more: ColumnElement[Any]) -> Select[Any]:
    query = select(*table.primary_key, *more).where(table.c.host.in_(scope.hosts)).order_by(at)
    return query.where(tuple_(runs.c.host, runs.c.run_id).not_in(scope.kept)) if table is runs else query


def _drop_bytes(
    connection: Connection,
    scope: Scope,
    table: Table,
    at: Column[Any],
    length: ColumnElement[int],
    wanted_bytes: float,
    chunk: int,
) -> int:
    rows = connection.execute(_oldest(scope, table, at, length.label("length")).limit(chunk)).all()
    return _drop(connection, table, _enough(rows, wanted_bytes))


def _drop_samples(connection: Connection, scope: Scope, wanted_bytes: float, chunk: int) -> int:
    # First some runs, which SQLite finds along their start times: it would walk through all samples otherwise.
    have_samples = exists().where(samples.c.host == runs.c.host, samples.c.run_id == runs.c.run_id)
    oldest_runs = _oldest(scope, runs, runs.c.started_at, runs.c.started_at).where(have_samples).limit(chunk).subquery()
    oldest = (
        select(*samples.primary_key, func.length(samples.c.content).label("length"))
        .join(
            oldest_runs,
            and_(samples.c.host == oldest_runs.c.host, samples.c.run_id == oldest_runs.c.run_id),
        )
        .order_by(oldest_runs.c.started_at)
        .limit(chunk)
    )
    return _drop(connection, samples, _enough(connection.execute(oldest).all(), wanted_bytes))


def _enough(rows: Sequence[Any], wanted_bytes: float) -> Sequence[Any]:
    """Return as many of the first `rows` as hold `wanted_bytes` together."""
    sums = accumulate(_ROW_BYTES + row.length for row in rows)
    count = next((index for index, total in enumerate(sums, start=1) if total >= wanted_bytes), len(rows))
    return rows[:count]


def _drop(connection: Connection, table: Table, rows: Sequence[Any]) -> int:
    """Delete the rows whose primary keys begin `rows`; what hangs on them goes along and is not counted."""
    if not rows:
        return 0
    # One by one: for a list of keys SQLite would search the whole table.
    names = [column.name for column in table.primary_key]
    statement = delete(table).where(*(table.c[name] == bindparam(f"its_{name}") for name in names))
    connection.execute(statement, [{f"its_{name}": getattr(row, name) for name in names} for row in rows])
    return len(rows)
