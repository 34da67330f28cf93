"""What an inspection came to in short is bounded, and files are told that are there."""

from dataclasses import replace
from pathlib import Path

from looks import make_inspection, make_layers

from mmied.bench.inspect_worker import COSTLIEST_LAYERS, LONGEST_NAME, WHOLE_MODEL, findings_of
from mmied.inspection import Inspection, Layer
from mmied.records import Findings


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
