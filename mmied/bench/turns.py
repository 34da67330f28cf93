"""Call models that are in memory in turn, so that whatever the host does meanwhile it does to all of them."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch

from mmied.bench import accuracy
from mmied.bench.configurations import Configuration, workload_of
from mmied.bench.dataset import Dataset
from mmied.bench.failures import sentence_of
from mmied.bench.rotation import rotate
from mmied.bench.session import Session
from mmied.bench.speedups import notes_on, notes_on_shapes, ratios_of
from mmied.bench.subject import Subject
from mmied.profiles import Accuracy, PairedRatio


@dataclass(slots=True)
class Turns:
    """What calling in turn gave."""

    ratios: list[PairedRatio] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


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
    shapes_noted = False
    with ExitStack() as stack:
        for session in sessions.values():
            stack.enter_context(session.serving())
        for batch_size in batch_sizes:

            def failed(name: str, error: BaseException, batch_size: int = batch_size) -> None:
                found.failures[name] = f"batch size {batch_size}: {sentence_of(error)}"
                del sessions[name]

            rotation = rotate(
                sessions,
                workload_of(Configuration(), batch_size, ""),
                num_runs=num_runs,
                limit_seconds=limit_seconds,
                failed=failed,
                is_worthwhile=lambda names: baseline in names and len(names) > 1,
            )
            if rotation.seen is None:
                continue
            found.ratios += ratios_of(rotation.seen, batch_size, baseline)
            found.notes += notes_on(
                rotation.seen, batch_size, baseline=baseline, num_runs=num_runs, option="limit_seconds"
            )
            if not shapes_noted:  # once: they differ at each batch size alike
                found.notes += notes_on_shapes(rotation.shapes, batch_size)
                shapes_noted = True
    return found


def measure_accuracy(subject: Subject, dataset: Dataset, batch_size: int) -> Accuracy:
    """Return how well a model predicts the labels of a data set. Raises whatever the model raises, and ModelError."""
    session, _ = subject.open(dataset)
    with session.serving(), torch.inference_mode():
        return accuracy.measure(session.model.call, dataset, session.spec, batch_size=batch_size)
