"""Outputs are held against those of before: equal ones have drifted by 0, a corrupted weight shows."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mmied.bench import golden
from mmied.bench.golden import MOST_VALUES, UNSEEN_RATIO, drift_ratio, golden_of
from mmied.bench.worker import JOB_FILE, RUN_FILE
from mmied.codec import from_json, to_json
from mmied.records import Golden, InputSpec, Job, ModelSpec, Run, Source, Workload

B8 = Workload(scenario="b8", batch_size=8)


def of(output: Any) -> Golden:
    return golden_of(output, run_id="r1", scenario="b8", revision=None, inputs="0" * 64)


def drift(then: Any, now: Any) -> float:
    return drift_ratio(of(then), of(now))


def large() -> torch.Tensor:
    return torch.randn(8, 64, 256, generator=torch.Generator().manual_seed(0))


# How far


def test_an_output_has_not_drifted_from_itself() -> None:
    assert drift(large(), large()) == 0.0


def test_the_drift_is_the_relative_distance() -> None:
    assert drift(torch.full((4,), 2.0), torch.full((4,), 2.5)) == pytest.approx(0.25)
    assert (
        drift({"a": torch.zeros(2), "b": torch.tensor([3.0, 4.0])}, {"a": torch.zeros(2), "b": torch.zeros(2)}) == 1.0
    )


@given(scale=st.floats(1e-6, 10.0))
def test_scaling_all_values_of_a_large_output_drifts_by_as_much(scale: float) -> None:
    then = large()
    assert drift(then.double(), then.double() * (1 + scale)) == pytest.approx(scale, rel=1e-6)


def test_of_integers_and_truth_values_the_share_that_differs_counts() -> None:
    assert drift(torch.tensor([1, 2, 3, 4]), torch.tensor([1, 2, 3, 5])) == 0.25
    assert drift(torch.tensor([True, False]), torch.tensor([True, True])) == 0.5


@pytest.mark.parametrize(
    "now",
    [
        torch.zeros(2, 3),
        torch.zeros(3, 2, dtype=torch.float64),
        [torch.zeros(3, 2)],
        (torch.zeros(3, 2), torch.zeros(1)),
        {"logits": torch.zeros(3, 2)},
    ],
    ids=["shape", "dtype", "nesting", "one more", "names"],
)
def test_another_structure_is_a_drift_of_one(now: Any) -> None:
    assert drift(torch.zeros(3, 2), now) == 1.0


def test_masks_of_minus_infinity_are_values_like_others_and_new_ones_are_a_drift_of_one() -> None:
    masked = torch.tensor([1.0, -math.inf, 2.0])

    assert drift(masked, masked.clone()) == 0.0
    assert drift(masked, torch.tensor([1.0, -math.inf, 2.5])) == pytest.approx(0.5 / math.hypot(1, 2))
    assert drift(masked, torch.tensor([1.0, 5.0, 2.0])) == 1.0
    assert drift(torch.tensor([1.0, 5.0, 2.0]), torch.tensor([1.0, math.nan, 2.0])) == 1.0


def test_a_change_that_the_sample_does_not_see_is_told_all_the_same() -> None:
    then = large()
    seen = set(of(then).floating)
    unseen = next(index for index, value in enumerate(then.reshape(-1).double().tolist()) if value not in seen)
    now = then.clone()
    now.view(-1)[unseen] += 1.0

    assert drift(then, now) == UNSEEN_RATIO


def test_zeros_have_no_scale() -> None:
    assert drift(torch.zeros(3), torch.tensor([0.0, 0.0, 1e-9])) == 1.0
    assert drift(torch.zeros(3), torch.zeros(3)) == 0.0
    assert drift(torch.zeros(3), torch.tensor([0.0, -0.0, 0.0])) == UNSEEN_RATIO


def test_an_output_without_tensors_has_a_structure_at_most() -> None:
    assert drift({}, []) == 0.0
    assert drift(torch.zeros(0, 4), torch.zeros(0, 4)) == 0.0


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(3, dtype=torch.bfloat16),
        torch.ones(3, dtype=torch.float16),
        torch.tensor(1.5),
        torch.ones(3, 3).t()[1:],
        torch.ones(2, dtype=torch.complex64),
        torch.eye(3).to_sparse(),
        torch.ones(3).to(torch.float8_e4m3fn),
        torch.ones(2, dtype=torch.uint8),
    ],
    ids=["bfloat16", "float16", "scalar", "strided", "complex", "sparse", "float8", "uint8"],
)
def test_tensors_of_every_kind_can_be_held(tensor: torch.Tensor) -> None:
    assert drift(tensor, tensor.clone()) == 0.0


# The sample


def test_a_sample_is_bounded_and_small_outputs_are_whole() -> None:
    found = of({"hidden": large(), "logits": torch.arange(10.0), "ids": torch.arange(300)})

    assert len(found.floating) + len(found.discrete) <= MOST_VALUES
    assert set(range(10)) <= {int(value) for value in found.floating if value is not None and value % 1 == 0}
    assert len(of(large()).floating) > 0.95 * MOST_VALUES
    assert len(of([torch.zeros(3)] * 2000).floating) <= MOST_VALUES


def test_the_sample_looks_at_every_row_and_column_alike() -> None:
    columns = torch.arange(256.0).expand(8 * 64, 256).contiguous()

    assert len(set(of(columns).floating)) > 150


def test_a_sample_is_json_that_comes_back_exactly() -> None:
    found = of([large(), torch.tensor([-math.inf]), torch.tensor([2**62])])

    assert from_json(Golden, to_json(found)) == found


# In runs


@dataclass
class Opened:
    call: Callable[..., Any]
    make: Callable[[int], Any]
    revision: str | None = None


@dataclass
class FakeSession:
    model: Opened


SPEC = ModelSpec(name="m", source=Source(kind="factory", factory="a:b"), inputs=(), seed=7)


def look(call: Callable[..., Any], make: Callable[[int], Any]) -> Golden:
    return golden.look(FakeSession(Opened(call, make)), SPEC, B8, run_id="r1")  # type: ignore[arg-type]


def test_one_corrupted_weight_shows() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8)).eval()

    def make(batch: int) -> Any:
        return (torch.ones(batch, 16),), {}

    then = look(model, make)
    with torch.no_grad():
        model[0].weight[3, 5] += 0.5
    now = look(model, make)

    assert now.inputs == then.inputs
    assert drift_ratio(then, now) > 1e-4


def test_models_and_inputs_that_draw_random_numbers_draw_the_same_each_time() -> None:
    def make(batch: int) -> Any:
        return (torch.randn(batch, 4),), {}

    def call(given: torch.Tensor) -> torch.Tensor:
        return given + torch.rand_like(given)

    before = torch.get_rng_state()
    then, now = look(call, make), look(call, make)

    assert then.inputs == now.inputs
    assert drift_ratio(then, now) == 0.0
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "other",
    [
        (((torch.zeros(8, 4),), {"scale": 2}), ((torch.zeros(8, 4),), {"scale": 3})),
        (((torch.zeros(8, 4),), {}), ((torch.zeros(8, 4, dtype=torch.float64),), {})),
        ((([torch.zeros(8, 4)],), {}), (([torch.ones(8, 4)],), {})),
    ],
    ids=["a number", "a dtype", "a nested tensor"],
)
def test_other_inputs_have_another_digest(other: tuple[Any, Any]) -> None:
    def call(given: Any, scale: int = 1) -> Any:
        return torch.zeros(1)

    assert look(call, lambda batch: other[0]).inputs != look(call, lambda batch: other[1]).inputs


def run_worker(folder: Path, job: Job) -> Run:
    folder.mkdir()
    (folder / JOB_FILE).write_text(to_json(job))
    subprocess.run([sys.executable, "-m", "mmied.bench.worker", str(folder)], check=True, capture_output=True)
    return from_json(Run, (folder / RUN_FILE).read_bytes())


def test_a_run_records_its_outputs_and_the_next_process_has_not_drifted_from_them_by_a_bit(tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))
    script = torch.jit.script(model)
    script.save(str(weights))
    spec = ModelSpec(
        name="tiny",
        source=Source(kind="torchscript", path=str(weights)),
        inputs=(InputSpec(shape=("batch", 8)),),
        threads=1,
    )
    job = Job(run_id="r1", kind="profile", model=spec, workloads=(B8,), scenario_seconds=0.1)
    first = run_worker(tmp_path / "1", job)
    assert first.golden is not None
    assert first.drift_ratio is None
    assert len(first.golden.floating) == 32

    same = run_worker(tmp_path / "2", replace(job, run_id="r2", golden=first.golden))
    assert (same.drift_ratio, same.golden) == (0.0, None)

    with torch.no_grad():
        model[2].weight[0, 0] += 1.0
    torch.jit.script(model).save(str(weights))
    corrupted = run_worker(tmp_path / "3", replace(job, run_id="r3", golden=first.golden))
    assert corrupted.drift_ratio is not None
    assert corrupted.drift_ratio > 1e-3

    reseeded = replace(job, run_id="r4", golden=first.golden, model=replace(spec, seed=1))
    other = run_worker(tmp_path / "4", reseeded)
    assert other.drift_ratio is None, "other inputs begin anew"
    assert other.golden is not None
    assert json.loads(to_json(other.golden))["inputs"] != first.golden.inputs
