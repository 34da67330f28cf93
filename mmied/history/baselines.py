"""Keep what series are held against by somebody's word, and since when they are learned anew.

Learned baselines are not kept: they follow from the points.
"""

from sqlalchemy import ColumnElement, Connection, Table, delete, select

from mmied.codec import from_json, to_json
from mmied.history.inserting import put_row
from mmied.history.tables import baselines, resets
from mmied.regression import Baseline, SeriesKey


def put_baseline(connection: Connection, host: str, baseline: Baseline) -> None:
    """Keep the baseline, in the place of the one before."""
    row = {
        "host": host,
        "model": baseline.key.model,
        "scenario": baseline.key.scenario,
        "metric": baseline.key.metric,
        "figure": baseline.figure,
        "at": baseline.at,
        "source": baseline.source,
        "record": to_json(baseline),
    }
    put_row(connection, baselines, row)


def drop_baseline(connection: Connection, host: str, key: SeriesKey) -> bool:
    """Forget the baseline of a series; whether there was one."""
    return connection.execute(delete(baselines).where(*_of(baselines, host, key))).rowcount > 0


def read_baseline(connection: Connection, host: str, key: SeriesKey) -> Baseline | None:
    """Return the baseline of a series, or None where nobody gave one."""
    record = connection.execute(select(baselines.c.record).where(*_of(baselines, host, key))).scalar_one_or_none()
    return None if record is None else from_json(Baseline, record)


def read_baselines(connection: Connection, host: str, model: str | None) -> tuple[Baseline, ...]:
    """Return the baselines of one model or of all, by series."""
    query = select(baselines.c.record).where(baselines.c.host == host)
    if model is not None:
        query = query.where(baselines.c.model == model)
    query = query.order_by(baselines.c.model, baselines.c.scenario, baselines.c.metric)
    return tuple(from_json(Baseline, record) for record in connection.execute(query).scalars())


def put_reset(connection: Connection, host: str, key: SeriesKey, at: float) -> None:
    """Have the series learned from its points from `at` on."""
    names = {"model": key.model, "scenario": key.scenario, "metric": key.metric}
    put_row(connection, resets, {"host": host, **names, "at": at})


def read_reset(connection: Connection, host: str, key: SeriesKey) -> float:
    """Return since when the series is learned; 0 where it always was."""
    at = connection.execute(select(resets.c.at).where(*_of(resets, host, key))).scalar_one_or_none()
    return 0.0 if at is None else float(at)


def _of(table: Table, host: str, key: SeriesKey) -> tuple[ColumnElement[bool], ...]:
    columns = table.c
    return (
        columns.host == host,
        columns.model == key.model,
        columns.scenario == key.scenario,
        columns.metric == key.metric,
    )
