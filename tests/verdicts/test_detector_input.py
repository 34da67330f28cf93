"""Series that are no good series are told apart from changes."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from mmied.errors import MmiedError
from mmied.verdicts.detector import DetectorSettings, Level, Point, advance, judge

SETTINGS = DetectorSettings()
PLAIN = DetectorSettings(scale="plain")


def noise(count: int, *, seed: int = 0, deviation: float = 0.01, level: float = 0.0) -> list[float]:
    draw = random.Random(seed)
    return [level + draw.gauss(0, deviation) for _ in range(count)]


def points(values: Sequence[float], *, every: float = 600.0) -> list[Point]:
    return [Point(at=index * every, value=value) for index, value in enumerate(values)]


def test_a_constant_series_is_stable_and_a_step_of_it_is_found() -> None:
    assert judge(points([1.0] * 50), SETTINGS).status == "stable"
    assert judge(points([1.0] * 50 + [1.1] * 3), SETTINGS).status == "regressed"
    assert judge(points([0.0] * 50), PLAIN).status == "stable"
    assert judge(points([0.0] * 50 + [1.0] * 5), PLAIN).shifts[0].ratio is None


def test_what_is_too_small_to_matter_is_no_change() -> None:
    assert judge(points([1.0] * 50 + [1.005] * 50), SETTINGS).shifts == ()
    settings = replace(PLAIN, minimum_change=4.0)
    assert judge(points(noise(50, level=10.0) + noise(30, seed=1, level=11.0)), settings).shifts == ()


def test_two_points_teach_nothing() -> None:
    state = judge(points([1.0, 2.0]), SETTINGS)

    assert (state.status, state.why) == ("learning", "8 more runs to learn the level")


def test_a_series_too_noisy_to_judge_says_so_instead_of_alarming() -> None:
    state = judge(points(noise(100, deviation=0.8)), SETTINGS)

    assert state.status == "too_noisy"
    assert state.shifts == ()


@pytest.mark.parametrize(
    "broken",
    [
        {"value": math.nan},
        {"value": math.inf},
        {"value": 1e300},
        {"uncertainty": math.inf},
        {"references": {"compute": math.nan}},
        {"calm": math.nan},
        {"fit": False, "value": 5.0},
        {"at": math.nan},
    ],
)
def test_points_that_say_nothing_are_set_aside(broken: dict[str, float]) -> None:
    before = judge(points(noise(60)), SETTINGS)

    after = advance(before, replace(Point(at=60 * 600.0, value=0.0), **broken), SETTINGS)  # type: ignore[arg-type]

    assert after == replace(before, seen=61)


def test_a_point_that_comes_twice_or_late_counts_once() -> None:
    fed = points(noise(60))
    before = judge(fed, SETTINGS)

    assert advance(before, replace(fed[-1], value=3.0), SETTINGS).points == before.points
    assert advance(before, replace(fed[10], at=fed[10].at + 1), SETTINGS).points == before.points


def test_a_clock_that_was_put_back_is_followed_after_some_runs() -> None:
    fed = points(noise(60))
    ahead = [replace(point, at=point.at + 1e9) for point in fed[30:]]
    back = [Point(at=40 * 600.0 + index, value=value) for index, value in enumerate(noise(20, seed=1))]

    state = judge([*fed[:30], *ahead, *back], SETTINGS)

    assert state.points[-1] == back[-1]
    assert [point.at for point in state.points] == sorted(point.at for point in state.points)


def test_gaps_of_days_change_nothing() -> None:
    values = noise(60) + noise(3, seed=1, level=0.1)
    gaps = [replace(point, at=point.at + 5 * 86400 * (index > 40)) for index, point in enumerate(points(values))]

    assert [s.first_index for s in judge(gaps, SETTINGS).shifts] == [60]


def test_another_epoch_is_learned_anew() -> None:
    other = [Point(at=1e6 + index, value=value, epoch="b16") for index, value in enumerate(noise(5, level=3.0))]

    state = judge([*points(noise(60)), *other], SETTINGS)

    assert state.status == "learning"
    assert state.shifts == ()


def test_a_reference_that_appears_or_disappears_is_no_change() -> None:
    fed = points(noise(100))
    fed[40:60] = [replace(point, references={"compute": 1.0 + point.value}) for point in fed[40:60]]

    assert judge(fed, SETTINGS).shifts == ()


def test_a_baseline_without_a_ratio_is_refused_with_a_sentence() -> None:
    with pytest.raises(MmiedError, match="Give one above 0"):
        judge(points(noise(30)), SETTINGS, baseline=Level(value=0.0))


def test_figures_of_any_size_are_judged() -> None:
    assert judge(points(noise(30, level=800.0)), SETTINGS).status == "stable"
    assert judge(points([1e50 * (1 + value) for value in noise(30)]), PLAIN).status == "stable"
    assert judge(points([-5.0 + value for value in noise(60)] + [-4.0] * 6), PLAIN).status == "regressed"
