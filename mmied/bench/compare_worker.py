"""Call several models in turn in one process: `python -m mmied.bench.compare_worker JOB_DIR`.

The border is that of mmied.bench.worker: job.json and order.json in; run.json out, and beside it interleaved.json.
Memory and loading are not measured here: in a process that holds several models they are nobody's.
"""

import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from mmied.bench import worker
from mmied.bench.failures import sentence_of
from mmied.bench.lasting_imports import lasting_imports
from mmied.bench.orders import INTERLEAVED_FILE, CompareOrder, InterleavedResult, take_order
from mmied.bench.speedups import notes_on, notes_on_shapes, ratios_of
from mmied.bench.steps import Steps
from mmied.codec import to_json
from mmied.errors import ModelError
from mmied.profiles import Accuracy, PairedRatio
from mmied.records import Iterations, Job, Workload

if TYPE_CHECKING:  # torch comes with it, and is imported where what fails in it is told like anything else
    from mmied.bench.contest import Contest


def compare(job: Job, folder: Path, report: worker.Report) -> None:
    """Open the order's models and call them in turn for each of the job's workloads.

    What goes wrong with one model is told of it, and the others go on. Raises ModelError where the data set is none.
    """
    order = take_order(CompareOrder, folder)
    steps = Steps(report, len(order.models) + len(job.workloads) + 1)
    steps.reached("import")
    with lasting_imports():
        from mmied.bench.contest import Contest

    contest = Contest(order, scratch=folder)
    found = _Found()
    for spec in order.models:
        steps.reached(f"load {spec.name}")
        try:
            contest.open(spec)
            found.revisions[spec.name] = contest.revision(spec.name)
        except Exception as error:  # noqa: BLE001 - a model raises what it likes
            found.fail(contest, spec.name, error)
    for workload in job.workloads:
        steps.reached(f"measure {workload.scenario}")
        _measure(contest, workload, order, found)
    if order.look:
        _look_at_outputs(contest, job.workloads[0], order.baseline, found)
    if contest.labelled:
        steps.reached("accuracy")
        _hold_against_labels(contest, max(workload.batch_size for workload in job.workloads), found)
    elif order.dataset is not None:
        found.notes.append(
            f"{Path(order.dataset).name} has no labels, so that accuracy was not measured: call the array of labels "
            "labels, targets or y"
        )
    (folder / INTERLEAVED_FILE).write_text(to_json(found.result()))
    report.finish(outcome="succeeded")


class _Found:
    """What is known so far."""

    def __init__(self) -> None:
        self.iterations: dict[str, dict[str, Iterations]] = {}
        self.ratios: list[PairedRatio] = []
        self.accuracies: dict[str, Accuracy] = {}
        self.failures: dict[str, str] = {}
        self.notes: list[str] = []
        self.rounds: dict[str, int] = {}
        self.revisions: dict[str, str | None] = {}
        self.drift_ratios: dict[str, float] = {}

    def fail(self, contest: "Contest", name: str, error: BaseException, where: str = "") -> None:
        self.failures[name] = where + _told(error)
        contest.drop(name)

    def result(self) -> InterleavedResult:
        return InterleavedResult(
            iterations=self.iterations,
            ratios=tuple(self.ratios),
            accuracies=self.accuracies,
            failures=self.failures,
            notes=tuple(self.notes),
            rounds=self.rounds,
            revisions=self.revisions,
            drift_ratios=self.drift_ratios,
        )


def _measure(contest: "Contest", workload: Workload, order: CompareOrder, found: _Found) -> None:
    """Call the models in turn; one that raises is dropped."""
    size = workload.batch_size
    rotation = contest.rotate(
        workload, failed=lambda name, error: found.fail(contest, name, error, f"batch size {size}: ")
    )
    if rotation.seen is not None:
        found.iterations[workload.scenario] = dict(rotation.seen.iterations)
        found.rounds[workload.scenario] = rotation.seen.rounds
        found.ratios += ratios_of(rotation.seen, size, order.baseline)
        found.notes += notes_on(
            rotation.seen, size, baseline=order.baseline, num_runs=order.num_runs, option=order.option
        )
    found.notes += notes_on_shapes(rotation.shapes, size)


def _look_at_outputs(contest: "Contest", workload: Workload, baseline: str, found: _Found) -> None:
    """Tell how far the outputs of the models are from the baseline's, for the same inputs."""
    from mmied.bench.golden import drift_ratio  # after torch

    try:
        seen = {name: contest.look(name, workload) for name in contest.names}
    except Exception as error:  # noqa: BLE001 - a model raises what it likes
        found.notes.append(f"the outputs were not held against one another: {_told(error)}")
        return
    for name, outputs in seen.items():
        if name != baseline and baseline in seen and outputs.inputs == seen[baseline].inputs:
            found.drift_ratios[name] = drift_ratio(seen[baseline], outputs)


def _hold_against_labels(contest: "Contest", batch_size: int, found: _Found) -> None:
    """A model that cannot be held against the labels has its times all the same."""
    for name in contest.names:
        try:
            found.accuracies[name] = contest.accuracy(name, batch_size)
        except Exception as error:  # noqa: BLE001 - a model, or the user's own measure, raises what it likes
            found.notes.append(f"{name}: no accuracy: {_told(error)}")


def _told(error: BaseException) -> str:
    if not isinstance(error, ModelError):
        traceback.print_exception(error)  # into the worker's log
    return sentence_of(error)


if __name__ == "__main__":
    sys.exit(worker.main(Path(sys.argv[1]), compare))
