"""Read the NVIDIA GPUs through NVML, so that a driver or a GPU that fails takes nothing else with it."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmied.records import GpuSample

REOPEN_SECONDS = 300  # NVML's start can take seconds where no persistence daemon holds the driver

# Bits of nvmlDeviceGetCurrentClocksEventReasons, nvml.h
THROTTLE_REASONS = {"power_cap": 0x04, "thermal_sw": 0x20, "thermal_hw": 0x40, "power_brake": 0x80}

# Why NVML does not start, by the name of the error class
START_HINTS = {
    "NVMLError_LibraryNotFound": "NVML library not found: no NVIDIA driver on this host, or its "
    "libnvidia-ml.so.1 is not mounted into this container",
    "NVMLError_DriverNotLoaded": "NVIDIA driver not loaded, or its device nodes are hidden from mmied: "
    "see PrivateDevices= and DeviceAllow= of the unit",
    "NVMLError_NoPermission": "NVML may not open the device nodes: see DeviceAllow= of the unit, "
    "and the modes of /dev/nvidia*",
    "NVMLError_LibRmVersionMismatch": "NVIDIA driver and library differ in version: the driver was upgraded "
    "and waits for a reboot",
}
NONE_VISIBLE = "NVML sees no GPU though a driver is there: hidden from mmied (DeviceAllow=), or fallen off the bus"


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuReading:
    """What the GPUs gave; `problem` is a sentence when NVML or some of them failed."""

    gpus: tuple[GpuSample, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Device:
    handle: Any
    identity: dict[str, str]


def _import_nvml() -> Any:
    import pynvml  # 3.5 MB that a host without a GPU need not carry

    return pynvml


class Gpus:
    """NVML, opened at the first reading and reopened, at most every five minutes, while something fails."""

    def __init__(
        self,
        *,
        load: Callable[[], Any] = _import_nvml,
        dev: Path = Path("/dev"),
        proc: Path = Path("/proc"),
    ) -> None:
        self._load = load
        self._traces = (dev / "nvidiactl", dev / "nvidia0", proc / "driver" / "nvidia")
        self._nvml: Any = None
        self._opened = False
        self._tried_at: float | None = None
        self._devices: tuple[_Device, ...] = ()
        self._unopened: tuple[str, ...] = ()  # what the last opening could not reach, a sentence each
        self._problem: str | None = None

    def read(self, now: float) -> GpuReading | None:
        """Return what the GPUs give at `now` (Unix seconds), or None where there is no trace of a GPU."""
        if not self._opened and not any(trace.exists() for trace in self._traces):
            return None
        if self._problem is not None or not self._opened:
            self._reopen(now)
        samples: list[GpuSample] = []
        problems = list(self._unopened)
        for device in self._devices:
            try:
                samples.append(_read_gpu(self._nvml, device))
            except self._nvml.NVMLError as error:
                problems.append(f"GPU {device.identity['gpu']}: {error}")
        self._problem = "; ".join(problems) or None
        return GpuReading(gpus=tuple(samples), problem=self._problem)

    def close(self) -> None:
        """Let go of the driver; the next reading opens it again."""
        self._shut()
        self._tried_at = None

    def _shut(self) -> None:
        self._devices = ()
        if self._opened:
            self._opened = False
            with contextlib.suppress(self._nvml.NVMLError):  # the driver may be gone already
                self._nvml.nvmlShutdown()

    def _reopen(self, now: float) -> None:
        if self._tried_at is not None and 0 <= now - self._tried_at < REOPEN_SECONDS:
            return
        self._tried_at = now
        self._shut()
        self._nvml = self._nvml or self._load()
        try:
            self._nvml.nvmlInit()
            self._opened = True
            driver_version = self._nvml.nvmlSystemGetDriverVersion()
            count = self._nvml.nvmlDeviceGetCount()
        except self._nvml.NVMLError as error:
            self._shut()
            self._unopened = (START_HINTS.get(type(error).__name__, f"NVML does not start: {error}"),)
            return
        devices: list[_Device] = []
        unopened = [] if count else [NONE_VISIBLE]
        for index in range(count):
            try:
                devices.append(_open_gpu(self._nvml, index, driver_version))
            except self._nvml.NVMLError as error:
                unopened.append(f"GPU {index}: {error}")
        self._devices, self._unopened = tuple(devices), tuple(unopened)


def _open_gpu(nvml: Any, index: int, driver_version: str) -> _Device:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    identity = {
        "gpu": str(index),
        "uuid": nvml.nvmlDeviceGetUUID(handle),
        "name": nvml.nvmlDeviceGetName(handle),
        "driver_version": driver_version,
    }
    return _Device(handle=handle, identity=identity)


def _read_gpu(nvml: Any, device: _Device) -> GpuSample:
    """Return the figures of one GPU in base units; raises nvml.NVMLError when it does not answer."""

    def ask(function: str, *arguments: Any) -> Any:
        """Call NVML; None where this device or driver has no such figure, or keeps it from us."""
        try:
            return getattr(nvml, function)(device.handle, *arguments)
        except (
            nvml.NVMLError_NotSupported,  # a MIG parent has no utilization, a consumer card no ECC
            nvml.NVMLError_FunctionNotFound,  # the driver is older than the function
            nvml.NVMLError_NoPermission,  # MIG shows other users' instances to root alone
            nvml.NVMLLibraryMismatchError,  # pynvml's own word for a function not found
        ):
            return None

    utilization = ask("nvmlDeviceGetUtilizationRates")
    memory = ask("nvmlDeviceGetMemoryInfo")
    reasons = ask("nvmlDeviceGetCurrentClocksEventReasons")
    if reasons is None:  # drivers before 535 know it by its older name
        reasons = ask("nvmlDeviceGetCurrentClocksThrottleReasons")
    clocks = {
        "sm": ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM),
        "memory": ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_MEM),
    }
    processes = ask("nvmlDeviceGetComputeRunningProcesses") or ()
    return GpuSample(
        **device.identity,
        utilization_ratio=None if utilization is None else utilization.gpu / 100,
        memory_used_bytes=None if memory is None else memory.used,
        memory_total_bytes=None if memory is None else memory.total,
        power_watts=_from_milli(ask("nvmlDeviceGetPowerUsage")),
        power_limit_watts=_from_milli(ask("nvmlDeviceGetEnforcedPowerLimit")),
        energy_joules_total=_from_milli(ask("nvmlDeviceGetTotalEnergyConsumption")),
        temperature_celsius=ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU),
        clock_hertz={name: megahertz * 1e6 for name, megahertz in clocks.items() if megahertz is not None},
        throttle_active={}
        if reasons is None
        else {name: bool(reasons & bit) for name, bit in THROTTLE_REASONS.items()},
        ecc_uncorrected_errors_total=ask(
            "nvmlDeviceGetTotalEccErrors", nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, nvml.NVML_VOLATILE_ECC
        ),
        compute_pids=tuple(sorted({process.pid for process in processes})),  # MIG lists one an instance
    )


def _from_milli(value: int | None) -> float | None:
    return None if value is None else value / 1000
