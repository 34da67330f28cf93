"""Say what was found in somebody's series, cell by cell."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from mmied.formats import NOTHING, clock, count

SIGNED_DIGITS = 2  # of a change in percent


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundChange:
    """A level shift of a series. `index` is the first value of the new level, and `at` its time where there is one.

    What looks back over the whole series tells `t`; what followed it value by value the index at which it was sure.
    """

    index: int
    at: float | None
    before: float
    after: float
    ratio: float | None
    lower: float | None
    upper: float | None
    worse: bool
    t: float | None = None
    confirmed_index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSeries:
    """A series, NaN where it has no value, and its changes. `note` says what else is known; why it was not judged."""

    name: str
    values: tuple[float, ...]
    times: tuple[float, ...] | None
    changes: tuple[FoundChange, ...]
    judged: bool = True
    note: str = ""


def change_head(series: Sequence[JudgedSeries]) -> tuple[str, ...]:
    """Return the names of the columns of a table of changes."""
    time = ("time",) if _has_times(series) else ()
    return ("series", "index", *time, "before", "after", "change", "95 % interval", "is", _evidence(series))


def change_rows(series: Sequence[JudgedSeries]) -> list[tuple[str, ...]]:
    """Return a row for each change, under `change_head`."""
    has_times = _has_times(series)
    return [
        (
            each.name,
            str(change.index),
            *((clock(change.at),) if has_times else ()),
            figure(change.before),
            figure(change.after),
            signed(change.ratio),
            interval(change),
            "worse" if change.worse else "better",
            _sureness(change),
        )
        for each in series
        for change in each.changes
    ]


def series_words(series: JudgedSeries) -> str:
    """Return what a series came to, in a sentence."""
    known = sum(map(math.isfinite, series.values))
    values = f"{count(known)} value{'s' if known != 1 else ''}"
    if not series.judged:
        return f"{series.name}: {values}: {series.note}"
    found = len(series.changes)
    changes = f"{count(found)} change{'s' if found != 1 else ''}" if found else "no change"
    return f"{series.name}: {values}, {changes}" + (f"; {series.note}" if series.note else "")


def levels(series: JudgedSeries) -> list[tuple[int, int, float]]:
    """Return where each level begins, where the next does, and the median of the values between."""
    bounds = [0, *(change.index for change in series.changes), len(series.values)]
    found = []
    for start, end in pairwise(bounds):
        known = [value for value in series.values[start:end] if math.isfinite(value)]
        if known:
            found.append((start, end, median(known)))
    return found


def figure(value: float) -> str:
    """Return a value of no known unit with five digits: by three a change of a percent would not show."""
    if value == 0 or not 1e-4 <= abs(value) < 1e12:
        return f"{value:.5g}"
    return f"{value:,.{max(0, 4 - math.floor(math.log10(abs(value))))}f}"


def signed(ratio: float | None) -> str:
    """Return a change in percent with its sign."""
    return NOTHING if ratio is None else f"{100 * ratio:+,.{SIGNED_DIGITS}f} %"


def interval(change: FoundChange) -> str:
    """Return what the change is within."""
    if change.lower is None or change.upper is None:
        return NOTHING
    return f"{signed(change.lower)} to {signed(change.upper)}"


def _has_times(series: Sequence[JudgedSeries]) -> bool:
    return any(each.times is not None for each in series)


def _evidence(series: Sequence[JudgedSeries]) -> str:
    online = any(change.confirmed_index is not None for each in series for change in each.changes)
    return "sure at index" if online else "t"


def _sureness(change: FoundChange) -> str:
    if change.confirmed_index is not None:
        return str(change.confirmed_index)
    return NOTHING if change.t is None else f"{change.t:.1f}"
