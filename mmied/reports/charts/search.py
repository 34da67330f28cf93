"""Draw a search: speed-ups with their intervals, and what speed costs in quality and memory."""

from collections.abc import Sequence

from mmied.formats import digits, size
from mmied.optimization import Search, Trial, Verdict
from mmied.reports.charts.chart import Chart, named_rows, plain_figure, row_margin, short_name, titled
from mmied.reports.charts.plot import BYTES_AXIS, Figure, number, text
from mmied.reports.search_rows import ORDER, best_speedup, interval, times
from mmied.verdicts.pareto import Point, front, has_accuracy, points_of

COLOURS: dict[Verdict, str] = {
    "helps": "var(--good)",
    "cannot_tell": "var(--warn)",
    "does_not_help": "var(--muted)",
    "not_tried": "var(--muted)",
}
ROW_PIXELS = 26
SMALLEST_DISTANCE = 1e-8  # below float32's own rounding; a logarithmic axis has no zero
MARK_PIXELS = 13


def speedups_chart(search: Search) -> Chart | None:
    """Return the speed-ups with their intervals, the deployed model's against itself behind them."""
    timed = sorted(
        (trial for trial in search.trials if trial.ratios),
        key=lambda trial: (ORDER.index(trial.verdict), -best_speedup(trial)),
    )
    rows = [(trial, ratio) for trial in timed for ratio in trial.ratios]
    if not rows:
        return None
    several = len(search.batch_sizes) > 1
    names = [short_name(trial.candidate, 26) + (f", {ratio.batch_size}" if several else "") for trial, ratio in rows]
    traces: list[Figure] = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [number(ratio.speedup_ratio)],
            "y": [place],
            "marker": {"size": 8, "color": COLOURS[trial.verdict]},
            "error_x": {
                "array": [number(max(ratio.upper - ratio.speedup_ratio, 0.0))],
                "arrayminus": [number(max(ratio.speedup_ratio - ratio.lower, 0.0))],
                "color": COLOURS[trial.verdict],
                "thickness": 1.6,
            },
            "hovertemplate": f"{text(trial.candidate)}: {times(ratio.speedup_ratio)} ({interval(ratio)}) of "
            f"{ratio.pairs} pairs<extra></extra>",
        }
        for place, (trial, ratio) in enumerate(rows)
    ]
    shapes = [
        _band(ratio.control_lower, ratio.control_upper, place)
        for place, (_, ratio) in enumerate(rows)
        if ratio.control_lower is not None and ratio.control_upper is not None
    ]
    worthwhile = 1 + search.minimum_effect_ratio
    figure = plain_figure(
        traces,
        x={"ticksuffix": "×", "tickformat": "~g"} | titled("times as fast as deployed"),
        y=named_rows(names),
        shapes=[*shapes, _upright(1.0, "dash"), _upright(worthwhile, "dot")],
        margin=row_margin(names),
        showlegend=False,
    )
    return Chart(
        title="Speed-up over the deployed model",
        figure=figure,
        note=f"95 % intervals; grey: the deployed model against itself; dotted: worthwhile from {digits(worthwhile)}×"
        + ("; the number is the batch size" if several else ""),
        label="Speed-up of each candidate with its interval; the table has the figures",
        wide=True,
        height_pixels=96 + ROW_PIXELS * len(rows),
    )


def pareto_charts(search: Search) -> list[Chart]:
    """Return what speed costs: quality against it, and memory against it, with those that none outdoes filled."""
    charts = []
    for batch_size in reversed(search.batch_sizes):
        points = points_of(search, batch_size)
        if len(points) > 1:
            charts = [_quality(search, points, batch_size), _memory(search, points, batch_size)]
            break
    return [chart for chart in charts if chart is not None]


def _quality(search: Search, points: Sequence[Point], batch_size: int) -> Chart:
    labelled = has_accuracy(search)
    if labelled:
        losses = [-point.loss for point in points]
        y = titled("change of the task's metric, up is better") | {"zeroline": True, "zerolinecolor": "var(--line)"}
    else:
        losses = [max(point.loss, SMALLEST_DISTANCE) for point in points]
        y = {"type": "log", "autorange": "reversed", "dtick": 2, "exponentformat": "power"}
        y |= titled("relative distance of outputs, up is better")
    return Chart(
        title=f"Speed against {'accuracy' if labelled else 'fidelity'}",
        figure=_scatter(search, points, losses, y, whiskers=labelled),
        note=f"batch of {batch_size}; filled: none is better in speed, memory and "
        + ("accuracy; 95 % intervals" if labelled else "fidelity; no labelled samples were given"),
        label="Quality over speed for each candidate; the table has the figures",
        height_pixels=330,
    )


def _memory(search: Search, points: Sequence[Point], batch_size: int) -> Chart | None:
    known = [point for point in points if point.memory_bytes is not None]
    if len(known) < 2:
        return None
    heights = [float(point.memory_bytes or 0) for point in known]
    y = BYTES_AXIS | titled("peak memory, down is better") | {"rangemode": "tozero"}
    return Chart(
        title="Speed against memory",
        figure=_scatter(search, known, heights, y, among=points),
        note=f"batch of {batch_size}; of the serving process, above the bare runtime",
        label="Peak memory over speed for each candidate; the table has the figures",
        height_pixels=330,
    )


def _scatter(
    search: Search,
    points: Sequence[Point],
    heights: Sequence[float],
    y: Figure,
    among: Sequence[Point] | None = None,
    whiskers: bool = False,
) -> Figure:
    best = front(among or points)
    verdicts = {trial.candidate: trial for trial in search.trials}
    fastest = max(point.speedup_ratio for point in points)
    traces: list[Figure] = [
        {
            "type": "scatter",
            "mode": "markers+text",
            "x": [number(point.speedup_ratio)],
            "y": [number(height)],
            "text": [text(short_name(point.name or "as deployed", 22))] if point.name in best else [""],
            "textposition": "middle left" if point.speedup_ratio > (1 + fastest) / 2 else "middle right",
            "textfont": {"color": "var(--text)", "size": 10},
            "marker": {
                "size": MARK_PIXELS,
                "color": _colour(verdicts.get(point.name or "")),
                "symbol": ("diamond" if point.name is None else "circle") + ("" if point.name in best else "-open"),
                "line": {"width": 1.6, "color": _colour(verdicts.get(point.name or ""))},
            },
            "hovertemplate": _told(point),
            "cliponaxis": False,
            **(_whiskers(verdicts.get(point.name or "")) if whiskers else {}),
        }
        for point, height in zip(points, heights, strict=True)
    ]
    x = {"ticksuffix": "×", "tickformat": "~g", "range": [0, 1.1 * fastest]} | titled("times as fast as deployed")
    return plain_figure(traces, x=x, y=y, showlegend=False, margin={"l": 64, "r": 14, "t": 12, "b": 42})


def _whiskers(trial: Trial | None) -> Figure:
    """Return the interval of a candidate's change of accuracy; an error is drawn upside down, as its loss is."""
    if trial is None or trial.accuracy_change is None or trial.accuracy is None:
        return {}
    estimate, lower, upper = trial.accuracy_change
    up, down = max(upper - estimate, 0.0), max(estimate - lower, 0.0)
    if trial.accuracy.metric == "mse":
        up, down = down, up
    return {
        "error_y": {
            "array": [number(up)],
            "arrayminus": [number(down)],
            "color": _colour(trial),
            "thickness": 1.2,
        }
    }


def _told(point: Point) -> str:
    memory = f", {size(point.memory_bytes)}" if point.memory_bytes is not None else ""
    return f"{text(point.name or 'as deployed')}: {times(point.speedup_ratio)}{memory}<extra></extra>"


def _colour(trial: Trial | None) -> str:
    return "var(--text)" if trial is None else COLOURS[trial.verdict]


def _band(lower: float, upper: float, place: int) -> Figure:
    return {
        "type": "rect",
        "x0": lower,
        "x1": upper,
        "y0": place - 0.42,
        "y1": place + 0.42,
        "fillcolor": "var(--mark)",
        "opacity": 0.3,
        "line": {"width": 0},
        "layer": "below",
    }


def _upright(at: float, dash: str) -> Figure:
    return {
        "type": "line",
        "x0": at,
        "x1": at,
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"color": "var(--text)", "width": 1, "dash": dash},
    }
