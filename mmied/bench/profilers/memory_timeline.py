"""When in a call is memory taken and given back? The allocator's own account of one call, replayed.

torch.profiler records every block that the allocators of host and device hand out or take back, beside the operator
and the module that runs. What libraries take past the allocators, such as the workspaces of oneDNN, is not among it:
the resident memory of the memory pass is.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mmied.bench.profilers.locator import Locator
from mmied.bench.profilers.model_tree import is_exported, parts_of
from mmied.bench.profilers.recorded import Target
from mmied.bench.profilers.scripted import Hierarchies, read_hierarchies
from mmied.bench.profilers.torch_trace import event_tree, recorded_calls, trace, write_traces
from mmied.inspection import Allocation, MemoryTimeline

MAX_POINTS = 2_000
MAX_LARGEST = 12
CALLS = 3
SLOW_SECONDS = 0.05  # of a call: it may have a million events, and a thousandth of it lost is no matter
# Operators that only fetch memory for the one that called them
_FETCHES = frozenset({"aten::empty", "aten::empty_like", "aten::empty_strided", "aten::resize_", "aten::new_empty"})

WATCHED = "the call was watched, Python frames and all: its times are longer than those of a call that nobody looks at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A block that was taken (`bytes` above 0) or given back, and where the program was."""

    at_nanoseconds: int
    bytes: int
    address: int
    on_device: bool
    operator: str
    layer: str | None


def profile(target: Target) -> tuple[MemoryTimeline, ...]:
    """Return the timeline of the host's memory and, on CUDA, of the device's.

    Raises ModelError when the profiler lost sight of the call.
    """
    calls = CALLS if target.call_seconds < SLOW_SECONDS else 1
    parts = parts_of(target.model)
    scripted = any(isinstance(part.module, torch.jit.ScriptModule) for part in parts)
    trace(target, 1, profile_memory=True)  # the profiler's first use takes longer
    profiler = trace(target, calls, profile_memory=True, with_modules=scripted)
    hierarchies = _read_hierarchies(profiler) if scripted else {}
    roots = event_tree(profiler)
    # Of calls that all take the same memory, the one that was interrupted least.
    call = min(recorded_calls(roots), key=lambda event: event.duration_time_ns)
    began, lasted = call.start_time_ns, call.duration_time_ns
    steps = sorted(
        (
            step
            for step in steps_of(roots, Locator(parts), hierarchies)
            if began <= step.at_nanoseconds <= began + lasted
        ),
        key=lambda step: step.at_nanoseconds,
    )
    spaces = (False, True) if target.device.startswith("cuda") else (False,)
    return tuple(
        replay(
            [step for step in steps if step.on_device is on_device],
            on_device=on_device,
            began_nanoseconds=began,
            nanoseconds=lasted,
        )
        for on_device in spaces
    )


def _read_hierarchies(profiler: Any) -> Hierarchies:
    with tempfile.TemporaryDirectory(prefix="mmied-trace-") as scratch:
        return read_hierarchies(write_traces(profiler, Path(scratch)))


def steps_of(roots: Sequence[Any], locator: Locator, hierarchies: Hierarchies) -> Iterator[Step]:
    """Return what the allocators did, by all threads, with the operator and the module around.

    The nodes of an exported program make no events of their own, so that its blocks have no layer.
    """
    todo: list[tuple[Any, str, int | None, bool]] = [(root, "", None, False) for root in reversed(roots)]
    while todo:
        event, operator, part, settled = todo.pop()
        match event.tag.name:
            case "Allocation":
                block = event.typed[1]
                yield Step(
                    at_nanoseconds=event.start_time_ns,
                    bytes=block.alloc_size,
                    address=block.ptr,
                    on_device=block.device.type != "cpu",
                    operator=operator,
                    layer=None if part is None or is_exported(locator.parts[part].module) else locator.parts[part].name,
                )
            case "PyCall":
                entered = locator.module(event)
                part = part if entered is None else entered
            case "TorchOp":
                if part is not None and not settled and event.correlation_id in hierarchies:
                    steps = locator.scripted(event, part, hierarchies)
                    settled = steps is not None
                    part = steps[-1][0] if steps else part
                if event.name not in _FETCHES or not operator:
                    operator = event.name
        todo += [(child, operator, part, settled) for child in reversed(event.children)]


def replay(steps: Sequence[Step], *, on_device: bool, began_nanoseconds: int, nanoseconds: int) -> MemoryTimeline:
    """Return the timeline of the blocks that one memory's allocator handed out during one call, in order of time."""
    seconds = [(step.at_nanoseconds - began_nanoseconds) / 1e9 for step in steps]
    held = [0]
    for step in steps:
        held.append(held[-1] + step.bytes)
    peak = max(range(len(held)), key=lambda index: held[index])  # 0 is the start of the call, before any step
    times = [0.0, *seconds, nanoseconds / 1e9]
    area = sum(level * (after - before) for level, before, after in zip(held, times[:-1], times[1:], strict=True))
    kept = _kept(held, peak)
    at_peak = steps[peak - 1] if peak else None
    return MemoryTimeline(
        space="device" if on_device else "host",
        at_seconds=(*(times[index] for index in kept), times[-1]),
        allocated_bytes=(*(held[index] for index in kept), held[-1]),
        peak_bytes=held[peak],
        average_bytes=round(area / times[-1]) if times[-1] else 0,
        peak_at_seconds=times[peak],
        allocations=sum(step.bytes > 0 for step in steps),
        frees=sum(step.bytes < 0 for step in steps),
        traffic_bytes=sum(step.bytes for step in steps if step.bytes > 0),
        peak_operator=at_peak.operator or None if at_peak else None,
        peak_layer=at_peak.layer if at_peak else None,
        largest=_largest(steps, seconds, peak),
        notes=(WATCHED,),
    )


def _largest(steps: Sequence[Step], seconds: Sequence[float], peak: int) -> tuple[Allocation, ...]:
    """Return the largest blocks that lived after the first `peak` steps."""
    living: dict[int, int] = {}  # address → the step that took the block
    freed: dict[int, float] = {}  # that step → when it was given back
    at_peak: list[int] = []
    for index, step in enumerate(steps):
        if index == peak:
            at_peak = list(living.values())
        if step.bytes > 0:
            living[step.address] = index
        elif step.address in living:  # else it was taken before the call
            freed[living.pop(step.address)] = seconds[index]
    if peak == len(steps):
        at_peak = list(living.values())
    largest = sorted(at_peak, key=lambda index: (-steps[index].bytes, index))[:MAX_LARGEST]
    return tuple(
        Allocation(
            at_seconds=seconds[index],
            bytes=steps[index].bytes,
            operator=steps[index].operator,
            layer=steps[index].layer,
            freed_at_seconds=freed.get(index),
        )
        for index in largest
    )


def _kept(held: Sequence[int], peak: int) -> list[int]:
    """Return the indexes of the steps that draw the curve: of many, the highest and the last of each stretch."""
    room = MAX_POINTS - 1  # the end of the call is a point too
    if len(held) <= room:
        return list(range(len(held)))
    stretches = (room - 2) // 2
    kept = {0, peak}
    for stretch in range(stretches):
        first, end = stretch * len(held) // stretches, (stretch + 1) * len(held) // stretches
        kept |= {max(range(first, end), key=lambda index: held[index]), end - 1}
    return sorted(kept)
