"""Draw a change: the figures of the runs around it with both levels, and the calls of a run before and of one after."""

from collections.abc import Sequence

from mmied.records import WorkloadResult
from mmied.regression import METRICS, RecordedChange, SeriesPoint, Unit
from mmied.reports.charts.chart import Chart, plain_figure, titled
from mmied.reports.charts.distribution import steps
from mmied.reports.charts.plot import (
    BYTES_AXIS,
    COUNT_AXIS,
    PERCENT_AXIS,
    SECONDS_AXIS,
    Figure,
    hover,
    line,
    milliseconds,
    number,
    time_figure,
)
from mmied.reports.regression_words import change_size, series_name
from mmied.reports.words import plain
from mmied.stats import latency_samples, quantile

SHOWN_QUANTILE = 0.99
AXES: dict[Unit, tuple[dict[str, str], str]] = {
    "seconds": (SECONDS_AXIS, "s"),
    "bytes": (BYTES_AXIS, "B"),
    "per_second": (COUNT_AXIS, " samples/s"),
    "ratio": (COUNT_AXIS, ""),
}


def change_chart(change: RecordedChange, points: Sequence[SeriesPoint], since: float, until: float) -> Chart | None:
    """Return the figures of `points` over time, the levels before and after, and what the ledger has between them.

    A run that contention made unfit has an open mark. None where there are no points.
    """
    if not points:
        return None
    axis, suffix = AXES[METRICS[change.key.metric].unit]
    runs = line(
        change.key.metric,
        [point.at for point in points],
        [point.figure for point in points],
        color="var(--p50)",
        hover=hover(".4s", suffix),
        markers=True,
        customdata=[point.run_id for point in points],
    )
    runs["marker"] = runs["marker"] | {"symbol": ["circle" if point.fit else "circle-open" for point in points]}
    runs |= {"x": [milliseconds(point.at) for point in points], "y": [number(point.figure) for point in points]}
    levels = [
        _level("before", change.before, since, change.started_at, "var(--good)" if change.worse else "var(--bad)"),
        _level(
            "after",
            change.after,
            change.started_at,
            change.ended_at or until,
            "var(--bad)" if change.worse else "var(--good)",
        ),
    ]
    marks = [(event.at, f"{plain(event.kind)}: {event.message}") for event in change.events if since <= event.at]
    marks.append((change.started_at, f"first run of the new level: {change_size(change)}"))
    spread = [point.figure for point in points] + [change.before, change.after]
    low, high = min(spread), max(spread)
    margin = 0.1 * (high - low) or 0.1 * abs(high) or 1.0
    value_axis = dict(axis) | {"range": [low - margin, high + margin], "rangemode": "normal"}
    return Chart(
        title="The runs around it",
        figure=time_figure([runs, *levels], since, until, value_axis=value_axis, marks=marks),
        label=f"{series_name(change.key)} run by run, with the level before and the level after",
        note="open marks are runs that contention spoilt" if any(not point.fit for point in points) else "",
        wide=True,
        height_pixels=300,
    )


def calls_chart(before: WorkloadResult, after: WorkloadResult) -> Chart | None:
    """Return which share of the calls was at most how slow, in a run before the change and in one after.

    None where the samples of one are not kept any more.
    """
    if before.iterations is None or after.iterations is None:
        return None
    samples = latency_samples(before.iterations)[0], latency_samples(after.iterations)[0]
    if not all(samples):
        return None
    traces = [
        steps("last good run", samples[0], "var(--good)", dash="dot"),
        steps("first run of the change", samples[1], "var(--bad)"),
    ]
    left = min(min(each) for each in samples)
    right = 1.04 * max(quantile(each, SHOWN_QUANTILE) for each in samples)
    figure = plain_figure(
        traces,
        x=SECONDS_AXIS | titled("latency") | {"range": [left - 0.02 * (right - left), right]},
        y=PERCENT_AXIS | {"range": [0, 1.04]},
    )
    return Chart(
        title="Share of calls that were at most so slow",
        figure=figure,
        label=f"Distribution of the latencies of {before.workload.scenario} before and after the change",
        note="to the 99th percentile",
        wide=True,
    )


def _level(name: str, figure: float, since: float, until: float, color: str) -> Figure:
    return {
        "type": "scatter",
        "name": f"level {name}",
        "mode": "lines",
        "x": [milliseconds(since), milliseconds(until)],
        "y": [number(figure)] * 2,
        "line": {"color": color, "width": 2.5, "dash": "dash"},
        "hoverinfo": "skip",
    }
