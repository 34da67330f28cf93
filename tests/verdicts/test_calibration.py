"""What a series allows to be found is told from its own noise, and what it would have alarmed from itself."""

import math
import random

import pytest

from mmied.codec import from_json, to_json
from mmied.verdicts.calibration import Calibration, calibrate
from mmied.verdicts.detector import DetectorSettings, Point, advance, judge
from mmied.verdicts.false_alarms import threshold

SETTINGS = DetectorSettings()


def series(count: int, *, deviation: float = 0.01, rho: float = 0.0, seed: int = 0) -> list[Point]:
    draw, value, found = random.Random(seed), 0.0, []
    for index in range(count):
        value = rho * value + draw.gauss(0, deviation)
        found.append(Point(at=float(index), value=value))
    return found


def test_rarer_false_alarms_take_more_evidence() -> None:
    assert threshold(0.0001) > threshold(0.001) > threshold(0.01)


def test_the_noise_of_a_series_is_learned() -> None:
    found = calibrate(series(200, deviation=0.02), SETTINGS)

    assert found.noise == pytest.approx(0.02, rel=0.25)
    assert found.judgeable
    assert found.shifts == ()
    assert found.tail_ratio is not None and found.tail_ratio < 0.02


def test_runs_that_resemble_their_neighbours_are_worth_less() -> None:
    alone, alike = calibrate(series(200), SETTINGS), calibrate(series(200, rho=0.7), SETTINGS)

    assert max(alone.inflation) < 2 < max(alike.inflation)
    assert alone.minimum_change_ratio is not None and alike.minimum_change_ratio is not None
    assert alone.minimum_change_ratio < alike.minimum_change_ratio


def test_more_noise_hides_larger_changes() -> None:
    quiet, loud = (calibrate(series(200, deviation=each), SETTINGS).minimum_change_ratio for each in (0.01, 0.04))

    assert quiet is not None and loud is not None
    assert quiet < loud


def test_the_smallest_change_that_is_told_is_found_within_three_runs() -> None:
    ratio = calibrate(series(80), SETTINGS).minimum_change_ratio
    assert ratio is not None
    found = 0
    for seed in range(10):
        state = judge(series(80, seed=seed), SETTINGS)
        for index in range(3):
            value = math.log1p(ratio) + random.Random(1000 * seed + index).gauss(0, 0.01)
            state = advance(state, Point(at=80.0 + index, value=value), SETTINGS)
        found += any(shift.worse for shift in state.shifts)

    assert found >= 9


def test_the_replay_tells_the_alarms_there_would_have_been() -> None:
    points = series(100)
    points[60:] = [Point(at=point.at, value=point.value + 0.1) for point in points[60:]]

    found = calibrate(points, SETTINGS)

    assert [shift.first_index for shift in found.shifts] == [60]
    assert found.suspicions >= 1


def test_a_series_too_noisy_to_judge_says_so() -> None:
    found = calibrate(series(100, deviation=0.8), SETTINGS)

    assert not found.judgeable
    assert "runs differ so much" in found.why


def test_few_runs_teach_nothing_and_unfit_ones_do_not_count() -> None:
    points = [*series(5), Point(at=9.0, value=math.nan), Point(at=10.0, value=1.0, fit=False)]

    found = calibrate(points, SETTINGS)

    assert (found.runs, found.set_aside, found.judgeable, found.noise) == (5, 2, False, None)


def test_a_calibration_can_be_stored() -> None:
    found = calibrate(series(60), SETTINGS)

    assert from_json(Calibration, to_json(found)) == found
