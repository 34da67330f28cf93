"""Draw which share of the calls was at most how slow: the empirical distribution of latencies."""

import math
from bisect import bisect_right
from collections.abc import Sequence

from mmied.catalog import QUANTILES
from mmied.records import WorkloadResult
from mmied.reports.charts.chart import Chart, plain_figure, titled
from mmied.reports.charts.iterations import SHOWN_QUANTILE
from mmied.reports.charts.plot import PERCENT_AXIS, SECONDS_AXIS, Figure, number
from mmied.reports.words import ESTIMATORS, quantile_name
from mmied.stats import latency_samples, quantile

MOST_STEPS = 400  # more than there are pixels to tell them apart
MARGIN_RATIO = 1.04
PLACES = {"0.5": "middle right", "0.99": "top right"}  # those of high quantiles would cover one another


def distribution_chart(result: WorkloadResult) -> Chart | None:
    """Return the distribution of the latencies of `result`, beside that of the wall clock where it differs.

    None where no iterations were kept.
    """
    if result.iterations is None or not result.iterations.wall_seconds:
        return None
    published, estimator, _ = latency_samples(result.iterations)
    walls = result.iterations.wall_seconds
    traces = [steps(ESTIMATORS[estimator], published, "var(--clean)")]
    if len(published) != len(walls) or estimator == "wall_minus_wait":
        traces.append(steps("wall clock, all calls", walls, "var(--contended)", dash="dot"))
    quantiles = result.latency.quantiles if result.latency else {}
    marks = {key: quantiles[key] for key in map(str, QUANTILES) if key in quantiles}
    if marks:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "x": [number(value) for value in marks.values()],
                "y": [float(key) for key in marks],
                "text": [quantile_name(key) for key in marks],
                "textposition": [PLACES.get(key, "bottom right") for key in marks],
                "textfont": {"color": "var(--text)"},
                "marker": {"size": 7, "color": "var(--text)"},
                "hovertemplate": "%{text}: %{x:.3s}s<extra></extra>",
                "showlegend": False,
                "cliponaxis": False,
            }
        )
    left = min(*published, *walls)
    right = MARGIN_RATIO * max(quantile(walls, SHOWN_QUANTILE), *marks.values(), left)
    beyond = sum(wall > right for wall in walls)
    figure = plain_figure(
        traces,
        x=SECONDS_AXIS | titled("latency") | {"range": [left - 0.02 * (right - left), right]},
        y=PERCENT_AXIS | {"range": [0, 1.08]},
    )
    return Chart(
        title="Share of calls that were at most so slow",
        figure=figure,
        note=f"{beyond:,} slower ones lie beyond the right edge" if beyond else "",
        label=f"Empirical distribution of the latencies of {result.workload.scenario}",
    )


def steps(name: str, samples: Sequence[float], color: str, dash: str = "solid") -> Figure:
    """Return the trace of an empirical distribution."""
    ordered = sorted(samples)
    shown = _shown(len(ordered))
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [number(ordered[index]) for index in shown],
        "y": [round(bisect_right(ordered, ordered[index]) / len(ordered), 5) for index in shown],
        "line": {"color": color, "width": 1.6, "shape": "hv", "dash": dash},
        "hovertemplate": "%{y:.1%} within %{x:.3s}s<extra></extra>",
    }


def _shown(samples: int) -> list[int]:
    """Return the indexes of sorted samples to draw: evenly, and all of the slowest."""
    step = max(math.ceil(2 * samples / MOST_STEPS), 1)
    tail = min(samples, MOST_STEPS // 2)
    return sorted({*range(0, samples, step), *range(samples - tail, samples)})
