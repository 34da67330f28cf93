"""Which half precisions has a device, and which of them in hardware?"""

from pathlib import Path

import torch

_CPU_UNITS = {
    torch.bfloat16: {"avx512_bf16", "amx_bf16", "bf16"},
    torch.float16: {"avx512_fp16", "amx_fp16", "asimdhp"},
}


def unsupported_reason(dtype: torch.dtype, device: torch.device) -> str | None:
    """Say why `device` cannot compute in `dtype`; None where it can. A small product is the question."""
    try:
        one = torch.ones(2, 2, dtype=dtype, device=device)
        (one @ one).sum().item()
    except (RuntimeError, TypeError, AssertionError) as error:
        return f"{device} does not compute in {dtype}: {(str(error).splitlines() or [''])[0][:200]}"
    return None


def in_hardware(dtype: torch.dtype, device: torch.device) -> bool:
    """Return whether `device` has units for `dtype`, so that it can be quicker than float32."""
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        return (major, minor) >= ((8, 0) if dtype is torch.bfloat16 else (7, 0))
    if device.type == "mps":
        return dtype is torch.float16 or unsupported_reason(dtype, device) is None
    if device.type == "cpu":
        return bool(cpu_flags() & _CPU_UNITS[dtype])
    return False


def best_dtype(device: torch.device) -> tuple[torch.dtype, str]:
    """Return the half precision to take on `device`, and a sentence on why."""
    for dtype in (torch.bfloat16, torch.float16):
        if unsupported_reason(dtype, device) is None and in_hardware(dtype, device):
            return dtype, f"{dtype}: {device.type} has units for it" + (
                ", and it keeps float32's range" if dtype is torch.bfloat16 else ", and none for bfloat16"
            )
    return torch.bfloat16, f"torch.bfloat16: {device.type} has units for neither; it keeps float32's range"


def warning_about(dtype: torch.dtype, device: torch.device) -> str | None:
    """Return a sentence where `dtype` works on `device` but has no units there."""
    if in_hardware(dtype, device):
        return None
    return f"this {device.type} has no units for {dtype}: expect it to be smaller, and slower"


def cpu_flags(proc: Path = Path("/proc")) -> set[str]:
    """Return the features that the kernel tells of the processor; none where it does not tell."""
    try:
        lines = (proc / "cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    names = ("flags", "Features")  # x86, ARM
    return next(
        (set(line.partition(":")[2].split()) for line in lines if line.partition(":")[0].strip() in names), set()
    )
