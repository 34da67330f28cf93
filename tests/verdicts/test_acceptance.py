"""What is accepted as normal is where the series is now, on the scale of what is published."""

import math

import pytest

from mmied.regression import Baseline, RecordedChange, SeriesKey, SeriesPoint
from mmied.verdicts.acceptance import present_level

KEY = SeriesKey("ranker", "b8", "latency_p50")


def points(*figures: float, steadier: float = 1.0, fit: bool = True) -> list[SeriesPoint]:
    """Runs an hour apart; what is judged of them is `steadier` times what is published."""
    return [
        SeriesPoint(
            key=KEY, run_id=f"r{number}", at=3600.0 * number, figure=figure, value=math.log(steadier * figure), fit=fit
        )
        for number, figure in enumerate(figures)
    ]


def change(at: float) -> RecordedChange:
    return RecordedChange(
        change_id="c", key=KEY, device="cpu", worse=True, before=1.0, after=2.0, change_ratio=1.0, lower=None,
        upper=None, sureness=1.0, started_at=at, first_run_id="r2", last_good_at=None, last_good_run_id=None,
        confirmed_at=at, confirmed_run_id="r3",
    )  # fmt: skip


def test_the_newest_five_runs_are_the_present_level() -> None:
    found = present_level(points(9, 9, 9, 1, 2, 3, 4, 5), None, at=77.0, by="ada", why="so")

    assert found == Baseline(
        key=KEY, figure=pytest.approx(3.0), at=77.0, source="accepted", runs=5, run_id="r7", by="ada", why="so"
    )


def test_an_outlier_among_them_does_not_move_it() -> None:
    found = present_level(points(3, 3, 3000, 3, 3), None, at=0.0)
    assert found is not None
    assert found.figure == pytest.approx(3.0)


def test_an_active_change_leaves_out_what_came_before_it() -> None:
    found = present_level(points(1, 1, 2, 2), change(7200.0), at=0.0)

    assert found is not None
    assert (found.figure, found.runs) == (pytest.approx(2.0), 2)


def test_what_is_judged_comes_out_as_it_is_published() -> None:
    found = present_level(points(2, 2, 2, steadier=0.9), None, at=0.0)
    assert found is not None
    assert found.figure == pytest.approx(2.0)


def test_a_metric_without_a_scale_is_taken_as_it_is() -> None:
    plain = [
        SeriesPoint(key=KEY, run_id="r", at=float(at), figure=value, value=value, log=False)
        for at, value in enumerate((0.0, 0.1, 0.2))
    ]
    found = present_level(plain, None, at=0.0)
    assert found is not None
    assert found.figure == 0.1


@pytest.mark.parametrize("none_fit", [[], points(1, 1, fit=False), points(math.nan)])
def test_without_a_fit_run_there_is_no_level(none_fit: list[SeriesPoint]) -> None:
    assert present_level(none_fit, None, at=0.0) is None
    assert present_level(points(1, 1), change(1e9), at=0.0) is None
