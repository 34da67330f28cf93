"""What the profilers of flame graphs share: the call that they look for in stacks, and what they give back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from mmied.reports.frames import Clock, Frame
from mmied.reports.kinds import kind_of_operation

ENTRY = "profiled_call"
MAX_NAME = 160  # characters; C++ templates run over pages
# torch.nn.Module's own way into `forward`: two frames a module that say nothing.
PASSAGES = {"_call_impl", "_wrapped_call_impl"}
_PACKAGES = re.compile(r"^.*/(?:site|dist)-packages/|^.*/lib/python[0-9.]+/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A model with its inputs, warm. `call_seconds` is about what a call takes."""

    name: str
    model: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    device: str
    call_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The frames of `calls` calls, unmerged; on the device clock they are kernels and what launched them."""

    frames: tuple[Frame, ...]
    calls: int
    clock: Clock = "host"
    notes: tuple[str, ...] = ()


def profiled_call(target: Target) -> None:
    """Call the model. Profilers know this frame by its name: what is below is the model's, what is above is ours."""
    target.model(*target.args, **target.kwargs)


def python_name(function: str, file: str, cls: str = "") -> str:
    """Return how a Python frame is called; without its line, so that the next version's frame has the same name."""
    return f"{cls}.{function} ({PurePath(file).name})" if cls else f"{function} ({PurePath(file).name})"


def built_in(function: str) -> tuple[str, str]:
    """Return name and kind of a native function that Python calls and that the profiler does not look into."""
    kind = kind_of_operation(function)
    return f"{function} (built-in)", "python" if kind == "other" else kind


def place(file: str, line: int) -> str:
    """Return file and line, the file from its package on."""
    short = _PACKAGES.sub("", file)
    return f"{short}:{line}" if line else short


def cut(name: str) -> str:
    """Return a name that a line can hold."""
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"


def is_passage(function: str, file: str) -> bool:
    """Tell whether a Python frame only leads to a module's `forward`."""
    return function in PASSAGES and file.endswith("torch/nn/modules/module.py")
