"""Draw the memory that tensors hold during one call."""

from matplotlib.figure import Figure

from mmied.formats import size
from mmied.inspection import MemoryTimeline
from mmied.reports.pictures.style import LINES, MUTED, SMALL, TEXT, add_axes, name_axis, new_figure, plain

LABEL_ROOM = 1.25  # times the peak, so that its label stands in the picture
RIGHT_SIDE = 0.55  # of the call: a label of a peak beyond it is written to the left


def draw_timeline(timeline: MemoryTimeline, note: str) -> Figure | None:
    """Return the curve with its peak and its average; None where nothing was allocated."""
    if not timeline.at_seconds or timeline.peak_bytes <= 0:
        return None
    figure = new_figure(f"Memory of the {timeline.space} during one call", note)
    (axes,) = add_axes(figure)
    colour = LINES[4]
    axes.step(timeline.at_seconds, timeline.allocated_bytes, where="post", color=colour, linewidth=1.4)
    axes.fill_between(timeline.at_seconds, timeline.allocated_bytes, step="post", color=colour, alpha=0.15, linewidth=0)
    axes.axhline(timeline.average_bytes, color=MUTED, linewidth=1, linestyle="--")
    end = max(timeline.at_seconds) or 1e-9
    axes.set_xlim(0, end)
    axes.set_ylim(0, LABEL_ROOM * timeline.peak_bytes)
    axes.annotate(
        f"average\n{size(timeline.average_bytes)}",
        (end, timeline.average_bytes),
        xytext=(4, 0),
        textcoords="offset points",
        ha="left",
        va="center",
        fontsize=SMALL,
        color=MUTED,
    )
    where = " in ".join(part for part in (timeline.peak_operator, timeline.peak_layer) if part)
    to_the_left = timeline.peak_at_seconds > RIGHT_SIDE * end
    axes.plot([timeline.peak_at_seconds], [timeline.peak_bytes], marker="o", markersize=5, color=TEXT)
    axes.annotate(
        plain(f"peak {size(timeline.peak_bytes)}" + (f"\n{where}" if where else "")),
        (timeline.peak_at_seconds, timeline.peak_bytes),
        xytext=(-6 if to_the_left else 6, 6),
        textcoords="offset points",
        ha="right" if to_the_left else "left",
        va="bottom",
        fontsize=SMALL,
        color=TEXT,
    )
    name_axis(axes.xaxis, "time since the call began", "s", grid=False)
    name_axis(axes.yaxis, "held above the loaded model", "B")
    return figure
