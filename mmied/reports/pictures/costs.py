"""Draw what costs the most time: layers, operators, kernels, kinds of operations, stages of a request."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from mmied.formats import digits, percent, seconds
from mmied.inspection import Kernel, Layers, Operators
from mmied.records import LatencySummary
from mmied.reports.kinds import COLOURS, kind_of_operation
from mmied.reports.pictures.style import LINES, MUTED, ROW, add_axes, bars, categories_legend, name_axis, new_figure

MOST_BARS = 15
STAGES = ("preprocess", "inference", "postprocess", "total")
MODULE_KINDS = {
    "Transformer": "attention",
    "Linear": "matmul",
    "Bilinear": "matmul",
    "RNN": "matmul",
    "Embedding": "memory",
}


def draw_layers(layers: Layers, note: str) -> Figure | None:
    """Return bars of the layers with the most time of their own; None where the times tell nothing."""
    timed = [(layer.self_seconds, layer) for layer in layers.layers if layer.self_seconds and layer.self_seconds > 0]
    if not timed or not layers.told_apart:
        return None
    timed.sort(key=lambda row: -row[0])
    whole = sum(own for own, _ in timed)
    return _bars_of_time(
        "Layers that cost the most time by themselves",
        note + _left_out(len(timed)),
        [
            (layer.name or "the model itself", own, kind_of_module(layer.kind), layer.kind)
            for own, layer in timed[:MOST_BARS]
        ],
        whole,
    )


def draw_operators(operators: Operators, note: str) -> Figure | None:
    """Return bars of the operators with the most time of their own; None where none was seen."""
    rows = [operator for operator in operators.operators if operator.self_seconds > 0]
    rows.sort(key=lambda operator: -operator.self_seconds)
    if not rows:
        return None
    return _bars_of_time(
        "Operators that cost the most time",
        note + _left_out(len(rows)),
        [
            (operator.name, operator.self_seconds, operator.category, _times(operator.calls))
            for operator in rows[:MOST_BARS]
        ],
        sum(operator.self_seconds for operator in rows),
    )


def draw_kernels(kernels: Sequence[Kernel], note: str) -> Figure | None:
    """Return bars of the device's kernels with the most time; None where none was seen."""
    rows = sorted((kernel for kernel in kernels if kernel.seconds > 0), key=lambda kernel: -kernel.seconds)
    if not rows:
        return None
    return _bars_of_time(
        "Kernels that cost the most time",
        note + _left_out(len(rows)),
        [(kernel.name, kernel.seconds, kernel.category, _times(kernel.calls)) for kernel in rows[:MOST_BARS]],
        sum(kernel.seconds for kernel in rows),
    )


def draw_categories(category_seconds: Mapping[str, float], note: str) -> Figure | None:
    """Return bars of the time by kind of operation; None where there is none."""
    rows = sorted(((own, name) for name, own in category_seconds.items() if own > 0), reverse=True)
    if not rows:
        return None
    whole = sum(own for own, _ in rows)
    figure = new_figure("Time by kind of operation", note, height=1.4 + 1.1 * ROW * len(rows))
    (axes,) = add_axes(figure)
    bars(
        axes,
        [name for _, name in rows],
        [own for own, _ in rows],
        [f"{seconds(own)}, {percent(own / whole)}" for own, _ in rows],
        [COLOURS.get(name, COLOURS["other"]) for _, name in rows],
    )
    name_axis(axes.xaxis, "own time in a call", "s")
    return figure


def draw_stages(stages: Mapping[str, LatencySummary], note: str) -> Figure | None:
    """Return the median of each stage of a request with a whisker up to its p95; None where there are none."""
    names = [name for name in STAGES if name in stages] + [name for name in stages if name not in STAGES]
    if not names:
        return None
    medians = [stages[name].quantiles.get("0.5", stages[name].mean_seconds) for name in names]
    slow = [
        max(stages[name].quantiles.get("0.95", median), median) for name, median in zip(names, medians, strict=True)
    ]
    figure = new_figure("Where the time of a request goes", note, height=1.5 + 1.3 * ROW * len(names))
    (axes,) = add_axes(figure)
    said = [
        seconds(median)
        + (f", p95 {seconds(stages[name].quantiles['0.95'])}" if "0.95" in stages[name].quantiles else "")
        for name, median in zip(names, medians, strict=True)
    ]
    colours = [LINES[5] if name == "total" else LINES[0] for name in names]
    bars(axes, names, slow, said, ["none"] * len(names))  # the names and texts; the bars follow in two steps
    axes.barh(range(len(names)), medians, color=colours, height=0.72)
    axes.hlines(range(len(names)), medians, slow, color=MUTED, linewidth=1.4)
    name_axis(axes.xaxis, "median latency, and a line to p95", "s")
    return figure


def kind_of_module(kind: str) -> str:
    """Return the kind of operation that a module of class `kind` mostly does."""
    known = next((category for part, category in MODULE_KINDS.items() if part in kind), None)
    return known or kind_of_operation(kind)


def _bars_of_time(title: str, note: str, rows: Sequence[tuple[str, float, str, str]], whole: float) -> Figure:
    figure = new_figure(title, note, height=1.7 + ROW * len(rows))
    (axes,) = add_axes(figure)
    bars(
        axes,
        [name for name, *_ in rows],
        [own for _, own, *_ in rows],
        [f"{seconds(own)}, {percent(own / whole)} · {more}" for _, own, _, more in rows],
        [COLOURS.get(category, COLOURS["other"]) for _, _, category, _ in rows],
    )
    name_axis(axes.xaxis, "own time in a call", "s")
    categories_legend(figure, [category for _, _, category, _ in rows])
    return figure


def _times(calls: float) -> str:
    said = f"{calls:,.0f}" if calls == int(calls) else digits(calls)
    return f"{said} call{'' if calls == 1 else 's'}"


def _left_out(count: int) -> str:
    return f" · {MOST_BARS} of {count:,}" if count > MOST_BARS else ""
