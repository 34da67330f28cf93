"""Answer the library's smaller questions out of what was measured."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmied.bench.answers import Figures
from mmied.bench.layer_choice import LayerProfile
from mmied.inspection import Layers, MemoryTimeline, Operators, Usage
from mmied.results import ProfileResult, utilization_of


class LayerProfiles(Figures):
    """What each asked-for name stands for, a LayerProfile; `record` is the whole pass with its notes."""

    def __init__(self, chosen: Mapping[str, LayerProfile], record: Layers) -> None:
        super().__init__(chosen)
        self.record = record


class HardwareUsage(Figures):
    """Means of what was used while something ran; `record` has every sample."""

    def __init__(self, usage: Usage, **more: Any) -> None:
        super().__init__({**utilization_of(usage), **more, "duration_seconds": usage.duration_seconds})
        self.record = usage


def time_figures(result: ProfileResult) -> Figures:
    """Return what a call takes. Names that end in `_seconds` are seconds, those without a unit milliseconds."""
    latency, throughput = result.latency_seconds, result.throughput
    return Figures(
        {
            **latency.milliseconds(),
            "mean_seconds": latency.mean,
            "median_seconds": latency.p50,
            "p95_seconds": latency.p95,
            "p99_seconds": latency.p99,
            "minimum_seconds": latency.minimum,
            "maximum_seconds": latency.max,
            "standard_deviation_seconds": latency.standard_deviation,
            "interval_seconds": latency.interval,
            "withheld": latency.withheld,
            "contended_ratio": latency.contended_ratio,
            "iterations": result.main.latency.iterations if result.main and result.main.latency else 0,
            "warmup_iterations": result.main.warmup_iterations if result.main else None,
            "first_call_seconds": result.main.first_call_seconds if result.main else None,
            "samples_per_second": throughput.samples_per_second,
        }
    )


def memory_figures(result: ProfileResult) -> Figures:
    """Return the memory of calls, in bytes."""
    found, record, sizes = result.memory_bytes, result.memory, result.profile.sizes
    return Figures(
        {
            "peak": found.peak,
            "average": found.average,
            "activation": found.activation,
            "per_sample": found.per_sample,
            "peak_bytes": found.peak,
            "average_bytes": found.average,
            "activation_bytes": found.activation,
            "per_sample_bytes": found.per_sample,
            "model_bytes": sizes.parameter_bytes + sizes.buffer_bytes if sizes else None,
            "fragmentation_ratio": record.fragmentation_ratio if record else None,
            "cache_slack_ratio": record.cache_slack_ratio if record else None,
            "space": record.space if record else None,
        }
    )


def timeline_figures(
    timelines: Sequence[MemoryTimeline], *, allocations: bool, deallocations: bool, snapshots: bool
) -> Figures:
    """Return the memory of a call step by step, of the device where there is one; what is not wanted is left out."""
    main = min(timelines, key=lambda timeline: timeline.space != "device")
    figures: dict[str, Any] = {
        "peak_bytes": main.peak_bytes,
        "average_bytes": main.average_bytes,
        "peak_at_seconds": main.peak_at_seconds,
        "peak_operator": main.peak_operator,
        "peak_layer": main.peak_layer,
        "traffic_bytes": main.traffic_bytes,
        "space": main.space,
    }
    if allocations:
        figures |= {"allocation_count": main.allocations, "allocations": main.largest}
    if deallocations:
        freed = tuple(block for block in main.largest if block.freed_at_seconds is not None)
        figures |= {"deallocation_count": main.frees, "deallocations": freed}
    if snapshots:
        figures["snapshots"] = tuple(zip(main.at_seconds, main.allocated_bytes, strict=True))
    return Figures({**figures, "timelines": timelines})


def gpu_figures(operators: Operators, device: str, *, kernels: bool, transfers: bool, ranges: bool) -> Figures:
    """Return what ran on a GPU during a call; what is not wanted is left out."""
    figures: dict[str, Any] = {
        "device": device,
        "call_seconds": operators.call_seconds,
        "category_seconds": operators.category_seconds,
        "notes": operators.notes,
    }
    if kernels:
        figures["kernels"] = operators.kernels
    if transfers:
        figures["transfers"] = operators.transfers
    if ranges:
        figures["ranges"] = operators.ranges
    return Figures(figures)
