"""Draw what a process and its host used while something ran."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmied.inspection import Usage
from mmied.reports.charts.chart import Chart, plain_figure, titled
from mmied.reports.charts.plot import BYTES_AXIS, BYTES_RATE_AXIS, PERCENT_AXIS, hover, number

RATIO_AXIS = PERCENT_AXIS | {"range": [0, 1.02]}
FROM_ZERO = {"rangemode": "tozero"}

Series = Mapping[str, Sequence[float | None]]


def usage_charts(usage: Usage) -> list[Chart]:
    """Return a chart for each resource of which anything is known."""
    cpus = f"the host has {usage.cpus}" if usage.cpus else ""
    wanted: tuple[tuple[str, Series, Mapping[str, Any], str, str], ...] = (
        (
            "CPUs that the process kept busy",
            {"process": usage.process_cpus},
            {"tickformat": "~g"},
            hover(".2f", " CPUs"),
            cpus,
        ),
        ("CPU of the host", {"host": usage.host_cpu_ratio}, RATIO_AXIS, hover(".0%"), "share of all CPUs"),
        ("Resident memory of the process", {"resident": usage.resident_bytes}, BYTES_AXIS, hover(".3s", "B"), ""),
        (
            "Disk and network",
            {
                "read": usage.read_bytes_per_second,
                "written": usage.written_bytes_per_second,
                "network of the host": usage.network_bytes_per_second,
            },
            BYTES_RATE_AXIS,
            hover(".3s", "B/s"),
            "",
        ),
        ("GPU utilization", {"GPU": usage.gpu_utilization_ratio}, RATIO_AXIS, hover(".0%"), ""),
        ("GPU memory", {"GPU": usage.gpu_memory_bytes}, BYTES_AXIS, hover(".3s", "B"), ""),
        ("GPU power", {"GPU": usage.gpu_power_watts}, {"ticksuffix": " W"}, hover(".0f", " W"), ""),
    )
    charts = []
    for title, series, axis, template, note in wanted:
        known = {name: values for name, values in series.items() if any(value is not None for value in values)}
        if known and not (axis is BYTES_RATE_AXIS and moved_nothing(usage)):
            charts.append(_chart(title, usage.at_seconds, known, axis, template, note))
    return charts


def moved_nothing(usage: Usage) -> bool:
    """Tell whether disks and network are known to have been idle all the time."""
    series = (usage.read_bytes_per_second, usage.written_bytes_per_second, usage.network_bytes_per_second)
    moved = [value for values in series for value in values if value is not None]
    return bool(moved) and not any(moved)


def _chart(title: str, at: Sequence[float], series: Series, axis: Mapping[str, Any], template: str, note: str) -> Chart:
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": [number(each) for each in at],
            "y": [number(value) for value in values],
            "line": {"color": f"var(--line-{place % 6 + 1})", "width": 1.5},
            "hovertemplate": f"{template} at %{{x:.3~s}}s<extra>{name}</extra>",
        }
        for place, (name, values) in enumerate(series.items())
    ]
    figure = plain_figure(
        traces, x={"ticksuffix": " s"} | titled("since the start"), y=FROM_ZERO | dict(axis), showlegend=len(traces) > 1
    )
    return Chart(title=title, figure=figure, note=note, label=f"{title} over the run", height_pixels=210)
