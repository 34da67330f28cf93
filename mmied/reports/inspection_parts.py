"""Lay out what the deep passes saw as rows, shares and charts: reports and the daemon's pages show them alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmied.inspection import Inspection, Operator, Operators, Usage
from mmied.reports.charts.attention import MOST_LAYERS, attention_charts
from mmied.reports.charts.chart import Chart
from mmied.reports.charts.costliest import layers_chart
from mmied.reports.charts.timeline import timeline_chart
from mmied.reports.charts.usage import usage_charts
from mmied.reports.kinds import colour_of
from mmied.reports.layer_rows import Figure, LayerRow, known_figures, layer_rows

MOST_OPERATORS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A kind of operation with its part of the time."""

    name: str
    colour: str
    seconds: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Span:
    """What hardware did in a span of time."""

    title: str
    usage: Usage
    charts: Sequence[Chart]


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionParts:
    """An inspection as inspection_parts.html shows it; what was not seen, or is not to be shown, is empty."""

    inspection: Inspection
    details: bool
    rows: tuple[LayerRow, ...]
    figures: tuple[Figure, ...]
    operators: tuple[Operator, ...]
    operator_figures: frozenset[str]  # of those that some operators lack
    shares: tuple[Share, ...]
    charts: Mapping[str, Sequence[Chart]]  # layers, memory, attention
    meanwhile: Span | None
    most_attentions: int = MOST_LAYERS


def inspection_parts(inspection: Inspection, *, graphs: bool = True, details: bool = True) -> InspectionParts:
    """Return what a page shows of `inspection`; `graphs` are its charts, `details` its tables."""
    layers = inspection.layers if details else None
    operators = inspection.operators.operators[:MOST_OPERATORS] if inspection.operators and details else ()
    return InspectionParts(
        inspection=inspection,
        details=details,
        rows=layer_rows(layers) if layers else (),
        figures=known_figures(layers) if layers else (),
        operators=operators,
        operator_figures=frozenset(
            name
            for name in ("device_seconds", "allocated_bytes", "flops")
            if any(getattr(operator, name) is not None for operator in operators)
        ),
        shares=_shares(inspection.operators) if inspection.operators else (),
        charts=_charts(inspection, graphs=graphs),
        meanwhile=Span("While it was looked into", inspection.usage, usage_charts(inspection.usage))
        if inspection.usage and graphs
        else None,
    )


def _shares(operators: Operators) -> tuple[Share, ...]:
    """Return the kinds of operations with their time, the costliest first."""
    spent = {name: seconds for name, seconds in operators.category_seconds.items() if seconds > 0}
    whole = sum(spent.values())
    return tuple(
        Share(name=name, colour=colour_of(name), seconds=seconds, ratio=seconds / whole)
        for name, seconds in sorted(spent.items(), key=lambda item: -item[1])
    )


def _charts(inspection: Inspection, *, graphs: bool) -> dict[str, list[Chart]]:
    drawn: dict[str, Sequence[Chart | None]] = {
        "layers": [layers_chart(inspection.layers)] if inspection.layers else [],
        "memory": [timeline_chart(timeline) for timeline in inspection.timelines],
        "attention": attention_charts(inspection.attentions),
    }
    return {name: [chart for chart in charts if graphs and chart is not None] for name, charts in drawn.items()}
