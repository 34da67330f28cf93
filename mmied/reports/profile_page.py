"""Write a profile as one interactive HTML page that works from a disk, without any network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mmied.formats import rate
from mmied.inspection import Inspection
from mmied.profiles import Profile
from mmied.records import WorkloadResult
from mmied.reports.charts.attention import MOST_LAYERS, attention_charts
from mmied.reports.charts.chart import Chart
from mmied.reports.charts.costliest import layers_chart
from mmied.reports.charts.distribution import distribution_chart
from mmied.reports.charts.iterations import iterations_chart, spread_chart
from mmied.reports.charts.sweep import sweep_chart
from mmied.reports.charts.timeline import timeline_chart
from mmied.reports.charts.usage import usage_charts
from mmied.reports.figures import Cell, Group, Row, figure_groups
from mmied.reports.flame_page import to_html
from mmied.reports.frames import FlameGraph
from mmied.reports.headline import main_result, workload_name
from mmied.reports.kinds import COLOURS
from mmied.reports.layer_rows import MOST_ROWS, known_figures, layer_rows
from mmied.reports.page import render
from mmied.reports.tiles import remarks, tiles

MOST_LATENCY_CHARTS = 12  # workloads: a sweep of more has their figures in the table
MOST_OPERATORS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A kind of operation with its part of the time."""

    name: str
    colour: str
    seconds: float
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The calls of one workload as charts; those of the main one are open from the start."""

    name: str
    result: WorkloadResult
    charts: tuple[Chart, ...]
    open: bool


def profile_html(
    profile: Profile, flame: FlameGraph | None = None, *, graphs: bool = True, details: bool = True
) -> str:
    """Return the page; `graphs` are its charts and flame graph, `details` its tables of layers, operators and host."""
    inspection = profile.inspection
    layers = inspection.layers if inspection and details else None
    operators = inspection.operators if inspection and details else None
    main = main_result(profile)
    calls = list(_calls(profile.results, main)) if graphs else []
    drawn = _charts(profile, graphs=graphs)
    return render(
        "profile_page.html",
        charts=bool(calls or any(drawn.values())),
        profile=profile,
        inspection=inspection,
        main=main,
        tiles=list(tiles(profile)),
        remarks=list(remarks(profile)),
        groups=(*figure_groups(profile.results), *_items(profile)),
        names=[workload_name(result) for result in profile.results],
        calls=calls,
        drawn=drawn,
        flame=to_html(flame) if graphs and flame is not None else None,
        layers=layers,
        rows=layer_rows(layers) if layers else (),
        columns=known_figures(layers) if layers else frozenset(),
        operators=operators,
        shown_operators=operators.operators[:MOST_OPERATORS] if operators else (),
        shares=_shares(inspection),
        colours=COLOURS,
        details=details,
        most_rows=MOST_ROWS,
        most_attentions=MOST_LAYERS,
    )


def _calls(results: Sequence[WorkloadResult], main: WorkloadResult | None) -> Iterator[Calls]:
    drawable = [result for result in results if result.iterations and result.iterations.wall_seconds]
    for result in drawable[:MOST_LATENCY_CHARTS]:
        name = workload_name(result)
        spread, order = spread_chart(result), iterations_chart(result)
        charts = [
            Chart(
                title="How latencies are spread"
                if result.iterations and result.iterations.device_seconds
                else "How wall-clock latencies are spread",
                figure=spread[0],
                note=spread[1],
                label=f"Histogram of the latencies of {name}",
            )
            if spread
            else None,
            distribution_chart(result),
            Chart(
                title="Latency of each call, in order",
                figure=order[0],
                note=order[1],
                label=f"Latency of each call of {name}",
                wide=True,
                height_pixels=220,
            )
            if order
            else None,
        ]
        yield Calls(
            name=name,
            result=result,
            charts=tuple(chart for chart in charts if chart is not None),
            open=result is main or len(drawable) == 1,
        )


def _charts(profile: Profile, *, graphs: bool) -> dict[str, list[Chart]]:
    """Return the charts of each section; those without any are empty."""
    inspection = profile.inspection
    passes = inspection.usage if inspection else None
    drawn: dict[str, Sequence[Chart | None]] = {
        "sweep": [sweep_chart(profile.results, profile.knees, profile.precision)],
        "memory": [timeline_chart(timeline) for timeline in inspection.timelines] if inspection else [],
        "layers": [layers_chart(inspection.layers)] if inspection and inspection.layers else [],
        "run": usage_charts(profile.usage) if profile.usage else [],
        "passes": usage_charts(passes) if passes and passes != profile.usage else [],
        "attention": attention_charts(inspection.attentions) if inspection else [],
    }
    return {name: [chart for chart in charts if graphs and chart is not None] for name, charts in drawn.items()}


def _shares(inspection: Inspection | None) -> list[Share]:
    """Return the kinds of operations with their time, the costliest first."""
    if inspection is None or inspection.operators is None:
        return []
    spent = {name: seconds for name, seconds in inspection.operators.category_seconds.items() if seconds > 0}
    whole = sum(spent.values())
    return [
        Share(name=name, colour=COLOURS.get(name, COLOURS["other"]), seconds=seconds, ratio=seconds / whole)
        for name, seconds in sorted(spent.items(), key=lambda item: -item[1])
    ]


def _items(profile: Profile) -> Iterator[Group]:
    """Yield the throughput in what else a sample counts for."""
    rows = [
        Row(
            name=item,
            hint=f"{each:g} a sample",
            cells=tuple(
                Cell(
                    text=rate(
                        None
                        if result.throughput_samples_per_second is None
                        else result.throughput_samples_per_second * each,
                        item,
                    )
                )
                for result in profile.results
            ),
        )
        for item, each in profile.items_per_sample.items()
    ]
    if rows and profile.results:
        yield Group(title="Throughput in its own units", rows=tuple(rows))
