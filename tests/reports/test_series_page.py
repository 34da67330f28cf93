"""What was found in a series is shown as it is: levels, marks, and figures with the digits that a change needs."""

import math
from typing import Any

import pytest

from mmied.reports.charts.series import MOST_POINTS, series_chart, thinned
from mmied.reports.series_page import series_html
from mmied.reports.series_rows import FoundChange, JudgedSeries, change_head, change_rows, figure, levels, series_words


def change(index: int, **given: Any) -> FoundChange:
    known = {"at": None, "before": 100.0, "after": 105.0, "ratio": 0.05, "lower": 0.04, "upper": 0.06, "worse": True}
    return FoundChange(index=index, **(known | given))


def judged(values: list[float], *changes: FoundChange, **given: Any) -> JudgedSeries:
    return JudgedSeries(name="latency", values=tuple(values), changes=changes, **({"times": None} | given))


def test_a_level_is_the_median_between_two_changes_and_nothing_where_no_value_is() -> None:
    series = judged([1, 2, 9, math.nan, 5, 5], change(3), change(4))

    assert levels(series) == [(0, 3, 2), (4, 6, 5)]


def test_a_change_is_a_row_with_its_evidence() -> None:
    looked_back = judged([1.0] * 9, change(4, t=12.34))
    followed = judged([1.0] * 9, change(4, confirmed_index=7, worse=False, ratio=None, lower=None, upper=None))

    assert change_head([looked_back])[-1] == "t"
    assert change_rows([looked_back]) == [
        ("latency", "4", "100.00", "105.00", "+5.00 %", "+4.00 % to +6.00 %", "worse", "12.3")
    ]
    assert change_head([followed])[-1] == "sure at index"
    assert change_rows([followed]) == [("latency", "4", "100.00", "105.00", "–", "–", "better", "7")]


def test_times_have_a_column_where_there_are_some() -> None:
    series = judged([1.0] * 3, change(1, at=1.76e9, t=5.0), times=(1.75e9, 1.76e9, 1.77e9))

    assert "time" in change_head([series])
    assert "2025-10-09 08:53:20 UTC" in change_rows([series])[0]
    assert series_chart(series).figure["layout"]["xaxis"]["type"] == "date"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (1003.4, "1,003.4"),
        (0.0123456, "0.012346"),
        (1.5e-7, "1.5e-07"),
        (2e9, "2,000,000,000"),
        (-12.5, "-12.500"),
    ],
)
def test_a_figure_has_the_digits_that_a_small_change_needs(value: float, said: str) -> None:
    assert figure(value) == said


def test_of_many_values_the_extremes_are_drawn() -> None:
    values = [0.0] * 100_000
    values[77_777], values[55_555] = 5.0, -5.0

    shown = thinned(range(len(values)), values)

    assert len(shown) <= MOST_POINTS
    assert {77_777, 55_555} <= set(shown)
    assert "extremes" in series_chart(judged(values)).note


def test_worse_and_better_differ_by_more_than_colour() -> None:
    traces = series_chart(judged([1.0] * 30, change(10), change(20, worse=False))).figure["data"]

    assert {trace["name"]: trace["marker"]["symbol"] for trace in traces if trace["mode"] == "markers"} == {
        "became worse": "triangle-up",
        "became better": "triangle-down",
    }


def test_a_series_that_was_not_judged_is_told_and_not_drawn() -> None:
    series = judged([1.0], judged=False, note="too few to be judged, it takes 10")

    assert series_words(series) == "latency: 1 value: too few to be judged, it takes 10"
    page = series_html([series], source="runs.csv", how="judged as a whole")
    assert "too few to be judged" in page
    assert "<h2>Series</h2>" not in page
