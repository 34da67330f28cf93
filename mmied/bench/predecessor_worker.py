"""Hold a deployed model against the file before it: `python -m mmied.bench.predecessor_worker JOB_DIR`.

The border is that of mmied.bench.worker: job.json and predecessor.json in; run.json out, and beside it
predecessor_result.json. What two equal models differ by in one process (where their memory came to lie) is theirs as
long as the process lives. So both are opened anew in several, one after another; which is first changes each time.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmied.bench import worker
from mmied.bench.orders import INTERLEAVED_FILE, CompareOrder, InterleavedResult, give_order
from mmied.bench.steps import Steps
from mmied.codec import from_json, to_json
from mmied.errors import MmiedError, ModelError
from mmied.profiles import PairedRatio
from mmied.records import Job, Run, Workload
from mmied.regression import PREDECESSOR_FILE, PREDECESSOR_RESULT_FILE, Predecessor, PredecessorResult
from mmied.stats import MINIMUM_PAIRS, latency_samples
from mmied.verdicts.pooling import inverted_ratio, is_plain, pooled_ratio

DEPLOYED, BEFORE = "deployed", "before"
PROCESSES = 6  # each file is the first to be opened in half of them. With four, 2 % are seen in 8 cases of 10
FEWEST_PROCESSES = 4  # after which there may be nothing left to ask
SHARE = 1 / 3  # of scenario_seconds, for each batch size in each process: all of them take twice scenario_seconds
TIMES = 3.0  # scenario_seconds of each batch size, after which no other process is begun
START_SECONDS = 5.0  # beyond that for each process: torch is imported, and two models are opened and warmed up
SPARE_PAIRS = 2  # more than the fewest, where a slow model is given more time
RUNTIME_BYTES = 512 << 20  # an interpreter with torch, before any model


@dataclass(slots=True)
class _Seen:
    """What the processes have told so far."""

    ratios: dict[int, list[PairedRatio]] = field(default_factory=dict)  # by batch size
    fit: list[bool] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)  # each once, in order
    last_notes: tuple[str, ...] = ()  # of the last process: those before may have had too little time
    drift_ratio: float | None = None
    revision: str | None = None


def _start(folder: Path) -> int:
    """Have a process do the job in `folder`; return its exit status."""
    return subprocess.run([sys.executable, "-m", "mmied.bench.compare_worker", str(folder)], check=False).returncode


def compare(job: Job, folder: Path, report: worker.Report, *, start: Callable[[Path], int] = _start) -> None:
    """Call the two in turn, in one process after another, and write what came of it.

    What goes wrong with a model, or with a process, is told in the result's notes. Raises ModelError where there is
    nothing to hold the model against.
    """
    try:
        before = from_json(Predecessor, (folder / PREDECESSOR_FILE).read_bytes())
    except OSError:
        raise ModelError(f"{job.model.name}: the file before is not kept any more") from None
    seen = _Seen()
    needed = RUNTIME_BYTES + 2 * before.size_bytes
    if job.memory_bytes is not None and needed > job.memory_bytes:
        seen.notes[_memory_note(job, needed)] = None
    else:
        _call_in_turn(job, before, folder, Steps(report, PROCESSES), seen, start)
    if before.source.kind == "factory":
        seen.notes["only the weights of the predecessor were kept: both were made by the code of today"] = None
    result = PredecessorResult(
        model=job.model.name,
        revision=seen.revision,
        predecessor_revision=before.revision,
        ratios=tuple(pooled_ratio(found) for _, found in sorted(seen.ratios.items())),
        fit=2 * sum(seen.fit) >= len(seen.fit),
        drift_ratio=seen.drift_ratio,
        notes=(*seen.notes, *seen.last_notes),
    )
    (folder / PREDECESSOR_RESULT_FILE).write_text(to_json(result))
    report.finish(outcome="succeeded", revision=seen.revision, **worker.usage())


def _call_in_turn(
    job: Job, before: Predecessor, folder: Path, steps: Steps, seen: _Seen, start: Callable[[Path], int]
) -> None:
    """Start the processes one by one, until all are done or time is up."""
    workloads = list({workload.batch_size: replace(workload, gap_seconds=0.0) for workload in job.workloads}.values())
    limit_seconds = SHARE * job.scenario_seconds
    began = time.monotonic()
    most_seconds = TIMES * job.scenario_seconds * len(workloads) + PROCESSES * START_SECONDS
    for index in range(PROCESSES):
        started = time.monotonic()
        steps.reached(f"process {index + 1}")
        part = folder / f"process{index + 1}"
        give_order(_order(job, before, index, limit_seconds), part)
        (part / worker.JOB_FILE).write_text(to_json(replace(job, workloads=tuple(workloads))))
        status = start(part)
        try:
            found = from_json(InterleavedResult, (part / INTERLEAVED_FILE).read_bytes())
        except (OSError, MmiedError):
            seen.notes[f"the process that held both files ended without a result: {_told(part, status)}"] = None
            return
        if not _take(found, job, before, seen):
            return
        limit_seconds = max(limit_seconds, _needed_seconds(found, workloads, limit_seconds))
        if found.failures:  # those batch sizes that both models took
            told = {ratio.batch_size for ratio in found.ratios}
            workloads = [workload for workload in workloads if workload.batch_size in told]
        now = time.monotonic()
        if not workloads or now - began + (now - started) > most_seconds:
            return
        if index + 1 == FEWEST_PROCESSES and all(is_plain(pooled_ratio(ratios)) for ratios in seen.ratios.values()):
            return


def _order(job: Job, before: Predecessor, index: int, limit_seconds: float) -> CompareOrder:
    models = [replace(job.model, name=BEFORE, source=before.source), replace(job.model, name=DEPLOYED)]
    if index % 2:
        models.reverse()
    return CompareOrder(
        models=tuple(models),
        baseline=models[0].name,
        num_runs=1,  # whatever the rounds come to
        limit_seconds=limit_seconds,
        look=index == 0,
        option="budget.scenario_time",
    )


def _told(folder: Path, status: int) -> str:
    """Return what a process said before it ended."""
    try:
        run = from_json(Run, (folder / worker.RUN_FILE).read_bytes())
    except (OSError, MmiedError):
        return f"died of signal {-status}" if status < 0 else f"exit status {status}"
    return run.message or run.outcome


def _take(found: InterleavedResult, job: Job, before: Predecessor, seen: _Seen) -> bool:
    """Take in what a process saw; return whether it is worth going on."""
    names = {BEFORE: "the file before", DEPLOYED: "the deployed file"}
    for name, why in found.failures.items():
        seen.notes[f"{names[name]}: {why}"] = None
        if "memory" in why:
            seen.notes[_memory_note(job, None)] = None
    for name in sorted(names.keys() - found.revisions.keys() - found.failures.keys()):
        seen.notes[f"{names[name]} was not opened"] = None
    opened = found.revisions.get(BEFORE)
    if opened is not None and opened != before.revision:
        seen.notes[f"what was kept is {opened[:12]}, and not the revision {before.revision[:12]}"] = None
        return False
    seen.revision = found.revisions.get(DEPLOYED, seen.revision)
    seen.drift_ratio = next(iter(found.drift_ratios.values()), seen.drift_ratio)
    for ratio in found.ratios:
        own = ratio if ratio.variant == DEPLOYED else inverted_ratio(ratio, DEPLOYED)
        seen.ratios.setdefault(ratio.batch_size, []).append(replace(own, variant=job.model.name))
    seen.fit += [
        all(latency_samples(iterations)[2] for iterations in models.values()) for models in found.iterations.values()
    ]
    seen.last_notes = found.notes
    return found.revisions.keys() >= names.keys()


def _needed_seconds(found: InterleavedResult, workloads: Sequence[Workload], limit_seconds: float) -> float:
    """Return the time that it takes for enough pairs at every batch size: more where a slow model gave too few."""
    told = {ratio.batch_size for ratio in found.ratios}
    rounds = [
        found.rounds[workload.scenario]
        for workload in workloads
        if workload.batch_size not in told and workload.scenario in found.rounds
    ]
    return (MINIMUM_PAIRS + SPARE_PAIRS) * limit_seconds / max(1, min(rounds)) if rounds else 0.0


def _memory_note(job: Job, needed_bytes: int | None) -> str:
    limit = f"{job.memory_bytes / 1e9:.1f} GB of `budget.worker_memory`" if job.memory_bytes else "the memory there is"
    takes = f"about {needed_bytes / 1e9:.1f} GB" if needed_bytes is not None else "more than there was"
    return f"both files are open at once, which takes {takes}: {limit} is too little. Raise it to have them compared."


if __name__ == "__main__":
    sys.exit(worker.main(Path(sys.argv[1]), compare))
