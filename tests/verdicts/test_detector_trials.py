"""Over many series: accidents are no shifts, and what is told of a shift is true."""

import math
import random

import pytest

from mmied.verdicts.detector import DetectorSettings, Point, Shift, State, advance, judge, start

SETTINGS = DetectorSettings()
TRIALS = range(20)
BEGIN = 60


def series(seed: int, count: int) -> list[float]:
    draw = random.Random(seed)
    return [math.log(100) + draw.gauss(0, 0.01) for _ in range(count)]


def points(values: list[float]) -> list[Point]:
    return [Point(at=float(index), value=value) for index, value in enumerate(values)]


def told_of(ratio: float, seed: int) -> Shift:
    """Return what is told of a shift at BEGIN as soon as it is confirmed."""
    values = [value + math.log1p(ratio) * (index >= BEGIN) for index, value in enumerate(series(seed, BEGIN + 12))]
    state: State = start()
    for point in points(values):
        state = advance(state, point, SETTINGS)
        if state.shifts:
            return state.shifts[0]
    raise AssertionError(f"series {seed}: a shift of {ratio:+.0%} was not confirmed")


@pytest.mark.parametrize("size", [0.10, 0.50, -0.10])
def test_a_spike_of_one_run_is_never_a_shift(size: float) -> None:
    for seed in TRIALS:
        values = series(seed, 90)
        values[80] += math.log1p(size)

        assert judge(points(values), SETTINGS).shifts == ()


def test_a_shift_is_told_by_as_much_as_it_is_and_from_its_first_run() -> None:
    found = [told_of(0.10, seed) for seed in TRIALS]

    ratios = [shift.ratio for shift in found if shift.ratio is not None]
    assert ratios == pytest.approx([0.10] * len(TRIALS), abs=0.03)
    assert sum(ratios) / len(ratios) == pytest.approx(0.10, abs=0.005)
    assert [shift.first_index for shift in found] == [BEGIN] * len(TRIALS)


@pytest.mark.parametrize("ratio", [0.05, 0.10, -0.10])
def test_the_interval_holds_the_truth(ratio: float) -> None:
    found = [told_of(ratio, seed) for seed in TRIALS]

    held = sum(s.lower < ratio < s.upper for s in found if s.lower is not None and s.upper is not None)
    assert held >= 0.9 * len(TRIALS)


def test_in_a_series_with_spikes_a_shift_is_found_all_the_same() -> None:
    found = 0
    for seed in TRIALS:
        draw = random.Random(seed)
        spikes = [draw.uniform(0.1, 0.7) * (draw.random() < 0.05) for _ in range(BEGIN + 20)]
        values = [value + spike for value, spike in zip(series(seed, BEGIN + 20), spikes, strict=True)]
        values[BEGIN:] = [value + math.log1p(0.10) for value in values[BEGIN:]]
        found += any(shift.worse for shift in judge(points(values), SETTINGS).shifts)

    assert found >= 0.8 * len(TRIALS)
