"""A figure with the words around it, as a page shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmied.reports.charts.plot import Figure, axis, base_layout, text

LONGEST_NAME = 38
GLYPH_PIXELS = 6  # of an average letter


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A figure under its title. `label` says to those who do not see it what it shows; `note` what it leaves out."""

    title: str
    figure: Figure
    label: str
    note: str = ""
    wide: bool = False
    height_pixels: int = 240
    least_width_pixels: int = 0  # on a narrow screen it scrolls


def plain_figure(traces: Sequence[Figure], *, x: Mapping[str, Any], y: Mapping[str, Any], **layout: Any) -> Figure:
    """Return a figure of `traces` over two axes; each is given what differs from the usual look."""
    whole = base_layout() | {"hovermode": "closest", "xaxis": axis() | dict(x), "yaxis": axis() | dict(y)}
    return {"data": list(traces), "layout": whole | layout}


def named_rows(names: Sequence[str]) -> dict[str, Any]:
    """Return the axis of horizontal rows, the first on top."""
    return {
        "range": [len(names) - 0.5, -0.5],
        "tickvals": list(range(len(names))),
        "ticktext": [text(short_name(name)) for name in names],
        "showgrid": False,
        "zeroline": False,
    }


def row_margin(names: Sequence[str], **sides: int) -> dict[str, int]:
    """Return margins that leave room for the names of rows: plotly's own guess redraws again and again."""
    longest = max((len(short_name(name)) for name in names), default=0)
    return {"l": 16 + GLYPH_PIXELS * longest, "r": 14, "t": 8, "b": 40} | sides


def short_name(name: str, most: int = LONGEST_NAME) -> str:
    """Return a name cut in its middle: both ends of a layer's name tell it."""
    return name if len(name) <= most else f"{name[: most // 3]}…{name[-(most - most // 3 - 1) :]}"


def titled(said: str) -> dict[str, Any]:
    """Return the title of an axis."""
    return {"title": {"text": said, "standoff": 8}}
