"""Draw attention weights as heatmaps: a panel for each head, a row for each query, a column for each key."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mmied.errors import MmiedError
from mmied.inspection import Attention
from mmied.reports.pictures.style import MUTED, SMALL, TICK, add_axes, new_figure, plain, whole_numbers

MOST_HEADS = 12
MOST_COLUMNS = 4
PANEL = 1.9  # inches


def draw_attention(
    attention: Attention | Any, *, title: str | None = None, tokens: Sequence[str] | None = None
) -> Figure:
    """Return a heatmap for each head of `attention`: a record, or an array by head, query and key (or query and key).

    `tokens` name queries and keys where both are the same sequence. Raises MmiedError for anything else than
    such weights.
    """
    if isinstance(attention, Attention):
        weights, title = np.asarray(attention.weights, dtype=float), title or f"Attention of {attention.layer}"
    else:
        weights = _as_array(attention)
    if weights.ndim == 2:
        weights = weights[None]
    if weights.ndim != 3 or 0 in weights.shape:
        raise MmiedError(
            f"attention weights of shape {weights.shape} cannot be drawn. Give those of one sample, by head, query "
            "and key: weights[0] of what nn.MultiheadAttention returns with average_attn_weights=False."
        )
    heads, queries, keys = weights.shape
    shown = min(heads, MOST_HEADS)
    columns = min(shown, MOST_COLUMNS)
    rows = -(-shown // columns)
    note = f"{heads} head{'s' if heads > 1 else ''}, {queries} queries × {keys} keys"
    note += f" · the first {shown} heads" if shown < heads else ""
    figure = new_figure(
        title or "Attention", note, width=max(PANEL * columns + 1.6, 5.0), height=PANEL * rows * 1.08 + 1.1
    )
    grid = add_axes(figure, rows, columns, sharex=True, sharey=True)
    highest = float(np.nanmax(weights)) or 1.0
    image = None
    for head, axes in enumerate(grid):
        if head >= shown:
            axes.set_visible(False)
            continue
        image = axes.imshow(weights[head], cmap="Blues", vmin=0, vmax=highest, aspect="auto", interpolation="nearest")
        axes.set_title(f"head {head}", fontsize=TICK, color=MUTED)
        if tokens is not None and len(tokens) == keys == queries:
            named = [plain(token) for token in tokens]
            axes.set_xticks(range(keys), named, rotation=90, fontsize=SMALL)
            axes.set_yticks(range(queries), named, fontsize=SMALL)
        else:
            whole_numbers(axes.xaxis)
            whole_numbers(axes.yaxis)
    assert image is not None
    bar = figure.colorbar(image, ax=grid, shrink=0.8, aspect=24, pad=0.02, format=PercentFormatter(1.0))
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=TICK, colors=MUTED)
    figure.supxlabel("key", fontsize=TICK, color=MUTED)
    figure.supylabel("query", fontsize=TICK, color=MUTED)
    return figure


def _as_array(given: Any) -> np.ndarray:
    """Return weights as an array; a tensor is brought to the host first, by its own methods."""
    if hasattr(given, "detach"):
        given = given.detach().cpu().float()
    try:
        return np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise MmiedError(
            f"attention weights cannot be drawn: {error}. Give an array by head, query and key."
        ) from error
