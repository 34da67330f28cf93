"""Run fixed work beside a model, to tell a slow host from a slow model.

The sizes never change: a series of reference figures is comparable as long as the host is.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch

MATRIX = 256  # three float32 matrices of 256² are 768 KB: in the second-level cache, about a millisecond on a core
COPY_BYTES = 32 << 20  # beyond most last-level caches
LOOP_STEPS = 20_000
CUDA_MATRIX = 2048
CUDA_COPY_BYTES = 256 << 20


def reference_workloads(device: str) -> Mapping[str, Callable[[], Any]]:
    """Return the reference workloads of a device by name: compute, memory and, on a CPU, interpreter."""
    if device.startswith("cuda"):
        return {"compute": _product(CUDA_MATRIX, device), "memory": _copy(CUDA_COPY_BYTES, device)}
    return {"compute": _product(MATRIX, device), "memory": _copy(COPY_BYTES, device), "interpreter": _loop}


def _product(size: int, device: str) -> Callable[[], Any]:
    generator = torch.Generator().manual_seed(0)
    left = torch.rand(size, size, generator=generator).to(device)
    right = torch.rand(size, size, generator=generator).to(device)
    result = torch.empty(size, size, device=device)
    return lambda: torch.mm(left, right, out=result)


def _copy(size_bytes: int, device: str) -> Callable[[], Any]:
    source = torch.ones(size_bytes // 4, device=device)
    target = torch.zeros(size_bytes // 4, device=device)
    return lambda: target.copy_(source)


def _loop() -> int:
    total = 0
    for step in range(LOOP_STEPS):
        total += step & 7
    return total
