"""The hardware family of metrics: the host and its GPUs as they were last sampled."""

import os
from collections.abc import Iterator
from pathlib import Path

from mmied.daemon.samples import Sample
from mmied.daemon.view import View
from mmied.records import GpuSample, HardwareSample


def hardware_samples(view: View) -> Iterator[Sample]:
    """Yield the samples of the hardware family; a figure that could not be had is left out."""
    if view.hardware is None:
        return
    for name, labels, value in _host(view.hardware):
        if value is not None:
            yield Sample(name, labels, value)
    for gpu in view.hardware.gpus:
        yield Sample("mmied_gpu_info", (gpu.gpu, gpu.uuid, gpu.name, gpu.driver_version), 1)
        for name, labels, value in _gpu(gpu):
            if value is not None:
                yield Sample(name, (gpu.gpu, *labels), value)
        yield Sample("mmied_gpu_compute_processes", (gpu.gpu,), len(gpu.compute_pids) - len(_own(gpu.compute_pids)))


def _host(sample: HardwareSample) -> Iterator[tuple[str, tuple[str, ...], float | None]]:
    yield "mmied_host_cpus", (), sample.cpus
    yield "mmied_host_cpu_busy_seconds_total", (), sample.cpu_busy_seconds_total
    yield "mmied_host_cpu_utilization_ratio", (), sample.cpu_utilization_ratio
    yield "mmied_host_cpu_frequency_hertz", (), sample.cpu_frequency_hertz
    yield "mmied_host_load1", (), sample.load1
    yield "mmied_host_memory_total_bytes", (), sample.memory_total_bytes
    yield "mmied_host_memory_available_bytes", (), sample.memory_available_bytes
    for direction, size_bytes in sample.disk_bytes_total.items():
        yield "mmied_host_disk_bytes_total", (direction,), size_bytes
    for direction, size_bytes in sample.network_bytes_total.items():
        yield "mmied_host_network_bytes_total", (direction,), size_bytes
    for resource, seconds in sample.pressure_waiting_seconds_total.items():
        yield "mmied_host_pressure_waiting_seconds_total", (resource,), seconds
    for resource, seconds in sample.pressure_stalled_seconds_total.items():
        yield "mmied_host_pressure_stalled_seconds_total", (resource,), seconds
    for sensor, celsius in sample.temperature_celsius.items():
        yield "mmied_host_temperature_celsius", (sensor,), celsius


def _gpu(gpu: GpuSample) -> Iterator[tuple[str, tuple[str, ...], float | None]]:
    yield "mmied_gpu_utilization_ratio", (), gpu.utilization_ratio
    yield "mmied_gpu_memory_used_bytes", (), gpu.memory_used_bytes
    yield "mmied_gpu_memory_total_bytes", (), gpu.memory_total_bytes
    yield "mmied_gpu_power_watts", (), gpu.power_watts
    yield "mmied_gpu_power_limit_watts", (), gpu.power_limit_watts
    yield "mmied_gpu_energy_joules_total", (), gpu.energy_joules_total
    yield "mmied_gpu_temperature_celsius", (), gpu.temperature_celsius
    yield "mmied_gpu_ecc_uncorrected_errors_total", (), gpu.ecc_uncorrected_errors_total
    for clock, hertz in gpu.clock_hertz.items():
        yield "mmied_gpu_clock_hertz", (clock,), hertz
    for reason, active in gpu.throttle_active.items():
        yield "mmied_gpu_throttle_active", (reason,), float(active)


def _own(pids: tuple[int, ...]) -> list[int]:
    """Return those of the processes that are our workers: children of this daemon."""
    return [pid for pid in pids if _parent(pid) == os.getpid()]


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None
