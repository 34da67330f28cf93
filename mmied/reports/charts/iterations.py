"""Draw the iterations of one run: how their latencies are spread, and how they went one after another."""

import math
from collections.abc import Sequence

from mmied.catalog import QUANTILES
from mmied.records import Iterations, LatencySummary, WorkloadResult
from mmied.reports.charts.plot import SECONDS_AXIS, Figure, axis, base_layout, hover, number
from mmied.reports.words import quantile_name
from mmied.stats import contended_indexes, latency_samples, quantile

MOST_BINS = 60
SHOWN_QUANTILE = 0.99  # the spread is drawn up to here: a single slow call would squeeze the rest into one bar
SCATTER_POINTS = 2000  # the browser draws no more at ease
SLOWEST_KEPT = 200


def spread_chart(result: WorkloadResult) -> tuple[Figure, str] | None:
    """Return a histogram of the latencies of `result`, clean and contended, and a sentence on what it leaves out.

    None where no iterations were kept.
    """
    if result.iterations is None or not result.iterations.wall_seconds:
        return None
    times = _times(result.iterations)
    contended = contended_indexes(result.iterations)
    published, estimator, _ = latency_samples(result.iterations)
    low, high = min(*times, *published), quantile(times, SHOWN_QUANTILE)
    bins = min(max(round(2 * math.sqrt(len(times))), 10), MOST_BINS)
    width = (high - low) / bins or max(high, 1e-9) / bins  # all alike: one bar
    traces = []
    for name, wanted in (("clean", False), ("contended", True)):
        tally = _tally([time for index, time in enumerate(times) if (index in contended) is wanted], low, width, bins)
        if any(tally):
            traces.append(_bars(name, tally, low, width))
    if estimator == "wall_minus_wait":
        traces.append(_outline(f"less the wait ({len(published):,})", _tally(published, low, width, bins), low, width))
    layout = base_layout() | {
        "barmode": "stack",
        "bargap": 0,
        "hovermode": "closest",
        "xaxis": axis() | SECONDS_AXIS,
        "yaxis": axis() | {"rangemode": "tozero"},
    }
    if result.latency is not None:
        layout |= _quantile_lines(result.latency, low, low + (bins + 1) * width)
    beyond = sum(time >= low + (bins + 1) * width for time in times)
    note = f"{beyond:,} slower ones lie beyond the right edge" if beyond else ""
    return {"data": traces, "layout": layout}, note


def iterations_chart(result: WorkloadResult) -> tuple[Figure, str] | None:
    """Return the latency of each iteration in the order in which they ran, and a sentence on what is left out.

    None where no iterations were kept.
    """
    if result.iterations is None or not result.iterations.wall_seconds:
        return None
    times = _times(result.iterations)
    contended = contended_indexes(result.iterations)
    shown = _thinned(times)
    traces: list[Figure] = []
    for name, indexes in (
        ("clean", [index for index in shown if index not in contended]),
        ("contended", [index for index in shown if index in contended]),
    ):
        if indexes:
            traces.append(
                {
                    "type": "scatter",
                    "name": name,
                    "mode": "markers",
                    "x": indexes,
                    "y": [number(times[index]) for index in indexes],
                    "marker": {
                        "size": 4,
                        "color": f"var(--{name})",
                        "opacity": 0.75,
                        "symbol": "circle" if name == "clean" else "diamond",
                    },
                    "hovertemplate": f"#%{{x}} {name}: {hover('.4s', 's')}<extra></extra>",
                }
            )
    layout = base_layout() | {
        "hovermode": "closest",
        "xaxis": axis() | {"tickformat": "~s", "title": {"text": "iteration"}, "range": [-1, len(times)]},
        "yaxis": axis() | SECONDS_AXIS | {"rangemode": "tozero"},
    }
    note = ""
    if len(shown) < len(times):
        note = f"{len(shown):,} of {len(times):,} are drawn, the {SLOWEST_KEPT:,} slowest among them"
    return {"data": traces, "layout": layout}, note


def _tally(times: Sequence[float], low: float, width: float, bins: int) -> list[int]:
    """Return how many of `times` lie in each bin from `low` on; those beyond the last are left out."""
    tally = [0] * (bins + 1)
    for time in times:
        place = math.floor((time - low) / width)
        if place <= bins:
            tally[place] += 1
    return tally


def _bars(name: str, tally: Sequence[int], low: float, width: float) -> Figure:
    return {
        "type": "bar",
        "name": f"{name} ({sum(tally):,})",
        "x": [number(low + (place + 0.5) * width) for place in range(len(tally))],
        "y": tally,
        "width": width,
        "marker": {"color": f"var(--{name})"},
        "hovertemplate": f"%{{y}} {name} at %{{x:.3s}}s<extra></extra>",
    }


def _outline(name: str, tally: Sequence[int], low: float, width: float) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [number(low + (place + 0.5) * width) for place in range(len(tally))],
        "y": tally,
        "line": {"color": "var(--text)", "width": 1.2, "shape": "hvh"},
        "hoverinfo": "skip",
    }


def _times(iterations: Iterations) -> Sequence[float]:
    return iterations.device_seconds or iterations.wall_seconds


def _thinned(times: Sequence[float]) -> list[int]:
    """Return the indexes to draw: all of few; of many every n-th, and the slowest."""
    if len(times) <= SCATTER_POINTS:
        return list(range(len(times)))
    step = math.ceil(len(times) / (SCATTER_POINTS - SLOWEST_KEPT))
    slowest = sorted(range(len(times)), key=times.__getitem__)[-SLOWEST_KEPT:]
    return sorted({*range(0, len(times), step), *slowest})


def _quantile_lines(latency: LatencySummary, low: float, high: float) -> Figure:
    """Return shapes and their labels for the published quantiles that lie within the drawing."""
    drawn = [(quantile_name(str(q)), latency.quantiles[str(q)]) for q in QUANTILES if str(q) in latency.quantiles]
    drawn = [(name, seconds) for name, seconds in drawn if low <= seconds <= high]
    return {
        "shapes": [
            {
                "type": "line",
                "x0": seconds,
                "x1": seconds,
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "line": {"color": "var(--text)", "width": 1, "dash": "dash"},
            }
            for _, seconds in drawn
        ],
        "annotations": [
            {
                "x": seconds,
                "y": 1 - 0.13 * place,  # one below the other, as close quantiles would cover each other's names
                "yref": "paper",
                "text": name,
                "showarrow": False,
                "xanchor": "left",
                "xshift": 3,
                "bgcolor": "var(--surface)",
                "borderpad": 1,
                "font": {"color": "var(--text)", "size": 11},
            }
            for place, (name, seconds) in enumerate(drawn)
        ],
    }
