"""Draw how complex a model's parts are: parameters, arithmetic and time, side by side."""

from collections.abc import Callable

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mmied.formats import seconds
from mmied.inspection import Layers
from mmied.reports.pictures.module_tree import Module, fold
from mmied.reports.pictures.style import LINES, ROW, add_axes, bars, name_axis, new_figure, short_count

MOST_MODULES = 24  # of the tree that the rows are cut from
COVERED_RATIO = 0.8  # of what a module holds, computes and takes: parts with less of it do not stand for the whole


def draw_complexity(layers: Layers, note: str) -> Figure | None:
    """Return bars of what each part of the model holds, computes and takes; None where there is nothing of the three.

    A module is shown by its parts where these account for it: not where it keeps weights itself, or runs fused.
    """
    tree = fold(layers, MOST_MODULES)
    if tree is None:
        return None
    rows = [row for part in tree.parts for row in _rows(part)] or [tree]
    panels = [
        ("parameters", "", [float(row.parameters) for row in rows], [short_count(row.parameters) for row in rows]),
        ("FLOPs of a call", "", [row.flops or 0.0 for row in rows], [_said(row.flops, short_count) for row in rows]),
    ]
    if layers.told_apart:
        panels.append(
            ("time of a call", "s", [row.seconds or 0.0 for row in rows], [_said(row.seconds, seconds) for row in rows])
        )
    panels = [panel for panel in panels if any(value > 0 for value in panel[2])]
    if not panels:
        return None
    figure = new_figure(
        "Complexity of the model's parts", note, width=4.4 + 1.9 * len(panels), height=1.5 + ROW * len(rows)
    )
    names = [
        (row.label if not row.name else f"{row.name}") + (f"  ×{row.times}" if row.times > 1 else "") for row in rows
    ]
    for place, (axes, (name, unit, values, said)) in enumerate(
        zip(add_axes(figure, 1, len(panels), sharey=True), panels, strict=True)
    ):
        bars(axes, names, values, said, LINES[place], inches=2.0)
        axes.xaxis.set_major_locator(MaxNLocator(3))
        name_axis(axes.xaxis, name, unit)
    return figure


def _rows(module: Module) -> list[Module]:
    held = (
        (float(module.parameters), [float(part.parameters) for part in module.parts]),
        (module.flops or 0.0, [part.flops or 0.0 for part in module.parts]),
        (module.seconds or 0.0, [part.seconds or 0.0 for part in module.parts]),
    )
    if not module.parts or any(sum(parts) < COVERED_RATIO * whole for whole, parts in held):
        return [module]
    return [row for part in module.parts for row in _rows(part)]


def _said(value: float | None, say: Callable[[float], str]) -> str:
    return "–" if value is None else say(value)
