"""What happens on the GPU while we measure: is it ours alone, and how much energy does it use?"""

import os
from typing import Any

import torch


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
        if self._nvml is None:
            return None
        try:
            return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)) / 1e3
        except self._nvml.NVMLError:
            return None
