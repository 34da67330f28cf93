"""Keep the points of series, and read the newest of one without looking at the others."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Connection, RowMapping, select

from mmied.codec import from_json, to_json
from mmied.history.inserting import add_rows
from mmied.history.tables import points
from mmied.regression import SeriesKey, SeriesPoint

_COLUMNS = (
    "run_id", "at", "figure", "value", "uncertainty", "fit", "confirming", "revision", "fingerprint", "record",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rest:
    """What of a point is in no column."""

    log: bool = True
    references: Mapping[str, float] = field(default_factory=dict)
    calm: float | None = None
    contended_ratio: float | None = None


def add_points(connection: Connection, host: str, found: Sequence[SeriesPoint]) -> None:
    """Keep the points that are not kept yet. One that is not finite says nothing, and costs no run its record."""
    rows = [_row(host, point) for point in found if math.isfinite(point.figure) and math.isfinite(point.value)]
    add_rows(connection, points, rows)


def read_series(connection: Connection, host: str, model: str | None) -> tuple[SeriesKey, ...]:
    """Return the series that have points, of one model or of all, by name."""
    models = [model] if model is not None else list(_names(connection, points.c.model, {"host": host}))
    found: list[SeriesKey] = []
    for name in models:
        of_model = {"host": host, "model": name}
        for scenario in _names(connection, points.c.scenario, of_model):
            metrics = _names(connection, points.c.metric, {**of_model, "scenario": scenario})
            found += (SeriesKey(name, scenario, metric) for metric in metrics)
    return tuple(found)


def _names(connection: Connection, column: Column[str], of: Mapping[str, str]) -> Iterator[str]:
    """Yield the different values of a column of the key below the columns before it, in order.

    From one to the next along the primary key: a DISTINCT would read every point.
    """
    query = select(column).where(*(points.c[name] == value for name, value in of.items())).order_by(column).limit(1)
    name = connection.execute(query).scalar_one_or_none()
    while name is not None:
        yield name
        name = connection.execute(query.where(column > name)).scalar_one_or_none()


def read_series_points(
    connection: Connection, host: str, key: SeriesKey, *, since: float, before: float | None, limit: int
) -> tuple[SeriesPoint, ...]:
    """Return the newest `limit` points from `since` on and before `before`, oldest first."""
    query = (
        select(*(points.c[name] for name in _COLUMNS))
        .where(
            points.c.host == host,
            points.c.model == key.model,
            points.c.scenario == key.scenario,
            points.c.metric == key.metric,
            points.c.at >= since,
        )
        .order_by(points.c.at.desc(), points.c.run_id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(points.c.at < before)
    return tuple(_point(key, row) for row in connection.execute(query).mappings())[::-1]


def _row(host: str, point: SeriesPoint) -> dict[str, Any]:
    rest = _Rest(log=point.log, references=point.references, calm=point.calm, contended_ratio=point.contended_ratio)
    return {
        "host": host,
        "model": point.key.model,
        "scenario": point.key.scenario,
        "metric": point.key.metric,
        "at": point.at,
        "run_id": point.run_id,
        "figure": point.figure,
        "value": point.value,
        "uncertainty": point.uncertainty,
        "fit": int(point.fit),
        "confirming": int(point.confirming),
        "revision": point.revision,
        "fingerprint": point.fingerprint,
        "record": to_json(rest),
    }


def _point(key: SeriesKey, row: RowMapping) -> SeriesPoint:
    columns = dict(row)
    rest = from_json(_Rest, columns.pop("record"))
    columns |= {"fit": bool(row["fit"]), "confirming": bool(row["confirming"])}
    return SeriesPoint(
        key=key,
        log=rest.log,
        references=rest.references,
        calm=rest.calm,
        contended_ratio=rest.contended_ratio,
        **columns,
    )
