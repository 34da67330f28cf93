"""Tell the figures of a profile in lines."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmied import formats
from mmied.results.answers import QUANTILES

if TYPE_CHECKING:
    from mmied.results.result import ProfileResult


def rows_of(result: "ProfileResult") -> Iterator[tuple[str, str]]:
    """Yield what a figure is called and how it reads; formats.NOTHING for what is not known."""
    latency, throughput, memory = result.latency_seconds, result.throughput, result.memory_bytes
    yield "model", f"{result.model} on {result.device}, {result.precision}, batch size {result.batch_size}"
    yield "failed", result.failure or formats.NOTHING
    yield "latency mean", formats.seconds(latency.mean)
    for name in QUANTILES:
        why = latency.withheld.get(name)
        said = f"withheld: {why.removeprefix(name).strip()}" if why else formats.seconds(getattr(latency, name))
        yield f"latency {name}", said
    yield "latency max", formats.seconds(latency.max)
    if latency.contended_ratio is not None:
        yield "calls that waited for a CPU", formats.percent(latency.contended_ratio)
    yield "throughput", formats.rate(throughput.samples_per_second)
    for unit, rate in throughput.items_per_second.items():
        yield f"{unit} a second", formats.rate(rate, unit)
    yield "memory peak", formats.size(memory.peak)
    yield "memory of activations", formats.size(memory.activation)
    yield "parameters", formats.count(result.parameters)
    yield "model size", formats.size(result.model_size_bytes)
    yield "floating point operations a call", formats.amount(result.flops)
    for name, stage in result.stages_seconds.items():
        yield f"stage {name}", formats.seconds(stage.mean)
    for name, value in result.profile.custom.items():
        yield name, formats.NOTHING if value is None else str(value)
    for advice in result.recommendations:
        yield "advice", f"{advice.title}: {advice.because}"
