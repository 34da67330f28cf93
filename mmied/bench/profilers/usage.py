"""What do the process and the host use while something runs? A thread that reads /proc, and NVML on a GPU."""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import torch

from mmied.bench.profilers.device import Meter
from mmied.bench.profilers.memory import PAGE_BYTES
from mmied.bench.profilers.recorded import Target, profiled_call
from mmied.inspection import Usage

PROFILE_SECONDS = 2.0
PROFILE_INTERVAL_SECONDS = 0.05
MAX_SAMPLES = 10_000  # then every second one goes, and the interval doubles
SHORTEST_RATIO = 0.5  # of the interval: what is left at the end is a sample of its own if it lasted so long
LOOPBACK = "lo"
THREAD = "mmied-usage"

COARSE = "the kernel counts the host's CPU time in ticks of 10 ms: single samples of {:g} s are coarse"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What the counters stood at."""

    at: float
    process_seconds: float  # without the sampler's own
    host_busy_ticks: int | None
    host_ticks: int | None
    resident_bytes: int | None
    read_bytes: int | None
    written_bytes: int | None
    network_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """What was used since the sample before."""

    at_seconds: float
    process_cpus: float
    host_cpu_ratio: float | None
    resident_bytes: int | None
    read_bytes_per_second: float | None
    written_bytes_per_second: float | None
    network_bytes_per_second: float | None
    gpu_utilization_ratio: float | None = None
    gpu_memory_bytes: int | None = None
    gpu_power_watts: float | None = None


class Sampler:
    """Takes a sample each interval from entering until leaving; `usage` tells of them, meanwhile too."""

    def __init__(self, interval_seconds: float, device: str = "cpu", *, proc: Path = Path("/proc")) -> None:
        if not interval_seconds > 0:
            raise ValueError(f"interval_seconds: {interval_seconds:g} is not above 0")
        self._interval = interval_seconds
        self._proc = proc
        self._meter = Meter(device) if device.startswith("cuda") else None
        self._samples: list[_Sample] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._own_seconds = 0.0  # of the sampling thread
        self._began = self._ended = 0.0
        self._last: _Reading | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "Sampler":
        self._began = time.perf_counter()
        self._last = self._read()
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._thread is not None and self._last is not None
        self._stop.set()
        self._thread.join()
        if not self._samples or time.perf_counter() - self._last.at >= SHORTEST_RATIO * self._interval:
            self._take()
        self._ended = time.perf_counter()

    def usage(self) -> Usage:
        """Return what was sampled so far."""
        with self._lock:
            samples = tuple(self._samples)
        gpu = samples if self._meter is not None else ()
        return Usage(
            interval_seconds=self._interval,
            duration_seconds=(self._ended or time.perf_counter()) - self._began,
            at_seconds=tuple(sample.at_seconds for sample in samples),
            process_cpus=tuple(sample.process_cpus for sample in samples),
            host_cpu_ratio=tuple(sample.host_cpu_ratio for sample in samples),
            resident_bytes=tuple(sample.resident_bytes for sample in samples),
            read_bytes_per_second=tuple(sample.read_bytes_per_second for sample in samples),
            written_bytes_per_second=tuple(sample.written_bytes_per_second for sample in samples),
            network_bytes_per_second=tuple(sample.network_bytes_per_second for sample in samples),
            gpu_utilization_ratio=tuple(sample.gpu_utilization_ratio for sample in gpu),
            gpu_memory_bytes=tuple(sample.gpu_memory_bytes for sample in gpu),
            gpu_power_watts=tuple(sample.gpu_power_watts for sample in gpu),
            cpus=len(os.sched_getaffinity(0)),
            notes=(COARSE.format(self._interval),) if self._interval < 0.2 else (),
        )

    def _run(self) -> None:
        due = self._began + self._interval
        while not self._stop.wait(max(0.0, due - time.perf_counter())):
            self._take()
            self._own_seconds = time.thread_time()
            if len(self._samples) >= MAX_SAMPLES:
                with self._lock:
                    del self._samples[::2]
                    self._interval *= 2
            due += self._interval
            if due < time.perf_counter():  # the host slept, or the interval is shorter than a reading
                due = time.perf_counter() + self._interval

    def _take(self) -> None:
        assert self._last is not None
        now = self._read()
        sample = sample_of(self._last, now, began=self._began, meter=self._meter)
        self._last = now
        with self._lock:
            self._samples.append(sample)

    def _read(self) -> _Reading:
        return read(self._proc, own_seconds=self._own_seconds)


def profile(target: Target, *, seconds: float = PROFILE_SECONDS) -> Usage:
    """Return what is used while the model is called, one call after the other, for about `seconds`."""
    on_cuda = target.device.startswith("cuda")
    with Sampler(PROFILE_INTERVAL_SECONDS, target.device) as sampler:
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            profiled_call(target)
            if on_cuda:  # or calls would queue up long past the end
                torch.cuda.synchronize(target.device)
    return sampler.usage()


# The counters


def read(proc: Path, *, own_seconds: float = 0.0) -> _Reading:
    """Return what the counters of this process and of the host stand at; None where the kernel refuses."""
    busy, all_ticks = _host_ticks(_text(proc / "stat"))
    io = dict(line.split(": ") for line in _text(proc / "self" / "io").splitlines())
    return _Reading(
        at=time.perf_counter(),
        process_seconds=time.process_time() - own_seconds,
        host_busy_ticks=busy,
        host_ticks=all_ticks,
        resident_bytes=_resident(_text(proc / "self" / "statm")),
        read_bytes=int(io["read_bytes"]) if "read_bytes" in io else None,
        written_bytes=int(io["write_bytes"]) if "write_bytes" in io else None,
        network_bytes=_network(_text(proc / "self" / "net" / "dev")),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""  # hidden by a sandbox or another user's


def _host_ticks(stat: str) -> tuple[int | None, int | None]:
    """Return the busy and all ticks of the host's CPUs: user nice system idle iowait irq softirq steal."""
    if not stat.startswith("cpu "):
        return None, None
    ticks = [int(field) for field in stat.partition("\n")[0].split()[1:9]]
    return sum(ticks) - sum(ticks[3:5]), sum(ticks)


def _resident(statm: str) -> int | None:
    return int(statm.split()[1]) * PAGE_BYTES if statm else None


def _network(dev: str) -> int | None:
    """Return the bytes that the host's interfaces received and sent."""
    rows = [line.partition(":") for line in dev.splitlines() if ":" in line]
    if not rows:
        return None
    counters = [fields.split() for name, _, fields in rows if name.strip() != LOOPBACK]
    return sum(int(fields[0]) + int(fields[8]) for fields in counters)


def sample_of(before: _Reading, now: _Reading, *, began: float, meter: Meter | None) -> _Sample:
    """Return what was used between two readings."""
    seconds = now.at - before.at
    host = _difference(before.host_ticks, now.host_ticks)
    busy = _difference(before.host_busy_ticks, now.host_busy_ticks)
    return _Sample(
        at_seconds=now.at - began,
        process_cpus=max(0.0, now.process_seconds - before.process_seconds) / seconds,
        host_cpu_ratio=min(1.0, max(0.0, busy / host)) if host and busy is not None else None,
        resident_bytes=now.resident_bytes,
        read_bytes_per_second=_rate(before.read_bytes, now.read_bytes, seconds),
        written_bytes_per_second=_rate(before.written_bytes, now.written_bytes, seconds),
        network_bytes_per_second=_rate(before.network_bytes, now.network_bytes, seconds),
        gpu_utilization_ratio=meter.utilization_ratio() if meter else None,
        gpu_memory_bytes=meter.memory_bytes() if meter else None,
        gpu_power_watts=meter.power_watts() if meter else None,
    )


def _difference(before: int | None, now: int | None) -> int | None:
    return None if before is None or now is None else now - before


def _rate(before: int | None, now: int | None, seconds: float) -> float | None:
    difference = _difference(before, now)
    # A counter that went back was reset, as when an interface went away.
    return None if difference is None or difference < 0 else difference / seconds
