"""Draw a model's architecture: boxes in boxes, coloured by what each module costs by itself."""

from dataclasses import dataclass

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from mmied.formats import percent, seconds
from mmied.inspection import Layers
from mmied.reports.pictures.module_tree import Module, fold
from mmied.reports.pictures.style import GRID, MUTED, SMALL, TEXT, TICK, new_figure, plain, short, short_count

MOST_BOXES = 60
ROW = 0.27  # inches that a line of text takes
GAP = 0.30  # rows between boxes
INDENT = 0.018  # of the width
WIDTH = 9.0
# The light half of Blues bears dark text.
SHADES = LinearSegmentedColormap.from_list("cost", [colormaps["Blues"](place / 100) for place in range(2, 51, 4)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where a module is drawn: `left` and `right` in shares of the width, `top` and `height` in rows."""

    module: Module
    left: float
    right: float
    top: float
    height: float


def draw_architecture(layers: Layers, note: str) -> Figure | None:
    """Return the model's modules in the order in which they are made, folded to at most MOST_BOXES.

    Without times the colour is by parameters, and the note says so.
    """
    tree = fold(layers, MOST_BOXES)
    if tree is None:
        return None
    boxes = place_boxes(tree)
    timed = any(box.module.seconds for box in boxes) and layers.told_apart
    costs = [_own_cost(box.module, timed) for box in boxes]
    whole = (tree.seconds or sum(costs)) if timed else float(tree.parameters)
    highest = max(costs) / whole if whole > 0 and max(costs) > 0 else 1.0
    rows = boxes[0].height
    what = (
        "own time of a call"
        if timed
        else "parameters" + ("" if layers.told_apart else ", as the times cannot be told apart")
    )
    figure = new_figure(
        "Architecture, and what each module costs",
        f"{note} · colour: share of the {what}",
        width=WIDTH,
        height=1.15 + ROW * rows,
    )
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(rows + 0.1, -0.1)
    shade = Normalize(0, highest)
    for box, cost in zip(boxes, costs, strict=True):
        colour = SHADES(shade(cost / whole if whole > 0 else 0.0))
        _draw(axes, box, colour, figure_rows_per_width=WIDTH / ROW)
        module = box.module
        middle = box.top + 0.5
        axes.text(box.left + 0.008, middle, plain(_title(module)), fontsize=TICK, color=TEXT, va="center", clip_on=True)
        axes.text(
            box.right - 0.008,
            middle,
            plain(_figures(module, tree, timed)),
            fontsize=SMALL,
            color=TEXT,
            ha="right",
            va="center",
        )
    bar = figure.colorbar(
        ScalarMappable(shade, SHADES),
        ax=axes,
        location="bottom",
        shrink=0.35,
        aspect=30,
        pad=0.01,
        anchor=(0, 1),
        ticks=MaxNLocator(5, steps=[1, 2, 5, 10]),
        format=PercentFormatter(1.0, decimals=0 if highest > 0.05 else 1),
    )
    bar.outline.set_edgecolor(GRID)
    bar.ax.tick_params(labelsize=SMALL, colors=MUTED, length=2)
    return figure


def place_boxes(tree: Module) -> list[Box]:
    """Return a box for each module, wholes before their parts; a part lies within its whole, beneath its title."""
    boxes: list[Box] = []

    def place(module: Module, depth: int, top: float) -> float:
        """Place a module and its parts, and return the height that they take."""
        index = len(boxes)
        box = Box(module=module, left=INDENT * depth, right=1 - INDENT * depth / 2, top=top, height=1.0)
        boxes.append(box)
        height = 1.0
        for part in module.parts:
            height += place(part, depth + 1, top + height) + GAP
        boxes[index] = Box(module=module, left=box.left, right=box.right, top=top, height=height)
        return height

    place(tree, 0, 0.0)
    return boxes


def _draw(axes: Axes, box: Box, colour: tuple[float, float, float, float], *, figure_rows_per_width: float) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (box.left, box.top),
            box.right - box.left,
            box.height,
            boxstyle="round,pad=0,rounding_size=0.006",
            mutation_aspect=figure_rows_per_width,
            facecolor=colour,
            edgecolor="#9aa5b3",
            linewidth=0.7,
        )
    )


def _own_cost(module: Module, timed: bool) -> float:
    """Return what a box stands for: all of a closed module, of an open one what its parts do not account for."""
    if timed:
        return (module.self_seconds or 0.0) if module.parts else (module.seconds or 0.0)
    return float(max(module.parameters - sum(part.parameters for part in module.parts), 0))


def _title(module: Module) -> str:
    title = short(module.label, 34) if module.label else ""
    if module.kind:
        title = f"{title}  {module.kind}".strip()
    times = f"  ×{module.times:,}" if module.times > 1 else ""
    inside = f"  ({module.inside:,} inside)" if module.inside and module.kind else ""
    return title + times + inside


def _figures(module: Module, tree: Module, timed: bool) -> str:
    said = [module.output] if module.output else []
    if module.parameters:
        said.append(f"{short_count(module.parameters)} parameters")
    if timed and module.seconds is not None and tree.seconds:
        said.append(f"{seconds(module.seconds)}, {percent(module.seconds / tree.seconds)}")
    elif timed and module.seconds is None:
        said.append("not called by itself")
    return " · ".join(said)
