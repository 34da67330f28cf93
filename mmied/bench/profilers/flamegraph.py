"""Make the flame graph of a model that is open, with one of four profilers."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from mmied.bench.profilers import cprofile_stacks, py_spy_stacks, pyinstrument_stacks, torch_trace
from mmied.bench.profilers.recorded import Recorded, Target
from mmied.bench.session import Session
from mmied.errors import ModelError
from mmied.records import Environment, ModelSpec, Workload
from mmied.reports.frames import FlameGraph, merge_small, total_seconds

OPAQUE = "this profiler sees Python's frames alone, and the model runs in none: try --profiler torch or py-spy"


class Record(Protocol):
    """Profiles warm calls of the target, and may leave files in `folder`."""

    def __call__(self, target: Target, *, calls: int, folder: Path) -> Recorded: ...


@dataclass(frozen=True, slots=True)
class Profiler:
    """A way to see where time goes; `require` raises ModelError where it is not installed."""

    record: Record
    require: Callable[[], None] = lambda: None


PROFILERS = {
    "torch": Profiler(torch_trace.record),
    "pyinstrument": Profiler(pyinstrument_stacks.record, pyinstrument_stacks.require),
    "cprofile": Profiler(cprofile_stacks.record),
    "py-spy": Profiler(py_spy_stacks.record, py_spy_stacks.require),
}


def profile(
    session: Session, spec: ModelSpec, *, profiler: str, batch_size: int, calls: int, folder: Path
) -> FlameGraph:
    """Return the flame graph of about `calls` warm calls of the session's model, with frames too small to see merged.

    Raises ModelError, and whatever the model raises.
    """
    chosen = PROFILERS[profiler]
    chosen.require()
    target = session.target(Workload(scenario=f"b{batch_size}", batch_size=batch_size))
    with torch.inference_mode():
        recorded = chosen.record(target, calls=calls, folder=folder)
    return graph_of(
        recorded,
        model=spec.name,
        profiler=profiler,
        device=spec.device,
        batch_size=batch_size,
        revision=session.model.revision,
        environment=session.environment,
        bare_call_seconds=target.call_seconds,
    )


def graph_of(
    recorded: Recorded,
    *,
    model: str,
    profiler: str,
    device: str,
    batch_size: int,
    revision: str | None,
    environment: Environment | None,
    bare_call_seconds: float | None,
) -> FlameGraph:
    """Return what was recorded as a flame graph, with frames too small to see merged.

    Raises ModelError where the profiler saw nothing.
    """
    if not total_seconds(recorded.frames)[0]:
        raise ModelError(f"--profiler {profiler}: saw nothing of {recorded.calls} calls. Give more with --num-runs.")
    frames = merge_small(recorded.frames)
    return FlameGraph(
        model=model,
        profiler=profiler,
        device=device,
        batch_size=batch_size,
        calls=recorded.calls,
        at=time.time(),
        clock=recorded.clock,
        revision=revision,
        environment=environment,
        bare_call_seconds=bare_call_seconds,
        notes=recorded.notes if len(frames) > 1 else (*recorded.notes, OPAQUE),
        frames=frames,
    )
