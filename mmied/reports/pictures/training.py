"""Draw how a training went, from a history of dictionaries."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from mmied.errors import MmiedError
from mmied.formats import digits
from mmied.reports.pictures.style import (
    DASHES,
    LINES,
    SMALL,
    TEXT,
    add_axes,
    legend,
    name_axis,
    new_figure,
    plain,
    whole_numbers,
)

COUNTERS = ("epoch", "step", "iteration")  # keys that count instead of measuring, in the order of preference
PREFIXES = {"train_": "training", "training_": "training", "val_": "validation", "valid_": "validation"} | {
    "validation_": "validation",
    "test_": "test",
}
SPLITS = ("training", "validation", "test")
LOW_IS_GOOD = ("loss", "error", "perplexity")
WIDE_RATIO = 1000.0  # of the largest to the smallest: from here on an axis of logarithms shows both
MOST_COLUMNS = 2


def draw_training(history: Sequence[Mapping[str, float]], *, title: str = "Training") -> Figure:
    """Return a panel for each metric of `history`, which has a dictionary for each epoch.

    Keys that begin with `train_`, `val_` or `test_` share the panel of the key without it. The horizontal axis is the
    key `epoch` (or `step`), else the place in the history. Entries that lack a key are passed over; NaN is a gap.
    Raises MmiedError where there is nothing to draw.
    """
    counter = next((key for key in COUNTERS if all(_number(entry.get(key)) is not None for entry in history)), None)
    panels: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for place, entry in enumerate(history):
        at = float(entry[counter]) if counter else float(place + 1)
        for key, value in entry.items():
            number = _number(value)
            if number is None or key in COUNTERS:
                continue
            split, metric = _split(key)
            panels.setdefault(metric, {}).setdefault(split, []).append((at, number))
    panels = {
        metric: lines
        for metric, lines in panels.items()
        if any(math.isfinite(value) for points in lines.values() for _, value in points)
    }
    if not panels:
        raise MmiedError(
            "the history of the training holds no figures to draw. Give a dictionary for each epoch, such as "
            '{"epoch": 1, "loss": 0.9, "val_loss": 1.1}.'
        )
    columns = min(len(panels), MOST_COLUMNS)
    rows = -(-len(panels) // columns)
    count = f"{len(history):,} {counter or 'epoch'}{'s' if len(history) > 1 else ''}"
    figure = new_figure(title, count, width=5.2 if columns == 1 else 9.0, height=0.9 + 2.7 * rows)
    grid = add_axes(figure, rows, columns)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes, (metric, lines) in zip(grid, panels.items(), strict=False):
        _panel(axes, metric, lines, counter or "epoch")
    return figure


def _panel(axes: Axes, metric: str, lines: Mapping[str, Sequence[tuple[float, float]]], counter: str) -> None:
    for split in sorted(lines, key=SPLITS.index):
        points = lines[split]
        place = SPLITS.index(split)
        axes.plot(
            [at for at, _ in points],
            [value if math.isfinite(value) else math.nan for _, value in points],
            color=LINES[place],
            linestyle=DASHES[place],
            linewidth=1.6,
            marker="o" if len(points) < 20 else "",
            markersize=3.5,
            label=split,
        )
    values = [value for points in lines.values() for _, value in points if math.isfinite(value)]
    if min(values) > 0 and max(values) > WIDE_RATIO * min(values):
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
    name_axis(axes.xaxis, counter, grid=False)
    name_axis(axes.yaxis, metric.replace("_", " "))
    whole_numbers(axes.xaxis)
    judged = [(value, at) for at, value in lines.get("validation", ()) if math.isfinite(value)]
    if judged and any(word in metric for word in LOW_IS_GOOD):
        best, at = min(judged)
        axes.plot([at], [best], marker="o", markersize=8, markerfacecolor="none", markeredgecolor=TEXT)
        axes.annotate(
            f"lowest {digits(best)}",
            (at, best),
            xytext=(0, 9),
            textcoords="offset points",
            ha="center",
            fontsize=SMALL,
            color=TEXT,
        )
    if len(lines) > 1:
        legend(axes, loc="best")


def _split(key: str) -> tuple[str, str]:
    """Return which part of the data a key is of, and what it measures."""
    for prefix, split in PREFIXES.items():
        if key.startswith(prefix) and len(key) > len(prefix):
            return split, plain(key[len(prefix) :])
    return "training", plain(key)


def _number(value: object) -> float | None:
    """Return a figure, NaN included; None for what is not one. Scalars of torch and NumPy tell theirs by `item`."""
    if hasattr(value, "item"):
        try:
            value = value.item()
        except (RuntimeError, ValueError, TypeError):
            return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
