"""Benchmark optimized variants of one model against it from Python: a suite whose baseline is the original."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmied.bench.comparison import Comparison
from mmied.bench.profiler import BATCH_SIZES
from mmied.bench.suite import TURN_SECONDS, ModelBenchmarkSuite
from mmied.errors import MmiedError
from mmied.results import ProfileResult

ORIGINAL = "original"


class OptimizationBenchmark:
    """Measures a model and what optimizations made of it, then compares them with their calls in turn.

    `input_generator` gives inputs for a batch size, or is inputs. Settings are those of ModelBenchmarkSuite:
    `num_runs`, `warmup_runs`, `device`, `limit_seconds`. Speed alone is compared: whether a variant still gives the
    right answers is for `mmied optimize`, or for ModelBenchmark with a data set.
    """

    def __init__(
        self,
        model: Any,
        input_generator: Any = None,
        *,
        batch_sizes: Sequence[int] = BATCH_SIZES,
        **settings: Any,
    ) -> None:
        self._model = model
        self._suite = ModelBenchmarkSuite(input_generator=input_generator, batch_sizes=batch_sizes, **settings)

    @property
    def results(self) -> dict[str, ProfileResult]:
        """What was measured so far, by name."""
        return self._suite.results

    @property
    def failures(self) -> dict[str, str]:
        """Why variants have no figures, by name."""
        return self._suite.failures

    def benchmark_original_model(self) -> ProfileResult:
        """Measure the model as it is; once, however often it is asked for. Raises MmiedError where it fails."""
        known = self._suite.results.get(ORIGINAL)
        return known if known is not None else self._suite.benchmark_model(self._model, name=ORIGINAL)

    def benchmark_optimized_model(self, model: Any, name: str | None = None) -> ProfileResult:
        """Measure a variant under its name; the original, which all are held against, before the first of them.

        Raises MmiedError where it fails, or is the original itself.
        """
        if model is self._model:
            raise MmiedError(
                f"{name or 'the variant'}: is the original model itself. Hand over what the optimization returned: it "
                "leaves the original as it is."
            )
        self.benchmark_original_model()
        return self._suite.benchmark_model(model, name=name)

    def compare_optimizations(self, *, num_runs: int = 100, limit_seconds: float = TURN_SECONDS) -> Comparison:
        """Hold all variants against the original, with their calls in turn. Raises MmiedError without a variant."""
        return self._suite.compare_optimizations(num_runs=num_runs, limit_seconds=limit_seconds)

    def generate_report(
        self, format: str | Sequence[str] = "markdown", output_dir: str | Path | None = None, *, pictures: bool = False
    ) -> str:
        """Return a report as markdown, html, json or csv; write it, and pictures, into `output_dir` if given.

        Speed-ups are in it after `compare_optimizations`. Raises MmiedError where nothing was measured.
        """
        return self._suite.generate_report(format, output_dir, pictures=pictures)

    def plot_comparison(
        self, output_dir: str | Path | None = None, formats: Sequence[str] = ("png",)
    ) -> dict[str, Any]:
        """Return matplotlib charts of all variants, by name; write them into `output_dir` if given."""
        return self._suite.plot_comparison(output_dir, formats)


def benchmark_optimizations(
    model: Any,
    optimized_models: Mapping[str, Any],
    input_generator: Any = None,
    *,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    output_dir: str | Path | None = None,
    report_format: str | Sequence[str] = "markdown",
    **settings: Any,
) -> Comparison:
    """Return how the variants, by name, do against `model`; write the report into `output_dir` if given.

    A variant that fails has its reason in the comparison, and the others go on. Raises MmiedError where there is none,
    and where the original fails.
    """
    if not optimized_models:
        raise MmiedError("optimized_models: is empty. Give the variants by name: {'int8': quantize_model(model)}.")
    suite = ModelBenchmarkSuite(input_generator=input_generator, batch_sizes=batch_sizes, **settings)
    suite.benchmark_model(model, name=ORIGINAL)
    for name, variant in optimized_models.items():
        suite.add_model(variant, name)
    suite.run()
    if set(suite.failures) >= set(optimized_models):
        raise MmiedError(" ".join(f"{name}: {why}" for name, why in suite.failures.items()))
    comparison = suite.compare_optimizations()
    if output_dir is not None:
        suite.generate_report(report_format, output_dir)
    return comparison
