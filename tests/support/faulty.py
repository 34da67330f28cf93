"""Models that go wrong in every way that a deployed model can, for factories to name; importable as `faulty`."""

import ctypes
import os
import subprocess
import sys
import time
from dataclasses import dataclass

import torch
from torch import nn


class Faulty(nn.Module):
    """A linear layer (batch, 4) → (batch, 2) that does `fault` in its forward pass."""

    def __init__(self, fault: str = "none") -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)
        self.fault = fault
        self.calls = 0

    def forward(self, x: torch.Tensor) -> object:
        self.calls += 1
        return FAULTS[self.fault](self, self.linear(x))


@dataclass
class Answer:
    """A dataclass that no one told torch about."""

    logits: torch.Tensor
    note: str


def _raise(model: Faulty, y: torch.Tensor) -> object:
    raise ValueError("the tokenizer is not there")


def _nan(model: Faulty, y: torch.Tensor) -> object:
    return y * float("nan")


def _nan_inside(model: Faulty, y: torch.Tensor) -> object:
    return {"hidden": [y, (y * float("nan"),)]}


def _nested(model: Faulty, y: torch.Tensor) -> object:
    return {"hidden": [y, (y, y.argmax(1))], "more": Answer(y, "fine"), "name": "x", "count": 3}


def _hang(model: Faulty, y: torch.Tensor) -> object:
    time.sleep(3600)
    return y


def _segfault(model: Faulty, y: torch.Tensor) -> object:
    ctypes.string_at(0)
    return y


def _segfault_when_large(model: Faulty, y: torch.Tensor) -> object:
    if y.shape[0] > 2:
        ctypes.string_at(0)
    return y


def _segfault_when_profiled(model: Faulty, y: torch.Tensor) -> object:
    if torch._C._autograd._profiler_enabled():
        ctypes.string_at(0)
    return y


def _raise_when_large(model: Faulty, y: torch.Tensor) -> object:
    if y.shape[0] > 2:
        raise RuntimeError("batch too large for the cache")
    return y


def _eat_memory(model: Faulty, y: torch.Tensor) -> object:
    model.eaten = torch.ones(4 << 30, dtype=torch.uint8)
    return y


def _eat_memory_in_child(model: Faulty, y: torch.Tensor) -> object:
    # mmap of shared memory is not limited by RLIMIT_DATA: the supervisor has to see it
    code = """
import mmap, time
memory = mmap.mmap(-1, 1 << 30)
for start in range(0, 1 << 30, 4096):
    memory[start] = 1
time.sleep(60)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    return y


def _leave_grandchildren(model: Faulty, y: torch.Tensor) -> object:
    if model.calls == 1:
        subprocess.Popen(["sleep", "3601"])
        subprocess.Popen(["sleep", "3602"], start_new_session=True)
    return y


def _print_megabytes(model: Faulty, y: torch.Tensor) -> object:
    if model.calls == 1:
        for line in range(40_000):
            print(f"debug {line:06d} " + "x" * 100, flush=line % 100 == 0)
        time.sleep(0.6)
    return y


def _tell_environment(model: Faulty, y: torch.Tensor) -> object:
    if model.calls == 1:
        print("ENVIRONMENT", sorted(os.environ), flush=True)
    return y


FAULTS = {
    "none": lambda model, y: y,
    "raise": _raise,
    "nan": _nan,
    "nan_inside": _nan_inside,
    "nested": _nested,
    "nothing": lambda model, y: None,
    "hang": _hang,
    "segfault": _segfault,
    "segfault_when_large": _segfault_when_large,
    "segfault_when_profiled": _segfault_when_profiled,
    "raise_when_large": _raise_when_large,
    "eat_memory": _eat_memory,
    "eat_memory_in_child": _eat_memory_in_child,
    "leave_grandchildren": _leave_grandchildren,
    "print_megabytes": _print_megabytes,
    "tell_environment": _tell_environment,
    "slow": lambda model, y: time.sleep(0.05) or y,
}


def hang_in_load() -> nn.Module:
    """A factory that does not come back."""
    time.sleep(3600)
    return Faulty()


def raise_in_load() -> nn.Module:
    """A factory that cannot."""
    raise FileNotFoundError("vocabulary.txt")


def not_a_model() -> object:
    """A factory of something else."""
    return {"weights": 1}


def keyword_inputs(batch_size: int) -> dict[str, torch.Tensor]:
    """Inputs by name, as a user's own function makes them."""
    return {"x": torch.ones(batch_size, 4)}
