"""Look at what each module of a model returns, without hooks: with one, nn.TransformerEncoder runs another way."""

import dataclasses
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

import torch

from mmied.bench.profilers.recorded import Target, profiled_call

_CALL = torch.nn.Module._call_impl.__code__
MOST_TOLD = 3  # members of a tuple


def output_shapes(target: Target) -> dict[int, str]:
    """Call the model once and return the shape of what each module returned last, by the module's id.

    Python tells a profile function what each function returns. A model that runs in no Python shows nothing.
    """
    shapes: dict[int, str] = {}

    def look(frame: FrameType, event: str, returned: Any) -> None:
        # A function that raises returns None, and so may one that does not: neither has a shape.
        if event == "return" and frame.f_code is _CALL and returned is not None:
            shapes[id(frame.f_locals["self"])] = describe(returned)

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        profiled_call(target)
    finally:
        sys.setprofile(before)
    return shapes


def describe(output: Any, *, nested: bool = False) -> str:
    """Return the shape of an output: "8×64", "2 × 8×64" for a pair of them, "dict of 3"."""
    if isinstance(output, torch.Tensor):
        return "×".join(str(size) for size in output.shape) or "scalar"
    if isinstance(output, Mapping):
        return f"{_kind(output)} of {len(output)}"
    if dataclasses.is_dataclass(output):
        return f"{_kind(output)} of {len(dataclasses.fields(output))}"
    if not isinstance(output, tuple | list):
        return _kind(output)
    if not nested and output:
        members = [describe(member, nested=True) for member in output]
        if len(members) > 1 and len(set(members)) == 1:
            return f"{len(members)} × {members[0]}"
        if len(members) <= MOST_TOLD:
            return ", ".join(members)
    return f"{_kind(output)} of {len(output)}"


def _kind(output: Any) -> str:
    return "None" if output is None else type(output).__name__
