"""Draw variants of a model beside each other: each metric as bars, accuracy against speed, speed-ups with intervals."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from mmied.formats import amount, rate, seconds, size
from mmied.profiles import ComparisonReport, Variant
from mmied.reports.charts.chart import Chart, named_rows, plain_figure, row_margin, short_name, titled
from mmied.reports.charts.plot import PERCENT_AXIS, SECONDS_AXIS, Figure, number, text
from mmied.reports.comparison_rows import accuracy_text, batch_sizes, result_of
from mmied.results import memory_of

SMALLEST_MARK, LARGEST_MARK = 12.0, 44.0  # pixels across; the area is in proportion to the size on disk
ROW_PIXELS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One figure of each variant. `higher` says that more of it is better."""

    title: str
    value: Callable[[Variant], float | None]
    say: Callable[[float], str]
    higher: bool = False


def metric_charts(report: ComparisonReport) -> list[Chart]:
    """Return bars for each metric that two variants have."""
    charts = []
    for metric in _metrics(report):
        values = {variant.name: value for variant in report.variants if (value := metric.value(variant)) is not None}
        if len(values) > 1:
            charts.append(_bars(metric, values, [variant.name for variant in report.variants]))
    return charts


def accuracy_chart(report: ComparisonReport) -> Chart | None:
    """Return accuracy over latency, the marks as large as the models; None for fewer than two points."""
    sizes = batch_sizes(report)
    if not sizes:
        return None
    main = sizes[-1]
    points = [
        (variant, median, variant.accuracy)
        for variant in report.variants
        if variant.accuracy is not None and (median := _median(variant, main)) is not None
    ]
    if len(points) < 2:
        return None
    bytes_ = [(variant.profile.artifact_bytes if variant.profile else None) or 0 for variant, _, _ in points]
    traces: list[Figure] = []
    slowest = max(median for _, median, _ in points)
    for (variant, median, accuracy), size_bytes in zip(points, bytes_, strict=True):
        up = None if accuracy.upper is None else max(accuracy.upper - accuracy.value, 0.0)
        down = None if accuracy.lower is None else max(accuracy.value - accuracy.lower, 0.0)
        color = f"var(--line-{report.variants.index(variant) % 6 + 1})"
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "name": text(variant.name),
                "x": [number(median)],
                "y": [number(accuracy.value)],
                "text": [text(short_name(variant.name, 24))],
                "textposition": "middle left" if median > 0.6 * slowest else "middle right",
                "textfont": {"color": "var(--text)"},
                "marker": {"size": _mark(size_bytes, max(bytes_)), "color": color, "opacity": 0.75},
                "error_y": {
                    "visible": up is not None and down is not None,
                    "array": [number(up)],
                    "arrayminus": [number(down)],
                    "color": color,
                    "thickness": 1.2,
                },
                "hovertemplate": f"{text(variant.name)}: {accuracy_text(accuracy)}, {seconds(median)}"
                f"{', ' + size(size_bytes) if size_bytes else ''}<extra></extra>",
                "cliponaxis": False,
            }
        )
    metric = points[0][2].metric
    figure = plain_figure(
        traces,
        x=SECONDS_AXIS | titled(f"median latency of a batch of {main}") | {"range": [0, 1.15 * slowest]},
        y=(PERCENT_AXIS if metric == "accuracy" else {}) | titled(text(metric.rpartition(":")[2])),
        showlegend=False,
    )
    note = "a mark is as large as the model's file; whiskers are 95 % intervals"
    return Chart(
        title="Accuracy against speed",
        figure=figure,
        note=note if any(bytes_) else "whiskers are 95 % intervals",
        label="Accuracy over median latency for each variant; the table above has the figures",
        wide=True,
        height_pixels=340,
    )


def speedup_chart(report: ComparisonReport) -> Chart | None:
    """Return the speed-ups with their intervals, the baseline's interval against itself behind them."""
    if not report.ratios:
        return None
    rows = sorted(report.ratios, key=lambda ratio: (ratio.batch_size, ratio.variant))
    several = len({ratio.batch_size for ratio in rows}) > 1
    names = [text(short_name(ratio.variant)) + (f", batch of {ratio.batch_size}" if several else "") for ratio in rows]
    trace: Figure = {
        "type": "scatter",
        "mode": "markers",
        "x": [number(ratio.speedup_ratio) for ratio in rows],
        "y": list(range(len(rows))),
        "marker": {"size": 9, "color": "var(--p50)"},
        "error_x": {
            "array": [number(max(ratio.upper - ratio.speedup_ratio, 0.0)) for ratio in rows],
            "arrayminus": [number(max(ratio.speedup_ratio - ratio.lower, 0.0)) for ratio in rows],
            "color": "var(--p50)",
            "thickness": 1.6,
        },
        "customdata": [[number(ratio.lower), number(ratio.upper), ratio.pairs] for ratio in rows],
        "hovertemplate": "%{x:.3f}× (%{customdata[0]:.3f} to %{customdata[1]:.3f}) of %{customdata[2]} pairs"
        "<extra></extra>",
    }
    shapes: list[Figure] = [
        {
            "type": "rect",
            "x0": ratio.control_lower,
            "x1": ratio.control_upper,
            "y0": place - 0.42,
            "y1": place + 0.42,
            "fillcolor": "var(--mark)",
            "opacity": 0.3,
            "line": {"width": 0},
            "layer": "below",
        }
        for place, ratio in enumerate(rows)
        if ratio.control_lower is not None and ratio.control_upper is not None
    ]
    shapes.append(
        {
            "type": "line",
            "x0": 1,
            "x1": 1,
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "line": {"color": "var(--text)", "width": 1, "dash": "dash"},
        }
    )
    figure = plain_figure(
        [trace],
        x={"ticksuffix": "×", "tickformat": "~g"} | titled("times as fast as the baseline"),
        y=named_rows(names),
        shapes=shapes,
        margin=row_margin(names),
    )
    return Chart(
        title="Speed-up over the baseline",
        figure=figure,
        note="95 % intervals; the grey band is the baseline against itself" if len(shapes) > 1 else "95 % intervals",
        label="Speed-up of each variant with its interval; the table has the figures",
        wide=True,
        height_pixels=90 + ROW_PIXELS * len(rows),
    )


def _metrics(report: ComparisonReport) -> list[Metric]:
    sizes = batch_sizes(report)
    metrics = [
        Metric(
            title="Size on disk", value=lambda each: each.profile.artifact_bytes if each.profile else None, say=size
        ),
        Metric(
            title="Parameters",
            value=lambda each: each.profile.sizes.parameters if each.profile and each.profile.sizes else None,
            say=amount,
        ),
    ]
    if sizes:
        metrics.append(Metric(title="Peak memory", value=lambda each: _peak(each, sizes[-1]), say=size))
    metrics += [
        Metric(title=f"Median latency, batch of {each}", value=partial(_median, batch_size=each), say=seconds)
        for each in dict.fromkeys((sizes[0], sizes[-1]) if sizes else ())
    ]
    if sizes:
        metrics.append(
            Metric(
                title=f"Throughput, batch of {sizes[-1]}",
                value=lambda each: _throughput(each, sizes[-1]),
                say=rate,
                higher=True,
            )
        )
    return metrics


def _bars(metric: Metric, values: Mapping[str, float], order: Sequence[str]) -> Chart:
    names = list(values)
    figure = plain_figure(
        [
            {
                "type": "bar",
                "orientation": "h",
                "x": [number(value) for value in values.values()],
                "y": list(range(len(values))),
                "text": [metric.say(value) for value in values.values()],
                "textposition": "auto",
                "insidetextfont": {"color": "var(--surface)"},
                "outsidetextfont": {"color": "var(--text)"},
                "marker": {"color": [f"var(--line-{order.index(name) % 6 + 1})" for name in names]},
                "hovertemplate": "%{text}<extra></extra>",
            }
        ],
        x={"rangemode": "tozero", "showticklabels": False, "showgrid": False},
        y=named_rows(names),
        bargap=0.25,
        margin=row_margin(names, b=6),
    )
    return Chart(
        title=metric.title,
        figure=figure,
        note="more is better" if metric.higher else "less is better",
        label=f"{metric.title} of each variant; the table above has the figures",
        height_pixels=24 + ROW_PIXELS * len(values),
    )


def _mark(size_bytes: int, largest_bytes: int) -> float:
    if not largest_bytes or not size_bytes:
        return SMALLEST_MARK
    return max(round(LARGEST_MARK * math.sqrt(size_bytes / largest_bytes), 1), SMALLEST_MARK)


def _median(variant: Variant, batch_size: int) -> float | None:
    result = result_of(variant, batch_size)
    return result.latency.quantiles.get("0.5") if result and result.latency else None


def _throughput(variant: Variant, batch_size: int) -> float | None:
    result = result_of(variant, batch_size)
    return result.throughput_samples_per_second if result else None


def _peak(variant: Variant, batch_size: int) -> float | None:
    memory = memory_of(result_of(variant, batch_size))
    return memory.peak_bytes if memory else None
