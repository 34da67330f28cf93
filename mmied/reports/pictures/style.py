"""How pictures look: one place for sizes, colours, axes and titles.

Figures are made as objects, never through pyplot, which keeps each figure in a global list.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator

from mmied.reports.kinds import COLOURS

WIDTH = 8.0  # inches; at DOTS_PER_INCH a picture of 1120 pixels
HEIGHT = 4.0
ROW = 0.28  # inches that a bar with its label takes
DOTS_PER_INCH = 140
TITLE, LABEL, TICK, SMALL = 12, 10, 9, 8  # points
TEXT, MUTED, GRID = "#1b2129", "#57616e", "#e1e5ea"
# The lines of the web pages. Told apart by people who see fewer colours, in this order; dashes help where they cross.
LINES = ("#1f66c1", "#b96a00", "#1a7f5a", "#b02a7d", "#6d4fc2", "#57616e")
DASHES = ("-", "--", "-.", ":")
LONGEST_NAME = 40
LETTER = 0.068  # inches that a letter of SMALL takes


def new_figure(title: str, note: str = "", *, width: float = WIDTH, height: float = HEIGHT) -> Figure:
    """Return an empty figure with its title, which says what is shown, and a note in small, which says of what."""
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout=_layout(), facecolor="white")
    figure.suptitle(
        f"{plain(title)}\n" if note else plain(title),
        x=0.012,
        ha="left",
        fontsize=TITLE,
        color=TEXT,
        fontweight="bold",
    )
    if note:
        figure.text(
            0.012, 1 - (0.06 + 1.65 * TITLE / 72) / height, plain(note), fontsize=TICK, color=MUTED, va="center"
        ).set_in_layout(False)
    return figure


def _layout() -> ConstrainedLayoutEngine:
    return ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06)


def add_axes(
    figure: Figure, rows: int = 1, columns: int = 1, *, sharex: bool = False, sharey: bool = False
) -> list[Axes]:
    """Return axes of the figure, row by row, without frame."""
    grid = figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey)
    axes: list[Axes] = list(grid.flat)
    for each in axes:
        frame(each)
    return axes


def frame(axes: Axes) -> None:
    """Leave of the frame only what carries ticks."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GRID)
    axes.tick_params(labelsize=TICK, colors=MUTED, length=3)
    axes.set_axisbelow(True)


def name_axis(axis: Axis, name: str, unit: str | None = None, *, grid: bool = True) -> None:
    """Name an axis, write its figures with the prefix that suits their `unit`, and draw its grid.

    The unit "" is that of counts, which have no prefixes for small ones.
    """
    axis.set_label_text(plain(name), fontsize=LABEL, color=TEXT)
    if unit is not None:
        axis.set_major_formatter(EngFormatter(unit=unit) if unit else FuncFormatter(lambda at, _: short_count(at)))
    if grid:
        axis.grid(True, color=GRID, linewidth=0.8)


def whole_numbers(axis: Axis) -> None:
    """Put ticks on whole numbers only."""
    axis.set_major_locator(MaxNLocator(nbins="auto", integer=True))


def legend(axes: Axes, **options: Any) -> None:
    """Add a legend without a frame."""
    axes.legend(frameon=False, fontsize=TICK, labelcolor=TEXT, **options)


def categories_legend(figure: Figure, categories: Sequence[str]) -> None:
    """Tell the colours of kinds of operations, beneath the figure."""
    patches = [Patch(color=COLOURS[category], label=category) for category in COLOURS if category in categories]
    figure.legend(
        handles=patches,
        loc="outside lower left",
        ncols=len(patches),
        frameon=False,
        fontsize=TICK,
        labelcolor=TEXT,
        handlelength=1,
        columnspacing=1.4,
    )


def bars(
    axes: Axes,
    names: Sequence[str],
    values: Sequence[float],
    said: Sequence[str],
    colours: Sequence[str] | str,
    *,
    inches: float = 5.0,
) -> None:
    """Draw horizontal bars, the first on top, each with its name before it and what is `said` of it behind it.

    `inches` is about how wide the bars' part of the picture is: the longest bar leaves room for the longest text.
    """
    places = range(len(values))
    axes.barh(places, values, color=colours, height=0.72)
    axes.set_yticks(places, [plain(short(name)) for name in names], fontsize=TICK, color=TEXT)
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    # Each bar with its text has to end within the axes.
    ends = [value / (1 - min((len(text) + 1) * LETTER / inches, 0.7)) for value, text in zip(values, said, strict=True)]
    axes.set_xlim(0, max(ends, default=0.0) or 1.0)
    for place, value, text in zip(places, values, said, strict=True):
        axes.annotate(
            text,
            (value, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=MUTED,
        )


def short_count(count: float) -> str:
    """Return a count as people say it: 12.3 M."""
    for scale, letter in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(count) >= 0.9995 * scale:
            return f"{float(f'{count / scale:.3g}'):g}{letter}"
    return f"{float(f'{count:.3g}'):g}"


def plain(text: str) -> str:
    """Return text that is drawn as it stands: a pair of dollar signs would be taken for a formula."""
    return text.replace("$", r"\$")


def short(name: str, most: int = LONGEST_NAME) -> str:
    """Return a name cut in its middle: both ends of a layer's name tell it."""
    return name if len(name) <= most else f"{name[: most // 3]}…{name[-(most - most // 3 - 1) :]}"
