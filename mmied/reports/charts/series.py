"""Draw a series of values with its levels, and a mark where each begins."""

import math
from collections.abc import Sequence
from typing import Any

from mmied.reports.charts.chart import Chart, plain_figure, titled
from mmied.reports.charts.plot import MANY_POINTS, Figure, milliseconds
from mmied.reports.series_rows import JudgedSeries, figure, levels, series_words, signed

MOST_POINTS = 4000  # the browser draws no more at ease; of more the least and the largest of each bucket


def series_chart(series: JudgedSeries) -> Chart:
    """Return the chart of a series."""
    at = [milliseconds(time) for time in series.times] if series.times else list(range(len(series.values)))
    known = [index for index, value in enumerate(series.values) if math.isfinite(value)]
    shown = thinned(known, series.values)
    x = {"type": "date"} if series.times else titled("index")
    figure_ = plain_figure(
        [_values(series, at, shown), _levels(series, at), *_marks(series, at)],
        x=x,
        y={"tickformat": "~s"},
        shapes=[_line(at[change.index], _colour(change.worse)) for change in series.changes],
    )
    return Chart(
        title=series.name,
        figure=figure_,
        label=series_words(series),
        note=f"of {len(known):,} values the extremes are drawn" if len(shown) < len(known) else "",
        wide=True,
        height_pixels=320,
    )


def thinned(indexes: Sequence[int], values: Sequence[float]) -> list[int]:
    """Return the indexes, or of more than MOST_POINTS those of the least and the largest value of each bucket."""
    if len(indexes) <= MOST_POINTS:
        return list(indexes)
    width = math.ceil(2 * len(indexes) / MOST_POINTS)
    buckets = (indexes[start : start + width] for start in range(0, len(indexes), width))
    extremes = ((min(bucket, key=values.__getitem__), max(bucket, key=values.__getitem__)) for bucket in buckets)
    return sorted({index for pair in extremes for index in pair})


def _digits(value: float) -> float:
    """Return a value with more digits than figures of known kinds get: a series may hardly differ from its level."""
    return float(f"{value:.9g}")


def _values(series: JudgedSeries, at: Sequence[int], shown: Sequence[int]) -> Figure:
    few = len(shown) <= MANY_POINTS
    return {
        "type": "scatter",
        "name": "values",
        "mode": "lines+markers",
        "x": [at[index] for index in shown],
        "y": [_digits(series.values[index]) for index in shown],
        "text": [f"index {index}" for index in shown],
        "line": {"color": "var(--p50)", "width": 0.8},
        "marker": {"color": "var(--p50)", "size": 4 if few else 2.5},
        "opacity": 0.8,
        "hovertemplate": "%{y:.5s}, %{text}<extra></extra>",
    }


def _levels(series: JudgedSeries, at: Sequence[int]) -> Figure:
    x: list[int | None] = []
    y: list[float | None] = []
    for start, end, level in levels(series):
        x += [at[start], at[min(end, len(at) - 1)], None]
        y += [_digits(level), _digits(level), None]
    return {
        "type": "scatter",
        "name": "levels",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"color": "var(--text)", "width": 2},
        "connectgaps": False,
        "hovertemplate": "level %{y:.5s}<extra></extra>",
    }


def _marks(series: JudgedSeries, at: Sequence[int]) -> list[Figure]:
    """Return a trace for what became worse and one for what became better: colour alone does not tell them apart."""
    traces: list[Figure] = []
    for worse, name, symbol in ((True, "became worse", "triangle-up"), (False, "became better", "triangle-down")):
        changes = [change for change in series.changes if change.worse is worse]
        if not changes:
            continue
        said = [f"{signed(each.ratio)}: {figure(each.before)} to {figure(each.after)}" for each in changes]
        traces.append(
            {
                "type": "scatter",
                "name": name,
                "mode": "markers",
                "x": [at[change.index] for change in changes],
                "y": [_digits(change.after) for change in changes],
                "marker": {"symbol": symbol, "size": 11, "color": _colour(worse)},
                "text": said,
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    return traces


def _line(at: int, colour: str) -> dict[str, Any]:
    line = {"color": colour, "width": 1, "dash": "dot"}
    return {"type": "line", "x0": at, "x1": at, "yref": "paper", "y0": 0, "y1": 1, "line": line}


def _colour(worse: bool) -> str:
    return "var(--bad)" if worse else "var(--good)"
