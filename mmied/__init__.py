"""Continuous production profiling of deployed PyTorch models."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmied.bench.optimize.convenience import convert_to_mixed_precision as convert_to_mixed_precision
    from mmied.bench.optimize.convenience import prune_model as prune_model
    from mmied.bench.optimize.convenience import quantize_model as quantize_model
    from mmied.bench.optimize.distillation import distill_model as distill_model
    from mmied.bench.optimize.mixed_precision import MixedPrecisionConverter as MixedPrecisionConverter
    from mmied.bench.optimize.mixed_precision import MixedPrecisionWrapper as MixedPrecisionWrapper
    from mmied.bench.optimize.pruning import ModelPruner as ModelPruner
    from mmied.bench.optimize.pruning import PruningConfig as PruningConfig
    from mmied.bench.optimize.quantization import DynamicQuantizer as DynamicQuantizer
    from mmied.bench.optimize.quantization import QuantizationConfig as QuantizationConfig
    from mmied.bench.optimize.quantization import StaticQuantizer as StaticQuantizer
    from mmied.bench.optimize.saving import load_optimized as load_optimized
    from mmied.bench.optimize.saving import save_optimized as save_optimized
    from mmied.bench.optimize_benchmark import OptimizationBenchmark as OptimizationBenchmark
    from mmied.bench.optimize_benchmark import benchmark_optimizations as benchmark_optimizations
    from mmied.bench.profiler import ModelProfiler as ModelProfiler
    from mmied.bench.suite import ModelBenchmark as ModelBenchmark
    from mmied.bench.suite import ModelBenchmarkSuite as ModelBenchmarkSuite
    from mmied.errors import MmiedError as MmiedError
    from mmied.reports.pictures import draw_attention as plot_attention
    from mmied.reports.pictures import draw_training as plot_training_metrics
    from mmied.reports.saved import load_baseline as load_baseline
    from mmied.results import ProfileResult as ProfileResult
    from mmied.verdicts.baselines import Regression as Regression
    from mmied.verdicts.baselines import detect_regressions as detect_regressions
    from mmied.verdicts.changes import find_changes as find_changes

__version__ = "0.1.0"

# Where each public name is: it is imported when it is first asked for, so that the daemon does not pay for torch.
_PLACES = {
    "benchmark_optimizations": "mmied.bench.optimize_benchmark",
    "convert_to_mixed_precision": "mmied.bench.optimize.convenience",
    "detect_regressions": "mmied.verdicts.baselines",
    "distill_model": "mmied.bench.optimize.distillation",
    "DynamicQuantizer": "mmied.bench.optimize.quantization",
    "find_changes": "mmied.verdicts.changes",
    "load_baseline": "mmied.reports.saved",
    "load_optimized": "mmied.bench.optimize.saving",
    "MixedPrecisionConverter": "mmied.bench.optimize.mixed_precision",
    "MixedPrecisionWrapper": "mmied.bench.optimize.mixed_precision",
    "MmiedError": "mmied.errors",
    "ModelBenchmark": "mmied.bench.suite",
    "ModelBenchmarkSuite": "mmied.bench.suite",
    "ModelProfiler": "mmied.bench.profiler",
    "ModelPruner": "mmied.bench.optimize.pruning",
    "OptimizationBenchmark": "mmied.bench.optimize_benchmark",
    "plot_attention": "mmied.reports.pictures:draw_attention",
    "plot_training_metrics": "mmied.reports.pictures:draw_training",
    "ProfileResult": "mmied.results",
    "prune_model": "mmied.bench.optimize.convenience",
    "PruningConfig": "mmied.bench.optimize.pruning",
    "QuantizationConfig": "mmied.bench.optimize.quantization",
    "quantize_model": "mmied.bench.optimize.convenience",
    "Regression": "mmied.verdicts.baselines",
    "save_optimized": "mmied.bench.optimize.saving",
    "StaticQuantizer": "mmied.bench.optimize.quantization",
}

__all__ = [  # noqa: RUF022 - the classes first
    "ModelProfiler",
    "ModelBenchmarkSuite",
    "ModelBenchmark",
    "ProfileResult",
    "OptimizationBenchmark",
    "QuantizationConfig",
    "DynamicQuantizer",
    "StaticQuantizer",
    "MixedPrecisionConverter",
    "MixedPrecisionWrapper",
    "PruningConfig",
    "ModelPruner",
    "Regression",
    "MmiedError",
    "detect_regressions",
    "load_baseline",
    "find_changes",
    "benchmark_optimizations",
    "quantize_model",
    "prune_model",
    "convert_to_mixed_precision",
    "distill_model",
    "save_optimized",
    "load_optimized",
    "plot_attention",
    "plot_training_metrics",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    value = getattr(import_module(module), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
