"""Models of all kinds are called in turn in one process; one that fails leaves the others their figures."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from mmied.bench.compare_worker import compare
from mmied.bench.orders import INTERLEAVED_FILE, CompareOrder, InterleavedResult, give_order
from mmied.bench.worker import Report
from mmied.codec import from_json
from mmied.records import InputSpec, Job, ModelSpec, Run, Source, Workload


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
