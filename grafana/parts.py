"""What panels of all kinds are made of: their queries, their description, their place."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.prometheus import Dataquery, PromQueryFormat
from queries import Query, metrics_of

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
NO_VALUE = "No run in range"


class Builder(Protocol):
    """What the SDK's builders of all kinds of panels can do."""

    def build(self) -> models.Panel: ...


def finish(
    builder: Builder,
    title: str,
    about: str,
    targets: Sequence[Dataquery],
    *,
    unit: str,
    size: tuple[int, int],
    no_value: str = NO_VALUE,
    links: Sequence[Any] = (),
) -> models.Panel:
    """Return the panel with what panels of all kinds have; `size` is its width and height on a grid of 24 columns."""
    panel = builder.build()
    panel.title = title
    panel.description = describe(about, [target.expr for target in targets])
    panel.datasource = DATASOURCE
    panel.repeat_direction = None
    panel.targets = list(targets)
    panel.grid_pos = models.GridPos(w=size[0], h=size[1])
    panel.field_config = panel.field_config or models.FieldConfigSource()
    defaults = panel.field_config.defaults
    defaults.unit, defaults.no_value = unit, no_value
    defaults.links = list(links) or None
    return panel


def describe(about: str, exprs: Sequence[str]) -> str:
    """Return the description with the metrics that stand behind the panel."""
    names = [f"`{name}`" for name in metrics_of(exprs)]
    return f"{about}\n\nMetric{'s' if len(names) > 1 else ''}: {', '.join(names)}"


def target_of(
    query: Query,
    index: int,
    *,
    instant: bool = False,
    form: PromQueryFormat = PromQueryFormat.TIME_SERIES,
) -> Dataquery:
    """Return the query of a panel: at the end of the range alone where it is `instant`, else all through it."""
    return Dataquery(
        datasource=DATASOURCE,
        expr=query.expr,
        format_val=form,
        instant=instant,
        range_val=not instant,
        legend_format=query.legend or None,
        ref_id=ref_of(index),
    )


def ref_of(index: int) -> str:
    """Return the letter by which a panel knows a query."""
    return chr(ord("A") + index)


def properties_of(properties: Mapping[str, Any]) -> list[models.DynamicConfigValue]:
    """Return what an override sets, in the order given."""
    return [models.DynamicConfigValue(id_val=name, value=value) for name, value in properties.items()]
