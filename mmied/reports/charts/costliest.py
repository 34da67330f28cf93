"""Draw the layers that cost the most time by themselves."""

from mmied.inspection import Layers
from mmied.reports.charts.chart import Chart, named_rows, plain_figure, row_margin
from mmied.reports.charts.plot import SECONDS_AXIS, number, text

MOST_BARS = 15
ROW_PIXELS = 22


def layers_chart(layers: Layers) -> Chart | None:
    """Return bars of the layers with the most time of their own; None where the times tell nothing."""
    timed = sorted(
        (layer for layer in layers.layers if layer.self_seconds and layer.self_seconds > 0),
        key=lambda layer: -(layer.self_seconds or 0.0),
    )
    if not timed or not layers.told_apart:
        return None
    shown = timed[:MOST_BARS]
    whole = sum(layer.self_seconds or 0.0 for layer in timed)
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": [number(layer.self_seconds) for layer in shown],
        "y": list(range(len(shown))),
        "marker": {"color": "var(--line-1)"},
        "customdata": [
            [text(layer.name or "the model itself"), text(layer.kind), round((layer.self_seconds or 0) / whole, 4)]
            for layer in shown
        ],
        "hovertemplate": "%{customdata[0]} (%{customdata[1]})<br>%{x:.3s}s, %{customdata[2]:.1%} of all layers"
        "<extra></extra>",
    }
    names = [layer.name or "the model itself" for layer in shown]
    figure = plain_figure(
        [trace],
        x=SECONDS_AXIS | {"rangemode": "tozero"},
        y=named_rows(names),
        margin=row_margin(names, b=26),
        bargap=0.25,
    )
    rest = f"{len(shown)} of {len(timed):,} that took time" if len(timed) > len(shown) else ""
    return Chart(
        title="Layers that cost the most time by themselves",
        figure=figure,
        note=rest,
        label="Bars of the costliest layers; the table below has the figures",
        wide=True,
        height_pixels=50 + ROW_PIXELS * len(shown),
    )
