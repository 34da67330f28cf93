"""Answer for a profile as its readers ask: by attributes with units in their names, and by the keys of a mapping.

A figure that was not measured, or that the sample does not support, is None in both; `latency_seconds.withheld` says
why.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mmied import formats
from mmied.codec import to_json
from mmied.inspection import Inspection, Layer, Operator, Usage
from mmied.profiles import Knee, Profile, Recommendation
from mmied.records import Environment, Memory
from mmied.results.answers import Latency, MemoryBytes, Throughput, latency_of
from mmied.results.main import main_result, memory_of
from mmied.results.mapping import KEYS
from mmied.results.text import rows_of


class ProfileResult(Mapping[str, Any]):
    """A profile with the answers of its main workload: the one that was looked into, else the first measured one.

    `profile` is the whole record; `workloads()` gives an answer for each workload in it. `flame` is the flame graph
    of the pass over the layers, where it was made.
    """

    def __init__(self, profile: Profile, flame: Any = None) -> None:
        self.profile: Profile = profile
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
        return memory_of(self.main)

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
        return KEYS[key](self)

    def __iter__(self) -> Iterator[str]:
        return iter(KEYS)

    def __len__(self) -> int:
        return len(KEYS)

    # As text

    def __repr__(self) -> str:
        told = f"batch size {self.batch_size}, {self.precision}, {self.device}"
        mean = f", mean {formats.seconds(self.latency_seconds.mean)}" if self.latency_seconds.mean is not None else ""
        return f"<ProfileResult of {self.model}: {told}{mean}>"

    def __str__(self) -> str:
        rows = [(label, value) for label, value in rows_of(self) if value != formats.NOTHING]
        width = max((len(label) for label, _ in rows), default=0)
        return "\n".join(f"{label:<{width}}  {value}" for label, value in rows)
