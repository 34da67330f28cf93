"""Which layer takes the time? From the profiler's own events of modules: hooks would change how the model runs."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from mmied.bench.profilers import torch_trace
from mmied.bench.profilers.bare import calls_within, faster_half, time_bare, typical
from mmied.bench.profilers.layer_notes import notes_of_parts, notes_of_time
from mmied.bench.profilers.layer_times import PartTimes, sum_by_part, told_apart
from mmied.bench.profilers.locator import Locator
from mmied.bench.profilers.model_tree import Part, layer_of, parts_of
from mmied.bench.profilers.output_shapes import output_shapes
from mmied.bench.profilers.passages import read_passages
from mmied.bench.profilers.recorded import Recorded, Target
from mmied.bench.profilers.scripted import Hierarchies, carry_over, read_hierarchies
from mmied.inspection import Layer, Layers, LayerSource

RECORD_SECONDS = 1.0
MAX_SCRIPTED_EVENTS = 50_000  # their trace is read as a whole, at some 2 kB of memory an event


def profile(target: Target, *, folder: Path | None = None, calls: int | None = None) -> tuple[Layers, Recorded]:
    """Return the layers of a model with their times, and the frames of the same calls for a flame graph.

    Times are of the faster half of the recorded calls, less what recording took (see `sum_by_part`): own times sum to
    a bare call. Memory comes from a further call, shapes of outputs from another. Traces go to `folder`.
    """
    locator = Locator(parts_of(target.model))
    scripted = any(isinstance(part.module, torch.jit.ScriptModule) for part in locator.parts)
    bounded, notes = torch_trace.bounded_calls(
        target,
        calls or calls_within(RECORD_SECONDS, target.call_seconds),
        most_events=MAX_SCRIPTED_EVENTS if scripted else torch_trace.MAX_EVENTS,
        with_modules=scripted,
    )
    bare = time_bare(target)
    profiler = torch_trace.trace(target, bounded, with_modules=scripted)
    bare_seconds = typical(bare + time_bare(target))
    roots = torch_trace.event_tree(profiler)
    hierarchies = _write_and_read(profiler, folder, scripted=scripted)
    recorded = torch_trace.recorded_of(roots, target, calls=bounded, notes=notes)
    if isinstance(locator.parts[0].module, torch.jit.ScriptModule):
        roots, hierarchies = _trace_again(target, bounded, roots, hierarchies)
    passages = read_passages(torch_trace.recorded_calls(roots), locator, hierarchies)
    chosen = [passages[index] for index in faster_half([one[0].nanoseconds for one in passages])]
    del profiler, roots, passages  # the events of a large model are hundreds of megabytes
    memory = _memory(target, locator, scripted=scripted)
    times = sum_by_part(chosen, len(locator.parts), bare_seconds=bare_seconds)
    shapes = output_shapes(target)
    on_device = recorded.clock == "device"
    apart = told_apart(chosen, on_device=on_device)
    call_seconds = fmean(one[0].nanoseconds for one in chosen) / 1e9
    layers = Layers(
        layers=tuple(
            _layer(part, time, space, shapes.get(id(part.module), ""), on_device=on_device)
            for part, time, space in zip(locator.parts, times, memory, strict=True)
        ),
        source=_source(locator.parts),
        calls=bounded,
        call_seconds=call_seconds,
        bare_call_seconds=bare_seconds,
        told_apart=apart,
        notes=(
            *notes,
            *notes_of_time(call_seconds, bare_seconds, calls=bounded, apart=apart),
            *notes_of_parts(locator, times, on_cuda=target.device.startswith("cuda")),
        ),
    )
    return layers, recorded


def _layer(part: Part, time: PartTimes, memory: PartTimes, output: str, *, on_device: bool) -> Layer:
    """Return a layer with its figures; one that never ran has none."""
    layer = layer_of(part)
    if not time.calls:
        return replace(layer, output=output)
    return replace(
        layer,
        calls=time.calls,
        seconds=time.seconds,
        self_seconds=time.self_seconds,
        device_seconds=time.device_seconds if on_device else None,
        allocated_bytes=round(memory.allocated_bytes) if memory.calls else None,
        kept_bytes=round(memory.kept_bytes) if memory.calls else None,
        output=output,
    )


def _memory(target: Target, locator: Locator, *, scripted: bool) -> list[PartTimes]:
    """Return what each part allocates, of a call whose times count for nothing."""
    profiler = torch_trace.trace(target, 1, with_modules=scripted, profile_memory=True)
    hierarchies = _write_and_read(profiler, None, scripted=scripted)
    space = "cuda" if target.device.startswith("cuda") else "cpu"
    calls = torch_trace.recorded_calls(torch_trace.event_tree(profiler))
    passages = read_passages(calls, locator, hierarchies, space=space)
    return sum_by_part(passages, len(locator.parts), bare_seconds=0.0)


def _write_and_read(profiler: Any, folder: Path | None, *, scripted: bool) -> Hierarchies:
    """Write the trace into `folder`, and read the modules of a scripted model from it. It can be exported once."""
    if folder is None and not scripted:
        return {}
    with tempfile.TemporaryDirectory(prefix="mmied-trace-") as scratch:
        written = torch_trace.write_traces(profiler, folder or Path(scratch))
        return read_hierarchies(written) if scripted else {}


def _trace_again(
    target: Target, calls: int, roots: Sequence[Any], hierarchies: Hierarchies
) -> tuple[Sequence[Any], Hierarchies]:
    """Record a TorchScript program with nothing but its operators, and find their modules by those of `roots`."""
    plain = torch_trace.event_tree(torch_trace.trace(target, calls, with_stack=False))
    told, *_ = torch_trace.recorded_calls(roots)
    carried = carry_over(hierarchies, told, torch_trace.recorded_calls(plain))
    return (roots, hierarchies) if carried is None else (plain, carried)


def _source(parts: Sequence[Part]) -> LayerSource:
    if isinstance(parts[0].module, torch.jit.ScriptModule):
        return "script"
    return "events" if isinstance(parts[0].module, torch.nn.Module) else "none"
