"""Draw models that were measured side by side: bars of each metric, accuracy over speed, speed-ups with intervals."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmied.formats import digits, seconds, size
from mmied.profiles import Accuracy, ComparisonReport, PairedRatio, Variant
from mmied.records import WorkloadResult
from mmied.reports.pictures.style import (
    LINES,
    MUTED,
    ROW,
    SMALL,
    TEXT,
    TICK,
    add_axes,
    bars,
    name_axis,
    new_figure,
    plain,
    short,
    short_count,
)

Panel = tuple[str, str | None, list[float | None], Callable[[float], str]]
MOST_COLUMNS = 2
CONTROL = "#c4cbd3"


def draw_comparison(report: ComparisonReport) -> dict[str, Figure]:
    """Return the pictures that `report` has data for: metrics, accuracy_speed and speedup."""
    variants = [variant for variant in report.variants if variant.profile is not None]
    failed = [variant.name for variant in report.variants if variant.profile is None]
    note = f"on {report.host}, {report.device}" + (f" · no figures: {', '.join(failed)}" if failed else "")
    made = {
        "metrics": _draw_metrics(variants, note),
        "accuracy_speed": _draw_accuracy(variants, note + (f" · {report.dataset}" if report.dataset else "")),
        "speedup": _draw_speedups(report, note),
    }
    return {name: figure for name, figure in made.items() if figure is not None}


def _draw_metrics(variants: Sequence[Variant], note: str) -> Figure | None:
    panels = [panel for panel in _panels(variants) if any(value is not None for value in panel[2])]
    if not panels:
        return None
    columns = min(len(panels), MOST_COLUMNS)
    rows = -(-len(panels) // columns)
    figure = new_figure("Models side by side", note, width=9.0, height=0.8 + rows * (0.95 + ROW * len(variants)))
    grid = add_axes(figure, rows, columns)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    colours = [LINES[place % len(LINES)] for place in range(len(variants))]
    for axes, (name, unit, values, say) in zip(grid, panels, strict=False):
        said = ["not measured" if value is None else say(value) for value in values]
        bars(
            axes, [variant.name for variant in variants], [value or 0.0 for value in values], said, colours, inches=3.0
        )
        axes.set_title(plain(name), loc="left", fontsize=TICK, color=TEXT)
        name_axis(axes.xaxis, "", unit)
    return figure


def _panels(variants: Sequence[Variant]) -> list[Panel]:
    profiles = [variant.profile for variant in variants if variant.profile is not None]
    batches = sorted(
        {result.workload.batch_size for profile in profiles for result in profile.results if result.latency}
    )
    panels: list[Panel] = []
    if batches:
        ends = sorted({batches[0], batches[-1]})
        for batch in ends:
            found = [_result(variant, batch) for variant in variants]
            panels.append((f"median latency, batch {batch}", "s", [_median(result) for result in found], seconds))
        found = [_result(variant, batches[-1]) for variant in variants]
        rates = [result.throughput_samples_per_second if result else None for result in found]
        panels.append((f"throughput, batch {batches[-1]}, samples/s", "", rates, digits))
        peaks = [float(result.memory[0].peak_bytes) if result and result.memory else None for result in found]
        panels.append((f"peak memory, batch {batches[-1]}", "B", peaks, size))
    panels.append(("size on disk", "B", [_float(profile.artifact_bytes) for profile in profiles], size))
    counts = [_float(profile.sizes.parameters) if profile.sizes else None for profile in profiles]
    panels.append(("parameters", "", counts, short_count))
    metrics = {variant.accuracy.metric for variant in variants if variant.accuracy}
    for metric in sorted(metrics):
        values = [
            variant.accuracy.value if variant.accuracy and variant.accuracy.metric == metric else None
            for variant in variants
        ]
        panels.append((metric, None, values, _say_accuracy(metric)))
    return panels


def _draw_accuracy(variants: Sequence[Variant], note: str) -> Figure | None:
    """Accuracy over latency of the largest batch that all had."""
    judged = [(variant, variant.accuracy) for variant in variants if variant.accuracy is not None]
    batches = [
        {result.workload.batch_size for result in variant.profile.results if result.latency}
        for variant, _ in judged
        if variant.profile is not None
    ]
    common = set.intersection(*batches) if batches else set()
    if not common:
        return None
    batch, metric = max(common), judged[0][1].metric
    figure = new_figure(f"{metric.capitalize()} against latency, batch {batch}", f"{note} · bars: 95 % intervals")
    (axes,) = add_axes(figure)
    for place, (variant, accuracy) in enumerate(judged):
        result = _result(variant, batch)
        median = _median(result)
        if accuracy.metric != metric or median is None or result is None or result.latency is None:
            continue
        interval = result.latency.median_interval_seconds
        axes.errorbar(
            [median],
            [accuracy.value],
            yerr=_around(accuracy),
            xerr=[[median - interval[0]], [interval[1] - median]] if interval else None,
            fmt="o",
            markersize=7,
            color=LINES[place % len(LINES)],
            elinewidth=1.2,
            capsize=3,
        )
        axes.annotate(
            plain(variant.name),
            (median, accuracy.value),
            xytext=(9, -13 if place % 2 else 6),
            textcoords="offset points",
            fontsize=TICK,
            color=TEXT,
        )
    axes.margins(x=0.2, y=0.15)
    axes.set_xlim(0, axes.get_xlim()[1])
    name_axis(axes.xaxis, "median latency of a call", "s")
    name_axis(axes.yaxis, metric)
    return figure


def _draw_speedups(report: ComparisonReport, note: str) -> Figure | None:
    ratios = list(report.ratios)
    if not ratios or not report.variants:
        return None
    baseline = report.variants[0].name
    if any(ratio.control_lower is not None for ratio in ratios):
        note += f" · grey: {baseline} against itself"
    figure = new_figure(
        f"Speed-up over {baseline}", f"{note} · bars: 95 % intervals", height=1.7 + 1.1 * ROW * len(ratios)
    )
    (axes,) = add_axes(figure)
    axes.axvline(1.0, color=MUTED, linewidth=1)
    names = sorted({ratio.variant for ratio in ratios}, key=[ratio.variant for ratio in ratios].index)
    for place, ratio in enumerate(ratios):
        _speedup(axes, place, ratio, LINES[(names.index(ratio.variant) + 1) % len(LINES)])
    axes.set_yticks(
        range(len(ratios)),
        [plain(f"{short(ratio.variant)}, batch {ratio.batch_size}") for ratio in ratios],
        fontsize=TICK,
        color=TEXT,
    )
    axes.set_ylim(len(ratios) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    lowest, highest = min(ratio.lower for ratio in ratios), max(ratio.upper for ratio in ratios)
    span = max(highest, 1.0) - min(lowest, 1.0) or 1.0
    axes.set_xlim(min(lowest, 1.0) - 0.12 * span, max(highest, 1.0) + 0.22 * span)
    name_axis(axes.xaxis, "times as fast; right of 1 is faster")
    return figure


def _speedup(axes: Axes, place: int, ratio: PairedRatio, colour: str) -> None:
    if ratio.control_lower is not None and ratio.control_upper is not None:
        axes.hlines(place, ratio.control_lower, ratio.control_upper, color=CONTROL, linewidth=12)
    axes.errorbar(
        [ratio.speedup_ratio],
        [place],
        xerr=[[ratio.speedup_ratio - ratio.lower], [ratio.upper - ratio.speedup_ratio]],
        fmt="o",
        color=colour,
        markersize=6,
        elinewidth=1.6,
        capsize=3,
    )
    axes.annotate(
        f"{digits(ratio.speedup_ratio)} ×",
        (ratio.upper, place),
        xytext=(7, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL,
        color=MUTED,
    )


def _result(variant: Variant, batch: int) -> WorkloadResult | None:
    results = variant.profile.results if variant.profile else ()
    return next((one for one in results if one.workload.batch_size == batch and one.latency), None)


def _median(result: WorkloadResult | None) -> float | None:
    if result is None or result.latency is None:
        return None
    return result.latency.quantiles.get("0.5", result.latency.mean_seconds)


def _around(accuracy: Accuracy) -> list[list[float]] | None:
    if accuracy.lower is None or accuracy.upper is None:
        return None
    return [[accuracy.value - accuracy.lower], [accuracy.upper - accuracy.value]]


def _float(value: int | None) -> float | None:
    return None if value is None else float(value)


def _say_accuracy(metric: str) -> Callable[[float], str]:
    return (lambda value: f"{100 * value:.1f} %") if metric == "accuracy" else digits
