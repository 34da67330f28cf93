"""Make tables: one row for each combination of labels, one column for each query."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import TableCellHeight
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from looks import Steps, Words, thresholds, words
from parts import NO_VALUE, finish, properties_of, ref_of, target_of
from queries import q


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of figures; one whose title is empty only brings its labels and is hidden."""

    title: str
    expr: str
    unit: str = "none"
    steps: Steps | None = None
    mapped: Words | None = None
    gauge: bool = False  # drawn as a bar in the cell, from 0 to 1


def table_panel(
    title: str,
    about: str,
    keys: Sequence[str],
    *columns: Column,
    links: dict[str, list[Any]] | None = None,
    sort: tuple[str, bool] | None = None,
    no_value: str = NO_VALUE,
    width: int = 24,
    height: int = 8,
) -> models.Panel:
    """Return a table of `columns` by the labels `keys`; `links` are those of a column, `sort` is one and whether down.

    The queries have to keep the labels of `keys` alone: Grafana merges their rows by all labels that they share.
    """
    builder = table.Panel().cell_height(TableCellHeight.SM)
    if sort is not None:
        builder.sort_by([common.TableSortByFieldState().display_name(sort[0]).desc(sort[1])])
    for column in columns:
        if column.title:
            builder.override_by_name(column.title, properties_of(_looks(column)))
    for name, targets in (links or {}).items():
        builder.override_by_name(name, properties_of({"links": targets}))
    values = [f"Value #{ref_of(index)}" if len(columns) > 1 else "Value" for index in range(len(columns))]
    names = [*keys, *values]
    builder.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    builder.with_transformation(
        models.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {"Time": True}
                | {value: True for value, column in zip(values, columns, strict=True) if not column.title},
                "indexByName": {name: index for index, name in enumerate(names)},
                "renameByName": {value: column.title for value, column in zip(values, columns, strict=True)},
            },
        )
    )
    queries = [
        target_of(q(column.expr), index, instant=True, form=PromQueryFormat.TABLE)
        for index, column in enumerate(columns)
    ]
    return finish(builder, title, about, queries, unit="none", size=(width, height), no_value=no_value)


def _looks(column: Column) -> dict[str, Any]:
    looks: dict[str, Any] = {"unit": column.unit}
    if column.steps is not None:
        looks["thresholds"] = thresholds(column.steps).build()
        looks["custom.cellOptions"] = {"type": "color-text"}
    if column.mapped is not None:
        looks["mappings"] = words(column.mapped)
        looks["custom.cellOptions"] = {"type": "color-text"}
    if column.gauge:
        looks |= {"min": 0, "max": 1, "custom.cellOptions": {"type": "gauge", "mode": "basic"}}
    return looks
