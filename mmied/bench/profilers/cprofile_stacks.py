"""Record with cProfile, which knows who called whom, and not by which way: longer paths are estimates."""

from cProfile import Profile
from pathlib import Path
from types import CodeType
from typing import Any

from mmied.bench.profilers.recorded import (
    ENTRY,
    Recorded,
    Target,
    built_in,
    is_passage,
    place,
    profiled_call,
    python_name,
)
from mmied.reports.frames import SMALL, SMALLEST_RATIO, Stacks

NOTE = "cProfile records callers and callees in pairs: below a function with several callers the time is shared out"


def record(target: Target, *, calls: int, folder: Path) -> Recorded:
    """Profile `calls` calls; `folder` is not used."""
    profiler = Profile()
    profiler.enable()
    for _ in range(calls):
        profiled_call(target)
    profiler.disable()
    stacks = Stacks(target.name)
    entries = {entry.code: entry for entry in profiler.getstats()}
    entry = next(each for code, each in entries.items() if getattr(code, "co_name", "") == ENTRY)
    _share_out(stacks, entry, entries)
    return Recorded(frames=stacks.frames(), calls=calls, notes=(NOTE,))


def _share_out(stacks: Stacks, root: Any, entries: dict[Any, Any]) -> None:
    """Give each path its part of a function's time, in proportion to what its caller's edge took.

    A function that is on the path already ends it, and what is too small to be seen is not followed: otherwise the
    paths of a call graph are without number.
    """
    floor = root.totaltime * SMALLEST_RATIO
    todo = [(root, 0, root.totaltime, frozenset((root.code,)))]
    while todo:
        entry, index, seconds, path = todo.pop()
        edges = entry.calls or ()
        weights = [edge.inlinetime if edge.code in path else edge.totaltime for edge in edges]
        whole = entry.inlinetime + sum(weights)
        if not whole:
            stacks.spend(index, seconds)
            continue
        stacks.spend(index, seconds * entry.inlinetime / whole)
        for edge, weight in zip(edges, weights, strict=True):
            part = seconds * weight / whole
            if part < floor:
                stacks.spend(stacks.enter(index, SMALL, "other"), part)
                continue
            child = _enter(stacks, index, edge.code)
            if edge.code in path:
                stacks.spend(child, part)
            else:
                todo.append((entries[edge.code], child, part, path | {edge.code}))


def _enter(stacks: Stacks, parent: int, code: CodeType | str) -> int:
    if isinstance(code, str):  # a built-in: "<built-in method torch.matmul>"
        bare = code.strip("<>").removeprefix("built-in method ").removeprefix("method ")
        return stacks.enter(parent, *built_in(bare))
    if is_passage(code.co_name, code.co_filename):
        return parent
    where = place(code.co_filename, code.co_firstlineno)
    return stacks.enter(parent, python_name(code.co_name, code.co_filename), "python", where)
