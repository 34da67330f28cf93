"""ModelProfiler answers what it is asked of a model, leaves the model as it was, and says what is wrong otherwise."""

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from brief import briefly
from library_models import Answering, Classifier, Narrow, Normalized, OneMapping, Remembering, TwoInputs
from torch import nn

from mmied import MmiedError, ModelProfiler, load_baseline
from mmied.bench.calling import as_call
from mmied.bench.session import Session
from mmied.inspection import Usage
from mmied.records import Workload

TOKENS = torch.randint(0, 100, (8, 6))
ROWS = torch.randn(3, 4)
SHORT: dict[str, Any] = {"num_runs": 8, "warmup_runs": 1}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with briefly(monkeypatch):
        yield


def profiler(model: Any = None, **options: Any) -> ModelProfiler:
    return ModelProfiler(model, **{"limit_seconds": 0.05} | options)


def test_execution_time_is_of_so_many_calls_as_were_asked_for() -> None:
    found = profiler(Classifier()).measure_execution_time(input_data=TOKENS, iterations=10, warmup=2)
    assert (found["iterations"], found["warmup_iterations"]) == (10, 2)
    assert found["mean"] == pytest.approx(1e3 * found["mean_seconds"])
    assert found.minimum_seconds <= found.median_seconds <= found.maximum_seconds
    assert "needs 459 samples" in found["withheld"]["p99"]


def test_without_a_number_of_calls_a_fast_model_is_called_until_its_quantiles_are_known() -> None:
    result = profiler(nn.Linear(4, 2), limit_seconds=1.0).profile(ROWS)
    assert result.latency_seconds.p99 is not None
    assert result.latency_seconds.withheld == {}


def test_memory_is_at_least_the_models_own() -> None:
    model = nn.Linear(500, 500)
    found = profiler(model).measure_memory_usage(input_data=torch.randn(2, 500))
    assert found["peak"] == found.peak_bytes >= found.model_bytes == 4 * (500 * 500 + 500)
    assert found.space == "host"


def test_activations_are_seen_above_the_model() -> None:
    found = profiler(nn.Linear(100, 50_000)).measure_memory_usage(torch.randn(64, 100))
    assert found.activation_bytes >= 64 * 50_000 * 4
    assert found.per_sample_bytes == found.activation_bytes / 64


def test_a_detailed_profile_looks_inside_and_answers_in_both_ways() -> None:
    session = profiler(Classifier().train(), items_per_sample={"tokens": 6})
    result = session.profile(TOKENS, num_runs=100, warmup_runs=10, detailed_analysis=True)

    assert result.main is not None
    assert result.main.latency is not None
    assert result.main.latency.iterations == 100
    assert result["latency"]["mean"] == pytest.approx(1e3 * (result.latency_seconds.mean or 0))
    throughput = result["throughput"]
    assert throughput["samples_per_second"] == pytest.approx(8 * throughput["requests_per_second"])
    assert throughput["tokens_per_second"] == pytest.approx(6 * throughput["samples_per_second"])
    assert result["memory"]["peak"] == result.memory_bytes.peak
    assert result["compute"]["parameters"] == result.parameters == sum(p.numel() for p in Classifier().parameters())
    assert result.flops is not None
    assert result.flops > 2 * 8 * 6 * 16 * 32
    assert {"blocks.0.mlp", "head"} <= {layer.name for layer in result.layers}
    assert result.operators
    assert result.flame is not None
    assert isinstance(result.usage, Usage)
    assert result.inspection is not None
    assert result.inspection.failures == {}

    assert session.profile_layers(TOKENS, ["embedding"])["embedding"].layers[0].kind == "Embedding"
    found = session.memory_profile(track_allocations=True, track_deallocations=False, memory_snapshots=True)
    assert found["peak_bytes"] > 0
    assert found["snapshots"]
    assert "deallocations" not in found
    assert "inspection" in json.loads(session.export_json())


def test_layers_are_found_by_path_by_class_and_by_part() -> None:
    session = profiler(Classifier())
    found = session.profile_layers(TOKENS, layer_names=["attention", "mlp", "blocks.1"])
    assert {layer.name for layer in found["attention"].layers} >= {"blocks.0.self_attn", "blocks.1.self_attn"}
    assert [layer.name for layer in found["blocks.1"].layers] == ["blocks.1"]
    mlp = found["mlp"]
    assert mlp.parameters == 2 * (16 * 32 + 32 + 32 * 16 + 16), "parts of a found layer do not count twice"
    with pytest.raises(MmiedError, match=r'no layer is called "attentoin".* MultiheadAttention'):
        session.profile_layers(TOKENS, ["attentoin"])


def test_a_sweep_gives_a_result_for_each_configuration_in_order() -> None:
    session = profiler(nn.Linear(4, 2))
    session.measure_execution_time(ROWS, iterations=1, warmup=0)
    found = session.benchmark(
        [{"batch_size": 1, "precision": "fp32"}, {"batch_size": 4}, {"batch_size": 8, "precision": "bf16"}], **SHORT
    )
    assert [(result.batch_size, result.precision) for result in found] == [
        (1, "float32"),
        (4, "float32"),
        (8, "bfloat16"),
    ]
    assert all(result["throughput"]["samples_per_second"] > 0 for result in found)
    assert len(found) == 3
    assert found.best in list(found)


def test_a_configuration_that_fails_is_a_result_among_the_others() -> None:
    found = profiler(Narrow()).benchmark([{"batch_size": 8}, {"batch_size": 2}], ROWS, **SHORT)
    assert "five samples are too many" in (found[0].failure or "")
    assert found[1].failure is None
    with pytest.raises(MmiedError, match="five samples are too many"):
        profiler(Narrow()).benchmark([{"batch_size": 8}], ROWS)


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ({"batch": 3}, 'Did you mean "batch_size"'),
        ({"batch_size": 0}, "batch_size: 0 is not"),
        ({"precision": "int8"}, "takes a quantizer"),
        ({"gap_seconds": -1.0}, "gap_seconds"),
    ],
)
def test_a_wrong_configuration_is_told_before_anything_is_measured(configuration: dict[str, Any], said: str) -> None:
    with pytest.raises(MmiedError, match=said):
        profiler(nn.Linear(4, 2)).benchmark([configuration], ROWS)


def test_a_model_in_training_is_measured_in_evaluation_mode_and_left_as_it_was() -> None:
    model = Normalized()
    model.linear.weight.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    modes = {name: module.training for name, module in model.named_modules()}

    session = profiler(model)
    session.profile(ROWS, **SHORT)
    session.benchmark([{"precision": "bf16"}, {"precision": "amp"}], **SHORT)
    session.profile_layers(ROWS)

    assert not any(model.modes), "it was called in evaluation mode alone"
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert modes["drop"] and not modes["frozen.1"]
    for name, tensor in model.state_dict().items():
        assert tensor.dtype is before[name].dtype
        assert torch.equal(tensor, before[name]), name
    assert [p.requires_grad for p in model.parameters()] == [False, *[True] * 5]


def test_a_model_is_left_as_it_was_when_it_raises() -> None:
    model = nn.Sequential(Narrow(), nn.Dropout(0.5)).train()
    with pytest.raises(ValueError, match="five samples"):
        profiler(model).profile(torch.randn(5, 4))
    assert all(module.training for module in model.modules())


def test_a_model_that_keeps_what_it_made_can_still_be_trained() -> None:
    model = Remembering().train()
    profiler(model).profile(ROWS, **SHORT)
    model(ROWS).sum().backward()
    assert model.linear.weight.grad is not None


def test_outputs_may_be_dataclasses_nested_and_as_long_as_the_input() -> None:
    assert profiler(Answering()).profile(ROWS, **SHORT).latency_seconds.mean is not None


def test_inputs_are_passed_as_the_model_takes_them() -> None:
    both = {"left": ROWS, "right": ROWS}
    assert profiler(TwoInputs()).profile(both, **SHORT).batch_size == 3
    assert profiler(OneMapping()).profile(both, **SHORT).batch_size == 3
    assert as_call((ROWS, ROWS), TwoInputs()) == ((ROWS, ROWS), {})
    assert profiler(nn.Linear(4, 2)).profile(numpy.ones((2, 4), dtype="float32"), **SHORT).batch_size == 2


def test_inputs_come_of_a_function_of_the_batch_size_or_are_declared() -> None:
    sizes: list[int] = []

    def generate(batch_size: int) -> torch.Tensor:
        sizes.append(batch_size)
        return torch.randn(batch_size, 4)

    found = profiler().profile_model(nn.Linear(4, 2), generate, [2, 5])
    assert [result.batch_size for result in found.workloads()] == [2, 5]
    assert set(sizes) == {2, 5}
    declared = profiler(nn.Linear(4, 2), inputs="shape=batch,4").benchmark([{"batch_size": 7}], **SHORT)
    assert declared[0].batch_size == 7


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda p: p.profile(torch.randn(0, 4)), "holds no samples"),
        (lambda p: p.measure_execution_time(ROWS, iterations=0), "iterations: 0 is not"),
        (lambda p: p.profile(ROWS, num_runs=-1), "num_runs: -1 is not"),
        (lambda p: p.profile(), "its inputs are not known"),
        (lambda p: p.profile(lambda left, right: ROWS), "cannot be called with a batch size alone"),
        (lambda p: p.benchmark([]), "there are none"),
        (lambda p: p.gpu_profile(input_data=ROWS), "the model is on cpu"),
        (lambda p: p.generate_report(), "nothing to report yet"),
        (lambda p: p.profile_model(nn.LazyLinear(2), ROWS), "Call it once, then"),
        (lambda p: p.monitor_hardware_utilization(list, duration=-1), "duration"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(call: Any, said: str) -> None:
    with pytest.raises(MmiedError, match=said):
        call(profiler(nn.Linear(4, 2)))


def test_what_cannot_be_a_profiler_is_a_sentence() -> None:
    with pytest.raises(MmiedError, match=r"cannot be called.* Load these weights"):
        ModelProfiler(nn.Linear(4, 2).state_dict())
    with pytest.raises(MmiedError, match="device: gpu is not a device"):
        ModelProfiler(nn.Linear(4, 2), device="gpu")
    with pytest.raises(MmiedError, match="give one of them"):
        ModelProfiler(nn.Linear(4, 2), model_path="x.pt")
    with pytest.raises(MmiedError, match="there is no model"):
        ModelProfiler().profile(ROWS)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this host has CUDA")
def test_cuda_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(MmiedError, match="finds no CUDA device"):
        profiler(nn.Linear(4, 2), device="cuda").profile(ROWS)


def test_a_request_is_timed_by_its_stages() -> None:
    def preprocess(texts: list[str]) -> torch.Tensor:
        return torch.tensor([[float(ord(letter)) for letter in text] for text in texts])

    result = profiler(nn.Linear(4, 2)).profile(
        (["abcd", "efgh"],), preprocess=preprocess, postprocess=lambda scores: scores.argmax(-1).tolist(), **SHORT
    )
    assert result.batch_size == 2, "of what came of the preprocessing"
    stages = result.stages_seconds
    assert list(stages) == ["preprocess", "inference", "postprocess", "total"]
    means = {name: latency.mean or 0.0 for name, latency in stages.items()}
    assert means["total"] == pytest.approx(sum(value for name, value in means.items() if name != "total"), rel=0.5)


def test_hardware_is_watched_while_a_function_runs_again_and_again() -> None:
    calls: list[bool] = []
    model = nn.Linear(4, 2)

    def train() -> None:
        calls.append(torch.is_grad_enabled())
        model(ROWS).sum().backward()

    found = profiler(model).monitor_hardware_utilization(train_fn=train, duration=0.3, interval=0.05)
    assert found["calls"] == len(calls) > 1
    assert all(calls), "training needs gradients"
    assert found.record.duration_seconds >= 0.3
    assert len(found.record.at_seconds) >= 2


@pytest.fixture
def saved(models: Path) -> Path:
    return models / "linear.pt2"


def test_a_file_is_profiled_on_the_inputs_that_it_brings_along(saved: Path) -> None:
    session = ModelProfiler(limit_seconds=0.05)
    result = session.profile(saved)
    assert (result.model, result.batch_size) == ("linear", 2)
    assert result.profile.revision
    assert result.model_size_bytes == saved.stat().st_size
    other = ModelProfiler(model_path=saved, precision="bf16", limit_seconds=0.05).profile(ROWS, **SHORT)
    assert (other.precision, other.batch_size) == ("bfloat16", 3)


def test_torchscript_does_not_tell_its_inputs(models: Path) -> None:
    with pytest.raises(MmiedError, match="linear: its inputs are not known"):
        ModelProfiler(model_path=models / "linear.pt").profile()
    result = ModelProfiler(model_path=models / "linear.pt", inputs=["shape=batch,4"], limit_seconds=0.05).profile()
    assert result.batch_size == 1


def test_a_file_that_others_may_write_to_is_not_loaded(saved: Path, tmp_path: Path) -> None:
    loose = tmp_path / "loose.pt2"
    loose.write_bytes(saved.read_bytes())
    loose.chmod(0o666)
    with pytest.raises(MmiedError, match="not safe to load"):
        ModelProfiler(model_path=loose).profile()


def test_reports_are_written_of_all_that_was_measured(tmp_path: Path) -> None:
    session = profiler(nn.Linear(4, 2))
    session.measure_execution_time(ROWS, iterations=8, warmup=0)
    session.measure_memory_usage()
    text = session.generate_report()
    assert "latency mean" in text
    assert "memory peak" in text
    assert session.generate_report(format="markdown").startswith("## Linear")
    page = session.generate_html_report(tmp_path / "report.html", include_graphs=False)
    assert "<html" in page.read_text()
    assert session.export_json(tmp_path / "profile.json") == (tmp_path / "profile.json").read_text()
    assert session.export_csv(tmp_path / "metrics.csv") == (tmp_path / "metrics.csv").read_text()
    assert load_baseline(tmp_path / "profile.json").latency_seconds.mean == session.result.latency_seconds.mean
    figures = session.plot_metrics(tmp_path)
    assert figures
    assert list(tmp_path.glob("*.png"))


@pytest.mark.parametrize("write", ["generate_html_report", "export_json", "export_csv"])
def test_a_path_that_cannot_be_written_is_named(write: str, tmp_path: Path) -> None:
    session = profiler(nn.Linear(4, 2))
    session.measure_execution_time(ROWS, iterations=1, warmup=0)
    path = tmp_path / "no" / "folder" / "report"
    with pytest.raises(MmiedError, match=f"{path}: cannot be written"):
        getattr(session, write)(path)


def test_a_format_that_is_not_known_shows_those_that_are() -> None:
    session = profiler(nn.Linear(4, 2))
    session.measure_execution_time(ROWS, iterations=1, warmup=0)
    with pytest.raises(MmiedError, match=r"format: pdf is not known. Known are text, markdown"):
        session.generate_report(format="pdf")


def test_a_session_on_a_module_gives_a_warm_target_and_exact_calls() -> None:
    model = nn.Linear(4, 2).train()
    session = Session.of_module(model, lambda size: ((torch.ones(size, 4),), {}), name="line", precision="bf16")
    workload = Workload(scenario="b2", batch_size=2)
    with session.serving(), torch.inference_mode():
        target = session.target(workload)
        assert target.model(*target.args, **target.kwargs).dtype is torch.bfloat16
    assert (target.name, target.args[0].shape) == ("line", (2, 4))
    result = session.measure(workload, limit_seconds=5.0, num_runs=7, warmup_runs=3)
    assert result.iterations is not None
    assert (len(result.iterations.wall_seconds), result.warmup_iterations, result.settled) == (7, 3, None)
    assert model.training
    assert model.weight.dtype is torch.float32


def test_threads_are_set_while_it_measures_and_set_back() -> None:
    seen: list[int] = []

    class Telling(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(torch.get_num_threads())
            return x

    before = torch.get_num_threads()
    profiler(Telling(), threads=before + 1).measure_execution_time(ROWS, iterations=2, warmup=0)
    assert set(seen) == {before + 1}
    assert torch.get_num_threads() == before


def test_a_file_of_the_current_folder_is_found(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(saved.parent)
    assert ModelProfiler(model_path=os.fspath(saved.name), limit_seconds=0.05).profile(**SHORT).model == "linear"
