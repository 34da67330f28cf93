"""OptimizationBenchmark and benchmark_optimizations hold variants against the original, whatever comes first."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from mmied import MmiedError, OptimizationBenchmark, benchmark_optimizations
from mmied.bench.profilers import latency, memory

QUICK: dict[str, Any] = {"batch_sizes": (2,), "num_runs": 5, "warmup_runs": 1, "limit_seconds": 0.2}


class Rounds(torch.nn.Module):
    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(64, 64)
        self.rounds = rounds

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(self.rounds):
            x = torch.tanh(self.layer(x))
        return x


def make(batch_size: int) -> torch.Tensor:
    return torch.randn(batch_size, 64)


@pytest.fixture(autouse=True)
def short_passes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(memory, "LIMIT_SECONDS", 0.01)
    monkeypatch.setattr(latency, "REFERENCE_ROUNDS", 1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two of them wait for each other on a host that is busy with tests
    yield
    torch.set_num_threads(threads)


def test_the_original_is_the_baseline_though_a_variant_was_measured_first(tmp_path: Path) -> None:
    original = Rounds(60)
    benchmark = OptimizationBenchmark(original, make, **QUICK)
    benchmark.benchmark_optimized_model(Rounds(2), "shorter")
    assert benchmark.benchmark_original_model() is benchmark.results["original"]

    comparison = benchmark.compare_optimizations(num_runs=5, limit_seconds=10.0)
    assert comparison.baseline == "original"
    assert comparison["shorter"]["speedup_ratio"] > 2
    report = benchmark.generate_report(["markdown", "json"], tmp_path)
    assert "| shorter |" in report
    assert (tmp_path / "benchmark_report.json").exists()


def test_the_original_handed_over_as_a_variant_is_told() -> None:
    model = Rounds(1)
    with pytest.raises(MmiedError, match="pruned: is the original model itself"):
        OptimizationBenchmark(model, make, **QUICK).benchmark_optimized_model(model, "pruned")


def test_one_call_compares_them_all_and_a_variant_that_fails_has_its_reason() -> None:
    comparison = benchmark_optimizations(
        Rounds(60), {"shorter": Rounds(2), "broken": torch.nn.Linear(3, 3)}, make, **QUICK
    )
    assert list(comparison) == ["original", "shorter", "broken"]
    assert comparison["shorter"]["speedup_ratio"] > 2
    assert "mat1 and mat2" in comparison["broken"]["failure"]


@pytest.mark.parametrize(
    ("original", "variants", "told"),
    [
        (Rounds(1), {}, "optimized_models: is empty"),
        (torch.nn.Linear(3, 3), {"a": Rounds(1)}, "mat1 and mat2"),
        (Rounds(1), {"a": torch.nn.Linear(3, 3)}, "a: .*mat1 and mat2"),
    ],
)
def test_what_leaves_nothing_to_compare_is_an_error(original: Any, variants: dict[str, Any], told: str) -> None:
    with pytest.raises(MmiedError, match=told):
        benchmark_optimizations(original, variants, make, **QUICK)


def test_the_snippets_of_the_guide_run(capsys: pytest.CaptureFixture[str]) -> None:
    guide = (Path(__file__).parents[2] / "docs/optimize.md").read_text()
    snippets = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    names: dict[str, Any] = {}
    for snippet in snippets:
        exec(compile(snippet, "docs/optimize.md", "exec"), names)
    assert snippets
    assert "| bfloat16 |" in capsys.readouterr().out
