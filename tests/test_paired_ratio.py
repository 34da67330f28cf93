"""The ratio of pairs of blocks holds the true speed-up as often as its interval says, whatever the host does."""

import math
from random import Random
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmied.stats import MINIMUM_PAIRS, paired_ratio

BLOCKS = st.lists(st.tuples(*[st.floats(min_value=1e-5, max_value=10)] * 2), min_size=MINIMUM_PAIRS, max_size=60)


def pairs(draw: Random, count: int, speedup: float, noise: float = 0.05) -> tuple[list[float], list[float]]:
    """Blocks of a baseline and of a variant that is `speedup` times as fast, on a host that drifts and has hiccups."""
    host = [0.01 * (1 + 0.3 * math.sin(index / 7)) * (5 if draw.random() < 0.05 else 1) for index in range(count)]
    baseline = [pace * math.exp(draw.gauss(0, noise)) for pace in host]
    variant = [pace / speedup * math.exp(draw.gauss(0, noise)) for pace in host]
    return baseline, variant


@pytest.mark.parametrize(("count", "speedup"), [(21, 1.0), (40, 1.1), (101, 0.8)])
def test_the_interval_holds_the_truth_in_95_of_100_trials(count: int, speedup: float) -> None:
    draw = Random(17)
    trials = 200
    held = 0
    for trial in range(trials):
        _, lower, upper = paired_ratio(*pairs(draw, count, speedup), seed=trial)
        held += lower <= speedup <= upper
    assert 0.925 <= held / trials <= 0.985


def test_the_interval_is_that_of_a_smoothed_bootstrap_which_draws_pair_by_pair() -> None:
    for count in (20, 21):
        baseline, variant = pairs(Random(3), count, 1.2)
        ratios = np.sort(np.array(baseline) / np.array(variant))
        places = np.random.default_rng(5).random((20_000, count)) * (count + 1)
        drawn = np.median(np.interp(places, np.arange(1, count + 1), ratios), axis=1)
        estimate, lower, upper = paired_ratio(baseline, variant)
        assert estimate == pytest.approx(median(ratios))
        assert (lower, upper) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), rel=0.01)


def test_a_small_speedup_is_found_where_the_host_drifts_ten_times_as_far() -> None:
    _, lower, upper = paired_ratio(*pairs(Random(1), 60, 1.03, noise=0.01))
    assert 1.02 < lower < upper < 1.04


def test_the_same_blocks_give_the_same_interval() -> None:
    blocks = pairs(Random(2), 30, 1.5)
    assert paired_ratio(*blocks) == paired_ratio(*blocks)


@settings(max_examples=40)
@given(BLOCKS)
def test_the_estimate_lies_within_its_interval_and_the_interval_within_the_ratios(
    blocks: list[tuple[float, float]],
) -> None:
    baseline, variant = zip(*blocks, strict=True)
    estimate, lower, upper = paired_ratio(baseline, variant)
    ratios = [base / other for base, other in blocks]
    assert min(ratios) <= lower <= estimate * (1 + 1e-9)
    assert estimate <= upper * (1 + 1e-9)
    assert upper <= max(ratios) * (1 + 1e-9)


@settings(max_examples=40)
@given(BLOCKS)
def test_a_host_that_is_twice_as_slow_changes_nothing(blocks: list[tuple[float, float]]) -> None:
    baseline, variant = zip(*blocks, strict=True)
    slower = [2 * seconds for seconds in baseline], [2 * seconds for seconds in variant]
    assert paired_ratio(baseline, variant) == paired_ratio(*slower)


def test_too_few_pairs_bear_no_interval() -> None:
    with pytest.raises(ValueError, match="5 pairs bear no interval"):
        paired_ratio([1.0] * 5, [1.0] * 5)
