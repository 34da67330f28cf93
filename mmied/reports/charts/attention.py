"""Draw attention weights: for each layer its heads side by side, a row for each query, a column for each key."""

from collections.abc import Sequence

from mmied.inspection import Attention
from mmied.reports.charts.chart import Chart
from mmied.reports.charts.plot import Figure, axis, base_layout, text

MOST_LAYERS = 6
MOST_HEADS = 8  # side by side, each has to stay large enough to be seen
MOST_TOKENS = 64
BETWEEN = 0.02  # of the width
HEAD_PIXELS = 230
LEAST_HEAD_PIXELS = 130


def attention_charts(attentions: Sequence[Attention]) -> list[Chart]:
    """Return a chart for each of the first layers; what is left out stands in its note."""
    return [_chart(attention) for attention in attentions[:MOST_LAYERS] if attention.weights]


def _chart(attention: Attention) -> Chart:
    heads = attention.weights[:MOST_HEADS]
    columns = min(len(heads), 4)
    rows = -(-len(heads) // columns)
    layout = base_layout() | {"margin": {"l": 34, "r": 60, "t": 22, "b": 30}, "annotations": []}
    traces: list[Figure] = []
    for place, weights in enumerate(heads):
        number = "" if place == 0 else str(place + 1)
        column, row = place % columns, place // columns
        left, top = column / columns, 1 - row / rows
        right = left + 1 / columns - BETWEEN
        bottom = top - 1 / rows + (0.14 if rows > 1 else 0)
        look = axis() | {"showgrid": False, "zeroline": False, "nticks": 5, "constrain": "domain", "automargin": False}
        layout[f"xaxis{number}"] = look | {"domain": [left, right], "anchor": f"y{number}"}
        layout[f"yaxis{number}"] = look | {
            "domain": [max(bottom, 0), top],
            "anchor": f"x{number}",
            "autorange": "reversed",
            "showticklabels": column == 0,
        }
        layout["annotations"].append(
            {
                "x": (left + right) / 2,
                "y": top,
                "xref": "paper",
                "yref": "paper",
                "yanchor": "bottom",
                "text": f"head {place}",
                "showarrow": False,
                "font": {"color": "var(--text)", "size": 11},
            }
        )
        traces.append(
            {
                "type": "heatmap",
                "z": [[round(weight, 3) for weight in query[:MOST_TOKENS]] for query in weights[:MOST_TOKENS]],
                "xaxis": f"x{number}",
                "yaxis": f"y{number}",
                "coloraxis": "coloraxis",
                "hovertemplate": f"head {place}: query %{{y}} gives key %{{x}} %{{z:.1%}}<extra></extra>",
            }
        )
    layout["coloraxis"] = {
        "colorscale": [[0, "var(--sunken)"], [1, "var(--p50)"]],
        "cmin": 0,
        "colorbar": {"thickness": 10, "tickformat": ".0%", "outlinewidth": 0},
    }
    return Chart(
        title=attention.layer,
        figure={"data": traces, "layout": layout},
        note=_left_out(attention),
        label=f"Attention weights of {text(attention.layer)}, by head",
        wide=True,
        height_pixels=40 + HEAD_PIXELS * rows,
        least_width_pixels=90 + LEAST_HEAD_PIXELS * columns,
    )


def _left_out(attention: Attention) -> str:
    weights = attention.weights
    parts = (
        ("heads", MOST_HEADS, len(weights), attention.heads),
        ("queries", MOST_TOKENS, len(weights[0]), attention.queries),
        ("keys", MOST_TOKENS, len(weights[0][0]) if weights[0] else 0, attention.keys),
    )
    said = []
    for name, most, kept, told in parts:
        whole = told or kept
        if min(most, kept) < whole:
            said.append(f"the first {min(most, kept)} of {whole:,} {name}")
    return ", ".join(said)
