"""`mmied detect`: where did the level of a series of anybody's change?"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from mmied.commands.series_columns import Series, choose_series
from mmied.commands.series_file import read_grid
from mmied.commands.table import format_table
from mmied.commands.working import unwritable
from mmied.config.values import parse_effect
from mmied.errors import MmiedError
from mmied.reports.series_page import series_html
from mmied.reports.series_rows import FoundChange, JudgedSeries, change_head, change_rows, series_words
from mmied.verdicts.changes import LEAST_VALUES, Better, find_changes
from mmied.verdicts.detector import DetectorSettings, Point, Shift, advance, start

FORMAT_VERSION = 1


def detect(
    path: Path,
    *,
    columns: Sequence[str],
    online: bool,
    better: Better,
    minimum_change: str,
    form: Literal["text", "json"],
    plot: Path | None,
) -> int:
    """Print the changes of the series in a file, and draw them into `plot`. Raises MmiedError where none is judged."""
    try:
        minimum_ratio = parse_effect(minimum_change)
    except ValueError as error:
        raise MmiedError(f"--minimum-change: {minimum_change} {error}") from error
    chosen = choose_series(read_grid(path), columns)
    judged = [_judged(series, online=online, better=better, minimum_ratio=minimum_ratio) for series in chosen.series]
    if not any(each.judged for each in judged):
        raise MmiedError("\n".join(f"{path}: {series_words(each)}" for each in judged))
    if plot is not None:
        how = f"judged {'value by value' if online else 'as a whole'}; {better} is better; "
        how += f"changes of at least {100 * minimum_ratio:g} %"
        _write(plot, series_html(judged, source=path.name, how=how, notes=chosen.notes))
    if form == "json":
        print(json.dumps(_document(path, judged, chosen.notes), indent=2, allow_nan=False))
        return 0
    rows = change_rows(judged)
    if rows:
        print(format_table(change_head(judged), rows))
    for line in (
        *map(series_words, judged),
        *(f"note: {note}" for note in chosen.notes),
        *([str(plot)] if plot else []),
    ):
        print(line)
    return 0


def _judged(series: Series, *, online: bool, better: Better, minimum_ratio: float) -> JudgedSeries:
    known = sum(map(math.isfinite, series.values))
    if known < LEAST_VALUES:
        note = f"too few to be judged, it takes {LEAST_VALUES}"
        return JudgedSeries(
            name=series.name, values=series.values, times=series.times, changes=(), judged=False, note=note
        )
    find = _followed if online else _looked_back
    changes, note = find(series, better, minimum_ratio)
    return JudgedSeries(name=series.name, values=series.values, times=series.times, changes=tuple(changes), note=note)


def _looked_back(series: Series, better: Better, minimum_ratio: float) -> tuple[list[FoundChange], str]:
    """Return the changes of the whole series."""
    return [
        FoundChange(
            index=change.index,
            at=series.times[change.index] if series.times else None,
            before=change.before,
            after=change.after,
            ratio=change.ratio,
            lower=change.lower,
            upper=change.upper,
            worse=change.worse,
            t=change.t,
        )
        for change in find_changes(series.values, better=better, minimum_ratio=minimum_ratio)
    ], ""


def _followed(series: Series, better: Better, minimum_ratio: float) -> tuple[list[FoundChange], str]:
    """Return the changes that the daemon's detector would have told of, and where it stands at the end."""
    is_ratio = all(value > 0 for value in series.values if math.isfinite(value))
    settings = DetectorSettings(minimum_ratio=minimum_ratio, better=better, scale="log" if is_ratio else "plain")
    state = start()
    found = []
    for index, value in enumerate(series.values):
        point = Point(
            at=float(index),  # of several runs of one day, dated alike, each counts
            value=math.log(value) if is_ratio and math.isfinite(value) else value,
            fit=math.isfinite(value),
        )
        before = state.shifts[-1:]
        state = advance(state, point, settings)
        if state.shifts[-1:] != before:
            found.append(_confirmed(state.shifts[-1], series, index))
    return found, f"{state.status.replace('_', ' ')} at the end ({state.why})"


def _confirmed(shift: Shift, series: Series, confirmed_index: int) -> FoundChange:
    return FoundChange(
        index=shift.first_index,
        at=series.times[shift.first_index] if series.times else None,
        before=shift.before,
        after=shift.after,
        ratio=shift.ratio,
        lower=shift.lower,
        upper=shift.upper,
        worse=shift.worse,
        confirmed_index=confirmed_index,
    )


def _document(path: Path, judged: Sequence[JudgedSeries], notes: Sequence[str]) -> dict[str, Any]:
    return {
        "version": FORMAT_VERSION,
        "file": str(path),
        "notes": list(notes),
        "series": [
            {
                "name": each.name,
                "values": sum(map(math.isfinite, each.values)),
                "judged": each.judged,
                "note": each.note,
                "changes": [_change_document(change) for change in each.changes],
            }
            for each in judged
        ],
    }


def _change_document(change: FoundChange) -> dict[str, Any]:
    """Return a change by the names of the public `Change`, with what only one of the two ways knows of it."""
    names = ("index", "at", "before", "after", "ratio", "lower", "upper", "worse")
    evidence = {"t": change.t, "confirmed_index": change.confirmed_index}
    return {name: getattr(change, name) for name in names} | {k: v for k, v in evidence.items() if v is not None}


def _write(path: Path, page: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise unwritable(path, "--plot", error) from error
