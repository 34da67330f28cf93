"""Go on with a search of `mmied optimize` that was interrupted, or that its budget ended."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mmied.bench.trial.order import SearchOrder
from mmied.commands.model_options import ChosenModel
from mmied.errors import MmiedError
from mmied.optimization import Search, Trial
from mmied.records import Workload
from mmied.reports.documents import read_search


def earlier_search(place: Path, kept: Path, model: ChosenModel) -> Search:
    """Return the search that was `kept` when it was cut short, or else the one whose report is at `place`."""
    for path in (kept, place):
        try:
            return read_search(path.read_bytes(), f"--resume: {path}")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise MmiedError(f"--resume: {path} cannot be read: {error.strerror}.") from error
    raise MmiedError(
        f"--resume: {place.parent} has no search of {model.spec.name} to go on with. Leave it out to begin one."
    )


def continued(order: SearchOrder, earlier: Search, workloads: Sequence[Workload], model: ChosenModel) -> SearchOrder:
    """Return the order that goes on with an earlier search. Raises MmiedError where its verdicts are of another one."""
    sizes = tuple(workload.batch_size for workload in workloads)
    for what, then, now in (
        ("batch sizes", earlier.batch_sizes, sizes),
        ("device", earlier.device, model.spec.device),
        ("minimum effect", earlier.minimum_effect_ratio, order.minimum_effect_ratio),
    ):
        if then != now:
            raise MmiedError(
                f"--resume: the search had the {what} {_told(then)}, and this one has {_told(now)}: its verdicts do "
                "not hold here. Give the same, or leave --resume out."
            )
    done = tuple(trial for trial in earlier.trials if not is_tried_anew(trial))
    return replace(
        order,
        done=done,
        spent_seconds=earlier.spent_seconds,
        revision=earlier.revision,
        environment=earlier.environment,
    )


def is_tried_anew(trial: Trial) -> bool:
    """Tell whether a trial is to be done again: what it wanted, a library or time, may be there now."""
    if trial.verdict == "not_tried":
        return not trial.seconds
    return trial.verdict == "cannot_tell" and trial.outcome == "timed_out"


def _told(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
