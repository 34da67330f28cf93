"""A suite measures models side by side, each on its own inputs, and compares them with their calls in turn."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from brief import briefly_in_turn
from library_models import Narrow
from torch import nn

from mmied import MmiedError, ModelBenchmark, ModelBenchmarkSuite, ModelProfiler
from mmied.reports.documents import read_comparison


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with briefly_in_turn(monkeypatch):
        yield


def rows(batch_size: int) -> torch.Tensor:
    return torch.randn(batch_size, 4)


def wide() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 2048), nn.ReLU(), nn.Linear(2048, 2048), nn.Linear(2048, 2))


def narrow() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def suite(models: Any = None, **options: Any) -> ModelBenchmarkSuite:
    return ModelBenchmarkSuite(models, **{"limit_seconds": 0.05, "batch_sizes": [2]} | options)


def test_models_are_measured_compared_and_reported(tmp_path: Path) -> None:
    benchmark = suite()
    first = benchmark.benchmark_model(model=wide(), input_generator=rows, batch_sizes=[1, 4], name="original")
    benchmark.benchmark_model(model=narrow(), input_generator=rows, batch_sizes=[1, 4], name="pruned")
    assert [part.batch_size for part in first.workloads()] == [1, 4]

    comparison = benchmark.compare_optimizations(num_runs=10, limit_seconds=5.0)
    assert list(comparison) == ["original", "pruned"]
    assert comparison["pruned"]["speedup_interval"][0] > 1, "a thousand times fewer operations show"
    assert comparison["original"]["speedup_ratio"] == 1.0
    assert {ratio.batch_size for ratio in comparison.ratios} == {1, 4}
    assert "times as fast as original" in str(comparison)

    report = benchmark.generate_report(["markdown", "html", "json", "csv"], tmp_path)
    assert "pruned" in report
    assert {path.suffix for path in tmp_path.iterdir()} == {".md", ".html", ".json", ".csv"}
    read = read_comparison((tmp_path / "benchmark_report.json").read_text(), "report")
    assert read == comparison.report


def test_each_model_has_its_own_inputs_or_those_that_the_profiler_knows() -> None:
    profiler = ModelProfiler(limit_seconds=0.05)
    first, second = narrow(), nn.Linear(3, 3)
    profiler.profile_model(first, rows, [2])
    benchmark = suite([first], profiler=profiler)
    benchmark.add_model(second, input_generator=lambda size: torch.randn(size, 3))
    results = benchmark.run()
    assert list(results) == ["Sequential", "Linear"]
    assert not benchmark.failures


def test_what_was_measured_is_not_measured_again() -> None:
    calls: list[int] = []

    def counted(batch_size: int) -> torch.Tensor:
        calls.append(batch_size)
        return rows(batch_size)

    benchmark = suite([narrow()], input_generator=counted)
    benchmark.run()
    before = len(calls)
    benchmark.add_model(narrow(), input_generator=rows)
    assert list(benchmark.run()) == ["Sequential", "Sequential 2"]
    assert len(calls) == before


def test_a_model_that_fails_takes_no_other_with_it() -> None:
    benchmark = suite({"good": narrow(), "bad": Narrow()}, input_generator=rows, batch_sizes=[8])
    assert list(benchmark.run()) == ["good"]
    assert "five samples are too many" in benchmark.failures["bad"]
    assert "five samples are too many" in benchmark.generate_report()
    with pytest.raises(MmiedError, match="five samples"):
        suite({"bad": Narrow()}, input_generator=rows, batch_sizes=[8]).run()


class Counting(nn.Module):
    """Counts its calls, and bears none once `rival` had some."""

    def __init__(self, rival: "Counting | None" = None) -> None:
        super().__init__()
        self.calls = 0
        self.rivals = [rival] if rival is not None else []  # in a list, a module is no submodule

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if any(rival.calls for rival in self.rivals):
            raise RuntimeError("not after that one")
        return x


def test_a_model_that_gives_up_when_it_is_called_in_turn_leaves_the_others_their_ratios() -> None:
    other = Counting()
    benchmark = suite({"good": narrow(), "jealous": Counting(rival=other), "other": other}, input_generator=rows)
    assert list(benchmark.run()) == ["good", "jealous", "other"]
    other.calls = 0
    comparison = benchmark.compare_optimizations(num_runs=10, limit_seconds=5.0)
    assert benchmark.failures == {"jealous": "batch size 2: RuntimeError: not after that one"}
    assert [ratio.variant for ratio in comparison.ratios] == ["other"]


class Sparse(ModelBenchmarkSuite):
    """Counts zeros, as its user wants."""

    def measure_custom_metric(self, model: Any, device: str) -> Any:
        assert not model.training
        zeros = sum(int((parameter == 0).sum()) for parameter in model.parameters())
        return {"zeros": zeros, "where": device}


def test_a_subclass_adds_a_column() -> None:
    model = narrow().train()
    nn.init.zeros_(model[0].bias)
    benchmark = Sparse([model], input_generator=rows, batch_sizes=[1], limit_seconds=0.05)
    assert benchmark.run()["Sequential"]["custom"] == {"zeros": 8, "where": "cpu"}
    assert model.training
    assert "zeros" in benchmark.generate_report("csv")


class Failing(ModelBenchmarkSuite):
    """Has a mistake in its own metric."""

    def measure_custom_metric(self, model: Any, device: str) -> float:
        return 1 / 0


def test_a_custom_metric_that_fails_leaves_the_others_and_is_noted() -> None:
    result = Failing([narrow()], input_generator=rows, batch_sizes=[1], limit_seconds=0.05).run()["Sequential"]
    assert result.latency_seconds.mean is not None
    assert "measure_custom_metric: ZeroDivisionError" in result.notes[0]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: suite().run(), "the suite has no models"),
        (lambda: suite([narrow()], input_generator=rows).compare_optimizations(), "fewer than two"),
        (lambda: suite([narrow()]).run(), "its inputs are not known"),
        (lambda: suite({"a": narrow()}).add_model(narrow(), "a"), "a is in the suite already"),
        (lambda: ModelBenchmark("a.pt"), "is not NAME:FILE"),
        (lambda: ModelBenchmark({"a": narrow()}, dataset="nowhere.npz"), "dataset: nowhere.npz cannot be read"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(call: Any, said: str) -> None:
    with pytest.raises(MmiedError, match=said):
        call()


def test_a_report_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MmiedError, match=f"{tmp_path}/file/reports: cannot be made"):
        suite([narrow()], input_generator=rows).generate_report(output_dir=tmp_path / "file" / "reports")


def test_files_are_benchmarked_on_a_data_set_with_their_accuracy(models: Path, tmp_path: Path) -> None:
    inputs = numpy.random.default_rng(0).normal(size=(12, 4)).astype("float32")
    with torch.no_grad():
        labels = torch.jit.load(models / "linear.pt")(torch.from_numpy(inputs)).argmax(1)
    numpy.savez(tmp_path / "test.npz", x=inputs, labels=labels.numpy())

    class Named(ModelBenchmark):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

        def measure_custom_metric(self, model: Any, device: str) -> int:
            return 42

    benchmark = Named(
        f"scripted:{models / 'linear.pt'},exported:{models / 'linear.pt2'}",
        dataset=tmp_path,
        batch_size=4,
        num_runs=10,
        save_dir=tmp_path / "results",
        report_format=["markdown", "json"],
        limit_seconds=0.05,
    )
    results = benchmark.run()
    assert results["scripted"].model_size_bytes == (models / "linear.pt").stat().st_size
    assert [part.batch_size for part in results["exported"].workloads()] == [1, 4]
    document = json.loads((tmp_path / "results" / "benchmark_report.json").read_text())
    assert document["dataset"] == "test.npz"
    assert [variant["accuracy"]["value"] for variant in document["variants"]] == [1.0, 1.0]
    assert document["variants"][0]["profile"]["custom"] == {"custom_metric": 42}
    assert document["ratios"]
