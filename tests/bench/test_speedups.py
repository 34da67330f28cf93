"""What models showed in turn becomes ratios with intervals, and notes on what to make of them."""

from dataclasses import replace
from typing import Any

import pytest
from builders import make_iterations

from mmied.bench.interleave import Interleaved
from mmied.bench.speedups import notes_on, notes_on_shapes, ratios_of


def seen(rounds: int = 20, **changes: Any) -> Interleaved:
    """A baseline of 10 ms beside a model of 5 ms."""
    jitter = [1 + 0.01 * (index % 5 - 2) for index in range(rounds)]
    whole = Interleaved(
        baseline="base",
        iterations={"base": make_iterations(0.01, 100), "fast": make_iterations(0.005, 100)},
        blocks={
            "base": tuple(0.01 * each for each in jitter),
            "fast": tuple(0.005 * each for each in reversed(jitter)),
        },
        control=tuple(0.01 * each for each in reversed(jitter)),
        block_calls={"base": 2, "fast": 4},
        rounds=rounds,
        seconds=3.0,
        complete=True,
    )
    return replace(whole, **changes)


def notes(found: Interleaved, baseline: str = "base", num_runs: int = 100) -> list[str]:
    return notes_on(found, 8, baseline=baseline, num_runs=num_runs, option="--time-limit")


def test_a_model_that_takes_half_the_time_is_twice_as_fast() -> None:
    (ratio,) = ratios_of(seen(), 8, "base")
    assert (ratio.variant, ratio.batch_size, ratio.pairs) == ("fast", 8, 20)
    assert ratio.speedup_ratio == pytest.approx(2.0, rel=0.05)
    assert ratio.lower <= ratio.speedup_ratio <= ratio.upper
    assert ratio.control_lower is not None
    assert ratio.control_upper is not None
    assert ratio.control_lower <= 1.0 <= ratio.control_upper
    assert notes(seen()) == []


def test_too_few_rounds_give_a_note_and_no_ratio() -> None:
    few = seen(3, complete=False)
    assert ratios_of(few, 8, "base") == []
    (note,) = notes(few)
    assert "3 rounds in 3 s bear no interval" in note
    assert "--time-limit" in note


def test_nothing_is_held_against_another_than_the_baseline() -> None:
    assert ratios_of(seen(), 8, "gone") == []
    assert notes(seen(), baseline="gone") == [
        "batch size 8: the baseline gone failed, so that nothing is held against it"
    ]


def test_fewer_calls_than_asked_for_are_told() -> None:
    (note,) = notes(seen(), num_runs=101)
    assert "time was up after 100 calls" in note


def test_outputs_are_held_against_the_first_models_whatever_they_are_called() -> None:
    shapes = {
        "base": (("output", (8, 10)),),
        "named": (("output['logits']", (8, 10)),),
        "wide": (("output", (8, 12)), ("output[1]", ())),
    }
    (note,) = notes_on_shapes(shapes, 8)
    assert "wide gives 8×12, a scalar where base gives 8×10" in note
    assert notes_on_shapes({}, 8) == []
