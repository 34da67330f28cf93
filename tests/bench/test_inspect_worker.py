"""What an inspection came to in short is bounded, and files are told that are there."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from looks import make_inspection, make_layers

from mmied.bench.inspect_worker import COSTLIEST_LAYERS, LONGEST_NAME, WHOLE_MODEL, accuracy_of, findings_of
from mmied.errors import ModelError
from mmied.inspection import Inspection, Layer
from mmied.records import Findings, InputSpec, Job, ModelSpec, Source


def test_findings_are_the_figures_that_prometheus_and_the_history_get(tmp_path: Path) -> None:
    (tmp_path / "inspection.json").write_text("{}")
    (tmp_path / "run.json").write_text("{}")
    found = findings_of(make_inspection(failures={"usage": "no /proc"}), tmp_path)

    assert found == Findings(
        scenario="b8",
        flops=3e8,
        flops_coverage_ratio=0.95,
        operator_seconds={"matmul": 0.004, "elementwise": 0.0004},
        layer_seconds={
            "blocks.0.linear": 0.002,
            "blocks.1.linear": 0.002,
            WHOLE_MODEL: 0.0002,
            "blocks.0": 1e-5,
            "blocks.1": 1e-5,
        },
        failures={"usage": "no /proc"},
        artifacts={"inspection.json": 2},
    )


def test_of_many_layers_the_ten_costliest_are_told_by_names_of_bounded_length(tmp_path: Path) -> None:
    layers = tuple(
        Layer(name=f"{'deep.' * 60}{index}", kind="Linear", parent=None, calls=1, self_seconds=index / 1e6)
        for index in range(500)
    )
    named = tuple(replace(layer, name=f"l{index}") for index, layer in enumerate(layers))
    found = findings_of(make_inspection(layers=make_layers(layers=named)), tmp_path)

    assert list(found.layer_seconds) == [f"l{index}" for index in range(499, 499 - COSTLIEST_LAYERS, -1)]
    longest = findings_of(make_inspection(layers=make_layers(layers=layers)), tmp_path)
    assert all(len(name) <= LONGEST_NAME for name in longest.layer_seconds)


def test_passes_that_saw_nothing_leave_no_figures(tmp_path: Path) -> None:
    nothing = Inspection(workload=make_inspection().workload, failures={"layers": "no"})

    assert findings_of(nothing, tmp_path) == Findings(scenario="b8", failures={"layers": "no"})


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Ten samples of two numbers, of which the larger one's place is the label; two labels are wrong."""
    inputs = np.array([[index % 2, 1 - index % 2] for index in range(10)], dtype=np.float32)
    labels = inputs.argmax(1)
    labels[:2] = 1 - labels[:2]
    np.savez(tmp_path / "labelled.npz", x=inputs, labels=labels)
    return tmp_path / "labelled.npz"


def model_of(call: Any) -> Any:
    return SimpleNamespace(call=call, make=lambda size: ((torch.zeros(size, 2),), {}))


def job_with(metric: str | None = None) -> Job:
    spec = ModelSpec(name="m", source=Source(kind="factory", factory="a:b"), inputs=(InputSpec(shape=("batch", 2)),))
    return Job(run_id="r", kind="inspect", model=spec, workloads=(), scenario_seconds=1.0, metric=metric)


def test_labelled_samples_tell_how_well_the_model_does(labelled: Path) -> None:
    model = model_of(torch.nn.Identity())
    # Batches of four: the last one is filled up, and its samples count once.
    assert accuracy_of(job_with(), model, str(labelled), 4) == pytest.approx(0.8)


def test_squared_errors_are_no_accuracy(labelled: Path) -> None:
    assert accuracy_of(job_with("mse"), model_of(lambda x: x.argmax(1).float()), str(labelled), 5) is None


def test_samples_without_labels_are_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "bare.npz", x=np.zeros((4, 2), dtype=np.float32))
    with pytest.raises(ModelError, match="has no labels"):
        accuracy_of(job_with(), model_of(torch.nn.Identity()), str(tmp_path / "bare.npz"), 2)
