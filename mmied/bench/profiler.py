"""Profile a model from Python: the face of the bench that a notebook sees. Torch is imported with the first model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmied.bench.answers import Figures
from mmied.bench.configurations import Configuration, configuration_of
from mmied.bench.figures import (
    HardwareUsage,
    LayerProfiles,
    gpu_figures,
    memory_figures,
    time_figures,
    timeline_figures,
)
from mmied.bench.layer_choice import choose_layers
from mmied.bench.profile_reports import ProfileReports
from mmied.bench.sweep import BenchmarkResults
from mmied.errors import MmiedError
from mmied.inspection import Inspection
from mmied.profiles import Profile
from mmied.records import WorkloadResult
from mmied.results import ProfileResult

if TYPE_CHECKING:
    from mmied.bench.subject import Subject

BATCH_SIZES = (1, 8, 32)  # where nobody says which
NOTHING_YET = "there is nothing to report yet. Measure first, with profile(input_data) for one."


class ModelProfiler(ProfileReports):
    """Measures one model: a module in memory, or what lies at `model_path`.

    A module is measured in evaluation mode and left as it was found; another device or precision than its own works on
    a copy. `model_path` is a file (TorchScript, torch.export, AOTInductor, pickle), a Hugging Face folder or
    package.module:factory; what is loaded as code has to be trusted: see the guide. `inputs` are used where a method is
    given none: data, or declarations such as "shape=batch,64 dtype=int64 range=0,10000".

    Input data are a tensor, an array, a tuple of positional inputs, a mapping of keyword inputs, or a function that
    gives any of these for a batch size. For other batch sizes data are repeated or cut along the first dimension.
    """

    def __init__(
        self,
        model: Any = None,
        *,
        model_path: str | Path | None = None,
        device: str | None = None,
        precision: str | None = None,
        inputs: Any = None,
        name: str | None = None,
        threads: int | None = None,
        source_kind: str | None = None,
        weights: str | Path | None = None,
        trust: str | None = None,
        items_per_sample: Mapping[str, float] | None = None,
        limit_seconds: float = 5.0,
    ) -> None:
        if model is not None and model_path is not None:
            raise MmiedError("model and model_path: give one of them.")
        self._place: dict[str, Any] = {"device": device, "precision": precision, "threads": threads}
        self._fed: list[tuple[Any, Any]] = []  # the models that were profiled, with their inputs
        self._items = dict(items_per_sample or {})
        self._limit_seconds = limit_seconds
        self._subject: Subject | None = None
        self._given: Any = None
        self._result: ProfileResult | None = None
        if model is not None or model_path is not None:
            self._subject = self._open(
                model if model is not None else model_path,
                name=name,
                inputs=inputs,
                kind=source_kind,
                weights=weights,
                trust=trust,
            )

    @property
    def result(self) -> ProfileResult:
        """All that was measured so far. Raises MmiedError where that is nothing."""
        if self._result is None:
            raise MmiedError(NOTHING_YET)
        return self._result

    # To measure

    def profile(
        self,
        input_data: Any = None,
        num_runs: int | None = None,
        warmup_runs: int | None = None,
        detailed_analysis: bool = False,
        *,
        preprocess: Callable[..., Any] | None = None,
        postprocess: Callable[[Any], Any] | None = None,
    ) -> ProfileResult:
        """Measure the model on `input_data`; with `detailed_analysis` look inside it too.

        Without `num_runs` it is called until p99 is supported or the time limit is spent; with it exactly so often.
        `preprocess` turns raw input data into the model's inputs, `postprocess` takes its outputs: the stages of a
        request are then timed too. The path of a model as `input_data` profiles that model on the inputs that it
        brings along. Raises MmiedError, and whatever the model raises.
        """
        if isinstance(input_data, str | Path) and preprocess is None:
            self._subject, self._given, input_data = self._open(input_data), None, None
        return self._profile(
            input_data,
            [configuration_of({})],
            num_runs=_runs(num_runs, "num_runs", least=1),
            warmup_runs=_runs(warmup_runs, "warmup_runs"),
            detailed=detailed_analysis,
            preprocess=preprocess,
            postprocess=postprocess,
            keep_going=False,
        )

    def profile_model(
        self,
        model: Any,
        input_generator: Any,
        batch_sizes: Sequence[int] = BATCH_SIZES,
        *,
        name: str | None = None,
        detailed_analysis: bool = False,
    ) -> ProfileResult:
        """Measure another model with the inputs of `input_generator` at each batch size; it is the profiler's then."""
        self._subject, self._given = self._open(model, name=name), None
        self._fed = [(known, given) for known, given in self._fed if known is not model] + [(model, input_generator)]
        return self.profile_at(batch_sizes, input_generator, detailed_analysis=detailed_analysis)

    def profile_at(
        self,
        batch_sizes: Sequence[int],
        input_data: Any = None,
        *,
        num_runs: int | None = None,
        warmup_runs: int | None = None,
        detailed_analysis: bool = False,
    ) -> ProfileResult:
        """Measure the model at each batch size. One that it cannot take is a failed result; raises if all are."""
        if not batch_sizes:
            raise MmiedError("batch_sizes: there are none. Try [1, 8, 32].")
        return self._profile(
            input_data,
            [configuration_of({"batch_size": size}) for size in batch_sizes],
            num_runs=_runs(num_runs, "num_runs", least=1),
            warmup_runs=_runs(warmup_runs, "warmup_runs"),
            detailed=detailed_analysis,
        )

    def inputs_of(self, model: Any) -> Any:
        """Return what a model was last profiled with, by profile_model; None for one that it was not given."""
        return next((given for known, given in self._fed if known is model), None)

    def for_model(self, model: Any, *, name: str | None = None) -> "ModelProfiler":
        """Return a profiler of another model in the same place."""
        other = ModelProfiler(items_per_sample=self._items, limit_seconds=self._limit_seconds, **self._place)
        other._subject = other._open(model, name=name)
        return other

    @property
    def subject(self) -> "Subject":
        """The model that is profiled. Raises MmiedError where there is none."""
        return self._start(None)[0]

    def benchmark(
        self,
        configurations: Sequence[Mapping[str, Any]],
        input_data: Any = None,
        *,
        num_runs: int | None = None,
        warmup_runs: int | None = None,
    ) -> BenchmarkResults:
        """Measure the model in each configuration: {"batch_size": 8, "precision": "fp16", "gap_seconds": 0.1}.

        Returns a result for each, in their order, and where the sweep stops paying. A configuration that fails is a
        result with its `failure`; raises MmiedError where all of them do.
        """
        if not configurations:
            raise MmiedError('configurations: there are none. Try [{"batch_size": 1}, {"batch_size": 8}].')
        wanted = [configuration_of(each) for each in configurations]
        result = self._profile(
            input_data,
            wanted,
            num_runs=_runs(num_runs, "num_runs", least=1),
            warmup_runs=_runs(warmup_runs, "warmup_runs"),
        )
        return BenchmarkResults(result.profile)

    def measure_execution_time(
        self, input_data: Any = None, iterations: int | None = None, warmup: int | None = None
    ) -> Figures:
        """Time the model alone: `iterations` calls after `warmup` calls, or until its quantiles are supported.

        Names that end in `_seconds` are seconds, `mean`, `median`, `std` and the like milliseconds.
        """
        result = self._profile(
            input_data,
            [configuration_of({})],
            num_runs=_runs(iterations, "iterations", least=1),
            warmup_runs=_runs(warmup, "warmup"),
            usage_seconds=0.0,
            keep_going=False,
            merge=True,
        )
        return time_figures(result)

    def measure_memory_usage(self, input_data: Any = None) -> Figures:
        """Measure the memory of calls: bytes above what the process held without the model."""
        subject, given = self._start(input_data)
        result = self._keep(subject.measure_memory(given), merge=True)
        return memory_figures(result)

    def profile_layers(self, input_data: Any = None, layer_names: Sequence[str] | None = None) -> LayerProfiles:
        """Return time, memory and arithmetic of the layers, by the names that are asked for.

        A name is a dotted path, or a word that paths or classes hold: "attention" finds `self_attn` of the class
        MultiheadAttention. Raises MmiedError where it finds nothing.
        """
        inspection = self._inspect(input_data, ("layers", "flops"))
        found = inspection.layers
        if found is None:
            raise MmiedError(f"layers: {inspection.failures.get('layers', 'the model has none')}")
        names = [layer_names] if isinstance(layer_names, str) else layer_names
        return LayerProfiles(choose_layers(found, names), found)

    def memory_profile(
        self,
        track_allocations: bool = True,
        track_deallocations: bool = True,
        memory_snapshots: bool = True,
        input_data: Any = None,
    ) -> Figures:
        """Return the memory of tensors during one call, step by step, on the last input data if none are given.

        `allocations` are the largest blocks alive at the peak, `deallocations` those of them that were given back,
        `snapshots` (seconds, bytes) along the call; what is not asked for is left out. `timelines` has the records.
        """
        inspection = self._inspect(input_data, ("memory",))
        if not inspection.timelines:
            raise MmiedError(f"memory: {inspection.failures.get('memory', 'nothing was seen of it')}")
        return timeline_figures(
            inspection.timelines,
            allocations=track_allocations,
            deallocations=track_deallocations,
            snapshots=memory_snapshots,
        )

    def gpu_profile(
        self,
        track_kernels: bool = True,
        track_memory_transfers: bool = True,
        profile_nvtx: bool = True,
        input_data: Any = None,
    ) -> Figures:
        """Return the kernels, copies and NVTX ranges of a call on CUDA. Raises MmiedError for a model elsewhere."""
        subject, _ = self._start(input_data)
        device = subject.device
        if not device.startswith("cuda"):
            raise MmiedError(f'gpu_profile: the model is on {device}. Give ModelProfiler device="cuda".')
        inspection = self._inspect(input_data, ("operators",))
        found = inspection.operators
        if found is None:
            raise MmiedError(f"operators: {inspection.failures.get('operators', 'none were seen')}")
        return gpu_figures(found, device, kernels=track_kernels, transfers=track_memory_transfers, ranges=profile_nvtx)

    def monitor_hardware_utilization(
        self, train_fn: Callable[[], Any], duration: float = 60.0, interval: float = 0.5
    ) -> HardwareUsage:
        """Run `train_fn` in this thread, again while `duration` seconds have not passed, and sample the hardware.

        It always runs to its end, at least once. Means are in the mapping, the samples in `record`. Raises whatever
        it raises.
        """
        from mmied.bench.subject import watch  # torch comes with it

        if not duration >= 0:
            raise MmiedError(f"duration: {duration} is no number of seconds.")
        if not interval > 0:
            raise MmiedError(f"interval: {interval} is not above 0. Try 0.5.")
        device = self._place["device"] or (self._subject.device if self._subject is not None else "cpu")
        usage, calls = watch(train_fn, duration_seconds=duration, interval_seconds=interval, device=device)
        if self._result is not None:
            profile = replace(self._result.profile, usage=usage)
            self._result = ProfileResult(profile, self._result.flame)
        return HardwareUsage(usage, calls=calls)

    # Within

    def _open(self, model: Any, **options: Any) -> "Subject":
        from mmied.bench.subject import Subject  # torch comes with it

        return Subject(model, **self._place, **options)

    def _start(self, given: Any) -> "tuple[Subject, Any]":
        """Return the model, and the input data to use: those given, else the last ones."""
        if self._subject is None:
            raise MmiedError("there is no model. Give ModelProfiler one, or use profile_model(model, input_generator).")
        if given is not None:
            self._given = given
        return self._subject, self._given

    def _profile(
        self, given: Any, configurations: Sequence[Configuration], *, merge: bool = False, **options: Any
    ) -> ProfileResult:
        subject, given = self._start(given)
        profile, flame = subject.profile(
            given,
            configurations,
            limit_seconds=self._limit_seconds,
            items_per_sample=self._items,
            **options,
        )
        failed = [result for result in profile.results if result.outcome != "succeeded"]
        if len(failed) == len(profile.results):
            raise MmiedError(f"{profile.model}: {_said(failed)}")
        return self._keep(profile, flame, merge=merge)

    def _inspect(self, given: Any, passes: Sequence[str]) -> Inspection:
        subject, given = self._start(given)
        profile, flame = subject.inspect(given, passes)
        self._keep(profile, flame, merge=True)
        assert profile.inspection is not None
        return profile.inspection

    def _keep(self, profile: Profile, flame: Any = None, *, merge: bool) -> ProfileResult:
        """Keep a profile for the reports, together with what is known of the same model; return it as a result."""
        assert self._subject is not None
        earlier = self._result
        whole = self._subject.merged(earlier.profile if earlier and merge else None, profile)
        self._result = ProfileResult(whole, flame or (earlier.flame if earlier and merge else None))
        return ProfileResult(profile, flame) if merge else self._result


def _runs(count: int | None, name: str, least: int = 0) -> int | None:
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < least):
        raise MmiedError(f"{name}: {count!r} is not a whole number of at least {least}.")
    return count


def _said(failed: Sequence[WorkloadResult]) -> str:
    return " ".join(dict.fromkeys(result.message or "failed" for result in failed))
