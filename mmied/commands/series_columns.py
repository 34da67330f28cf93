"""Take the series out of a file's columns: which hold figures, which one the time."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from mmied.commands.series_file import ISO, MISSING, Cell, Grid, figure_of
from mmied.config.values import suggest
from mmied.errors import MmiedError

TIME_WORDS = frozenset({"at", "date", "datetime", "epoch", "time", "timestamp", "times", "ts", "when"})
# Unix times of the years 2000 to 2100, in seconds, and in milli-, micro- and nanoseconds.
FIRST_SECOND, LAST_SECOND = 946_684_800.0, 4_102_444_800.0
SCALES = (1.0, 1e3, 1e6, 1e9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A column of figures, NaN where there is none, with the Unix time of each where the file tells it."""

    name: str
    values: tuple[float, ...]
    times: tuple[float, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The series of a file, and what a reader should know of the rest."""

    series: tuple[Series, ...]
    notes: tuple[str, ...]


def choose_series(grid: Grid, wanted: Sequence[str]) -> Chosen:
    """Return the columns that `wanted` names or numbers, or all that hold figures. Raises MmiedError."""
    names = list(dict.fromkeys(_name_of(grid, word) for word in wanted))
    time_name = next((name for name in grid.columns if name not in names and _times(grid, name)), None)
    times = _times(grid, time_name) if time_name is not None else None
    notes = []
    if not names:
        names, left_out = _with_figures(grid, time_name)
        if left_out:
            notes.append(f"left out, since they hold no figures of runs: {', '.join(left_out)}")
    order: Sequence[int] = range(len(grid.rows))
    if times is not None and list(times) != sorted(times):
        order = sorted(order, key=times.__getitem__)
        notes.append("the rows were put in the order of their times; an index counts them in that order")
    series = []
    for name in names:
        values = _values(grid, name)
        series.append(
            Series(
                name=name,
                values=tuple(values[row] for row in order),
                times=tuple(times[row] for row in order) if times is not None else None,
            )
        )
    return Chosen(series=tuple(series), notes=tuple(notes))


def _name_of(grid: Grid, word: str) -> str:
    if word in grid.columns:
        return word
    if word.isdecimal() and 1 <= int(word) <= len(grid.columns):
        return list(grid.columns)[int(word) - 1]
    if word.isdecimal():
        raise MmiedError(f"--column: {word}: {grid.path} has {len(grid.columns)} columns, counted from 1.")
    raise MmiedError(f'--column: {grid.path} has no column "{word}". {suggest(word, grid.columns)}')


def _with_figures(grid: Grid, time_name: str | None) -> tuple[list[str], list[str]]:
    """Return the names of the columns that hold figures, and of the others besides the time. Raises MmiedError."""
    figures = [
        name
        for name, cells in grid.columns.items()
        if name != time_name and any(isinstance(figure_of(cell), float) for cell in cells)
    ]
    series = [name for name in figures if len(figures) == 1 or not _counts_rows(grid.columns[name])]
    if not series:
        raise MmiedError(f"{grid.path}: no column holds figures. It has {', '.join(grid.columns)}.")
    return series, [name for name in grid.columns if name not in (*series, time_name)]


def _counts_rows(cells: Sequence[Cell]) -> bool:
    """Tell whether a column only numbers its rows."""
    first = figure_of(cells[0])
    return first is not None and all(figure_of(cell) == first + row for row, cell in enumerate(cells))


def _values(grid: Grid, name: str) -> list[float]:
    values = []
    for row, cell in enumerate(grid.columns[name]):
        figure = figure_of(cell)
        if figure is None and str(cell or "").lower() not in MISSING:
            raise MmiedError(
                f'{grid.place(row)}: {name}: "{cell}" is not a number. Leave it empty where there is none, '
                "or name other columns with --column."
            )
        values.append(math.nan if figure is None else figure)
    return values


def _times(grid: Grid, name: str) -> tuple[float, ...] | None:
    """Return a column as Unix times; None where it does not hold such in every row."""
    cells = grid.columns[name]
    if all(isinstance(cell, str) and ISO.match(cell) for cell in cells):
        try:
            return tuple(_iso(str(cell)) for cell in cells)
        except ValueError:
            return None
    figures = [figure_of(cell) for cell in cells]
    known = [figure for figure in figures if figure is not None]
    if len(known) < len(figures) or not _may_be_time(grid, name, known):
        return None
    for scale in SCALES:
        if all(FIRST_SECOND <= figure / scale <= LAST_SECOND for figure in known):
            return tuple(figure / scale for figure in known)
    return None


def _may_be_time(grid: Grid, name: str, figures: Sequence[float]) -> bool:
    """Tell whether numbers may be Unix times, and not, say, bytes: by their name, or as a first column that rises."""
    if grid.has_names:
        return bool(TIME_WORDS & set(re.split(r"[^a-z]+", name.lower())))
    rises = all(after > before for before, after in pairwise(figures))
    return len(grid.columns) > 1 and name == next(iter(grid.columns)) and rises


def _iso(text: str) -> float:
    """Return an ISO time as a Unix time; one without a zone is taken as UTC. Raises ValueError."""
    plain = re.sub(r" ?(Z|UTC|[+-]\d\d:?\d\d)$", lambda match: match[1].replace("UTC", "Z"), text)
    at = datetime.fromisoformat(plain)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
