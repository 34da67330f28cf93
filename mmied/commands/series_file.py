"""Read the columns of a CSV or JSON file of anybody's, cell by cell, without a thought about what they mean."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmied.errors import MmiedError
from mmied.formats import size

LARGEST_BYTES = 64_000_000  # a million rows of four columns; as Python's texts they take a gigabyte
MISSING = frozenset({"", "nan", "null", "none", "na", "n/a", "-"})
ISO = re.compile(r"\d{4}-\d\d-\d\d")
DELIMITERS = (",", ";", "\t")
SHAPES = 'Give a list of numbers, a list of objects, or {"name": [numbers]}.'

Cell = str | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The columns of a file, all equally long. `rows` tell where each row stands, as `row_word` counts: line 7."""

    path: Path
    columns: Mapping[str, Sequence[Cell]]
    has_names: bool
    row_word: str
    rows: Sequence[int]

    def place(self, row: int) -> str:
        """Return where a row stands in the file."""
        return f"{self.path}: {self.row_word} {self.rows[row]}"


def read_grid(path: Path) -> Grid:
    """Return the columns of a file: JSON where its name ends so, else CSV. Raises MmiedError."""
    text = _text(path)
    return _from_json(path, text) if path.suffix.lower() == ".json" else _from_csv(path, text)


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise MmiedError(f"{path}: is no file. Give a CSV or JSON file.")
        taken = path.stat().st_size
        if taken > LARGEST_BYTES:
            raise MmiedError(
                f"{path}: has {size(taken)}, and {size(LARGEST_BYTES)} are the most. "
                "Cut it to the columns and the time that matter, or give a figure for each run."
            )
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise MmiedError(f"{path}: cannot be read: {error.strerror}. Give a CSV or JSON file.") from error
    except UnicodeDecodeError as error:
        raise MmiedError(f"{path}: is no text in UTF-8. Give a CSV or JSON file.") from error
    if not text.strip():
        raise MmiedError(f"{path}: is empty. It takes a row for each run.")
    return text


def _from_csv(path: Path, text: str) -> Grid:
    first_line = next(line for line in text.splitlines() if line.strip())
    delimiter = max(DELIMITERS, key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
                lines.append(reader.line_num)
    except csv.Error as error:
        raise MmiedError(f"{path}: line {reader.line_num}: cannot be read as CSV: {error}.") from error
    width = len(rows[0])
    for row, line in zip(rows, lines, strict=True):
        if len(row) != width:
            raise MmiedError(f"{path}: line {line}: has {len(row)} cells where line {lines[0]} has {width}.")
    has_names = _may_name(rows[0])
    numbered = [f"column {number}" for number in range(1, width + 1)]
    names = [name or number for name, number in zip(rows[0], numbered, strict=True)] if has_names else numbered
    for name in names:
        if names.count(name) > 1:
            raise MmiedError(
                f'{path}: line {lines[0]}: "{name}" heads {names.count(name)} columns. Give each a name of its own.'
            )
    if has_names:
        del rows[0], lines[0]
    if not rows:
        raise MmiedError(f"{path}: has a line of names and no row below it.")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    return Grid(path=path, columns=columns, has_names=has_names, row_word="line", rows=lines)


def _may_name(cells: Sequence[str]) -> bool:
    """Tell whether the first line may name the columns: it holds neither a figure nor a time."""
    return any(cell.lower() not in MISSING for cell in cells) and not any(
        figure_of(cell) is not None or ISO.match(cell) for cell in cells
    )


def figure_of(cell: Cell) -> float | None:
    """Return the number of a cell; None where it holds none, or something else."""
    if cell is None or (isinstance(cell, str) and cell.lower() in MISSING):
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def _from_json(path: Path, text: str) -> Grid:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise MmiedError(f"{path}: line {error.lineno}: is no JSON: {error.msg}.") from error
    except (RecursionError, ValueError) as error:  # too deep, or a number of thousands of digits
        raise MmiedError(f"{path}: cannot be read as JSON. {SHAPES}") from error
    if isinstance(document, list) and document:
        if all(isinstance(item, dict) for item in document):
            return _of_objects(path, document)
        if not any(isinstance(item, dict | list) for item in document):
            return _grid(path, {"values": document}, has_names=False)
    if isinstance(document, dict) and document and all(isinstance(column, list) for column in document.values()):
        lengths = {name: len(column) for name, column in document.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f'"{name}" has {length}' for name, length in list(lengths.items())[:5])
            raise MmiedError(f"{path}: the lists are not equally long: {told}. Give null where there is no figure.")
        if not any(isinstance(item, dict | list) for column in document.values() for item in column):
            return _grid(path, document, has_names=True)
    raise MmiedError(f"{path}: holds no series. {SHAPES}")


def _of_objects(path: Path, items: Sequence[Mapping[str, Any]]) -> Grid:
    """Return a column for each name whose values are neither lists nor objects."""
    names = dict.fromkeys(name for item in items for name in item)
    columns = {name: [item.get(name) for item in items] for name in names}
    flat = {name: cells for name, cells in columns.items() if not any(isinstance(cell, dict | list) for cell in cells)}
    if not flat:
        raise MmiedError(f"{path}: its objects hold no figures. {SHAPES}")
    return _grid(path, flat, has_names=True)


def _grid(path: Path, columns: Mapping[str, Sequence[Any]], *, has_names: bool) -> Grid:
    count = max(map(len, columns.values()))
    if count == 0:
        raise MmiedError(f"{path}: is empty. It takes a figure for each run.")
    cells = {name: [_cell(value) for value in column] for name, column in columns.items()}
    return Grid(path=path, columns=cells, has_names=has_names, row_word="item", rows=range(1, count + 1))


def _cell(value: Any) -> Cell:
    """Return a value of JSON as a cell; true and false are texts."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value if value is None or abs(value) < 1e300 else float("inf")
    return str(value)
