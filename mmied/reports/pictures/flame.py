"""Draw a flame graph that stands still: callers above callees, each as wide as its time."""

from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mmied.formats import seconds
from mmied.reports.frames import FlameGraph, total_seconds
from mmied.reports.kinds import COLOURS
from mmied.reports.pictures.style import SMALL, TEXT, add_axes, categories_legend, new_figure, plain

WIDTH = 11.0
ROW = 0.19  # inches
LETTER = 0.069  # inches that a letter takes, in the mean
NARROWEST = 0.002  # of the width
MOST_ROWS = 45


def draw_flame(graph: FlameGraph) -> Figure | None:
    """Return the frames that are wide enough to be seen, down to MOST_ROWS callees; None without any time."""
    totals = total_seconds(graph.frames)
    if not totals or totals[0] <= 0:
        return None
    lefts, depths, ends = [0.0] * len(totals), [0] * len(totals), [0.0] * len(totals)
    shown = []
    for index, frame in enumerate(graph.frames):  # a caller stands before what it calls
        if frame.parent is not None:
            lefts[index] = ends[frame.parent]
            ends[frame.parent] += totals[index] / totals[0]
            depths[index] = depths[frame.parent] + 1
        ends[index] = lefts[index]
        if totals[index] >= NARROWEST * totals[0] and depths[index] < MOST_ROWS:
            shown.append(index)
    rows = max(depths[index] for index in shown) + 1
    call = totals[0] / graph.calls
    note = f"{graph.profiler}, batch {graph.batch_size}, {graph.device}, {seconds(call)} a call while it was profiled"
    figure = new_figure(f"{graph.model}: flame graph", note, width=WIDTH, height=1.0 + ROW * rows)
    (axes,) = add_axes(figure)
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(rows, 0)
    boxes = [Rectangle((lefts[index], depths[index]), totals[index] / totals[0], 0.94) for index in shown]
    kinds = [graph.frames[index].category for index in shown]
    colours = [COLOURS.get(kind, COLOURS["other"]) for kind in kinds]
    axes.add_collection(PatchCollection(boxes, facecolor=colours, edgecolor="white", linewidth=0.5))
    for index in shown:
        letters = int(totals[index] / totals[0] * (WIDTH - 0.3) / LETTER) - 1
        name = graph.frames[index].name
        if letters < 3:
            continue
        axes.text(
            lefts[index] + 0.0025,
            depths[index] + 0.5,
            plain(name if len(name) <= letters else f"{name[: letters - 1]}…"),
            fontsize=SMALL - 1,
            color=TEXT,
            va="center",
            clip_on=True,
        )
    categories_legend(figure, kinds)
    return figure
