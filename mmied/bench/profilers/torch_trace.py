"""Record with torch.profiler: the event tree of modules, Python calls, operators and, on CUDA, kernels."""

import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function, tensorboard_trace_handler

from mmied.bench.profilers.events import below, entries, on_device, walk
from mmied.bench.profilers.recorded import ENTRY, Recorded, Target, cut, is_passage, place, profiled_call, python_name
from mmied.errors import ModelError
from mmied.reports.frames import Clock, Frame, Stacks
from mmied.reports.kinds import kind_of_operation

MAX_EVENTS = 200_000  # some 70 MB of trace, which Perfetto still opens
TRACE_FILE, TENSORBOARD_FOLDER = "trace.json.gz", "tensorboard"
_PYTHON = re.compile(r"(?P<file>.*)\((?P<line>[0-9]+)\): (?P<function>.*)", re.DOTALL)
_BUILT_IN = re.compile(r"<(?:built-in )?(?:method|function|slot wrapper) (?P<name>\S+).*>", re.DOTALL)


def record(target: Target, *, calls: int, folder: Path) -> Recorded:
    """Profile `calls` calls, or as many as MAX_EVENTS allows, and write the traces into `folder`.

    The first use of Kineto costs more and is thrown away; it tells how many events a call has.
    """
    bounded, notes = bounded_calls(target, calls)
    profiler = trace(target, bounded)
    write_traces(profiler, folder)
    return recorded_of(event_tree(profiler), target, calls=bounded, notes=notes)


def bounded_calls(
    target: Target, calls: int, *, most_events: int = MAX_EVENTS, **options: Any
) -> tuple[int, tuple[str, ...]]:
    """Return how many of `calls` calls `most_events` allow, with a note if they are fewer. Warms the profiler up."""
    events = sum(1 for _ in walk(event_tree(trace(target, 1, **options))))
    bounded = max(1, min(calls, most_events // max(1, events)))
    return bounded, ((f"a call has {events:,} events: recorded {bounded} of {calls} calls",) if bounded < calls else ())


def trace(target: Target, calls: int, *, with_stack: bool = True, **options: Any) -> Any:
    """Profile calls of the target; `options` are torch.profiler's. Without Python's frames a range marks each call."""
    on_cuda = target.device.startswith("cuda")
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if on_cuda else [])
    with profile(activities=activities, with_stack=with_stack, **options) as profiler:
        for _ in range(calls):
            with nullcontext() if with_stack else record_function(ENTRY):
                profiled_call(target)
            if on_cuda:
                torch.cuda.synchronize(target.device)
    return profiler


def event_tree(profiler: Any) -> Sequence[Any]:
    """Return the roots of what a profiler recorded."""
    tree: Sequence[Any] = profiler.profiler.kineto_results.experimental_event_tree()
    return tree


def recorded_calls(roots: Sequence[Any]) -> list[Any]:
    """Return the event of each call. Raises ModelError where the profiler did not see the calls."""
    found = list(entries(roots))
    if not found:
        raise ModelError("the profiler did not record the calls. Does another profiler run in this process?")
    return found


def write_traces(profiler: Any, folder: Path) -> Path:
    """Write the trace for Chrome and Perfetto, and the folder for TensorBoard. A profiler can be exported once."""
    logs = folder / TENSORBOARD_FOLDER
    earlier = set(logs.glob("*"))
    # The file that TensorBoard looks for is the Chrome trace.
    tensorboard_trace_handler(str(logs), use_gzip=True)(profiler)
    (written,) = set(logs.glob("*.pt.trace.json.gz")) - earlier
    return Path(shutil.copyfile(written, folder / TRACE_FILE))


def recorded_of(roots: Sequence[Any], target: Target, *, calls: int, notes: tuple[str, ...] = ()) -> Recorded:
    """Return the frames of a trace, on the device's clock where it has kernels."""
    on_cuda = target.device.startswith("cuda")
    clock: Clock = "device" if on_cuda and any(on_device(event) for event in walk(roots)) else "host"
    if on_cuda and clock == "host":
        notes += ("the profiler saw no kernel on the device: these are the host's times",)
    frames = frames_of_events(roots, root=target.name, module_names=_module_names(target.model), clock=clock)
    return Recorded(frames=frames, calls=calls, clock=clock, notes=notes)


def frames_of_events(
    roots: Sequence[Any], *, root: str, module_names: Mapping[int, str], clock: Clock
) -> tuple[Frame, ...]:
    """Return the frames below each profiled call of an event tree; equal siblings, also of other calls, are one.

    On the device clock a kernel's time counts where its launch stands, as the profiler correlated them.
    """
    stacks = Stacks(root)
    todo: list[tuple[Any, int]] = []
    for event in entries(roots):
        inside = below(event, event.tag.name)
        _spend(stacks, 0, event, inside, clock)
        todo += [(child, 0) for child in reversed(inside)]
    while todo:
        event, parent = todo.pop()
        tag = event.tag.name
        if clock == "host" and tag == "Kineto" and on_device(event):
            continue
        name, kind, where = _describe(event, tag, module_names)
        index = stacks.enter(parent, name, kind, where) if name else parent
        inside = below(event, tag)
        _spend(stacks, index, event, inside, clock, counted=bool(name))
        todo += [(child, index) for child in reversed(inside)]
    return stacks.frames()


def _spend(
    stacks: Stacks, index: int, event: Any, inside: Sequence[Any], clock: Clock, *, counted: bool = True
) -> None:
    if clock == "device":
        nanoseconds = event.duration_time_ns if on_device(event) else 0
    else:
        below_nanoseconds = sum(child.duration_time_ns for child in inside if not on_device(child))
        nanoseconds = max(0, event.duration_time_ns - below_nanoseconds)
    stacks.spend(index, nanoseconds / 1e9, calls=1 if counted else 0)


def _describe(event: Any, tag: str, module_names: Mapping[int, str]) -> tuple[str, str, str]:
    """Return name, kind and source of an event; no name for a frame that only leads to the next."""
    module = event.typed[1].module if tag == "PyCall" else None
    if module is None:
        return _describe_name(event.name, tag)
    known = module_names.get(module.self_ptr)
    return (f"{known} ({module.cls_name})" if known else str(module.cls_name)), "module", ""


@lru_cache(maxsize=10_000)
def _describe_name(name: str, tag: str) -> tuple[str, str, str]:
    match tag:
        case "PyCall":
            found = _PYTHON.fullmatch(name)
            if found is None:
                return cut(name), "python", ""
            if is_passage(found["function"], found["file"]):
                return "", "python", ""
            where = place(found["file"], int(found["line"]))
            return cut(python_name(found["function"], found["file"])), "python", where
        case "PyCCall":
            found = _BUILT_IN.fullmatch(name)  # without the object's address, which is another in each call
            return cut(f"{found['name']} (built-in)" if found else name), "python", ""
    return cut(name), kind_of_operation(name), ""


def _module_names(model: Any) -> dict[int, str]:
    """Return the dotted name of each module by its address, by which the profiler tells modules apart."""
    if not isinstance(model, torch.nn.Module):
        return {}
    return {id(module): name for name, module in model.named_modules()}
