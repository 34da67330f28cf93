"""What the models showed in turn becomes ratios with intervals, and notes on what to make of them."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import make_iterations

from mmied.bench.compare_worker import compare, notes_on, notes_on_shapes, ratios_of, sentence_of
from mmied.bench.interleave import Interleaved
from mmied.bench.orders import INTERLEAVED_FILE, CompareOrder, InterleavedResult, give_order
from mmied.bench.worker import Report
from mmied.codec import from_json
from mmied.errors import ModelError
from mmied.records import InputSpec, Job, ModelSpec, Run, Source, Workload

SPEC = ModelSpec(name="base", source=Source(kind="factory", factory="a:b"), inputs=())
ORDER = CompareOrder(models=(SPEC,), baseline="base", num_runs=100, limit_seconds=5.0)


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


def test_a_model_that_takes_half_the_time_is_twice_as_fast() -> None:
    (ratio,) = ratios_of(seen(), 8, "base")
    assert (ratio.variant, ratio.batch_size, ratio.pairs) == ("fast", 8, 20)
    assert ratio.speedup_ratio == pytest.approx(2.0, rel=0.05)
    assert ratio.lower <= ratio.speedup_ratio <= ratio.upper
    assert ratio.control_lower is not None
    assert ratio.control_upper is not None
    assert ratio.control_lower <= 1.0 <= ratio.control_upper
    assert notes_on(seen(), 8, ORDER) == []


def test_too_few_rounds_give_a_note_and_no_ratio() -> None:
    few = seen(3, complete=False)
    assert ratios_of(few, 8, "base") == []
    (note,) = notes_on(few, 8, ORDER)
    assert "3 rounds in 3 s bear no interval" in note
    assert "--time-limit" in note


def test_nothing_is_held_against_another_than_the_baseline() -> None:
    order = replace(ORDER, baseline="gone")
    assert ratios_of(seen(), 8, "gone") == []
    assert notes_on(seen(), 8, order) == ["batch size 8: the baseline gone failed, so that nothing is held against it"]


def test_fewer_calls_than_asked_for_are_told() -> None:
    (note,) = notes_on(seen(), 8, replace(ORDER, num_runs=101))
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


def test_errors_are_a_line() -> None:
    assert sentence_of(ModelError("x.pt: truncated")) == "x.pt: truncated"
    assert sentence_of(RuntimeError("first\nsecond")) == "RuntimeError: first"


# Real models, in this process


def specs(*factories: str) -> tuple[ModelSpec, ...]:
    inputs = (InputSpec(shape=("batch", 4)),)
    return tuple(
        ModelSpec(name=path.partition(":")[2], source=Source(kind="factory", factory=path), inputs=inputs)
        for path in factories
    )


def compared(folder: Path, *factories: str, **changes: Any) -> InterleavedResult:
    models = specs(*factories)
    settings = {"models": models, "baseline": models[0].name, "num_runs": 5, "limit_seconds": 3.0, **changes}
    give_order(CompareOrder(**settings), folder)
    job = Job(
        run_id="run-1",
        kind="check",
        model=models[0],
        workloads=(Workload(scenario="b2", batch_size=2),),
        scenario_seconds=1.0,
    )
    started = Run(
        run_id="run-1",
        host="here",
        model="m",
        kind="check",
        device="cpu",
        started_at=0.0,
        ended_at=0.0,
        outcome="crashed",
    )
    report = Report(folder, started)
    compare(job, folder, report)
    assert report.run.outcome == "succeeded"
    return from_json(InterleavedResult, (folder / INTERLEAVED_FILE).read_bytes())


def test_a_model_that_gives_up_in_the_midst_is_dropped_and_the_others_begin_anew(tmp_path: Path) -> None:
    found = compared(tmp_path, "measures:Wide", "measures:Tiring", "measures:Fussy", "measures:Wider")

    assert found.failures == {
        "Tiring": "batch size 2: RuntimeError: the cache is full",
        "Fussy": "batch size 2: RuntimeError: one at a time, please",
    }
    assert set(found.iterations["b2"]) == {"Wide", "Wider"}
    assert [ratio.variant for ratio in found.ratios] == ["Wider"]


def test_without_the_baseline_the_others_have_times_and_no_ratios(tmp_path: Path) -> None:
    found = compared(tmp_path, "faulty:raise_in_load", "measures:Wide", limit_seconds=0.5)

    assert set(found.failures) == {"raise_in_load"}
    assert set(found.iterations["b2"]) == {"Wide"}
    assert found.ratios == ()
    assert "the baseline raise_in_load failed" in found.notes[0]


def test_the_users_own_measure_is_used_and_one_that_fails_takes_no_times(tmp_path: Path) -> None:
    path = tmp_path / "test.npz"
    np.savez(path, x=np.ones((6, 4), dtype=np.float32), labels=np.zeros(6, dtype=np.int64))
    found = compared(tmp_path, "measures:Wide", dataset=str(path), metric="measures:count", limit_seconds=0.2)
    assert found.accuracies["Wide"].value == 6.0

    found = compared(tmp_path, "measures:Wide", dataset=str(path), metric="measures:failing", limit_seconds=0.2)
    assert found.accuracies == {}
    assert "Wide: no accuracy: --metric measures:failing: raised ZeroDivisionError" in found.notes[-1]
    assert math.isfinite(found.iterations["b2"]["Wide"].wall_seconds[0])


def test_a_data_set_without_labels_leaves_accuracy_out_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "test.npz"
    np.savez(path, x=np.ones((6, 4), dtype=np.float32))
    found = compared(tmp_path, "measures:Wide", dataset=str(path), limit_seconds=0.2)
    assert found.accuracies == {}
    assert "test.npz has no labels" in found.notes[-1]
