"""Draw a batch sweep: what each batch size gains in throughput and costs in latency."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from mmied.formats import digits, seconds
from mmied.profiles import Knee
from mmied.records import WorkloadResult
from mmied.reports.pictures.style import LINES, SMALL, TEXT, add_axes, legend, name_axis, new_figure, plain

LEAST_SIZES = 2
MARKERS = "os^Dv<"
# Where the curves leave room: throughput bends down from its knee, latency up.
BELOW = {"xytext": (12, -12), "ha": "left", "va": "top"}
ABOVE = {"xytext": (-9, 8), "ha": "right", "va": "bottom"}
Point = tuple[int, float, float]  # batch size, throughput, latency


def draw_sweep(results: Sequence[WorkloadResult], knees: Sequence[Knee], precision: str, note: str) -> Figure | None:
    """Return throughput and latency by batch size, a line for each precision; None where there is no sweep.

    `precision` is the model's own, that of workloads which name none.
    """
    lines = _lines(results, precision)
    if max(map(len, lines.values()), default=0) < LEAST_SIZES:
        return None
    figure = new_figure("Throughput and latency by batch size", note, height=4.2)
    throughput, latency = add_axes(figure, 1, 2)
    for place, (name, points) in enumerate(lines.items()):
        sizes, rates, latencies = zip(*points, strict=True)
        look: dict[str, Any] = {
            "color": LINES[place % len(LINES)],
            "marker": MARKERS[place % len(MARKERS)],
            "markersize": 5,
            "linewidth": 1.6,
            "label": plain(name),
        }
        throughput.plot(sizes, rates, **look)
        latency.plot(sizes, latencies, **look)
    sizes = tuple(sorted({size for points in lines.values() for size, _, _ in points}))
    for knee in knees:
        of = f"{knee.precision}, " if knee.precision and len(lines) > 1 else ""
        size, rate = knee.batch_size, knee.throughput_samples_per_second
        above = ABOVE | ({"ha": "center", "xytext": (0, 12)} if size in sizes[:2] else {})  # clear of the axis
        _mark(throughput, size, rate, f"knee: {of}batch {size}\n{digits(rate)} samples/s", BELOW)
        _mark(latency, size, knee.latency_seconds, f"knee: {of}batch {size}\n{seconds(knee.latency_seconds)}", above)
    for axes in (throughput, latency):
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_ylim(0, axes.get_ylim()[1] * 1.12)
        axes.margins(x=0.08)
        name_axis(axes.xaxis, "batch size")
    name_axis(throughput.yaxis, "samples per second", "")
    name_axis(latency.yaxis, "median latency of a call", "s")
    if len(lines) > 1:
        legend(latency, loc="upper left")
    return figure


def _lines(results: Sequence[WorkloadResult], precision: str) -> dict[str, list[Point]]:
    lines: dict[str, list[Point]] = {}
    for result in results:
        workload, latency = result.workload, result.latency
        if latency is None or workload.gap_seconds or workload.batch_size < 1:
            continue
        median = latency.quantiles.get("0.5", latency.mean_seconds)
        rate = result.throughput_samples_per_second or (workload.batch_size / median if median else 0.0)
        lines.setdefault(workload.precision or precision, []).append((workload.batch_size, rate, median))
    return {name: sorted(points) for name, points in lines.items()}


def _mark(axes: Axes, size: int, value: float, text: str, where: Mapping[str, Any]) -> None:
    axes.plot(
        [size], [value], marker="o", markersize=13, markerfacecolor="none", markeredgecolor=TEXT, markeredgewidth=1.2
    )
    axes.annotate(
        text,
        (size, value),
        textcoords="offset points",
        **where,
        fontsize=SMALL,
        color=TEXT,
    )
