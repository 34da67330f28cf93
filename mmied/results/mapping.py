"""Give the figures of a profile by name. Without a unit in the name, times are milliseconds and memory is bytes."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from mmied.inspection import Usage

if TYPE_CHECKING:
    from mmied.results.result import ProfileResult


def _throughput(result: "ProfileResult") -> dict[str, float | None]:
    found = result.throughput
    return {
        "samples_per_second": found.samples_per_second,
        "requests_per_second": found.requests_per_second,
        "tokens_per_second": found.tokens_per_second,
        "images_per_second": found.images_per_second,
    } | {f"{unit}_per_second": rate for unit, rate in found.items_per_second.items()}


def _memory(result: "ProfileResult") -> dict[str, float | None]:
    found, record = result.memory_bytes, result.memory
    return {
        "peak": found.peak,
        "average": found.average,
        "activation": found.activation,
        "per_sample": found.per_sample,
        "fragmentation": record.fragmentation_ratio if record else None,
    }


def _compute(result: "ProfileResult") -> dict[str, float | None]:
    flops, mean = result.flops, result.latency_seconds.mean
    inspected = result.inspection.flops if result.inspection else None
    return {
        "flops": flops,
        "flops_per_second": flops / mean if flops is not None and mean else None,
        "flops_coverage": inspected.coverage_ratio if inspected else None,
        "parameters": result.parameters,
        "trainable_parameters": result.trainable_parameters,
        "model_size": result.model_size_bytes,
        "activation_memory": result.memory_bytes.activation,
    }


def utilization_of(usage: Usage | None) -> dict[str, float | None]:
    """Return the means of what was used while something ran; ratios from 0 to 1, bytes, CPUs."""
    if usage is None:
        return {}
    means: dict[str, Sequence[float | int | None]] = {
        "process_cpus": usage.process_cpus,
        "host_cpu_ratio": usage.host_cpu_ratio,
        "resident_bytes": usage.resident_bytes,
        "read_bytes_per_second": usage.read_bytes_per_second,
        "written_bytes_per_second": usage.written_bytes_per_second,
        "network_bytes_per_second": usage.network_bytes_per_second,
        "gpu_utilization_ratio": usage.gpu_utilization_ratio,
        "gpu_memory_bytes": usage.gpu_memory_bytes,
        "gpu_power_watts": usage.gpu_power_watts,
    }
    return {name: _mean(samples) for name, samples in means.items()}


def _mean(samples: Sequence[float | int | None]) -> float | None:
    known = [sample for sample in samples if sample is not None]
    return fmean(known) if known else None


KEYS: "Mapping[str, Callable[[ProfileResult], Any]]" = {
    "model": lambda result: result.model,
    "device": lambda result: result.device,
    "precision": lambda result: result.precision,
    "batch_size": lambda result: result.batch_size,
    "latency": lambda result: result.latency_seconds.milliseconds(),
    "throughput": _throughput,
    "memory": _memory,
    "compute": _compute,
    "utilization": lambda result: utilization_of(result.usage),
    "stages": lambda result: {name: found.milliseconds() for name, found in result.stages_seconds.items()},
    "custom": lambda result: dict(result.profile.custom),
    "recommendations": lambda result: [advice.title for advice in result.recommendations],
}
