"""Continuous production profiling of deployed PyTorch models."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

__version__ = "0.1.0"

# Where each public name is: it is imported when it is first asked for, so that the daemon does not pay for torch.
_PLACES = {
    "ModelBenchmark": "mmied.bench.suite",
    "ModelBenchmarkSuite": "mmied.bench.suite",
    "ModelProfiler": "mmied.bench.profiler",
    "MmiedError": "mmied.errors",
    "ProfileResult": "mmied.results",
    "Regression": "mmied.verdicts.baselines",
    "detect_regressions": "mmied.verdicts.baselines",
    "load_baseline": "mmied.reports.saved",
    "plot_attention": "mmied.reports.pictures:draw_attention",
    "plot_training_metrics": "mmied.reports.pictures:draw_training",
}

__all__ = [  # noqa: RUF022 - the classes first
    "ModelProfiler",
    "ModelBenchmarkSuite",
    "ModelBenchmark",
    "ProfileResult",
    "Regression",
    "MmiedError",
    "detect_regressions",
    "load_baseline",
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
