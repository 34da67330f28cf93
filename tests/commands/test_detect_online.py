"""`mmied detect --online` follows a series as the daemon would, and tells a change when it is sure of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmied.cli import main


def series(count: int = 200, at: int = 120, by: float = 1.10, level: float = 100.0) -> list[float]:
    values = np.random.default_rng(0).normal(level, 1, count)
    values[at:] = (values[at:] - level) + level * by
    return [round(float(value), 4) for value in values]


def followed(capsys: pytest.CaptureFixture[str], path: Path, values: list[Any], *options: str) -> dict[str, Any]:
    path.write_text(json.dumps(values))
    assert main(["detect", str(path), "--online", "--format", "json", *options]) == 0
    (found,) = json.loads(capsys.readouterr().out)["series"]
    return dict(found)


def test_a_change_is_told_where_it_began_and_when_it_was_sure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = followed(capsys, tmp_path / "runs.json", series())

    (change,) = found["changes"]
    assert abs(change["index"] - 120) <= 1
    assert change["index"] < change["confirmed_index"] <= 130
    assert change["worse"]
    assert "t" not in change
    assert found["note"].startswith("regressed at the end")


def test_what_it_says_does_not_depend_on_what_comes_later(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = series()
    (whole,) = followed(capsys, tmp_path / "runs.json", values)["changes"]
    (cut,) = followed(capsys, tmp_path / "runs.json", values[: whole["confirmed_index"] + 1])["changes"]
    earlier = followed(capsys, tmp_path / "runs.json", values[: whole["confirmed_index"]])["changes"]

    assert cut == whole
    assert earlier == []


def test_a_value_that_is_missing_keeps_its_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values: list[Any] = series()
    values[10] = values[60] = values[61] = None

    (change,) = followed(capsys, tmp_path / "runs.json", values)["changes"]

    assert abs(change["index"] - 120) <= 1


def test_runs_that_are_dated_alike_count_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "runs.csv"
    rows = (f"2026-01-{1 + run // 10:02},{value}" for run, value in enumerate(series()))
    path.write_text("date,latency\n" + "\n".join(rows))

    assert main(["detect", str(path), "--online"]) == 0
    assert "latency: 200 values, 1 change" in capsys.readouterr().out


def test_a_series_that_is_below_zero_is_followed_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = [-value for value in series()]

    (change,) = followed(capsys, tmp_path / "runs.json", values)["changes"]

    assert change["after"] < -103
    assert not change["worse"]


def test_the_table_names_the_value_at_which_it_was_sure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("latency\n" + "\n".join(map(str, series())))

    assert main(["detect", str(path), "--online", "--plot", str(tmp_path / "page.html")]) == 0

    out = capsys.readouterr().out
    assert "sure at index" in out
    assert "1 change; regressed at the end" in out
    assert "Judged value by value" in (tmp_path / "page.html").read_text()
