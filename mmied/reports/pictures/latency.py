"""Draw latencies: their distribution, and the share of calls that were at most so slow."""

from collections.abc import Sequence
from math import log10

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter, PercentFormatter

from mmied.formats import seconds
from mmied.records import Workload, WorkloadResult
from mmied.reports.pictures.style import (
    DASHES,
    LINES,
    MUTED,
    SMALL,
    TEXT,
    add_axes,
    legend,
    name_axis,
    new_figure,
    plain,
    whole_numbers,
)
from mmied.reports.words import quantile_name
from mmied.stats import latency_samples

MOST_WORKLOADS = 6
LONG_TAIL = 20.0  # times the median: from here on an axis of logarithms shows both
BINS = (20, 80)
FEWEST_FOR_BARS = 30  # fewer calls are drawn one by one


def draw_distribution(results: Sequence[WorkloadResult], note: str) -> Figure | None:
    """Return a histogram for each of the first workloads, the published quantiles marked; None without samples."""
    drawn = _with_samples(results)
    if not drawn:
        return None
    height = 3.6 if len(drawn) == 1 else 0.9 + 1.45 * len(drawn)
    figure = new_figure("Latency of calls", note, height=height)
    grid = add_axes(figure, len(drawn))
    for axes, (result, samples) in zip(grid, drawn, strict=True):
        _histogram(axes, result, samples)
    name_axis(grid[-1].xaxis, "latency of a call")
    return figure


def draw_ecdf(results: Sequence[WorkloadResult], note: str) -> Figure | None:
    """Return the empirical distribution functions of the first workloads in one picture; None without samples."""
    drawn = _with_samples(results)
    if not drawn:
        return None
    figure = new_figure("Share of calls that took at most so long", note)
    (axes,) = add_axes(figure)
    for place, (result, samples) in enumerate(drawn):
        ordered = np.sort(samples)
        axes.step(
            np.concatenate((ordered[:1], ordered)),
            np.arange(len(ordered) + 1) / len(ordered),
            where="post",
            color=LINES[place % len(LINES)],
            linestyle=DASHES[place // 2 % len(DASHES)],
            linewidth=1.6,
            label=plain(_name(result.workload)),
        )
    everything = np.concatenate([samples for _, samples in drawn])
    _latency_axis(axes, everything)
    name_axis(axes.yaxis, "share of calls")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylim(0, 1.02)
    if len(drawn) > 1:
        legend(axes, loc="lower right")
    return figure


def _with_samples(results: Sequence[WorkloadResult]) -> list[tuple[WorkloadResult, np.ndarray]]:
    kept = []
    for result in results:
        if result.iterations is not None and result.iterations.wall_seconds:
            samples, _, _ = latency_samples(result.iterations)
            kept.append((result, np.asarray(samples)))
    return kept[:MOST_WORKLOADS]


def _name(workload: Workload) -> str:
    """Return the scenario with its precision, which a sweep has several of."""
    precision = workload.precision
    return (
        f"{workload.scenario}, {precision}" if precision and precision not in workload.scenario else workload.scenario
    )


def _histogram(axes: Axes, result: WorkloadResult, samples: np.ndarray) -> None:
    low, high = float(samples.min()), float(samples.max())
    if low == high:
        low, high = 0.95 * low, 1.05 * high + 1e-9
    count = int(np.clip(np.sqrt(len(samples)) * 2, *BINS))
    edges = np.geomspace(low, high, count + 1) if _is_long_tailed(samples) else np.linspace(low, high, count + 1)
    if len(samples) < FEWEST_FOR_BARS:
        axes.plot(samples, np.zeros(len(samples)), "|", color=LINES[0], markersize=28, markeredgewidth=1.4)
        axes.set_ylim(-1, 1)
        axes.set_yticks([])
        axes.margins(x=0.05)
    else:
        axes.hist(samples, bins=[float(edge) for edge in edges], color=LINES[0], alpha=0.75)
        name_axis(axes.yaxis, "calls")
        whole_numbers(axes.yaxis)
    _latency_axis(axes, samples, name="")
    axes.set_title(plain(f"{_name(result.workload)}: {len(samples):,} calls"), loc="left", fontsize=SMALL, color=MUTED)
    quantiles = result.latency.quantiles if result.latency else {}
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top + 0.24 * (top - bottom))  # room for the marks' names above the bars
    places = _apart([_position(axes, quantiles[key]) for key in sorted(quantiles)])
    for key, place in zip(sorted(quantiles), places, strict=True):
        value = quantiles[key]
        axes.axvline(value, ymax=0.84, color=TEXT, linewidth=0.9, linestyle=":")
        axes.annotate(
            f"{quantile_name(key)} {seconds(value)}",
            (place, 0.9),
            xycoords="axes fraction",
            ha="left" if place < 0.05 else "right" if place > 0.95 else "center",
            fontsize=SMALL,
            color=TEXT,
        )


def _apart(places: Sequence[float], least: float = 0.135) -> list[float]:
    """Return places along an axis (0 to 1) moved to the right, and back from the end, until texts do not overlap."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + least) if moved else place)
    limit = 0.97
    for index in range(len(moved) - 1, -1, -1):
        moved[index] = min(moved[index], limit)
        limit = moved[index] - least
    return moved


def _position(axes: Axes, value: float) -> float:
    low, high = axes.get_xlim()
    if axes.get_xscale() == "log":
        return (log10(value) - log10(low)) / (log10(high) - log10(low))
    return (value - low) / (high - low)


def _latency_axis(axes: Axes, samples: np.ndarray, name: str = "latency of a call") -> None:
    name_axis(axes.xaxis, name)
    if _is_long_tailed(samples):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(EngFormatter(unit="s"))


def _is_long_tailed(samples: np.ndarray) -> bool:
    low, middle = float(samples.min()), float(np.median(samples))
    return low > 0 and float(samples.max()) > LONG_TAIL * middle
