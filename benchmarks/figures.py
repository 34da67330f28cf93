"""Print figures beside their bars, and tell by the exit status whether all were met."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmied.commands.table import format_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of a report. A figure without a bar is told for what it means, and judged by nobody."""

    what: str
    shown: str
    bar: str = ""
    met: bool | None = None


def at_most(what: str, value: float, bar: float, shape: str) -> Figure:
    """Return a figure that must not be above its bar; `shape` formats both: "{:.1f} MB"."""
    return Figure(what=what, shown=shape.format(value), bar=f"≤ {shape.format(bar)}", met=value <= bar)


def report(figures: Sequence[Figure]) -> int:
    """Print `figures` and return the exit status: 1 when a bar was missed."""
    words = {True: "met", False: "MISSED", None: ""}
    rows = [(figure.what, figure.shown, figure.bar, words[figure.met]) for figure in figures]
    print(format_table(("what", "figure", "bar", ""), rows))
    return 1 if any(figure.met is False for figure in figures) else 0
