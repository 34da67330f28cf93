"""Tell what a run ran on: what makes it comparable with others, and what was so for the moment."""

import os
import platform
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from mmied.records import Environment, ModelSpec

LIBRARIES = ("numpy", "safetensors", "transformers", "torchao", "onnxruntime", "openvino")
CPU_FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "avx512_vnni", "amx_bf16", "amx_int8", "asimddp", "sve")
Facts = dict[str, str | int | float | bool | None]


def read_environment(
    spec: ModelSpec, revision: str | None, *, proc: Path = Path("/proc"), sys: Path = Path("/sys")
) -> Environment:
    """Return the environment of this process for `spec`, whose files, if any, have the digest `revision`.

    The fingerprint is over `stable` alone: two runs that share it may be pooled and compared.
    """
    stable = _software() | _processor(proc, sys) | _process(spec, revision) | _limits(proc, sys)
    momentary = _momentary(proc, sys)
    if spec.device.startswith("cuda"):
        gpu_stable, gpu_momentary = _gpu(spec.device)
        stable |= gpu_stable
        momentary |= gpu_momentary
    text = "\n".join(f"{key}={stable[key]}" for key in sorted(stable))
    return Environment(fingerprint=sha256(text.encode()).hexdigest()[:16], stable=stable, momentary=momentary)


def _software() -> Facts:
    facts: Facts = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
    }
    for name in LIBRARIES:
        try:
            facts[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return facts


def _process(spec: ModelSpec, revision: str | None) -> Facts:
    return {
        "revision": revision,
        "device": spec.device,
        "dtype": spec.dtype,
        "threads": torch.get_num_threads(),
        "interop_threads": torch.get_num_interop_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "wait_policy": os.environ.get("OMP_WAIT_POLICY"),
        "affinity": ",".join(map(str, sorted(os.sched_getaffinity(0)))),
        "nice": os.nice(0),
        # What a fixed random input is depends on these, and on nothing else of the configuration.
        "inputs": sha256(repr((spec.inputs, spec.seed)).encode()).hexdigest()[:12],
    }


def _processor(proc: Path, sys: Path) -> Facts:
    fields: dict[str, str] = {}
    for line in _text(proc / "cpuinfo").partition("\n\n")[0].splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    flags = fields.get("flags", fields.get("Features", "")).split()
    limit = _text(sys / "devices/system/cpu/cpu0/cpufreq/scaling_max_freq")
    # Only where the kernel tells: it is a part of the fingerprint.
    capped: Facts = {"cpu_frequency_limit_hertz": int(limit) * 1000.0} if limit.isdigit() else {}
    return capped | {
        "cpu": fields.get("model name", fields.get("CPU part", platform.machine())),
        "cpus": os.cpu_count(),
        "cpu_flags": " ".join(flag for flag in CPU_FLAGS if flag in flags),
        "governor": _text(sys / "devices/system/cpu/cpu0/cpufreq/scaling_governor") or None,
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
    }


def _limits(proc: Path, sys: Path) -> Facts:
    """Return the limits of our own cgroup (version 2) that a change of would be felt."""
    for line in _text(proc / "self/cgroup").splitlines():
        if line.startswith("0::"):
            group = sys / "fs/cgroup" / line[3:].lstrip("/")
            return {
                f"cgroup_{name.replace('.', '_')}": _text(group / name) or None
                for name in ("cpu.max", "cpu.weight", "memory.max", "cpuset.cpus.effective")
            }
    return {}


def _momentary(proc: Path, sys: Path) -> Facts:
    loads = _text(proc / "loadavg").split()
    frequency = _text(sys / "devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
    temperatures = [_text(path) for path in (sys / "class/thermal").glob("thermal_zone*/temp")]
    return {
        "load1": float(loads[0]) if loads else None,
        "cpu_frequency_hertz": int(frequency) * 1000.0 if frequency else None,
        "temperature_celsius": max((int(text) / 1000 for text in temperatures if text), default=None),
    }


def _gpu(device: str) -> tuple[Facts, Facts]:
    properties = torch.cuda.get_device_properties(device)
    stable: Facts = {"gpu": properties.name, "gpu_memory_bytes": properties.total_memory, "cuda": torch.version.cuda}
    try:
        import pynvml

        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{properties.uuid}".encode())
    except Exception as error:  # noqa: BLE001 - a figure of the driver may be missing, the run goes on
        return stable, {"nvml": f"{type(error).__name__}: {error}"}

    def ask(function: str, *arguments: Any) -> Any:
        try:
            return getattr(pynvml, function)(*arguments)
        except pynvml.NVMLError:
            return None

    mig = ask("nvmlDeviceGetMigMode", handle)
    ecc = ask("nvmlDeviceGetEccMode", handle)
    stable |= {
        "driver": ask("nvmlSystemGetDriverVersion"),
        "gpu_power_limit_watts": _scaled(ask("nvmlDeviceGetEnforcedPowerLimit", handle), 1e-3),
        "gpu_clock_limit_hertz": _scaled(ask("nvmlDeviceGetMaxClockInfo", handle, pynvml.NVML_CLOCK_SM), 1e6),
        "mig": bool(mig[0]) if mig else None,
        "ecc": bool(ecc[0]) if ecc else None,
    }
    momentary: Facts = {
        "gpu_clock_hertz": _scaled(ask("nvmlDeviceGetClockInfo", handle, pynvml.NVML_CLOCK_SM), 1e6),
        "gpu_temperature_celsius": ask("nvmlDeviceGetTemperature", handle, pynvml.NVML_TEMPERATURE_GPU),
        "gpu_throttle_reasons": ask("nvmlDeviceGetCurrentClocksEventReasons", handle),
    }
    return stable, momentary


def _scaled(value: int | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
