"""Call several models in turn in one process: `python -m mmied.bench.compare_worker JOB_DIR`.

The border is that of mmied.bench.worker: job.json and order.json in; run.json out, and beside it interleaved.json.
Memory and loading are not measured here: in a process that holds several models they are nobody's.
"""

import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from mmied.bench import worker
from mmied.bench.failures import brief
from mmied.bench.orders import INTERLEAVED_FILE, CompareOrder, InterleavedResult, take_order
from mmied.bench.steps import Steps
from mmied.codec import to_json
from mmied.errors import ModelError
from mmied.profiles import Accuracy, PairedRatio
from mmied.records import Iterations, Job, Workload
from mmied.stats import MINIMUM_PAIRS, paired_ratio

if TYPE_CHECKING:  # torch comes with them, and is imported where what fails in it is told like anything else
    from mmied.bench.contest import Contest, Shapes
    from mmied.bench.interleave import Interleaved
    from mmied.bench.profilers.recorded import Target


def compare(job: Job, folder: Path, report: worker.Report) -> None:
    """Open the order's models and call them in turn for each of the job's workloads.

    What goes wrong with one model is told of it, and the others go on. Raises ModelError where the data set is none.
    """
    order = take_order(CompareOrder, folder)
    steps = Steps(report, len(order.models) + len(job.workloads) + 1)
    steps.reached("import")
    from mmied.bench.contest import Contest

    contest = Contest(order, scratch=folder)
    found = _Found()
    for spec in order.models:
        steps.reached(f"load {spec.name}")
        try:
            contest.open(spec)
        except Exception as error:  # noqa: BLE001 - a model raises what it likes
            found.fail(contest, spec.name, error)
    for workload in job.workloads:
        steps.reached(f"measure {workload.scenario}")
        _measure(contest, workload, order, found)
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

    def fail(self, contest: "Contest", name: str, error: BaseException, where: str = "") -> None:
        self.failures[name] = where + sentence_of(error)
        contest.drop(name)

    def result(self) -> InterleavedResult:
        return InterleavedResult(
            iterations=self.iterations,
            ratios=tuple(self.ratios),
            accuracies=self.accuracies,
            failures=self.failures,
            notes=tuple(self.notes),
        )


def _measure(contest: "Contest", workload: Workload, order: CompareOrder, found: _Found) -> None:
    """Call the models in turn; one that raises is dropped, and the others begin anew."""
    from mmied.bench.contest import CallFailed

    where = f"batch size {workload.batch_size}: "
    targets: dict[str, Target] = {}
    shapes: dict[str, Shapes] = {}
    for name in contest.names:
        try:
            targets[name], shapes[name] = contest.warm(name, workload)
        except Exception as error:  # noqa: BLE001 - a model raises what it likes
            found.fail(contest, name, error, where)
    while targets:
        try:
            seen = contest.run(targets)
        except CallFailed as failed:
            found.fail(contest, failed.name, failed.__cause__ or failed, where)
            del targets[failed.name]
            continue
        found.iterations[workload.scenario] = dict(seen.iterations)
        found.ratios += ratios_of(seen, workload.batch_size, order.baseline)
        found.notes += notes_on(seen, workload.batch_size, order)
        break
    found.notes += notes_on_shapes({name: shapes[name] for name in targets}, workload.batch_size)


def _hold_against_labels(contest: "Contest", batch_size: int, found: _Found) -> None:
    """A model that cannot be held against the labels has its times all the same."""
    for name in contest.names:
        try:
            found.accuracies[name] = contest.accuracy(name, batch_size)
        except Exception as error:  # noqa: BLE001 - a model, or the user's own measure, raises what it likes
            found.notes.append(f"{name}: no accuracy: {sentence_of(error)}")


def ratios_of(seen: "Interleaved", batch_size: int, baseline: str) -> list[PairedRatio]:
    """Return how much faster than the baseline each other model was; nothing where pairs are too few."""
    if seen.baseline != baseline or seen.rounds < MINIMUM_PAIRS:
        return []
    base = seen.blocks[baseline]
    _, control_lower, control_upper = paired_ratio(base, seen.control)
    ratios = []
    for name, blocks in seen.blocks.items():
        if name == baseline:
            continue
        speedup, lower, upper = paired_ratio(base, blocks)
        ratios.append(
            PairedRatio(
                variant=name,
                batch_size=batch_size,
                pairs=seen.rounds,
                speedup_ratio=speedup,
                lower=lower,
                upper=upper,
                control_lower=control_lower,
                control_upper=control_upper,
            )
        )
    return ratios


def notes_on(seen: "Interleaved", batch_size: int, order: CompareOrder) -> list[str]:
    """Return what a reader of the ratios should know."""
    where = f"batch size {batch_size}"
    notes = []
    if seen.baseline != order.baseline:
        notes.append(f"{where}: the baseline {order.baseline} failed, so that nothing is held against it")
    elif seen.rounds < MINIMUM_PAIRS:
        notes.append(
            f"{where}: {seen.rounds} rounds in {seen.seconds:.0f} s bear no interval of the speed-up; it takes "
            f"{MINIMUM_PAIRS}. Give more time with --time-limit."
        )
    fewest = min(len(each.wall_seconds) for each in seen.iterations.values())
    if fewest < order.num_runs:
        notes.append(f"{where}: time was up after {fewest} calls of a model. Give more with --time-limit.")
    return notes


def notes_on_shapes(shapes: "dict[str, Shapes]", batch_size: int) -> list[str]:
    """Return a sentence for each model whose outputs have other shapes than the first one's."""
    if not shapes:
        return []
    first, *others = shapes
    return [
        f"batch size {batch_size}: {name} gives {_say(shapes[name])} where {first} gives {_say(shapes[first])}: "
        "these may not be variants of one model"
        for name in others
        if [shape for _, shape in shapes[name]] != [shape for _, shape in shapes[first]]
    ]


def _say(shapes: "Shapes") -> str:
    return ", ".join("×".join(map(str, shape)) or "a scalar" for _, shape in shapes) or "no tensors"


def sentence_of(error: BaseException) -> str:
    """Return what went wrong, in a line."""
    if isinstance(error, ModelError):
        return str(error)
    traceback.print_exception(error)  # into the worker's log
    return f"{type(error).__name__}: {brief(error)}" if isinstance(error, Exception) else type(error).__name__


if __name__ == "__main__":
    sys.exit(worker.main(Path(sys.argv[1]), compare))
