"""Which candidates are not outdone by another in speed, memory and quality together?"""

from collections.abc import Sequence
from dataclasses import dataclass

from mmied.optimization import Search, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One way to serve the model. `loss` is how much worse it does its task, or how far its outputs are off."""

    name: str | None  # None: as it is deployed
    speedup_ratio: float
    memory_bytes: int | None
    loss: float
    accepted: bool = True  # all guards are met


def points_of(search: Search, batch_size: int) -> tuple[Point, ...]:
    """Return the deployed model and each candidate that was timed with `batch_size`.

    The loss is that of accuracy where any candidate's was measured, and then only such are shown.
    """
    timed = [trial for trial in search.trials if speedup_of(trial, batch_size) is not None]
    labelled = has_accuracy(search)
    shown = [trial for trial in timed if loss_of(trial, labelled=labelled) is not None]
    if not shown:
        return ()
    base = next((trial.baseline_cost for trial in shown if trial.baseline_cost is not None), None)
    deployed = Point(name=None, speedup_ratio=1.0, memory_bytes=base.peak_bytes if base else None, loss=0.0)
    return (deployed, *(_point(trial, batch_size, labelled=labelled) for trial in shown))


def front(points: Sequence[Point]) -> frozenset[str | None]:
    """Return the names of those that no other accepted one outdoes: as good in everything, and better in something."""
    good = [point for point in points if point.accepted]
    return frozenset(point.name for point in good if not any(_outdoes(other, point) for other in good))


def has_accuracy(search: Search) -> bool:
    """Tell whether any candidate was held against labels."""
    return any(trial.accuracy_change is not None for trial in search.trials)


def speedup_of(trial: Trial, batch_size: int) -> float | None:
    """Return how many times faster a candidate was with `batch_size`."""
    return next((ratio.speedup_ratio for ratio in trial.ratios if ratio.batch_size == batch_size), None)


def loss_of(trial: Trial, *, labelled: bool) -> float | None:
    """Return by how much a candidate does worse: of accuracy where there are labels, else its outputs' distance."""
    if not labelled:
        return trial.fidelity.relative_l2 if trial.fidelity is not None else None
    if trial.accuracy_change is None:
        return None
    less_is_better = trial.accuracy is not None and trial.accuracy.metric == "mse"
    return trial.accuracy_change[0] * (1 if less_is_better else -1)


def _point(trial: Trial, batch_size: int, *, labelled: bool) -> Point:
    speedup, loss = speedup_of(trial, batch_size), loss_of(trial, labelled=labelled)
    assert speedup is not None
    assert loss is not None
    return Point(
        name=trial.candidate,
        speedup_ratio=speedup,
        memory_bytes=trial.cost.peak_bytes if trial.cost is not None else None,
        loss=loss,
        accepted=all(guard.met for guard in trial.guards),
    )


def _outdoes(one: Point, other: Point) -> bool:
    pairs = [(one.speedup_ratio, other.speedup_ratio), (-one.loss, -other.loss)]
    if one.memory_bytes is not None and other.memory_bytes is not None:
        pairs.append((-one.memory_bytes, -other.memory_bytes))
    return all(mine >= its for mine, its in pairs) and any(mine > its for mine, its in pairs)
