"""The deployed model as it is served beside each candidate, and what that takes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mmied.bench.trial.kept_outputs import ANSWER_SECONDS, KeptOutputs, keep_outputs
from mmied.bench.trial.process import Server
from mmied.bench.trial.protocol import Command, Reply, ServeJob
from mmied.optimization import ServingCost
from mmied.profiles import Accuracy

APPLY_SECONDS = 300.0  # converting and compiling a large model, both
EVALUATE_SECONDS = 300.0  # all labelled samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The deployed model as it is served beside each candidate: twice, the second time as the control."""

    server: Server
    control: Server
    opened: Reply
    control_opened: Reply
    kept: KeptOutputs
    cost: ServingCost
    job: ServeJob
    accuracy: Accuracy | None = None  # where there are labelled samples
    scores: Path | None = None  # of each of them
    evaluation_seconds: float = 0.0

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """The batch sizes that the model takes."""
        return tuple(size for size in self.job.batch_sizes if size in self.opened.call_seconds)


def open_baseline(job: ServeJob, folder: Path, environ: Mapping[str, str]) -> Baseline:
    """Start the deployed model twice, and keep what it gives. Raises ServerLost and OSError; nothing is left then."""
    server = Server(job, folder / "baseline", environ)
    control = None
    try:
        opened = server.ask(Command(do="open"), timeout_seconds=APPLY_SECONDS)
        cost = cost_of(server, opened)
        control = Server(job, folder / "control", environ)
        control_opened = control.ask(Command(do="open"), timeout_seconds=APPLY_SECONDS)
        kept = keep_outputs(server, opened, job, folder)
        scores, accuracy, began = folder / "scores.pt", None, time.monotonic()
        if job.evaluation is not None:
            command = Command(do="evaluate", batch_size=kept.batch_size, file=str(scores))
            accuracy = server.ask(command, timeout_seconds=EVALUATE_SECONDS).accuracy
    except BaseException:
        server.close()
        if control is not None:
            control.close()
        raise
    return Baseline(
        server=server,
        control=control,
        opened=opened,
        control_opened=control_opened,
        kept=kept,
        cost=cost,
        job=job,
        accuracy=accuracy,
        scores=scores if accuracy is not None else None,
        evaluation_seconds=time.monotonic() - began,
    )


def cost_of(server: Server, opened: Reply) -> ServingCost:
    """Return what serving takes in a process that has done nothing else yet. Raises ServerLost."""
    memory = server.ask(Command(do="memory"), timeout_seconds=ANSWER_SECONDS)
    return ServingCost(
        load_seconds=opened.load_seconds,
        first_call_seconds=next(iter(opened.first_call_seconds.values()), None),
        peak_bytes=memory.peak_bytes,
        artifact_bytes=opened.artifact_bytes,
        recompiles=memory.recompiles,
    )
