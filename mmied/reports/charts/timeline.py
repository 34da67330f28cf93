"""Draw the memory that tensors hold during one call, its peak named."""

from mmied.formats import size
from mmied.inspection import MemoryTimeline
from mmied.reports.charts.chart import Chart, plain_figure, short_name, titled
from mmied.reports.charts.plot import BYTES_AXIS, SECONDS_AXIS, Figure, number, text


def timeline_chart(timeline: MemoryTimeline) -> Chart | None:
    """Return the curve of `timeline`; None where no memory was taken."""
    if not timeline.at_seconds:
        return None
    culprit = [short_name(part, 30) for part in (timeline.peak_operator, timeline.peak_layer) if part]
    peak = number(timeline.peak_at_seconds)
    late = timeline.peak_at_seconds > 0.6 * timeline.at_seconds[-1]
    figure = plain_figure(
        [_curve(timeline), _peak(timeline)],
        x=SECONDS_AXIS | titled("since the call began") | {"range": [0, timeline.at_seconds[-1] or 1e-9]},
        y=BYTES_AXIS | {"rangemode": "tozero", "range": [0, max(timeline.peak_bytes, 1) * 1.4]},
        showlegend=False,
        annotations=[
            {
                "x": peak,
                "y": timeline.peak_bytes,
                "text": "<br>".join(map(text, (f"peak {size(timeline.peak_bytes)}", *culprit))),
                "showarrow": False,
                "xanchor": "right" if late else "left",
                "xshift": -8 if late else 8,
                "yanchor": "bottom",
                "yshift": -6,
                "align": "right" if late else "left",
                "font": {"color": "var(--text)", "size": 11},
            }
        ],
    )
    return Chart(
        title=f"Memory of the {timeline.space} during one call",
        figure=figure,
        note="above what the loaded model holds",
        label=f"Memory during one call; its peak is {size(timeline.peak_bytes)}",
        wide=True,
        height_pixels=300,
    )


def _curve(timeline: MemoryTimeline) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [number(at) for at in timeline.at_seconds],
        "y": list(timeline.allocated_bytes),
        "line": {"color": "var(--memory)", "width": 1.4, "shape": "hv"},
        "fill": "tozeroy",
        "hovertemplate": "%{y:.3s}B at %{x:.3s}s<extra></extra>",
    }


def _peak(timeline: MemoryTimeline) -> Figure:
    culprit = " in ".join(part for part in (timeline.peak_operator, timeline.peak_layer) if part)
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [number(timeline.peak_at_seconds)],
        "y": [timeline.peak_bytes],
        "marker": {"size": 8, "color": "var(--text)"},
        "hovertemplate": "peak %{y:.3s}B<br>" + text(culprit) + "<extra></extra>",
    }
