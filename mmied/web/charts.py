"""Draw a scenario's history: latency, throughput, memory and the reference workloads over time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from mmied.catalog import QUANTILES
from mmied.records import Event, HistoryPoint, Run
from mmied.regression import RecordedChange
from mmied.reports.charts.plot import (
    BYTES_AXIS,
    COUNT_AXIS,
    SECONDS_AXIS,
    Figure,
    broken,
    gaps,
    hover,
    line,
    milliseconds,
    text,
    time_figure,
)
from mmied.reports.regression_words import change_size
from mmied.reports.words import plain, quantile_name, reason

LEAST_REFERENCE_SPAN = (0.9, 1.1)  # of the median: a steady host should look steady


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The span that a chart shows, in Unix seconds, and what befell the model in it besides the figures."""

    since: float
    until: float
    events: Sequence[Event] = ()
    failed: Sequence[Run] = ()
    changes: Sequence[RecordedChange] = ()  # that were confirmed

    def of(self, scenario: str) -> "Window":
        """Return the window with the changes of one scenario alone."""
        return replace(self, changes=[change for change in self.changes if change.key.scenario == scenario])


def latency_chart(points: Sequence[HistoryPoint], window: Window) -> Figure | None:
    """Return the quantiles of `points` over time, with wall-clock ones dotted; None where nothing was measured.

    A run that contention made unfit has open marks; one that failed stands as a cross on the axis.
    """
    if not any(point.latency for point in points):
        return None
    traces = []
    for key in map(str, QUANTILES):
        name = quantile_name(key)
        trace = _series(name, points, _quantile(key), color=f"var(--{name})", hover=hover(".3s", "s"))
        traces.append(_with_fitness(trace, points))
    for key in map(str, QUANTILES):
        name = quantile_name(key)
        traces.append(
            _series(
                f"{name} wall",
                points,
                _wall_quantile(key),
                color=f"var(--{name})",
                hover=hover(".3s", "s"),
                dash="dot",
                width=1.0,
                opacity=0.65,
                # A neighbour's load can make the tails tenfold: a click in the legend brings them.
                visible=True if key == "0.5" else "legendonly",
            )
        )
    failed = _failed(points, window)
    if failed:
        traces.append(_crosses(failed))
    return _figure(traces, points, window, SECONDS_AXIS)


def throughput_chart(points: Sequence[HistoryPoint], window: Window) -> Figure | None:
    """Return samples per second over time; None where nothing was measured."""
    if not any(point.throughput_samples_per_second for point in points):
        return None
    trace = _series(
        "samples/s",
        points,
        lambda point: point.throughput_samples_per_second,
        color="var(--throughput)",
        hover=hover(".3s", " samples/s"),
        showlegend=False,
    )
    return _figure([trace], points, window, COUNT_AXIS)


def memory_chart(points: Sequence[HistoryPoint], window: Window) -> Figure | None:
    """Return peak memory in bytes over time; None where it was not measured."""
    if not any(point.peak_memory_bytes for point in points):
        return None
    trace = _series(
        "peak memory",
        points,
        lambda point: point.peak_memory_bytes,
        color="var(--memory)",
        hover=hover(".3s", "B"),
        showlegend=False,
    )
    return _figure([trace], points, window, BYTES_AXIS)


def reference_chart(points: Sequence[HistoryPoint], window: Window) -> Figure | None:
    """Return each reference workload's time over its median in these runs; None where none ran."""
    names = sorted({name for point in points for name in point.reference_seconds})
    traces, ratios = [], []
    for index, name in enumerate(names):
        usual = median(point.reference_seconds[name] for point in points if name in point.reference_seconds)
        if usual <= 0:
            continue
        ratios += [point.reference_seconds[name] / usual for point in points if name in point.reference_seconds]
        traces.append(
            _series(
                text(name),
                points,
                _reference(name, usual),
                color=f"var(--line-{index % 6 + 1})",
                hover=hover(".3f", "×"),
            )
        )
    if not traces:
        return None
    low, high = min(*ratios, LEAST_REFERENCE_SPAN[0]), max(*ratios, LEAST_REFERENCE_SPAN[1])
    value_axis = {"range": [low - 0.02, high + 0.02], "tickformat": "~g", "ticksuffix": "×"}
    return _figure(traces, points, window, value_axis)


Value = Callable[[HistoryPoint], float | None]


def _quantile(key: str) -> Value:
    return lambda point: point.latency.quantiles.get(key) if point.latency else None


def _wall_quantile(key: str) -> Value:
    return lambda point: point.latency.wall_quantiles.get(key) if point.latency else None


def _reference(name: str, usual_seconds: float) -> Value:
    return lambda point: point.reference_seconds[name] / usual_seconds if name in point.reference_seconds else None


def _series(
    name: str,
    points: Sequence[HistoryPoint],
    value: Value,
    *,
    color: str,
    hover: str,
    **look: Any,
) -> Figure:
    times = [point.at for point in points]
    return line(name, times, [value(point) for point in points], color=color, hover=hover, markers=True, **look)


def _figure(
    traces: Sequence[Figure], points: Sequence[HistoryPoint], window: Window, axis: Mapping[str, Any]
) -> Figure:
    """Return the figure of `traces`, the first of which is given the runs that a click on it opens."""
    breaks = gaps([point.at for point in points])
    traces[0]["customdata"] = broken([point.run_id for point in points], breaks)
    marks = [(event.at, f"{plain(event.kind)}: {event.message}") for event in window.events]
    marks += [
        (change.started_at, f"{plain(change.key.metric)} {change_size(change)}, cause: {change.cause}")
        for change in window.changes
    ]
    return time_figure(traces, window.since, window.until, value_axis=axis, marks=marks)


def _with_fitness(trace: Figure, points: Sequence[HistoryPoint]) -> Figure:
    """Return `trace` with open marks for the runs that cannot be held against others."""
    fit = [point.latency is None or point.latency.fit for point in points]
    if all(fit):
        return trace
    shapes = broken(
        ["circle" if good else "circle-open" for good in fit], gaps([point.at for point in points]), "circle"
    )
    return trace | {"marker": trace["marker"] | {"symbol": shapes}}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    at: float
    run_id: str
    said: str


def _failed(points: Sequence[HistoryPoint], window: Window) -> list[_Failure]:
    """Return the failures of the scenario, and of runs that ended before they came to it, oldest first."""
    ends = {point.run_id: _Failure(at=point.at, run_id=point.run_id, said=_why(point)) for point in points}
    good = {point.run_id for point in points if point.outcome in ("succeeded", "refused")}
    for run in window.failed:
        ends.setdefault(run.run_id, _Failure(at=run.started_at, run_id=run.run_id, said=_why(run)))
    return sorted((end for end in ends.values() if end.run_id not in good), key=lambda end: end.at)


def _why(ended: HistoryPoint | Run) -> str:
    said = plain(ended.outcome)
    return f"{said}: {reason(ended.reason) or ended.reason}" if ended.reason else said


def _crosses(failed: Sequence[_Failure]) -> Figure:
    return {
        "type": "scatter",
        "name": "failed",
        "mode": "markers",
        "x": [milliseconds(failure.at) for failure in failed],
        "y": [0] * len(failed),
        "cliponaxis": False,
        "marker": {"symbol": "x", "size": 7, "color": "var(--bad)"},
        "customdata": [failure.run_id for failure in failed],
        "text": [text(failure.said) for failure in failed],
        "hovertemplate": "%{text}<extra></extra>",
    }


HISTORY_CHARTS: Mapping[str, Callable[[Sequence[HistoryPoint], Window], Figure | None]] = {
    "Latency": latency_chart,
    "Throughput": throughput_chart,
    "Peak memory": memory_chart,
    "Reference workloads": reference_chart,
}
