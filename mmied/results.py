"""Answer for a profile as its readers ask: by attributes with units in their names, and by the keys of a mapping.

In the mapping, names without a unit are milliseconds for times and bytes for memory. A figure that was not measured,
or that the sample does not support, is None in both; `latency_seconds.withheld` says why.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from mmied import formats
from mmied.codec import to_json
from mmied.inspection import Inspection, Layer, Operator, Usage
from mmied.profiles import Knee, Profile, Recommendation
from mmied.records import Environment, Iterations, LatencySummary, Memory, WorkloadResult
from mmied.stats import latency_samples, required_samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """What a call takes, in seconds, contention taken out; `interval` holds the true median with 95 % confidence.

    `withheld` says of each quantile that the sample does not support why it is None. `wall` are the quantiles as the
    clock on the wall saw them.
    """

    samples: int = 0
    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    minimum: float | None = None
    max: float | None = None
    standard_deviation: float | None = None
    interval: tuple[float, float] | None = None
    contended_ratio: float | None = None
    fit: bool = False
    wall: Mapping[str, float] = field(default_factory=dict)
    withheld: Mapping[str, str] = field(default_factory=dict)

    @property
    def median(self) -> float | None:
        return self.p50

    def milliseconds(self) -> dict[str, float | int | None]:
        """Return the figures as the mapping gives them."""
        seconds = {
            "mean": self.mean,
            "p50": self.p50,
            "median": self.p50,
            "p95": self.p95,
            "p99": self.p99,
            "min": self.minimum,
            "max": self.max,
            "std": self.standard_deviation,
        }
        return {name: None if value is None else 1e3 * value for name, value in seconds.items()} | {
            "samples": self.samples
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What is done in a second, calls back to back. Tokens and images are known where a sample's were given."""

    samples_per_second: float | None = None
    requests_per_second: float | None = None  # calls: a request is a batch
    items_per_second: Mapping[str, float] = field(default_factory=dict)

    @property
    def tokens_per_second(self) -> float | None:
        return self.items_per_second.get("tokens")

    @property
    def images_per_second(self) -> float | None:
        return self.items_per_second.get("images")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBytes:
    """Bytes while calls ran, on the device where there is one: `peak` and `average` above the bare runtime.

    `activation` is the peak above the loaded model, `per_sample` that over the batch size.
    """

    peak: int | None = None
    average: int | None = None
    activation: int | None = None
    per_sample: float | None = None


class ProfileResult(Mapping[str, Any]):
    """A profile with the answers of its main workload: the one that was looked into, else the first measured one.

    `profile` is the whole record; `workloads()` gives an answer for each workload in it. `flame` is the flame graph
    of the pass over the layers, where it was made.
    """

    def __init__(self, profile: Profile, flame: Any = None) -> None:
        self.profile = profile
        self.flame = flame
        self.main = main_result(profile)

    @property
    def model(self) -> str:
        return self.profile.model

    @property
    def device(self) -> str:
        return self.profile.device

    @property
    def precision(self) -> str:
        """The precision of the main workload."""
        return (self.main and self.main.workload.precision) or self.profile.precision

    @property
    def batch_size(self) -> int | None:
        return self.main.workload.batch_size if self.main else None

    @property
    def failure(self) -> str | None:
        """Why there are no figures; None where there are."""
        return self.main.message if self.main and self.main.outcome != "succeeded" else None

    @property
    def latency_seconds(self) -> Latency:
        return latency_of(self.main.latency if self.main else None, self.main.iterations if self.main else None)

    @property
    def throughput(self) -> Throughput:
        samples = self.main.throughput_samples_per_second if self.main else None
        if samples is None or self.main is None:
            return Throughput()
        return Throughput(
            samples_per_second=samples,
            requests_per_second=samples / self.main.workload.batch_size,
            items_per_second={unit: samples * count for unit, count in self.profile.items_per_sample.items()},
        )

    @property
    def memory(self) -> Memory | None:
        """The record of the memory that matters: the device's where there is one, else the host's."""
        found = self.main.memory if self.main else ()
        return min(found, key=lambda memory: memory.space != "device", default=None)

    @property
    def memory_bytes(self) -> MemoryBytes:
        found = self.memory
        if found is None or self.main is None:
            return MemoryBytes()
        activation = found.activation_bytes
        return MemoryBytes(
            peak=found.peak_bytes,
            average=found.average_bytes,
            activation=activation,
            per_sample=None if activation is None else activation / self.main.workload.batch_size,
        )

    @property
    def stages_seconds(self) -> Mapping[str, Latency]:
        """The latency of preprocess, inference, postprocess and total, where the callables were given."""
        return {name: latency_of(summary) for name, summary in self.profile.stages.items()}

    @property
    def inspection(self) -> Inspection | None:
        return self.profile.inspection

    @property
    def layers(self) -> Sequence[Layer]:
        found = self.profile.inspection and self.profile.inspection.layers
        return found.layers if found else ()

    @property
    def operators(self) -> Sequence[Operator]:
        found = self.profile.inspection and self.profile.inspection.operators
        return found.operators if found else ()

    @property
    def flops(self) -> float | None:
        """Floating point operations of a call, a multiply-add counting two."""
        found = self.profile.inspection and self.profile.inspection.flops
        return found.flops if found else None

    @property
    def parameters(self) -> int | None:
        return self.profile.sizes.parameters if self.profile.sizes else None

    @property
    def trainable_parameters(self) -> int | None:
        return self.profile.sizes.trainable_parameters if self.profile.sizes else None

    @property
    def model_size_bytes(self) -> int | None:
        """Bytes of the model's files; of a module in memory, of its parameters and buffers."""
        if self.profile.artifact_bytes is not None:
            return self.profile.artifact_bytes
        sizes = self.profile.sizes
        return sizes.parameter_bytes + sizes.buffer_bytes if sizes else None

    @property
    def usage(self) -> Usage | None:
        return self.profile.usage or (self.profile.inspection.usage if self.profile.inspection else None)

    @property
    def knees(self) -> Sequence[Knee]:
        return self.profile.knees

    @property
    def environment(self) -> Environment | None:
        return self.profile.environment

    @property
    def recommendations(self) -> Sequence[Recommendation]:
        return self.profile.recommendations

    @property
    def notes(self) -> Sequence[str]:
        return self.profile.notes

    def workloads(self) -> "tuple[ProfileResult, ...]":
        """Return a result for each workload of the profile; what the deep passes saw stays with its own."""
        profile = self.profile
        looked_into = profile.inspection.workload if profile.inspection else None
        return tuple(
            self
            if len(profile.results) == 1
            else ProfileResult(
                replace(
                    profile,
                    results=(result,),
                    knees=(),
                    inspection=profile.inspection if result.workload == looked_into else None,
                )
            )
            for result in profile.results
        )

    def to_json(self) -> str:
        """Return the whole profile as JSON, which `mmied.load_baseline` reads again."""
        return to_json(self.profile)

    # As a mapping

    def __getitem__(self, key: str) -> Any:
        return _KEYS[key](self)

    def __iter__(self) -> Iterator[str]:
        return iter(_KEYS)

    def __len__(self) -> int:
        return len(_KEYS)

    # As text

    def __repr__(self) -> str:
        told = f"batch size {self.batch_size}, {self.precision}, {self.device}"
        mean = f", mean {formats.seconds(self.latency_seconds.mean)}" if self.latency_seconds.mean is not None else ""
        return f"<ProfileResult of {self.model}: {told}{mean}>"

    def __str__(self) -> str:
        rows = [(label, value) for label, value in _rows(self) if value != formats.NOTHING]
        width = max((len(label) for label, _ in rows), default=0)
        return "\n".join(f"{label:<{width}}  {value}" for label, value in rows)


def main_result(profile: Profile) -> WorkloadResult | None:
    """Return the result that stands for the whole: of the workload that was looked into, else the first measured."""
    measured = [result for result in profile.results if result.outcome == "succeeded"]
    looked_into = profile.inspection.workload if profile.inspection else None
    same = (result for result in measured if result.workload == looked_into)
    return next(iter((*same, *measured, *profile.results)), None)


def latency_of(summary: LatencySummary | None, iterations: Iterations | None = None) -> Latency:
    """Return the latency that a summary holds; the least of it can be told from the iterations alone."""
    if summary is None:
        return Latency()
    samples = summary.pooled_samples or summary.samples
    quantiles = {name: summary.quantiles.get(str(q)) for name, q in _QUANTILES.items()}
    return Latency(
        samples=summary.samples,
        mean=summary.mean_seconds,
        minimum=min(latency_samples(iterations)[0]) if iterations is not None else None,
        max=summary.max_seconds,
        standard_deviation=summary.standard_deviation_seconds,
        interval=summary.median_interval_seconds,
        contended_ratio=summary.contended_ratio,
        fit=summary.fit,
        wall={
            name: summary.wall_quantiles[str(q)] for name, q in _QUANTILES.items() if str(q) in summary.wall_quantiles
        },
        withheld={
            name: f"{name} needs {required_samples(q)} samples, has {samples}"
            for name, q in _QUANTILES.items()
            if quantiles[name] is None
        },
        **quantiles,
    )


_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def _throughput(result: ProfileResult) -> dict[str, float | None]:
    found = result.throughput
    return {
        "samples_per_second": found.samples_per_second,
        "requests_per_second": found.requests_per_second,
        "tokens_per_second": found.tokens_per_second,
        "images_per_second": found.images_per_second,
    } | {f"{unit}_per_second": rate for unit, rate in found.items_per_second.items()}


def _memory(result: ProfileResult) -> dict[str, float | None]:
    found, record = result.memory_bytes, result.memory
    return {
        "peak": found.peak,
        "average": found.average,
        "activation": found.activation,
        "per_sample": found.per_sample,
        "fragmentation": record.fragmentation_ratio if record else None,
    }


def _compute(result: ProfileResult) -> dict[str, float | None]:
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


_KEYS: Mapping[str, Any] = {
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


def _rows(result: ProfileResult) -> Iterator[tuple[str, str]]:
    latency, throughput, memory = result.latency_seconds, result.throughput, result.memory_bytes
    yield "model", f"{result.model} on {result.device}, {result.precision}, batch size {result.batch_size}"
    yield "failed", result.failure or formats.NOTHING
    yield "latency mean", formats.seconds(latency.mean)
    for name in _QUANTILES:
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
