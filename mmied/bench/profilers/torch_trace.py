"""Record with torch.profiler: the event tree of modules, Python calls, operators and, on CUDA, kernels."""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, tensorboard_trace_handler

from mmied.bench.profilers.recorded import ENTRY, Recorded, Target, cut, is_passage, place, profiled_call, python_name
from mmied.reports.frames import Clock, Frame, Stacks
from mmied.reports.kinds import kind_of_operation

MAX_EVENTS = 200_000  # some 70 MB of trace, which Perfetto still opens
TRACE_FILE, TENSORBOARD_FOLDER = "trace.json.gz", "tensorboard"
_PYTHON = re.compile(r"(?P<file>.*)\((?P<line>[0-9]+)\): (?P<function>.*)", re.DOTALL)
_BUILT_IN = re.compile(r"<(?:built-in )?(?:method|function|slot wrapper) (?P<name>\S+).*>", re.DOTALL)
_RUNTIME = re.compile(r"(?:cuda|cu|hip)[A-Z]")  # calls of the driver on the host; all else of Kineto is the device's


def record(target: Target, *, calls: int, folder: Path) -> Recorded:
    """Profile `calls` calls, or as many as MAX_EVENTS allows, and write the traces into `folder`.

    The first use of Kineto costs more and is thrown away; it tells how many events a call has.
    """
    events = sum(1 for _ in _walk(_profile(target, 1)[0]))
    bounded = max(1, min(calls, MAX_EVENTS // max(1, events)))
    roots, profiler = _profile(target, bounded)
    # The profiler exports once; the file that TensorBoard looks for is the Chrome trace.
    tensorboard_trace_handler(str(folder / TENSORBOARD_FOLDER), use_gzip=True)(profiler)
    written = next((folder / TENSORBOARD_FOLDER).glob("*.pt.trace.json.gz"))
    shutil.copyfile(written, folder / TRACE_FILE)
    notes: tuple[str, ...] = (
        (f"a call has {events:,} events: recorded {bounded} of {calls} calls",) if bounded < calls else ()
    )
    names = _module_names(target.model)
    clock: Clock = "device" if any(_on_device(event) for event in _walk(roots)) else "host"
    if target.device.startswith("cuda") and clock == "host":
        notes += ("the profiler saw no kernel on the device: these are the host's times",)
    frames = frames_of_events(roots, root=target.name, module_names=names, clock=clock)
    return Recorded(frames=frames, calls=bounded, clock=clock, notes=notes)


def _profile(target: Target, calls: int) -> tuple[Sequence[Any], Any]:
    on_cuda = target.device.startswith("cuda")
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if on_cuda else [])
    with profile(activities=activities, with_stack=True) as profiler:
        for _ in range(calls):
            profiled_call(target)
            if on_cuda:
                torch.cuda.synchronize(target.device)
    assert profiler.profiler is not None and profiler.profiler.kineto_results is not None
    return profiler.profiler.kineto_results.experimental_event_tree(), profiler


def frames_of_events(
    roots: Sequence[Any], *, root: str, module_names: Mapping[int, str], clock: Clock
) -> tuple[Frame, ...]:
    """Return the frames below each profiled call of an event tree; equal siblings, also of other calls, are one.

    On the device clock a kernel's time counts where its launch stands, as the profiler correlated them.
    """
    stacks = Stacks(root)
    todo: list[tuple[Any, int]] = []
    for event in _walk(roots):
        if _is_entry(event):
            _spend(stacks, 0, event, clock)
            todo += [(child, 0) for child in reversed(event.children)]
    while todo:
        event, parent = todo.pop()
        if clock == "host" and _on_device(event):
            continue
        name, kind, where = _describe(event, module_names)
        index = stacks.enter(parent, name, kind, where) if name else parent
        _spend(stacks, index, event, clock, counted=bool(name))
        todo += [(child, index) for child in reversed(event.children)]
    return stacks.frames()


def _spend(stacks: Stacks, index: int, event: Any, clock: Clock, *, counted: bool = True) -> None:
    if clock == "device":
        nanoseconds = event.duration_time_ns if _on_device(event) else 0
    else:
        below = sum(child.duration_time_ns for child in event.children if not _on_device(child))
        nanoseconds = max(0, event.duration_time_ns - below)
    stacks.spend(index, nanoseconds / 1e9, calls=1 if counted else 0)


def _walk(roots: Sequence[Any]) -> Iterator[Any]:
    todo = list(reversed(roots))
    while todo:
        event = todo.pop()
        yield event
        todo += reversed(event.children)


def _is_entry(event: Any) -> bool:
    return bool(event.tag.name == "PyCall" and event.name.endswith(f": {ENTRY}"))


def _on_device(event: Any) -> bool:
    return event.tag.name == "Kineto" and _RUNTIME.match(event.name) is None


def _describe(event: Any, module_names: Mapping[int, str]) -> tuple[str, str, str]:
    """Return name, kind and source of an event; no name for a frame that only leads to the next."""
    match event.tag.name:
        case "PyCall":
            module = event.typed[1].module
            if module is not None:
                known = module_names.get(module.self_ptr)
                return (f"{known} ({module.cls_name})" if known else str(module.cls_name)), "module", ""
            found = _PYTHON.fullmatch(event.name)
            if found is None:
                return cut(event.name), "python", ""
            if is_passage(found["function"], found["file"]):
                return "", "python", ""
            where = place(found["file"], int(found["line"]))
            return cut(python_name(found["function"], found["file"])), "python", where
        case "PyCCall":
            found = _BUILT_IN.fullmatch(event.name)  # without the object's address, which is another in each call
            return cut(f"{found['name']} (built-in)" if found else event.name), "python", ""
    return cut(event.name), kind_of_operation(event.name), ""


def _module_names(model: Any) -> dict[int, str]:
    """Return the dotted name of each module by its address, by which the profiler tells modules apart."""
    if not isinstance(model, torch.nn.Module):
        return {}
    return {id(module): name for name, module in model.named_modules()}
