"""`mmied detect` finds the changes of anybody's series, and says what it cannot read."""

import json
from pathlib import Path

import numpy as np
import pytest

from mmied.cli import main


def shifted(count: int = 120, at: int = 70, by: float = 6.0, seed: int = 0) -> list[float]:
    values = np.random.default_rng(seed).normal(100, 1, count)
    values[at:] += by
    return [round(float(value), 3) for value in values]


def detected(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> dict[str, list[int]]:
    """Return the indexes of the changes of each series, as JSON tells them."""
    assert main(["detect", str(path), "--format", "json", *options]) == 0
    document = json.loads(capsys.readouterr().out)
    return {series["name"]: [change["index"] for change in series["changes"]] for series in document["series"]}


def refused(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> str:
    assert main(["detect", str(path), *options]) == 1
    return capsys.readouterr().err


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def table(path: Path, separator: str = ",") -> Path:
    """A CSV file of a counter, times, a commit, a latency that rises at 70, a throughput that falls there."""
    rows = zip(shifted(), shifted(by=-6.0, seed=1), strict=True)
    return write(
        path,
        separator.join(("run", "time", "commit", "latency", "throughput")),
        *(
            separator.join((str(run), f"2026-01-{1 + run // 24:02}T{run % 24:02}:00:00Z", f"c{run}f", *map(str, row)))
            for run, row in enumerate(rows)
        ),
    )


def test_the_changes_of_each_column_are_told_with_their_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["detect", str(table(tmp_path / "runs.csv"))]) == 0

    out = capsys.readouterr().out
    assert "latency     70     2026-01-03 22:00:00 UTC" in out
    assert "throughput  70     2026-01-03 22:00:00 UTC" in out
    assert out.count("worse") == 1
    assert "latency: 120 values, 1 change" in out
    assert "hold no figures of runs: run, commit" in out


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_are_chosen_by_name_or_number(
    separator: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table(tmp_path / "runs.csv", separator)

    assert detected(capsys, path, "--column", "latency") == {"latency": [70]}
    assert detected(capsys, path, "--column", "5", "latency") == {"throughput": [70], "latency": [70]}


def test_a_file_without_names_has_columns_by_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{1.76e9 + 60 * run:.0f},{value}" for run, value in enumerate(shifted())]

    assert detected(capsys, write(tmp_path / "runs.csv", *rows)) == {"column 2": [70]}


def test_one_column_of_figures_will_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert detected(capsys, write(tmp_path / "runs.csv", *map(str, shifted()))) == {"column 1": [70]}


@pytest.mark.parametrize(
    ("document", "name"),
    [
        (shifted(), "values"),
        ([{"latency": value, "commit": "abc", "more": [1]} for value in shifted()], "latency"),
        ({"latency": shifted(), "commit": ["abc"] * 120}, "latency"),
        ({"time": [1.76e12 + 1000 * run for run in range(120)], "latency": shifted()}, "latency"),
    ],
)
def test_json_is_read_as_a_list_or_objects_or_lists(
    document: object, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert detected(capsys, write(tmp_path / "runs.json", json.dumps(document))) == {name: [70]}


def test_missing_values_do_not_move_the_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = list(map(str, shifted()))
    cells[3], cells[20], cells[30], cells[40] = "", "NaN", "null", "inf"

    assert detected(capsys, write(tmp_path / "runs.csv", "run,x", *(f"r,{cell}" for cell in cells))) == {"x": [70]}


def test_rows_out_of_order_are_put_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head, *rows = table(tmp_path / "runs.csv").read_text().splitlines()
    path = write(tmp_path / "turned.csv", head, *reversed(rows))

    assert detected(capsys, path, "--column", "latency") == {"latency": [70]}


def test_what_is_better_and_what_matters_is_the_callers_to_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table(tmp_path / "runs.csv")

    assert detected(capsys, path, "--minimum-change", "10%") == {"latency": [], "throughput": []}
    main(["detect", str(path), "--column", "throughput", "--better", "higher"])
    assert "worse" in capsys.readouterr().out


def test_a_constant_series_is_judged_and_has_no_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", str(write(tmp_path / "runs.csv", *["7"] * 50))]) == 0
    assert "column 1: 50 values, no change" in capsys.readouterr().out


def test_one_series_that_is_too_short_does_not_keep_others_from_being_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(
        tmp_path / "runs.csv",
        "a,b",
        *(f"{value},{index if index < 2 else ''}" for index, value in enumerate(shifted())),
    )

    assert main(["detect", str(path)]) == 0
    out = capsys.readouterr().out
    assert "a: 120 values, 1 change" in out
    assert "b: 2 values: too few to be judged, it takes 10" in out


@pytest.mark.parametrize(
    ("name", "lines", "told"),
    [
        ("two.csv", ["1", "2"], "2 values: too few to be judged, it takes 10"),
        ("nan.csv", ["x", *["nan"] * 40], "no column holds figures"),
        ("nothing.csv", ["x,y"], "no row below it"),
        ("blank.csv", ["", " "], "is empty"),
        ("text.csv", ["x", "1", "2", "abc"], 'text.csv: line 4: x: "abc" is not a number'),
        ("ragged.csv", ["x,y", "1,2", "1,2,3"], "line 3: has 3 cells where line 1 has 2"),
        ("twice.csv", ["x,y,x", "1,2,3"], '"x" heads 2 columns'),
        ("huge.csv", ["x", "9" * 200_000], "cannot be read as CSV"),
        ("words.csv", ["x,y", "a,b"], "no column holds figures"),
        ("broken.json", ["[1, 2"], "line 2: is no JSON"),
        ("empty.json", ["[]"], "holds no series. Give a list of numbers"),
        ("number.json", ["3"], "holds no series"),
        ("pairs.json", ["[[1, 2], [3, 4]]"], "holds no series"),
        ("nested.json", ['{"version": 1, "runs": [1, 2]}'], "holds no series"),
        ("deep.json", ["[" * 100_000], "cannot be read as JSON"),
        ("unequal.json", ['{"x": [1, 2], "y": [1]}'], '"x" has 2, "y" has 1'),
        ("truth.json", ['{"x": [1, true, 2]}'], 'item 2: x: "True" is not a number'),
        ("objects.json", ['[{"x": [1]}]'], "its objects hold no figures"),
    ],
)
def test_what_cannot_be_judged_is_told(
    name: str, lines: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in refused(capsys, write(tmp_path / name, *lines))


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("latncy", 'has no column "latncy". Did you mean "latency"?'),
        ("9", "has 5 columns, counted from 1"),
        ("0", "5 columns"),
    ],
)
def test_a_column_that_is_not_there_is_told(
    column: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in refused(capsys, table(tmp_path / "runs.csv"), "--column", column)


def test_a_file_that_is_not_there_or_none_or_too_large_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(200_000_000)
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00")

    assert "gone.csv: cannot be read: No such file" in refused(capsys, tmp_path / "gone.csv")
    assert "is no file" in refused(capsys, tmp_path)
    assert "large.csv: has 200 MB, and 64.0 MB are the most" in refused(capsys, large)
    assert "is no text in UTF-8" in refused(capsys, binary)


def test_a_minimum_that_is_none_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--minimum-change: much" in refused(capsys, table(tmp_path / "runs.csv"), "--minimum-change", "much")


def test_the_page_shows_series_and_changes_without_any_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "new" / "changes.html"
    path = write(tmp_path / "runs.csv", "<b>latency</b>", *map(str, shifted()))

    assert main(["detect", str(path), "--plot", str(page)]) == 0

    text = page.read_text()
    assert "&lt;b&gt;latency&lt;/b&gt;" in text and "<b>latency</b>" not in text
    assert "became worse" in text and '<td class="num">70</td>' in text
    assert 'src="http' not in text and 'href="http' not in text
    capsys.readouterr()
    (tmp_path / "file").write_text("")
    assert "--plot" in refused(capsys, path, "--plot", str(tmp_path / "file" / "changes.html"))
