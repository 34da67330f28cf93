"""Level shifts of a series are found, and nothing else is taken for one."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mmied.verdicts.changes import find_changes
from mmied.verdicts.segments import SHORTEST


def noise(count: int, *, seed: int = 0, level: float = 100.0, deviation: float = 1.0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(level, deviation, count)


def wandering(count: int, correlation: float, *, seed: int = 0) -> NDArray[np.float64]:
    """A first-order autoregression of deviation 1."""
    steps = np.random.default_rng(seed).normal(0, math.sqrt(1 - correlation**2), count + 200)
    return np.array(list(itertools.accumulate(steps, lambda at, step: correlation * at + step)))[200:]


def test_a_shift_is_found_where_it_began_with_its_levels_and_an_interval() -> None:
    series = noise(200)
    series[120:] += 5

    (change,) = find_changes(series)

    assert abs(change.index - 120) <= 1
    assert change.before == pytest.approx(100, abs=1)
    assert change.after == pytest.approx(105, abs=1)
    assert change.ratio is not None and change.lower is not None and change.upper is not None
    assert change.lower < change.ratio < change.upper
    assert change.lower < 0.05 < change.upper
    assert change.worse


def test_which_direction_is_worse_is_the_callers_to_say() -> None:
    series = noise(100)
    series[50:] -= 10

    assert not find_changes(series, better="lower")[0].worse
    assert find_changes(series, better="higher")[0].worse


def test_several_shifts_are_found_up_and_down() -> None:
    series = noise(300)
    series[100:] += 6
    series[200:] -= 9

    assert [round(change.index, -1) for change in find_changes(series)] == [100, 200]


def test_a_hundred_shifts_are_all_found() -> None:
    lengths = np.random.default_rng(0).integers(15, 40, 101)
    series = np.repeat(np.tile([100.0, 120.0], 51)[:101], lengths)

    changes = find_changes(series + noise(len(series), level=0.0))

    assert len(changes) == 100
    assert np.abs([change.index for change in changes] - np.cumsum(lengths)[:-1]).max() <= 1


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_has_no_shift(seed: int) -> None:
    assert find_changes(noise(500, seed=seed, deviation=5.0)) == []


def test_drift_is_no_shift() -> None:
    assert find_changes(noise(200) + np.linspace(0, 30, 200)) == []


def test_single_spikes_are_no_shift() -> None:
    series = noise(200)
    series[[30, 31, 90, 150]] *= 4

    assert find_changes(series) == []


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_a_series_of_two_modes_has_hardly_a_shift(share: float) -> None:
    modes = np.random.default_rng(5).choice([0.0, 100.0], (20, 500), p=[1 - share, share])

    found = [find_changes(noise(500, seed=seed, deviation=0.5) + row) for seed, row in enumerate(modes)]

    assert sum(map(len, found)) <= 10  # one in 1,000 points


def test_a_shift_of_both_modes_is_found() -> None:
    series = noise(300, deviation=0.5) + np.random.default_rng(5).choice([0.0, 10.0], 300, p=[0.8, 0.2])
    series[150:] += 30

    assert [change.index for change in find_changes(series)] == [150]


def test_a_louder_noise_is_no_shift() -> None:
    assert find_changes(np.r_[noise(100, deviation=0.5), noise(100, seed=1, deviation=4.0)]) == []


@pytest.mark.parametrize("height", [2.0, 10.0])
@pytest.mark.parametrize("hours_a_cycle", [24, 96, 168])
def test_a_cycle_is_no_shift(height: float, hours_a_cycle: int) -> None:
    hours = np.arange(14 * hours_a_cycle)

    assert find_changes(noise(len(hours)) + height * np.sin(2 * math.pi * hours / hours_a_cycle)) == []


def test_spikes_do_not_hide_a_cycle() -> None:
    series = noise(48 * 14) + 3 * np.sin(2 * math.pi * np.arange(48 * 14) / 48)
    series[[50, 301, 444]] += 900

    assert find_changes(series) == []


def test_what_comes_every_night_is_no_shift() -> None:
    series = noise(24 * 30)
    series[np.arange(len(series)) % 24 < 6] += 15
    series[[100, 200]] = np.nan

    assert find_changes(series) == []


def test_a_shift_under_a_daily_cycle_is_found() -> None:
    hours = np.arange(24 * 14)
    series = noise(len(hours)) + 2 * np.sin(2 * math.pi * hours / 24)
    series[180:] += 12

    (change,) = find_changes(series)

    assert abs(change.index - 180) <= 1


@pytest.mark.parametrize("correlation", [0.5, 0.7, 0.9, 0.97])
def test_noise_that_wanders_has_no_shift(correlation: float) -> None:
    found = [find_changes(100 + wandering(500, correlation, seed=seed)) for seed in range(20)]

    assert sum(map(len, found)) <= 10  # one in 1,000 points


def test_a_jump_of_a_series_that_wanders_is_found() -> None:
    found = 0
    for seed in range(10):
        series = 100 + wandering(300, 0.9, seed=seed)
        series[150:] += 7
        found += any(abs(change.index - 150) <= 1 for change in find_changes(series))

    assert found >= 9


def test_a_shift_counts_for_less_where_neighbours_depend_on_each_other() -> None:
    shift = np.r_[np.zeros(100), np.full(100, 12.0)]

    (alone,) = find_changes(noise(200) + shift)
    (dependent,) = find_changes(100 + wandering(200, 0.8) + shift)

    assert dependent.t < alone.t / 1.5


def test_what_is_too_small_to_matter_is_not_told() -> None:
    series = noise(400, deviation=0.1)
    series[200:] *= 1.005

    assert find_changes(series) == []
    assert len(find_changes(series, minimum_ratio=0.002)) == 1


def test_values_that_are_not_finite_do_not_count_and_do_not_move_the_index() -> None:
    series = noise(200)
    series[100:] += 8
    series[[3, 40, 41, 99, 150]] = [np.nan, np.inf, -np.inf, np.nan, np.nan]

    (change,) = find_changes(series)

    assert abs(change.index - 100) <= 1


@pytest.mark.parametrize("unit", [1e-300, 1e306])
def test_values_at_the_edge_of_what_a_number_can_be_are_judged(unit: float) -> None:
    series = noise(100)
    series[50:] += 10

    (change,) = find_changes(series * unit)

    assert change.index == 50
    assert change.after == pytest.approx(110 * unit, rel=0.01)


def test_values_without_weight_do_not_count() -> None:
    series, weights = noise(200), np.ones(200)
    series[80:100] += 50
    weights[80:100] = 0

    assert len(find_changes(series)) == 2
    assert find_changes(series, weights=weights) == []


@pytest.mark.parametrize("series", [[], [1.0], [1.0, 2.0], [5.0] * 500, [math.nan] * 50, [0.0] * 20])
def test_a_series_that_says_nothing_has_no_shift(series: list[float]) -> None:
    assert find_changes(series) == []


def test_a_constant_that_becomes_another_is_a_shift() -> None:
    (change,) = find_changes([5.0] * 20 + [6.0] * 20)

    assert change.index == 20
    assert change.ratio == pytest.approx(0.2)


def test_a_level_of_zero_has_no_ratio() -> None:
    (change,) = find_changes([0.0] * 30 + [7.0] * 30)

    assert (change.before, change.after) == (0.0, 7.0)
    assert (change.ratio, change.lower, change.upper) == (None, None, None)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"weights": [1.0] * 9}, "shape"),
        ({"weights": [-1.0] * 10}, "weights"),
        ({"better": "bigger"}, "bigger"),
    ],
)
def test_wrong_arguments_are_told(arguments: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        find_changes([1.0] * 10, **arguments)  # type: ignore[arg-type]


@settings(max_examples=50)
@given(st.lists(st.floats(1.0, 1e6), min_size=2 * SHORTEST, max_size=120), st.sampled_from([2.0**-40, 2.0**-9, 1024.0]))
def test_the_unit_of_a_series_changes_no_verdict(series: list[float], scale: float) -> None:
    before = [change.index for change in find_changes(series)]

    assert [change.index for change in find_changes(np.array(series) * scale)] == before


@settings(max_examples=50)
@given(st.floats(-1e6, 1e6), st.integers(0, 300))
def test_a_constant_series_never_changes(level: float, count: int) -> None:
    assert find_changes([level] * count) == []
