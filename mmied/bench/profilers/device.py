"""What happens on the GPU while we measure: is it ours alone, and how much energy does it use?"""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import torch

T = TypeVar("T")


class Meter:
    """Asks NVML about one device; says nothing where NVML is missing."""

    def __init__(self, device: str) -> None:
        self._nvml: Any = None
        self._seen_microseconds = 0
        try:
            import pynvml

            pynvml.nvmlInit()
            uuid = torch.cuda.get_device_properties(device).uuid
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}".encode())
        except Exception:  # noqa: BLE001 - no NVML: nothing is known of neighbours, and nothing claimed
            return
        self._nvml = pynvml

    def shared(self) -> bool:
        """Tell whether another process computed on the device since this was last asked."""
        if self._nvml is None:
            return False
        try:
            own = os.getpid()
            others = [p for p in self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle) if p.pid != own]
            if not others:
                return False
            samples = self._nvml.nvmlDeviceGetProcessUtilization(self._handle, self._seen_microseconds)
        except self._nvml.NVMLError:
            return False  # it says so, too, when there is nothing new
        self._seen_microseconds = max((sample.timeStamp for sample in samples), default=self._seen_microseconds)
        pids = {process.pid for process in others}
        return any(sample.pid in pids and sample.smUtil > 0 for sample in samples)

    def energy_joules(self) -> float | None:
        """Return the energy that the device used since its driver was loaded."""
        return self._ask(lambda nvml: float(nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) / 1e3)

    def utilization_ratio(self) -> float | None:
        """Return the share of NVML's last sampling period in which a kernel ran."""
        return self._ask(lambda nvml: float(nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu) / 100)

    def memory_bytes(self) -> int | None:
        """Return the memory that is in use on the device, by whomever."""
        return self._ask(lambda nvml: int(nvml.nvmlDeviceGetMemoryInfo(self._handle).used))

    def power_watts(self) -> float | None:
        """Return what the device draws."""
        return self._ask(lambda nvml: float(nvml.nvmlDeviceGetPowerUsage(self._handle)) / 1e3)

    def _ask(self, question: Callable[[Any], T]) -> T | None:
        if self._nvml is None:
            return None
        try:
            return question(self._nvml)
        except self._nvml.NVMLError:
            return None
