"""Write a profile as one interactive HTML page that works from a disk, without any network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mmied.formats import rate
from mmied.profiles import Profile
from mmied.records import WorkloadResult
from mmied.reports.charts.chart import Chart
from mmied.reports.charts.distribution import distribution_chart
from mmied.reports.charts.iterations import iterations_chart, spread_chart
from mmied.reports.charts.sweep import sweep_chart
from mmied.reports.charts.usage import usage_charts
from mmied.reports.figures import Cell, Group, Row, figure_groups
from mmied.reports.flame_page import to_html
from mmied.reports.frames import FlameGraph
from mmied.reports.inspection_parts import InspectionParts, Span, inspection_parts
from mmied.reports.page import render
from mmied.reports.tiles import remarks, tiles
from mmied.reports.words import workload_name
from mmied.results import main_result

MOST_LATENCY_CHARTS = 12  # workloads: a sweep of more has their figures in the table


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
    parts = inspection_parts(profile.inspection, graphs=graphs, details=details) if profile.inspection else None
    main = main_result(profile)
    calls = list(_calls(profile.results, main)) if graphs else []
    sweep = sweep_chart(profile.results, profile.knees, profile.precision) if graphs else None
    spans = list(_spans(profile, parts)) if graphs else []
    return render(
        "profile_page.html",
        charts=bool(calls or sweep or spans or (parts and any(parts.charts.values()))),
        profile=profile,
        main=main,
        tiles=list(tiles(profile)),
        remarks=list(remarks(profile)),
        groups=(*figure_groups(profile.results), *_items(profile)),
        names=[workload_name(result) for result in profile.results],
        calls=calls,
        sweep=[sweep] if sweep else [],
        parts=parts,
        spans=spans,
        flame=to_html(flame) if graphs and flame is not None else None,
        details=details,
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


def _spans(profile: Profile, parts: InspectionParts | None) -> Iterator[Span]:
    """Yield what the hardware did while the model ran, and while it was looked into unless that is the same."""
    if profile.usage is not None:
        yield Span("While the model ran", profile.usage, usage_charts(profile.usage))
    if parts is not None and parts.meanwhile is not None and parts.meanwhile.usage != profile.usage:
        yield parts.meanwhile


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
