"""Speed is no excuse for other answers: what a candidate's outputs and accuracy have to be."""

from dataclasses import replace

import pytest

from mmied.optimization import Exactness, Fidelity
from mmied.verdicts.guards import guard_accuracy, guard_fidelity

GOOD = Fidelity(
    samples=64,
    finite=True,
    same_structure=True,
    worst_cosine=0.99999,
    relative_l2=0.00001,
    max_abs=0.0001,
    top1_agreement=1.0,
)


def broken(fidelity: Fidelity, exactness: Exactness) -> list[str]:
    return [guard.name for guard in guard_fidelity(fidelity, exactness) if not guard.met]


@pytest.mark.parametrize("exactness", ["exact", "reduced", "int8", "pruned"])
def test_equal_outputs_pass_every_guard(exactness: Exactness) -> None:
    assert broken(GOOD, exactness) == []


@pytest.mark.parametrize("exactness", ["exact", "reduced", "int8", "pruned"])
@pytest.mark.parametrize(("change", "name"), [({"finite": False}, "finite"), ({"same_structure": False}, "structure")])
def test_no_candidate_may_break_its_outputs(exactness: Exactness, change: dict[str, bool], name: str) -> None:
    assert broken(replace(GOOD, **change), exactness) == [name]  # type: ignore[arg-type]


def test_a_reordered_sum_is_exact_and_bfloat16_is_not() -> None:
    bfloat16 = replace(GOOD, relative_l2=0.0046, worst_cosine=0.99998)

    assert broken(bfloat16, "exact") == ["relative L2 distance"]
    assert broken(bfloat16, "reduced") == []


def test_int8_that_works_passes_and_int8_that_is_broken_does_not() -> None:
    assert broken(replace(GOOD, worst_cosine=0.9996, relative_l2=0.028), "int8") == []
    assert "worst cosine" in broken(replace(GOOD, worst_cosine=0.961, relative_l2=0.37), "int8")


def test_pruning_is_judged_by_the_task_alone() -> None:
    assert broken(replace(GOOD, worst_cosine=0.7, relative_l2=0.6, top1_agreement=0.1), "pruned") == []


def test_a_guard_says_what_it_saw_and_what_it_asks_for() -> None:
    (guard,) = [g for g in guard_fidelity(replace(GOOD, relative_l2=0.37), "reduced") if not g.met]

    assert guard.shown == "relative L2 distance 0.37, may be at most 0.02"


@pytest.mark.parametrize(
    ("change", "met"),
    [
        ((0.0, -0.002, 0.002), True),
        ((0.01, 0.004, 0.016), True),
        ((-0.02, -0.03, -0.01), False),
        ((0.0, -0.03, 0.03), False),  # too few samples to rule a drop out
    ],
)
def test_accuracy_may_not_be_worse_beyond_doubt(change: tuple[float, float, float], met: bool) -> None:
    assert guard_accuracy(change).met is met


def test_of_an_error_the_rise_is_the_drop() -> None:
    assert not guard_accuracy((0.02, 0.01, 0.03), higher_is_better=False).met
    assert guard_accuracy((-0.02, -0.03, -0.01), higher_is_better=False).met


def test_too_few_samples_to_rule_a_drop_out_are_doubt_and_no_drop() -> None:
    doubtful = guard_accuracy((0.0, -0.04, 0.04))
    certain = guard_accuracy((-0.06, -0.08, -0.04))
    assert (doubtful.met, doubtful.sure) == (False, False)
    assert "too few labelled samples" in doubtful.shown
    assert (certain.met, certain.sure) == (False, True)


def test_an_exact_candidate_that_changed_no_prediction_needs_no_large_test_set() -> None:
    assert guard_accuracy((0.0, -0.04, 0.04), exactness="exact", predictions_changed=0).met
    assert not guard_accuracy((0.0, -0.04, 0.04), exactness="int8", predictions_changed=0).met
    assert not guard_accuracy((0.0, -0.04, 0.04), exactness="exact", predictions_changed=2).met
