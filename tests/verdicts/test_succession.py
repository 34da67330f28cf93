"""A changed file is slower only where the interval says so, clear of what the same file differs from itself by."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmied.profiles import PairedRatio
from mmied.regression import PredecessorResult
from mmied.verdicts.succession import Word, slower_file


def a_ratio(
    speedup: float, half: float, control: float | None = 0.003, *, batch_size: int = 1, pairs: int = 120
) -> PairedRatio:
    return PairedRatio(
        variant="ranker",
        batch_size=batch_size,
        pairs=pairs,
        speedup_ratio=speedup,
        lower=speedup - half,
        upper=speedup + half,
        control_lower=None if control is None else 1 - control,
        control_upper=None if control is None else 1 + control,
    )


def a_result(*ratios: PairedRatio, fit: bool = True) -> PredecessorResult:
    return PredecessorResult(
        model="ranker", revision="b" * 64, predecessor_revision="a" * 64, ratios=tuple(ratios), fit=fit
    )


@pytest.mark.parametrize(
    ("speedup", "half", "control", "word"),
    [
        (0.98, 0.005, 0.003, "slower"),
        (1.03, 0.005, 0.003, "faster"),
        (1.0, 0.005, 0.003, "no_difference"),
        (0.995, 0.002, 0.001, "no_difference"),  # surely slower, and by nothing that matters
        (0.985, 0.01, 0.003, "slower"),
        (0.98, 0.03, 0.003, "cannot_tell"),  # too wide
        (0.97, 0.005, 0.03, "cannot_tell"),  # the same file was as far from itself
        (1.03, 0.005, 0.03, "cannot_tell"),
        (0.97, 0.005, None, "slower"),  # without a control
    ],
)
def test_what_the_figures_bear(speedup: float, half: float, control: float | None, word: Word) -> None:
    (found,) = slower_file(a_result(a_ratio(speedup, half, control)), 0.02)

    assert found.word == word
    assert found.lower < found.change_ratio < found.upper


def test_what_contention_spoilt_says_nothing() -> None:
    (found,) = slower_file(a_result(a_ratio(0.5, 0.01), fit=False), 0.02)

    assert found.word == "cannot_tell"
    assert "too busy" in found.why


def test_each_batch_size_is_told_apart_with_its_figures() -> None:
    found = slower_file(a_result(a_ratio(0.8, 0.01), a_ratio(1.0, 0.004, batch_size=8)), 0.02)

    assert [(each.batch_size, each.word) for each in found] == [(1, "slower"), (8, "no_difference")]
    assert found[0].why == (
        "batch size 1: a call's time changed by +25.0% [+23.5%, +26.6%], in 120 pairs; "
        "the same file against itself 0.3% at most"
    )


def test_without_a_measurement_nothing_is_said() -> None:
    assert slower_file(a_result(), 0.02) == ()


@given(st.floats(0.3, 3.0), st.floats(0.001, 0.2), st.floats(0.0, 0.2), st.floats(0.001, 0.5))
def test_a_word_is_never_more_than_the_figures_bear(speedup: float, half: float, control: float, least: float) -> None:
    ratio = a_ratio(speedup, half * speedup, control)
    (found,) = slower_file(a_result(ratio), least)

    if found.word == "slower":
        assert ratio.upper < min(1.0, 1 - control / 2)
        assert found.change_ratio > 0.4 * least
    if found.word == "faster":
        assert ratio.lower > max(1.0, 1 + control / 2)
        assert found.change_ratio < -0.4 * least
    if found.word == "no_difference":
        assert max(abs(found.lower), abs(found.upper)) < least


def test_equal_files_are_never_told_apart_by_chance_alone() -> None:
    draw = Random(0)
    words = []
    for _ in range(1000):
        half = draw.uniform(0.003, 0.05)
        speedup = 1 + draw.gauss(0, half / 2.571)
        words.append(slower_file(a_result(a_ratio(speedup, half, draw.uniform(0.001, half))), 0.02)[0].word)

    assert sum(word in ("slower", "faster") for word in words) < 60, "an interval of 95 % leaves out one in twenty"
