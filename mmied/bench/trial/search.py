"""Try candidates on one model, most promising first, until the budget is spent; the rest is left for another time."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmied.bench.trial.baseline import Baseline, open_baseline
from mmied.bench.trial.needs import Host, missing
from mmied.bench.trial.protocol import ServeJob
from mmied.bench.trial.trial import run_trial
from mmied.optimization import Candidate, Route, Trial

SHORTEST_TRIAL_SECONDS = 8.0  # two processes have to be started and a few pairs be run: less is not worth beginning
TRIAL_SECONDS = 120.0  # for one candidate at most
MAKING_RATIO = (
    0.25  # of what is left, for making one candidate: the best of them compile for a minute, and one may hang
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to try in which order, and what cannot be tried."""

    order: tuple[Candidate, ...]
    refused: tuple[Trial, ...]


def plan(
    candidates: Sequence[Candidate],
    *,
    route: Route | None,
    device: str,
    host: Host,
    promise: Mapping[str, float],
    done: Collection[str] = (),
    at: float,
) -> Plan:
    """Return the candidates that can be tried, those of the highest `promise` first, and why others cannot.

    `promise` is the speed-up that is expected of a candidate by name; one that it does not name comes last. Those in
    `done` were tried by a search that this one goes on with.
    """
    possible: list[Candidate] = []
    refused: list[Trial] = []
    for candidate in candidates:
        if candidate.name in done:
            continue
        why = _obstacle(candidate, route, device, host)
        if why is None:
            possible.append(candidate)
        else:
            refused.append(Trial(candidate=candidate.name, verdict="not_tried", why=why, at=at, seconds=0.0))
    possible.sort(key=lambda each: -promise.get(each.name, 0.0))
    return Plan(order=tuple(possible), refused=tuple(refused))


def _obstacle(candidate: Candidate, route: Route | None, device: str, host: Host) -> str | None:
    if route is None:
        return "a compiled package: nothing can be changed in it"
    if route not in candidate.routes:
        return f"has no way for a model of the kind {route}"
    if device.partition(":")[0] not in candidate.devices:
        return f"is for {' and '.join(candidate.devices)}, the model is served on {device}"
    return missing(candidate.needs, host, device)


def search(
    order: Sequence[Candidate],
    job: ServeJob,
    folder: Path,
    environ: Mapping[str, str],
    *,
    budget_seconds: float,
    minimum_effect_ratio: float,
    trial_seconds: float = TRIAL_SECONDS,
    reached: Callable[[str], None] = lambda name: None,
    opened: Callable[[Baseline, Sequence[Candidate]], Sequence[Candidate]] = lambda baseline, order: order,
) -> Iterator[Trial]:
    """Yield the trials of `order` as they end, as many as `budget_seconds` bears.

    Each gets what `shares` says; what is settled early leaves its share to
    the others. `reached` is told each candidate before it is tried; `opened` is told the deployed model before all of
    them, and gives the order that is kept to. Raises ServerLost when the deployed model itself cannot be served, and
    OSError.
    """
    began = time.monotonic()
    if not order or budget_seconds < SHORTEST_TRIAL_SECONDS:
        return
    baseline = open_baseline(job, folder, environ)
    try:
        order = opened(baseline, order)
        for position, candidate in enumerate(order):
            left = budget_seconds - (time.monotonic() - began)
            if left < SHORTEST_TRIAL_SECONDS:
                return
            reached(candidate.name)
            limit, making = shares(left, len(order) - position, trial_seconds)
            yield run_trial(
                candidate,
                baseline,
                folder / candidate.name.replace("/", "_"),
                environ,
                limit_seconds=limit,
                making_seconds=making,
                minimum_effect_ratio=minimum_effect_ratio,
            )
    finally:
        baseline.server.close()
        baseline.control.close()


def shares(left_seconds: float, waiting: int, trial_seconds: float = TRIAL_SECONDS) -> tuple[float, float]:
    """Return how long the next of `waiting` candidates may take, and how long it may take to be made.

    The most promising come first: they may take more than an equal share, and never all.
    """
    limit = max(SHORTEST_TRIAL_SECONDS, min(trial_seconds, left_seconds, 3 * left_seconds / (waiting + 2)))
    return limit, max(limit, MAKING_RATIO * left_seconds)
