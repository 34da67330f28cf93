"""Let torch.profiler see the ranges that a program marks with NVTX, which otherwise only NVIDIA's tools see."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.profiler import record_function


@contextmanager
def mirrored_ranges() -> Iterator[None]:
    """Mark each range of `torch.cuda.nvtx` with `record_function`, too, while this is open.

    Only calls through the module are seen: `nvtx.range_push(…)`, `nvtx.range(…)`, and not a function imported by
    name before.
    """
    nvtx: Any = torch.cuda.nvtx
    push, pop = nvtx.range_push, nvtx.range_pop
    marks: list[Any] = []

    def mirrored_push(msg: str) -> Any:
        depth = push(msg)
        mark: Any = record_function(msg)
        mark.__enter__()
        marks.append(mark)
        return depth

    def mirrored_pop() -> Any:
        if marks:
            marks.pop().__exit__(None, None, None)
        return pop()

    nvtx.range_push, nvtx.range_pop = mirrored_push, mirrored_pop
    try:
        yield
    finally:
        nvtx.range_push, nvtx.range_pop = push, pop
        while marks:  # ranges that the program left open
            marks.pop().__exit__(None, None, None)
