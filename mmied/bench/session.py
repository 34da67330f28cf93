"""One model open in this process, measured scenario by scenario. The worker uses it, and so may a notebook."""

import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import torch

from mmied.bench import reference
from mmied.bench.contention import Neighbours, Theft, WaitMeter
from mmied.bench.environment import read_environment
from mmied.bench.fidelity import check_outputs
from mmied.bench.models import OpenedModel, open_model, require_device
from mmied.bench.profilers import captured, device, latency, memory
from mmied.bench.timing import Call, CpuTimer, CudaTimer, Timer
from mmied.records import Environment, Iterations, Memory, ModelSpec, Workload, WorkloadResult
from mmied.stats import latency_samples, summarize


class Session:
    """Opens the model of a spec and measures it. One of them a process: threads and memory are the process's."""

    model: OpenedModel
    environment: Environment
    load_seconds: float

    def __init__(self, spec: ModelSpec, *, scratch: Path, known_digests: Mapping[str, str] | None = None) -> None:
        self._spec = spec
        self._scratch = scratch
        self._known_digests = known_digests or {}
        if spec.threads is not None:
            torch.set_num_threads(spec.threads)
        self.threads = torch.get_num_threads()
        self._on_cuda = spec.device.startswith("cuda")
        self._called = False
        self._bare_bytes = self._loaded_bytes = self._loaded_device_bytes = 0
        self._waits = WaitMeter()
        self._theft = Theft()
        self._neighbours = Neighbours()
        self._switches = _involuntary_switches()

    def open(self) -> None:
        """Open the model and note what it runs on. Raises ModelError."""
        require_device(self._spec.device)
        self._references = reference.reference_workloads(self._spec.device)
        for work in self._references.values():
            work()  # so that their memory is there before the model's
        self._bare_bytes = memory.resident_bytes()
        began = time.perf_counter()
        self.model = open_model(self._spec, scratch=self._scratch, known_digests=self._known_digests)
        if self._on_cuda:
            torch.cuda.synchronize(self._spec.device)
        self.load_seconds = time.perf_counter() - began
        self._loaded_bytes = memory.resident_bytes()
        self._loaded_device_bytes = torch.cuda.memory_allocated(self._spec.device) if self._on_cuda else 0
        self.environment = read_environment(self._spec, self.model.revision)

    def check(self, workload: Workload) -> WorkloadResult:
        """Call the model once and look at what comes back. Raises whatever the model raises."""
        seconds, _ = self._first_call(workload)
        return WorkloadResult(workload=workload, outcome="succeeded", first_call_seconds=seconds, cold=True)

    def measure(
        self, workload: Workload, *, limit_seconds: float, reached: Callable[[str], None] = lambda phase: None
    ) -> WorkloadResult:
        """Measure one scenario for about `limit_seconds` after warming up. Raises whatever the model raises.

        `reached` is told the phases: measure, memory.
        """
        memory.give_back()
        cold = not self._called
        first_call_seconds, call = self._first_call(workload)
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
            )
            energy_after = meter.energy_joules() if meter else None
            reached("memory")
            figures = self._memory(call)
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

    def _first_call(self, workload: Workload) -> tuple[float, Call]:
        args, kwargs = self.model.make(workload.batch_size)
        model = self.model.call

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
        if self._on_cuda:
            return CudaTimer(self._waits, torch.device(self._spec.device))
        return CpuTimer(self._waits)

    def _was_disturbed(self) -> bool:
        """Tell whether the CPU was taken from us in a way that the run delay of our threads does not show."""
        stolen = self._theft.since_last()
        switches, self._switches = self._switches, _involuntary_switches()
        return stolen or (not self._waits.supported and self._switches != switches)

    def _memory(self, call: Call) -> tuple[Memory, ...]:
        host = memory.profile_host(call, bare_bytes=self._bare_bytes, loaded_bytes=self._loaded_bytes)
        if not self._on_cuda:
            return (host,)
        on_device = memory.profile_device(call, device=self._spec.device, loaded_bytes=self._loaded_device_bytes)
        return host, on_device


def _typical(samples: Iterations) -> float:
    return median(latency_samples(samples)[0])


def _involuntary_switches() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
