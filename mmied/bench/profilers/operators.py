"""Which operator takes the time? From torch.profiler without Python's frames, which slows a call the least."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from mmied.bench.profilers.bare import calls_within, faster_half, time_bare, typical
from mmied.bench.profilers.device_work import DeviceWork, read_device_work
from mmied.bench.profilers.events import below, is_range, on_device
from mmied.bench.profilers.nvtx import mirrored_ranges
from mmied.bench.profilers.recorded import Target, cut
from mmied.bench.profilers.torch_trace import MAX_EVENTS, event_tree, recorded_calls, trace
from mmied.inspection import Kernel, NvtxRange, Operator, Operators
from mmied.reports.kinds import kind_of_operation

RECORD_SECONDS = 1.0
OUTSIDE_RATIO = 0.1  # of a call, below which nobody asks where the rest went


@dataclass(slots=True)
class _Sum:
    """What all calls of one name took."""

    calls: int = 0
    nanoseconds: int = 0
    self_nanoseconds: int = 0
    device_nanoseconds: int = 0
    allocated_bytes: int = 0
    costliest_nanoseconds: int = -1
    shapes: str = ""


@dataclass(slots=True)
class _Found:
    """What the events of some calls hold."""

    operators: dict[str, _Sum] = field(default_factory=dict)
    ranges: dict[str, _Sum] = field(default_factory=dict)
    events: int = 0


def profile(target: Target, *, calls: int | None = None) -> Operators:
    """Return the operators, and on CUDA kernels, transfers and ranges, of the faster half of some recorded calls.

    Times are as recorded; `bare_call_seconds` tells how much recording slowed the call. Allocations are of a further
    call. NVTX ranges are seen where the program calls `torch.cuda.nvtx` while it runs.
    """
    on_cuda = target.device.startswith("cuda")
    first = recorded_calls(event_tree(_trace(target, 1)))  # the first use of Kineto costs more: only its size counts
    wanted = calls or calls_within(RECORD_SECONDS, target.call_seconds)
    events = sum(_find([entry]).events for entry in first)
    bounded = max(1, min(wanted, MAX_EVENTS // max(1, events)))
    bare = time_bare(target)
    profiler = _trace(target, bounded, record_shapes=True)
    bare_seconds = typical(bare + time_bare(target))
    recorded = recorded_calls(event_tree(profiler))
    chosen = [recorded[index] for index in faster_half([entry.duration_time_ns for entry in recorded])]
    found = _find(chosen)
    work = _device_work(profiler, bounded) if on_cuda else DeviceWork()
    again = recorded_calls(event_tree(_trace(target, 1, profile_memory=True)))
    memory = _find(again, space="cuda" if on_cuda else "cpu")
    operators = _operators(found, len(chosen), memory, on_device=bool(work.kernels))
    call_seconds = fmean(entry.duration_time_ns for entry in chosen) / 1e9
    return Operators(
        operators=operators,
        category_seconds=_by_category(work.kernels or operators),
        calls=bounded,
        call_seconds=call_seconds,
        bare_call_seconds=bare_seconds,
        kernels=work.kernels,
        transfers=work.transfers,
        ranges=_ranges(found, len(chosen)),
        notes=_notes(operators, call_seconds, bare_seconds, on_cuda=on_cuda, work=work)
        + ((f"a call has {events:,} events: recorded {bounded} of {wanted} calls",) if bounded < wanted else ()),
    )


def _trace(target: Target, calls: int, **options: bool) -> Any:
    with mirrored_ranges():
        return trace(target, calls, with_stack=False, **options)


def _find(calls: Sequence[Any], *, space: str = "cpu") -> _Found:
    """Sum up the events of calls by name. A range is no operator: it holds time and takes none."""
    found = _Found()
    open_names: dict[str, int] = {}
    for event, operator, leaving in _visits(calls):
        tag = event.tag.name
        if leaving:
            open_names[event.name] -= 1
            if not open_names[event.name]:
                del open_names[event.name]
            continue
        found.events += 1
        if tag == "Allocation":
            size = event.typed[1].alloc_size
            if size > 0 and event.typed[1].device.type == space:
                for name in open_names:
                    found.operators[name].allocated_bytes += size
        elif on_device(event):
            if operator is not None:
                found.operators[operator].device_nanoseconds += event.duration_time_ns
        elif tag == "TorchOp":
            taken = event.duration_time_ns
            into = found.ranges if is_range(event) else found.operators
            one = into.setdefault(event.name, _Sum())
            one.calls += 1
            one.self_nanoseconds += taken
            if is_range(event):
                one.nanoseconds += taken
                continue
            open_names[event.name] = open_names.get(event.name, 0) + 1
            if open_names[event.name] == 1:  # an operator inside its own kind is in the outer's time already
                one.nanoseconds += taken
            if operator is not None:
                found.operators[operator].self_nanoseconds -= taken
            if taken > one.costliest_nanoseconds:
                one.costliest_nanoseconds, one.shapes = taken, _shapes(event)
    return found


def _visits(calls: Sequence[Any]) -> Iterator[tuple[Any, str | None, bool]]:
    """Walk the events below calls: each with the operator around it, and operators a second time when they are left."""
    todo: list[tuple[Any, str | None, bool]] = [
        (child, None, False) for call in reversed(calls) for child in reversed(below(call, call.tag.name))
    ]
    while todo:
        event, operator, leaving = todo.pop()
        yield event, operator, leaving
        if leaving:
            continue
        inner = operator
        if event.tag.name == "TorchOp" and not is_range(event):
            todo.append((event, operator, True))
            inner = event.name
        todo += [(child, inner, False) for child in reversed(below(event, event.tag.name))]


def _shapes(event: Any) -> str:
    """Return the shapes of an operator's tensors: "8×512, 512×1024"."""
    shapes = []
    for value in event.typed[1].inputs:
        members = value if isinstance(value, list) else [value]
        shapes += ["×".join(map(str, one.sizes)) or "scalar" for one in members if hasattr(one, "sizes")]
    return cut(", ".join(shapes))


def _operators(found: _Found, calls: int, memory: _Found, *, on_device: bool) -> tuple[Operator, ...]:
    operators = [
        Operator(
            name=cut(name),
            category=kind_of_operation(name),
            calls=one.calls / calls,
            seconds=one.nanoseconds / 1e9 / calls,
            self_seconds=max(0, one.self_nanoseconds) / 1e9 / calls,
            device_seconds=one.device_nanoseconds / 1e9 / calls if on_device else None,
            allocated_bytes=memory.operators[name].allocated_bytes if name in memory.operators else None,
            shapes=one.shapes,
        )
        for name, one in found.operators.items()
    ]
    return tuple(sorted(operators, key=lambda one: (-one.self_seconds, one.name)))


def _ranges(found: _Found, calls: int) -> tuple[NvtxRange, ...]:
    ranges = [
        NvtxRange(name=cut(name), calls=one.calls / calls, seconds=one.nanoseconds / 1e9 / calls)
        for name, one in found.ranges.items()
    ]
    return tuple(sorted(ranges, key=lambda one: (-one.seconds, one.name)))


def _device_work(profiler: Any, calls: int) -> DeviceWork:
    """Return what the device did: the trace's file alone tells the bytes of a copy."""
    with tempfile.TemporaryDirectory(prefix="mmied-trace-") as scratch:
        written = Path(scratch) / "trace.json"
        profiler.export_chrome_trace(str(written))
        with written.open() as file:
            return read_device_work(json.load(file)["traceEvents"], calls=calls)


def _by_category(parts: Sequence[Operator] | Sequence[Kernel]) -> dict[str, float]:
    """Return the own time by category, the largest first."""
    seconds: dict[str, float] = {}
    for part in parts:
        taken = part.self_seconds if isinstance(part, Operator) else part.seconds
        seconds[part.category] = seconds.get(part.category, 0.0) + taken
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))


def _notes(
    operators: Sequence[Operator], recorded: float, bare: float, *, on_cuda: bool, work: DeviceWork
) -> tuple[str, ...]:
    notes = []
    if recorded > bare:
        notes.append(
            f"recording slowed a call by {recorded / bare - 1:.0%}, from {bare * 1e3:.3f} to {recorded * 1e3:.3f} ms"
        )
    outside = recorded - sum(one.self_seconds for one in operators)
    if outside > OUTSIDE_RATIO * recorded:
        notes.append(f"{outside / recorded:.0%} of the call is in no operator: Python, the framework, or compiled code")
    if on_cuda and not work.kernels:
        notes.append("the profiler saw no kernel on the device: these are the host's times")
    return tuple(notes)
