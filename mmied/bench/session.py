"""One model open in this process, measured workload by workload. The worker uses it, and so does the library."""

import resource
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch

from mmied.bench import reference
from mmied.bench.calling import as_call, moved_inputs
from mmied.bench.contention import Neighbours, Theft, WaitMeter
from mmied.bench.environment import read_environment
from mmied.bench.fidelity import check_outputs
from mmied.bench.holding import Holding
from mmied.bench.in_memory import spec_of, take_module
from mmied.bench.models import Inputs, OpenedModel, open_model, require_device
from mmied.bench.precision import cast_inputs
from mmied.bench.precision_names import canonical_precision
from mmied.bench.profilers import captured, device, latency, memory, stages
from mmied.bench.profilers.recorded import Target
from mmied.bench.profilers.sizes import sizes_of
from mmied.bench.serving import as_served
from mmied.bench.timing import Call, CpuTimer, Timer, timer_on, warm_up
from mmied.inspection import Sizes
from mmied.records import Environment, Iterations, LatencySummary, ModelSpec, Workload, WorkloadResult
from mmied.stats import latency_samples, summarize

WARM_UP_SECONDS = 5.0  # at most, before the deep passes


class Session:
    """Opens the model of a spec, or takes a module in memory, and measures it.

    Threads and memory are the process's: in one process use one of them at a time. `preprocess` turns what the
    model's `make` gives into its inputs, where somebody sets it.
    """

    model: OpenedModel
    environment: Environment
    format: str  # a records.SourceKind, or "eager" for a module in memory
    precision: str  # canonical, of workloads that name none; another than the model's own may be set
    load_seconds: float | None
    preprocess: Callable[..., Any] | None = None
    alone: bool = True  # whether nothing but the session takes memory in this process

    def __init__(self, spec: ModelSpec, *, scratch: Path, known_digests: Mapping[str, str] | None = None) -> None:
        self._begin(spec)
        self._scratch = scratch
        self._known_digests = known_digests or {}
        if spec.threads is not None:
            torch.set_num_threads(spec.threads)

    def _begin(self, spec: ModelSpec) -> None:
        self._spec = spec
        self.name, self.device, self.format = spec.name, spec.device, str(spec.source.kind)
        self.threads = spec.threads or torch.get_num_threads()
        self.precision = spec.dtype
        self.load_seconds = None
        self._given: Any = None  # the module in memory that others use too
        self._on_cuda = spec.device.startswith("cuda")
        self._called = False
        self._holding = Holding(spec.device, spec.dtype)
        self._waits = WaitMeter()
        self._theft = Theft()
        self._neighbours = Neighbours()
        self._switches = _involuntary_switches()

    @classmethod
    def of_module(
        cls,
        module: Any,
        make: Callable[[int], Inputs],
        *,
        name: str | None = None,
        device: str | None = None,
        precision: str | None = None,
        threads: int | None = None,
    ) -> "Session":
        """Return an open session on a module in memory, whose inputs `make` gives for a batch size.

        `device` and `precision` are by default the module's own. Another device or dtype works on a deep copy, and
        autocast on the module's own parameters: the module stays as it is. It is put into evaluation mode while it
        is called, and each submodule back into its own afterwards. Raises ModelError.
        """
        spec = spec_of(module, name=name, device=device, threads=threads)
        session = cls.__new__(cls)
        session._begin(spec)
        session.format = "eager"
        session._warm_references()
        taken = take_module(module, make, spec.device)
        session.model, session._given = taken.model, taken.shared
        session._holding.note_size(taken.own_bytes)
        session.alone = False
        session.environment = read_environment(spec, None)
        session.precision = canonical_precision(precision) if precision is not None else spec.dtype
        return session

    def open(self) -> None:
        """Open the model and note what it runs on. Raises ModelError."""
        require_device(self._spec.device)
        self._warm_references()
        bare_bytes = memory.resident_bytes()
        began = time.perf_counter()
        self.model = open_model(self._spec, scratch=self._scratch, known_digests=self._known_digests)
        if self._on_cuda:
            torch.cuda.synchronize(self._spec.device)
        self.load_seconds = time.perf_counter() - began
        self._holding.note_loaded(bare_bytes=bare_bytes)
        self.environment = read_environment(self._spec, self.model.revision)

    @property
    def spec(self) -> ModelSpec:
        """The model as a configuration would describe it."""
        return self._spec

    def feed(self, make: Callable[[int], Inputs]) -> None:
        """Take the inputs of `make` from now on."""
        self.model = replace(self.model, make=make)

    def sizes(self) -> Sizes | None:
        """Return how large the model is in memory; None for a compiled package."""
        return sizes_of(self.model.call)

    def serving(self) -> AbstractContextManager[None]:
        """Return a context in which the model is as it is served; a module in memory is then left as it was found.

        Every method here enters it by itself. Who takes a `target` enters it around its use.
        """
        if self.format != "eager":
            return nullcontext()  # opened for us alone, in evaluation mode
        return as_served(self._given, self._spec.threads)

    def check(self, workload: Workload) -> WorkloadResult:
        """Call the model once and look at what comes back. Raises whatever the model raises."""
        with self.serving():
            seconds, _ = self._first_call(*self._prepare(workload))
        return WorkloadResult(workload=workload, outcome="succeeded", first_call_seconds=seconds, cold=True)

    def target(self, workload: Workload) -> Target:
        """Return the model with its inputs, warm, for the deep passes. Raises whatever the model raises."""
        with self.serving():
            model, args, kwargs = self._prepare(workload)
            _, call = self._first_call(model, args, kwargs)
            with torch.inference_mode():
                warm = warm_up(call, self._timer(), limit_seconds=WARM_UP_SECONDS)
        return Target(
            name=self.name,
            model=model,
            args=args,
            kwargs=kwargs,
            device=self.device,
            call_seconds=max(warm.call_seconds, 1e-6),
        )

    def measure(
        self,
        workload: Workload,
        *,
        limit_seconds: float,
        num_runs: int | None = None,
        warmup_runs: int | None = None,
        reached: Callable[[str], None] = lambda phase: None,
    ) -> WorkloadResult:
        """Measure one workload for about `limit_seconds` after warming up, or for exactly `num_runs` calls.

        `warmup_runs` are the calls to warm up with, instead of until it is steady. `reached` is told the phases:
        measure, memory. Raises whatever the model raises.
        """
        with self.serving():
            return self._measure(workload, limit_seconds, num_runs, warmup_runs, reached)

    def _measure(
        self,
        workload: Workload,
        limit_seconds: float,
        num_runs: int | None,
        warmup_runs: int | None,
        reached: Callable[[str], None],
    ) -> WorkloadResult:
        self._holding.settle(alone=self.alone)
        cold = not self._called
        first_call_seconds, call = self._first_call(*self._prepare(workload))
        meter = device.Meter(self._spec.device) if self._on_cuda else None
        with torch.inference_mode():
            reached("measure")
            energy_before = meter.energy_joules() if meter else None
            passed = latency.profile(
                call,
                timer=self._timer(),
                several_threads=self.threads > 1,
                references=self._references,
                was_disturbed=self._was_disturbed if meter is None else lambda: meter.shared() or self._was_disturbed(),
                others_cpus=self._neighbours.busy_cpus_since_last,
                limit_seconds=limit_seconds,
                gap_seconds=workload.gap_seconds,
                num_runs=num_runs,
                warmup_runs=warmup_runs,
            )
            energy_after = meter.energy_joules() if meter else None
            reached("memory")
            if not self.alone:
                self._holding.settle(
                    alone=False
                )  # what the latency pass noted down of many calls is no memory of the model's
            figures = self._holding.measure(call)
            captured_seconds = captured.profile(call, self._spec.device) if self._on_cuda else None
        summary = summarize(passed.iterations)
        return WorkloadResult(
            workload=workload,
            outcome="succeeded",
            first_call_seconds=first_call_seconds,
            cold=cold,
            warmup_seconds=passed.warm_up.seconds,
            warmup_iterations=passed.warm_up.iterations,
            settled=passed.warm_up.settled,
            measure_seconds=passed.seconds,
            throughput_samples_per_second=workload.batch_size / (summary.mean_seconds + workload.gap_seconds),
            latency=summary,
            iterations=passed.iterations,
            references=passed.references,
            reference_seconds={name: _typical(samples) for name, samples in passed.references.items()},
            memory=figures,
            captured_seconds=captured_seconds,
            energy_joules=energy_after - energy_before
            if energy_before is not None and energy_after is not None
            else None,
        )

    def measure_memory(self, workload: Workload) -> WorkloadResult:
        """Measure the memory of a workload's calls alone. Raises whatever the model raises."""
        with self.serving():
            self._holding.settle(alone=self.alone)
            cold = not self._called
            seconds, call = self._first_call(*self._prepare(workload))
            with torch.inference_mode():
                figures = self._holding.measure(call)
        return WorkloadResult(
            workload=workload, outcome="succeeded", first_call_seconds=seconds, cold=cold, memory=figures
        )

    def measure_stages(
        self,
        workload: Workload,
        *,
        postprocess: Callable[[Any], Any] | None,
        limit_seconds: float,
        num_runs: int | None = None,
        warmup_runs: int | None = None,
    ) -> Mapping[str, LatencySummary]:
        """Measure a request from raw input to answer, stage by stage: preprocess, inference, postprocess and total.

        Raises whatever a stage raises.
        """
        raw = self.model.make(workload.batch_size)
        precision = workload.precision or self.precision
        with self.serving(), torch.inference_mode():
            model, args, kwargs = self._prepare(workload)

            def infer(inputs: Inputs) -> Any:
                output = model(*inputs[0], **inputs[1])
                if self._on_cuda:
                    torch.cuda.synchronize(self.device)
                return output

            steps: dict[str, Callable[[Any], Any]] = {}
            if self.preprocess is not None:
                steps["preprocess"] = lambda given: self._fit(self._preprocessed(*given), precision)
            steps["inference"] = infer
            if postprocess is not None:
                steps["postprocess"] = postprocess
            return stages.profile(
                steps,
                first=(args, kwargs) if self.preprocess is None else raw,
                timer=CpuTimer(self._waits),
                several_threads=self.threads > 1,
                was_disturbed=self._was_disturbed,
                others_cpus=self._neighbours.busy_cpus_since_last,
                limit_seconds=limit_seconds,
                num_runs=num_runs,
                warmup_runs=warmup_runs,
            )

    def _warm_references(self) -> None:
        self._references = reference.reference_workloads(self._spec.device)
        for work in self._references.values():
            work()  # so that their memory is there before the model's

    def _prepare(self, workload: Workload) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """Return the model in the workload's precision, with inputs for its batch size."""
        precision = workload.precision or self.precision
        model = self._holding.in_precision(self.model.call, precision)
        inputs = self.model.make(workload.batch_size)
        if self.preprocess is not None:
            args, kwargs = inputs
            inputs = self._preprocessed(args, kwargs)
        return (model, *self._fit(inputs, precision))

    def _preprocessed(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Inputs:
        """Return raw input as the model's inputs, on its device."""
        assert self.preprocess is not None
        return moved_inputs(as_call(self.preprocess(*args, **kwargs), self.model.call), self.device)

    def _fit(self, inputs: Inputs, precision: str) -> Inputs:
        """Return inputs for a precision; in the model's own they are their user's choice."""
        return inputs if precision == self._spec.dtype else cast_inputs(*inputs, precision)

    def _first_call(
        self, model: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[float, Call]:
        def call() -> Any:
            return model(*args, **kwargs)

        with torch.inference_mode():
            began = time.perf_counter()
            output = call()
            if self._on_cuda:
                torch.cuda.synchronize(self._spec.device)
            seconds = time.perf_counter() - began
            self._called = True
            check_outputs(output)
        return seconds, call

    def _timer(self) -> Timer:
        return timer_on(self.device, self._waits)

    def _was_disturbed(self) -> bool:
        """Tell whether the CPU was taken from us in a way that the run delay of our threads does not show."""
        stolen = self._theft.since_last()
        switches, self._switches = self._switches, _involuntary_switches()
        return stolen or (not self._waits.supported and self._switches != switches)


def _typical(samples: Iterations) -> float:
    return median(latency_samples(samples)[0])


def _involuntary_switches() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
