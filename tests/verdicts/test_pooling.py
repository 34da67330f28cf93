"""The ratios of several processes make one whose interval knows how far processes are apart."""

import math
from random import Random

import pytest

from mmied.profiles import PairedRatio
from mmied.verdicts.pooling import inverted_ratio, is_plain, pooled_ratio


def seen(speedup: float, half: float = 0.002, *, control: float | None = 1.0, batch_size: int = 1) -> PairedRatio:
    return PairedRatio(
        variant="ranker",
        batch_size=batch_size,
        pairs=20,
        speedup_ratio=speedup,
        lower=speedup * (1 - half),
        upper=speedup * (1 + half),
        control_lower=None if control is None else control * (1 - half),
        control_upper=None if control is None else control * (1 + half),
    )


def test_processes_that_agree_make_a_narrow_interval_and_no_narrower_than_their_own_give_it() -> None:
    found = pooled_ratio([seen(0.98)] * 6)

    assert found.speedup_ratio == pytest.approx(0.98)
    assert found.pairs == 120
    own = 0.002 / math.sqrt(6)
    assert own < found.upper / found.speedup_ratio - 1 < 2 * own
    assert found.control_lower is not None
    assert found.control_upper is not None
    assert found.control_lower < 1 < found.control_upper


def test_processes_that_are_further_apart_than_they_say_make_a_wide_one() -> None:
    apart = pooled_ratio([seen(speedup, 0.0005) for speedup in (0.96, 1.0, 1.01, 0.97, 1.02, 0.98)])

    assert apart.speedup_ratio == pytest.approx(0.99, abs=0.002)
    assert apart.lower < 0.97
    assert apart.upper > 1.01


def test_a_process_that_was_disturbed_counts_little() -> None:
    found = pooled_ratio([*[seen(0.98)] * 5, seen(1.5, 0.4)])

    assert found.speedup_ratio == pytest.approx(0.98, abs=0.003)


def test_one_process_alone_does_not_bear_two_percent() -> None:
    found = pooled_ratio([seen(0.991, 0.0001)])

    assert found.lower < 0.991 < 1 < found.upper


@pytest.mark.parametrize(("speedup", "half", "plain"), [(0.8, 0.05, True), (1.3, 0.05, True), (0.98, 0.015, False)])
def test_a_difference_is_plain_where_it_is_far_greater_than_its_interval(
    speedup: float, half: float, plain: bool
) -> None:
    assert is_plain(seen(speedup, half)) is plain


def test_without_a_control_there_is_none() -> None:
    found = pooled_ratio([seen(0.98, control=None)] * 3)

    assert (found.control_lower, found.control_upper) == (None, None)


def test_the_interval_holds_the_truth_where_processes_differ_by_their_luck() -> None:
    draw = Random(1)
    held = 0
    for _ in range(1000):
        ratios = []
        for _ in range(6):
            half = draw.uniform(0.002, 0.02)
            truth = 0.98 * math.exp(draw.gauss(0, 0.004))
            ratios.append(seen(truth * math.exp(draw.gauss(0, half / 1.96)), half))
        found = pooled_ratio(ratios)
        held += found.lower <= 0.98 <= found.upper

    assert held >= 940


def test_what_is_turned_round_twice_is_as_it_was() -> None:
    ratio = seen(0.8, 0.01)
    turned = inverted_ratio(ratio, "before")

    assert (turned.variant, turned.speedup_ratio) == ("before", 1.25)
    assert turned.lower < 1.25 < turned.upper
    again = inverted_ratio(turned, "ranker")
    assert (again.speedup_ratio, again.lower, again.upper) == pytest.approx(
        (ratio.speedup_ratio, ratio.lower, ratio.upper)
    )
