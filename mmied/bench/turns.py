"""Call models that are in memory in turn, so that whatever the host does meanwhile it does to all of them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch

from mmied.bench import accuracy
from mmied.bench.compare_worker import notes_on_shapes, ratios_of
from mmied.bench.configurations import Configuration, workload_of
from mmied.bench.contention import Neighbours, Theft, WaitMeter
from mmied.bench.dataset import Dataset, read_dataset
from mmied.bench.failures import brief
from mmied.bench.fidelity import output_tensors
from mmied.bench.interleave import Interleaved, interleave
from mmied.bench.profilers.recorded import Target
from mmied.bench.session import Session
from mmied.bench.subject import Subject
from mmied.bench.timing import CpuTimer, CudaTimer
from mmied.profiles import Accuracy, PairedRatio
from mmied.stats import MINIMUM_PAIRS

__all__ = ["Turns", "measure_accuracy", "read_dataset", "take_turns"]


@dataclass(slots=True)
class Turns:
    """What calling in turn gave."""

    ratios: list[PairedRatio] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    shapes_noted: bool = False


def take_turns(
    models: Mapping[str, tuple[Subject, Any]], batch_sizes: Sequence[int], *, num_runs: int, limit_seconds: float
) -> Turns:
    """Call the models, each with its own inputs, in turn at each batch size; the first is the baseline.

    A model that raises is told of in `failures`, and the others go on without it.
    """
    found = Turns()
    sessions: dict[str, Session] = {}
    for name, (subject, given) in models.items():
        sessions[name], _ = subject.open(given)
    baseline = next(iter(models))
    with ExitStack() as stack:
        for session in sessions.values():
            stack.enter_context(session.serving())
        for batch_size in batch_sizes:
            _one_batch_size(sessions, batch_size, baseline, found, num_runs=num_runs, limit_seconds=limit_seconds)
    return found


def _one_batch_size(
    sessions: dict[str, Session], batch_size: int, baseline: str, found: Turns, *, num_runs: int, limit_seconds: float
) -> None:
    targets: dict[str, Target] = {}
    shapes = {}
    for name, session in list(sessions.items()):
        workload = workload_of(Configuration(batch_size=batch_size), batch_size, session.precision)
        try:
            targets[name] = session.target(workload)
            with torch.inference_mode():
                output = targets[name].model(*targets[name].args, **targets[name].kwargs)
        except Exception as error:  # noqa: BLE001 - a model raises what it likes, and the others go on
            found.failures[name] = f"batch size {batch_size}: {type(error).__name__}: {brief(error)}"
            del sessions[name]
            targets.pop(name, None)
            continue
        shapes[name] = tuple((path, tuple(tensor.shape)) for path, tensor in output_tensors(output))
    if len(targets) < 2 or baseline not in targets:
        return
    device = sessions[baseline].device
    waits = WaitMeter()
    with torch.inference_mode():
        seen = interleave(
            {name: _call_of(target) for name, target in targets.items()},
            timer=CudaTimer(waits, torch.device(device)) if device.startswith("cuda") else CpuTimer(waits),
            several_threads=torch.get_num_threads() > 1,
            num_runs=num_runs,
            limit_seconds=limit_seconds,
            was_disturbed=Theft().since_last,
            others_cpus=Neighbours().busy_cpus_since_last,
        )
    found.ratios += ratios_of(seen, batch_size, baseline)
    found.notes += _notes(seen, batch_size, num_runs)
    if not found.shapes_noted:  # once: they differ at each batch size alike
        found.notes += notes_on_shapes(shapes, batch_size)
        found.shapes_noted = True


def _notes(seen: Interleaved, batch_size: int, num_runs: int) -> list[str]:
    fewest = min(len(each.wall_seconds) for each in seen.iterations.values())
    if seen.rounds < MINIMUM_PAIRS:
        said = (
            f"{seen.rounds} rounds in {seen.seconds:.0f} s bear no interval of the speed-up: it takes {MINIMUM_PAIRS}"
        )
    elif fewest < num_runs:
        said = f"time was up after {fewest} calls of a model"
    else:
        return []
    return [f"batch size {batch_size}: {said}. Give more with limit_seconds."]


def _call_of(target: Target) -> Callable[[], Any]:
    return lambda: target.model(*target.args, **target.kwargs)


def measure_accuracy(subject: Subject, dataset: Dataset, batch_size: int) -> Accuracy:
    """Return how well a model predicts the labels of a data set. Raises whatever the model raises, and ModelError."""
    session, _ = subject.open(dataset)
    with session.serving(), torch.inference_mode():
        return accuracy.measure(session.model.call, dataset, session.spec, batch_size=batch_size)
