"""Decide whether the host can bear a run now: pure, from what was sampled."""

from collections.abc import Mapping
from dataclasses import dataclass

from mmied.config import Admission
from mmied.records import GpuSample, HardwareSample


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a run is not started: `reason` is one of catalog.SKIP_REASONS."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Pressure:
    """The share of time in which work waited for a resource, measured while nothing of ours ran."""

    cpu_waiting: float | None = None
    memory_waiting: float | None = None
    io_stalled: float | None = None


def refusal(
    *,
    limits: Admission,
    sample: HardwareSample | None,
    pressure: Pressure | None,
    device: str,
    memory_needed_bytes: int,
) -> Refusal | None:
    """Return why a run on `device` is to be put off, or None when it may start.

    Without PSI the run queue stands in for it: more tasks ready than there are CPUs.
    """
    if sample is None:
        return None
    busy = _busy_host(limits, sample, pressure)
    if busy is not None:
        return busy
    available = sample.memory_available_bytes
    if available is not None and available < memory_needed_bytes:
        return Refusal(
            "low_memory", f"{_gb(available)} of memory available, the run needs about {_gb(memory_needed_bytes)}"
        )
    if device.startswith("cuda"):
        gpu = find_gpu(sample, device)
        return None if gpu is None else _busy_gpu(limits, gpu)
    return None


def _busy_host(limits: Admission, sample: HardwareSample, pressure: Pressure | None) -> Refusal | None:
    if pressure is None or pressure.cpu_waiting is None:
        if sample.runnable is not None and sample.cpus is not None and sample.runnable - 1 > sample.cpus:
            return Refusal("busy_cpu", f"{sample.runnable - 1} tasks ready for {sample.cpus} CPUs")
    elif pressure.cpu_waiting > limits.cpu_pressure:
        return Refusal("busy_cpu", _over("work waited for a CPU", pressure.cpu_waiting, limits.cpu_pressure, "cpu"))
    if pressure is None:
        return None
    if pressure.memory_waiting is not None and pressure.memory_waiting > limits.memory_pressure:
        return Refusal(
            "low_memory", _over("work waited for memory", pressure.memory_waiting, limits.memory_pressure, "memory")
        )
    if pressure.io_stalled is not None and pressure.io_stalled > limits.io_pressure:
        return Refusal("busy_io", _over("all work waited for a disk", pressure.io_stalled, limits.io_pressure, "io"))
    return None


def _busy_gpu(limits: Admission, gpu: GpuSample) -> Refusal | None:
    if gpu.utilization_ratio is not None and gpu.utilization_ratio > limits.gpu_utilization:
        return Refusal(
            "busy_gpu",
            f"GPU {gpu.gpu} is in use for {gpu.utilization_ratio:.0%} of the time, "
            f"more than {limits.gpu_utilization:.0%} of `admission.gpu_utilization`",
        )
    if gpu.memory_total_bytes is not None and gpu.memory_used_bytes is not None:
        free = gpu.memory_total_bytes - gpu.memory_used_bytes
        if free < limits.gpu_memory_free_bytes:
            return Refusal(
                "low_memory",
                f"{_gb(free)} free on GPU {gpu.gpu}, less than {_gb(limits.gpu_memory_free_bytes)} of "
                "`admission.gpu_memory_free`",
            )
    return None


def find_gpu(sample: HardwareSample, device: str) -> GpuSample | None:
    """Return the sample of the GPU that torch calls `device`, in the order of the bus."""
    index = device.partition(":")[2] or "0"
    return next((gpu for gpu in sample.gpus if gpu.gpu == index), None)


def _over(what: str, ratio: float, limit: float, name: str) -> str:
    return f"{what} {ratio:.0%} of the time, more than {limit:.0%} of `admission.{name}_pressure`"


def _gb(size_bytes: float) -> str:
    return f"{size_bytes / 1e9:.1f} GB"


def pressure_between(earlier: Mapping[str, float], later: Mapping[str, float], seconds: float) -> Pressure:
    """Return the pressure over an interval from PSI's running totals, as `read_totals` gives them."""

    def ratio(name: str) -> float | None:
        if name not in earlier or name not in later or seconds <= 0:
            return None
        return min(1.0, max(0.0, later[name] - earlier[name]) / seconds)

    return Pressure(ratio("cpu"), ratio("memory"), ratio("io"))
