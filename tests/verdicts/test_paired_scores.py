"""The interval of a change of accuracy keeps its promise, however few samples changed."""

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmied.verdicts.paired_scores import paired_proportions


def test_no_changed_sample_is_no_proof_of_no_change() -> None:
    estimate, lower, upper = paired_proportions(0, 0, 100)
    assert estimate == 0
    assert lower == pytest.approx(-3.8415 / 103.8415, abs=1e-4)
    assert upper == pytest.approx(-lower)


def test_more_samples_narrow_it() -> None:
    widths = [(upper - lower) for _, lower, upper in (paired_proportions(0, 0, n) for n in (50, 500, 5000))]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.002


def test_all_samples_changed_one_way_reach_the_end() -> None:
    assert paired_proportions(0, 20, 20)[:2] == (-1.0, -1.0)
    assert paired_proportions(20, 0, 20)[0] == 1.0


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 400))
def test_gains_and_losses_are_mirror_images(gained: int, lost: int, unchanged: int) -> None:
    total = gained + lost + unchanged
    estimate, lower, upper = paired_proportions(gained, lost, total)
    mirrored = paired_proportions(lost, gained, total)
    assert lower <= estimate <= upper
    assert (-mirrored[0], -mirrored[2], -mirrored[1]) == pytest.approx((estimate, lower, upper), abs=1e-9)


@pytest.mark.parametrize(("gain", "loss"), [(0.0, 0.01), (0.02, 0.02), (0.05, 0.1), (0.3, 0.1)])
def test_it_holds_the_truth_as_often_as_it_says(gain: float, loss: float) -> None:
    """Exact coverage over all outcomes of 60 samples: the sum of the probabilities of those whose interval holds."""
    total, covered = 60, 0.0
    for gained in range(total + 1):
        for lost in range(total + 1 - gained):
            chance = comb(total, gained) * comb(total - gained, lost)
            chance *= gain**gained * loss**lost * (1 - gain - loss) ** (total - gained - lost)
            if chance > 1e-7:
                _, lower, upper = paired_proportions(gained, lost, total)
                covered += chance * (lower <= gain - loss <= upper)
    assert covered > 0.93


def test_nothing_asked_is_refused() -> None:
    with pytest.raises(ValueError, match="no sample"):
        paired_proportions(0, 0, 0)
