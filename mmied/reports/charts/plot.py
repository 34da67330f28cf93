"""Build what all charts share: plotly figures as plain dicts, their axes, gaps and colours.

A colour is the name of a variable of the style sheet, `var(--p50)`; the browser puts in what it stands for, so that
charts follow the light or dark scheme. Times are Unix milliseconds in UTC.
"""

import html
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

Figure = dict[str, Any]
GAP_INTERVALS = 3.5  # a line is broken where this many usual intervals hold no point
MANY_POINTS = 120  # from here on marks would run into each other


def number(value: float | None) -> float | None:
    """Return `value` with the five digits that a chart can show; None where JSON has no word for it."""
    return float(f"{value:.5g}") if value is not None and math.isfinite(value) else None


def text(said: str) -> str:
    """Return `said` so that plotly, which knows some tags, shows it letter by letter."""
    return html.escape(said, quote=False)


def milliseconds(at: float) -> int:
    """Return a Unix time in seconds as a date axis takes it."""
    return round(at * 1000)


def gaps(times: Sequence[float]) -> list[int]:
    """Return the indexes before which `times`, in seconds and ascending, leave more than the usual interval."""
    steps = [after - before for before, after in pairwise(times)]
    if not steps:
        return []
    usual = median(steps)
    return [index + 1 for index, step in enumerate(steps) if step > GAP_INTERVALS * usual]


def broken(values: Sequence[Any], at: Sequence[int], fill: Any = None) -> list[Any]:
    """Return `values` with `fill` put in before each index of `at`."""
    breaks = set(at)
    return [item for index, value in enumerate(values) for item in ((fill, value) if index in breaks else (value,))]


def line(
    name: str,
    times: Sequence[float],
    values: Sequence[float | None],
    *,
    color: str,
    hover: str,
    dash: str | None = None,
    width: float = 1.6,
    markers: bool = False,
    **more: Any,
) -> Figure:
    """Return a trace of `values` over Unix `times`, broken at gaps. `hover` is plotly's template for a value."""
    breaks = gaps(times)
    trace: Figure = {
        "type": "scatter",
        "name": name,
        "mode": "lines+markers" if markers else "lines",
        "x": broken([milliseconds(at) for at in times], breaks),
        "y": broken([number(value) for value in values], breaks),
        "line": {"color": color, "width": width, **({"dash": dash} if dash else {})},
        "hovertemplate": hover,
        "connectgaps": False,
    }
    if markers:
        trace["marker"] = {"size": 4 if len(times) <= MANY_POINTS else 2.5, "color": color}
    return trace | more


def time_figure(
    data: Sequence[Figure],
    since: float,
    until: float,
    *,
    value_axis: Mapping[str, Any],
    marks: Sequence[tuple[float, str]] = (),
) -> Figure:
    """Return a figure of `data` from `since` to `until`, in Unix seconds.

    `marks` are moments, each with the text to show when it is pointed at.
    """
    layout = base_layout() | {
        "hovermode": "x unified",
        "xaxis": axis() | {"type": "date", "range": [milliseconds(since), milliseconds(until)]},
        "yaxis": axis() | {"rangemode": "tozero"} | dict(value_axis),
    }
    if not marks:
        return {"data": list(data), "layout": layout}
    layout["shapes"] = [
        {
            "type": "line",
            "x0": milliseconds(at),
            "x1": milliseconds(at),
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "line": {"color": "var(--mark)", "width": 1, "dash": "dot"},
        }
        for at, _ in marks
    ]
    layout["yaxis2"] = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
    flags: Figure = {
        "type": "scatter",
        "name": "events",
        "mode": "markers",
        "x": [milliseconds(at) for at, _ in marks],
        "y": [1] * len(marks),
        "yaxis": "y2",
        "cliponaxis": False,
        "marker": {"symbol": "triangle-down", "size": 9, "color": "var(--mark)"},
        "text": [text(said) for _, said in marks],
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }
    return {"data": [*data, flags], "layout": layout}


def base_layout() -> Figure:
    """Return the layout that every figure starts from."""
    return {
        "autosize": True,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 58, "r": 10, "t": 10, "b": 26},
        "font": {"family": "var(--font)", "size": 11, "color": "var(--muted)"},
        "legend": {
            "traceorder": "normal",
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "xanchor": "left",
            "yanchor": "bottom",
        },
        "hoverlabel": {
            "bgcolor": "var(--surface)",
            "bordercolor": "var(--line)",
            "font": {"color": "var(--text)"},
            "align": "left",
        },
        "uirevision": "keep",  # a refresh leaves the zoom alone
    }


def axis() -> Figure:
    """Return the look of an axis."""
    return {
        "gridcolor": "var(--grid)",
        "linecolor": "var(--line)",
        "zeroline": False,
        "automargin": "height+width",
        "fixedrange": False,
    }


SECONDS_AXIS = {"tickformat": "~s", "ticksuffix": "s"}
BYTES_AXIS = {"tickformat": "~s", "ticksuffix": "B"}
BYTES_RATE_AXIS = {"tickformat": "~s", "ticksuffix": "B/s"}
COUNT_AXIS = {"tickformat": "~s"}
PERCENT_AXIS = {"tickformat": "~%"}


def hover(format_: str, suffix: str = "") -> str:
    """Return the template of a value in the box that names its trace: %{y:.3s}s."""
    return f"%{{y:{format_}}}{suffix}"
