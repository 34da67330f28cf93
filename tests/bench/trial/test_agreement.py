"""Outputs are compared sample by sample: one bad sample is not averaged away, and a near tie is no disagreement."""

import math

import pytest
import torch

from mmied.bench.trial.agreement import compare_outputs

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = torch.randn(64, 10, generator=GENERATOR)


def test_equal_outputs_agree_wholly() -> None:
    found = compare_outputs({"output": LOGITS}, {"output": LOGITS.clone()}, 64)

    assert found.worst_cosine == pytest.approx(1.0)
    assert (found.relative_l2, found.max_abs, found.top1_agreement) == (0.0, 0.0, 1.0)
    assert found.finite
    assert found.same_structure


def test_one_bad_sample_of_many_shows() -> None:
    other = LOGITS.clone()
    other[17] = -other[17]

    found = compare_outputs({"output": LOGITS}, {"output": other}, 64)

    assert found.worst_cosine == pytest.approx(-1.0)
    assert found.top1_agreement == pytest.approx(63 / 64)


def test_a_relative_distance_is_known_exactly() -> None:
    found = compare_outputs({"output": LOGITS}, {"output": LOGITS * 1.01}, 64)

    assert found.relative_l2 == pytest.approx(0.01, rel=1e-4)
    assert found.worst_cosine == pytest.approx(1.0)
    assert found.max_relative_error == pytest.approx(0.01, rel=1e-4)


def test_the_largest_difference_is_told_against_the_largest_value_of_its_own_output() -> None:
    """One beside a zero is no infinite error, and a large output does not hide a small one's."""
    values = torch.tensor([[0.0, 4.0], [0.0, -2.0]])
    other = values + torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    large = torch.full((2, 2), 1000.0)

    found = compare_outputs({"large": large, "small": values}, {"large": large, "small": other}, 2)

    assert (found.max_abs, found.max_relative_error) == (1.0, 0.25)


def test_a_near_tie_that_flips_within_the_noise_is_no_disagreement() -> None:
    scores = torch.zeros(4, 3)
    scores[:, 0], scores[:, 1], scores[:, 2] = 1.0001, 1.0, -1.0
    noisy = scores + torch.tensor([-0.001, 0.001, 0.0005])

    assert compare_outputs({"output": scores}, {"output": noisy}, 4).top1_agreement == 1.0


def test_rounding_alone_breaks_no_choice_and_a_class_that_is_favoured_does() -> None:
    """Among many choices some of the leads are always small."""
    scores = torch.randn(1024, 2000, generator=GENERATOR)
    rounded = scores + 0.02 * torch.randn(1024, 2000, generator=GENERATOR)
    favoured = rounded.clone()
    favoured[:, 7] += 2.0

    assert float((rounded.argmax(1) == scores.argmax(1)).float().mean()) < 0.98
    found = [compare_outputs({"output": scores}, {"output": each}, 1024).top1_agreement for each in (rounded, favoured)]
    assert found == [pytest.approx(1.0, abs=0.002), pytest.approx(0.9, abs=0.09)]


def test_a_clear_choice_that_flips_is_one() -> None:
    scores = torch.tensor([[3.0, 0.0, 0.0, 0.0]]).repeat(4, 1)
    flipped = torch.tensor([[0.0, 3.0, 0.0, 0.0]]).repeat(4, 1)

    assert compare_outputs({"output": scores}, {"output": flipped}, 4).top1_agreement == 0.0


@pytest.mark.parametrize(
    "other",
    [{"output": LOGITS[:, :5]}, {"other": LOGITS}, {}, {"output": LOGITS, "more": LOGITS}, {"output": LOGITS.long()}],
)
def test_another_structure_is_told_and_not_compared(other: dict[str, torch.Tensor]) -> None:
    found = compare_outputs({"output": LOGITS}, other, 64)

    assert not found.same_structure
    assert found.worst_cosine is None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_an_output_that_is_not_finite_is_told(bad: float) -> None:
    other = LOGITS.clone()
    other[3, 3] = bad

    assert not compare_outputs({"output": LOGITS}, {"output": other}, 64).finite


def test_logits_that_the_baseline_masks_too_are_fine() -> None:
    masked = LOGITS.clone()
    masked[:, 0] = -math.inf

    found = compare_outputs({"output": masked}, {"output": masked * 1.0}, 64)

    assert found.finite
    assert found.relative_l2 == 0.0


def test_whole_numbers_agree_or_do_not() -> None:
    tokens = torch.arange(64)
    other = tokens.clone()
    other[:16] += 1

    found = compare_outputs({"output": tokens}, {"output": other}, 64)

    assert found.top1_agreement == pytest.approx(0.75)
    assert found.worst_cosine is None
