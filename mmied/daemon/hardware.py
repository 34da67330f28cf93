"""Sample the host's hardware, each part guarded so that one that fails hides no other."""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil as host_psutil

from mmied.daemon.gpu import Gpus
from mmied.daemon.pressure import read_pressure
from mmied.records import CollectorState, HardwareSample

log = logging.getLogger(__name__)

KEPT_SAMPLES = 720  # an hour at one every five seconds
SLOW_EVERY = 6  # /proc/cpuinfo and hwmon cost milliseconds on hosts with many cores, and change slowly
MAX_SENSORS = 32  # each is a series; servers have hundreds of them
NO_GPU = "no NVIDIA GPU found"

# What psutil and the parsing of /proc raise on odd hosts; anything else is a bug of ours and shall be seen
COLLECTOR_ERRORS = (OSError, ValueError, RuntimeError, LookupError, AttributeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one collector gave: fields of HardwareSample, and a sentence when part of it failed."""

    fields: Mapping[str, Any]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _Collector:
    name: str
    read: Callable[[float], Reading | None]  # None: the host has no such thing
    every: int = 1  # read at each n-th sample, and carried on between


class Sampler:
    """Takes samples of the host and keeps the last of them; `sample` is called from one thread at a time.

    `psutil` is the module or whatever answers like it; `proc` and `sys` stand for /proc and /sys; `timer`
    times the collectors, in seconds.
    """

    def __init__(
        self,
        *,
        psutil: Any = host_psutil,
        gpus: Gpus | None = None,
        proc: Path = Path("/proc"),
        sys: Path = Path("/sys"),
        kept: int = KEPT_SAMPLES,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._psutil = psutil
        self._gpus = gpus or Gpus(proc=proc)
        self._proc = proc
        self._timer = timer
        self._samples: deque[HardwareSample] = deque(maxlen=kept)
        self._count = 0
        self._cpu_before: tuple[float, float] | None = None
        self._outcomes: dict[str, tuple[Mapping[str, Any], CollectorState]] = {}
        self._collectors = (
            _Collector("cpu", lambda now: Reading(fields=self._read_cpu())),
            _Collector("frequency", lambda now: Reading(fields=_read_frequency(psutil)), SLOW_EVERY),
            _Collector("memory", lambda now: Reading(fields=_read_memory(psutil))),
            _Collector("disk", lambda now: Reading(fields=_read_disk(psutil, sys))),
            _Collector("network", lambda now: Reading(fields=_read_network(psutil, sys))),
            _Collector("pressure", lambda now: Reading(fields=read_pressure(proc))),
            _Collector("temperature", lambda now: Reading(fields=_read_temperature(psutil)), SLOW_EVERY),
            _Collector("nvml", self._read_gpus),
        )

    @property
    def latest(self) -> HardwareSample | None:
        """The last sample, or None before the first."""
        return self._samples[-1] if self._samples else None

    @property
    def samples(self) -> tuple[HardwareSample, ...]:
        """The samples that are kept, oldest first."""
        return tuple(self._samples)

    @property
    def notices(self) -> tuple[str, ...]:
        """What an operator should know of the last sample, a sentence each."""
        if not self._samples:
            return ()
        collectors = self._samples[-1].collectors
        failing = [
            f"hardware collector {name}: {state.message}" for name, state in collectors.items() if not state.success
        ]
        return tuple(failing) if "nvml" in collectors else (*failing, NO_GPU)

    def sample(self, now: float) -> HardwareSample:
        """Read what is due at `now` (Unix seconds), keep it and return it.

        A part that cannot be read raises nothing: `collectors` of the sample tells it.
        """
        for collector in self._collectors:
            if self._count % collector.every == 0:
                self._collect(collector, now)
        self._count += 1
        fields: dict[str, Any] = {}
        for collected, _ in self._outcomes.values():
            fields |= collected
        states = {name: state for name, (_, state) in self._outcomes.items()}
        self._samples.append(HardwareSample(at=now, **fields, collectors=states))
        return self._samples[-1]

    def close(self) -> None:
        """Let go of the GPU driver."""
        self._gpus.close()

    def _collect(self, collector: _Collector, now: float) -> None:
        before = self._outcomes.pop(collector.name, None)
        began = self._timer()
        try:
            reading = collector.read(now)
        except COLLECTOR_ERRORS as error:
            reading = Reading(fields={}, problem=f"{type(error).__name__}: {error}")
        if reading is None:
            return
        state = CollectorState(
            success=reading.problem is None,
            duration_seconds=self._timer() - began,
            message=reading.problem,
        )
        self._outcomes[collector.name] = (reading.fields, state)
        was_well = before is None or before[1].success
        if was_well and not state.success:
            log.warning("collector_failed", extra={"collector": collector.name, "error": state.message})
        elif state.success and not was_well:
            log.info("collector_recovered", extra={"collector": collector.name})

    def _read_cpu(self) -> dict[str, Any]:
        times = self._psutil.cpu_times()._asdict()
        # The kernel counts guests in user and nice as well
        total = sum(times.values()) - times.get("guest", 0.0) - times.get("guest_nice", 0.0)
        busy = total - times["idle"] - times.get("iowait", 0.0)
        before, self._cpu_before = self._cpu_before, (busy, total)
        return {
            "cpus": self._psutil.cpu_count(),
            "cpu_busy_seconds_total": busy,
            "cpu_utilization_ratio": None if before is None else _share(busy - before[0], total - before[1]),
            "load1": float((self._proc / "loadavg").read_text().split()[0]),
        }

    def _read_gpus(self, now: float) -> Reading | None:
        reading = self._gpus.read(now)
        return None if reading is None else Reading(fields={"gpus": reading.gpus}, problem=reading.problem)


def _share(part: float, whole: float) -> float | None:
    """Return `part` of `whole` from 0 to 1; None when no time passed. Idle times do run back at times."""
    return min(1.0, max(0.0, part / whole)) if whole > 0 else None


def _read_frequency(psutil: Any) -> dict[str, Any]:
    try:
        frequency = psutil.cpu_freq()
    except NotImplementedError:  # psutil's word for a kernel that does not tell
        frequency = None
    return {"cpu_frequency_hertz": frequency.current * 1e6 if frequency and frequency.current else None}


def _read_memory(psutil: Any) -> dict[str, Any]:
    memory = psutil.virtual_memory()
    return {"memory_total_bytes": memory.total, "memory_available_bytes": memory.available}


def _read_disk(psutil: Any, sys: Path) -> dict[str, Any]:
    """Sum the hardware disks. Partitions, dm, md and loop devices would count their bytes a second time."""
    counters = psutil.disk_io_counters(perdisk=True)
    disks = [counters[name] for name in counters if (sys / "block" / name.replace("/", "!") / "device").exists()]
    if not disks:
        return {}
    read, written = sum(disk.read_bytes for disk in disks), sum(disk.write_bytes for disk in disks)
    return {"disk_bytes_total": {"read": read, "written": written}}


def _read_network(psutil: Any, sys: Path) -> dict[str, Any]:
    """Sum the hardware interfaces: bonds, bridges and veths would count their bytes a second time.

    A container has none of those; there every interface but loopback is summed.
    """
    counters = psutil.net_io_counters(pernic=True)
    links = [counters[name] for name in counters if (sys / "class" / "net" / name / "device").exists()]
    links = links or [counters[name] for name in counters if name != "lo"]
    if not links:
        return {}
    received, sent = sum(link.bytes_recv for link in links), sum(link.bytes_sent for link in links)
    return {"network_bytes_total": {"received": received, "sent": sent}}


def _read_temperature(psutil: Any) -> dict[str, Any]:
    """Name each sensor by chip and label; a CPU package stands for its cores."""
    celsius: dict[str, float] = {}
    for chip, sensors in psutil.sensors_temperatures().items():
        has_package = any(sensor.label.startswith("Package") for sensor in sensors)
        for sensor in sensors:
            if has_package and sensor.label.startswith("Core "):
                continue
            name = f"{chip} {sensor.label}".strip()
            alike = sum(1 for known in celsius if known == name or known.startswith(f"{name} #"))
            celsius[f"{name} #{alike + 1}" if alike else name] = sensor.current
    return {"temperature_celsius": dict(list(celsius.items())[:MAX_SENSORS])}
