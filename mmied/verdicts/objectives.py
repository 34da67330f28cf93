"""Hold a series against its objective, and say so only where enough was measured; pure."""

from collections.abc import Sequence
from statistics import median

from mmied.regression import METRICS, Objective, ObjectiveStanding, SeriesKey, SeriesPoint, Trend

JUDGED_RUNS = 3  # the newest fit ones: a single run beyond the objective is no missed objective
DAY_SECONDS = 86_400.0
MOST_DAYS = 3650.0  # a trend tells nothing of what lies farther off


def judge_objective(
    key: SeriesKey,
    objective: float,
    points: Sequence[SeriesPoint],
    *,
    now: float,
    stale_seconds: float,
    trend: Trend | None = None,
    lacking: str | None = None,
) -> ObjectiveStanding:
    """Return how the newest fit `points` (oldest first) of a series do against its objective.

    The figure is the median of the last JUDGED_RUNS; it is missed where that and the newest run are both beyond the
    objective. `lacking` says why there is no figure, where that is known; figures older than `stale_seconds` before
    `now` (a Unix time) tell nothing of today.
    """
    fit = [point for point in points if point.fit][-JUDGED_RUNS:]
    if not fit:
        busy = "too much else ran on the host in each run" if points else None
        return ObjectiveStanding(key=key, objective=objective, why=lacking or busy or "no run has measured it yet")
    if now - fit[-1].at > stale_seconds:
        hours = (now - fit[-1].at) / 3600
        return ObjectiveStanding(
            key=key, objective=objective, why=lacking or f"the last run that measured it is {hours:.1f} h old"
        )
    figure = median(point.figure for point in fit)
    return ObjectiveStanding(
        key=key,
        objective=objective,
        figure=figure,
        runs=len(fit),
        headroom_ratio=headroom(key.metric, figure, objective),
        missed=headroom(key.metric, figure, objective) < 0 and headroom(key.metric, fit[-1].figure, objective) < 0,
        days_left=days_left(key.metric, objective, trend) if trend is not None else None,
    )


def headroom(metric: str, figure: float, objective: float) -> float:
    """Return how far a figure is on the good side of its objective, over the objective."""
    better = 1 if METRICS[metric].better == "higher" else -1
    return better * (figure - objective) / objective


def days_left(metric: str, objective: float, trend: Trend) -> float | None:
    """Return after how many days a trend crosses an objective; None where it is none, or leads away.

    0 where it is crossed already. The trend is a straight line: that of its estimate.
    """
    left = headroom(metric, trend.level, objective) * objective / trend.level
    if left <= 0:
        return 0.0
    if not trend.sure or trend.ratio_per_week <= 0:
        return None
    days = 7 * left / trend.ratio_per_week
    return days if days <= MOST_DAYS else None


def held_against(objectives: Sequence[Objective], model: str, scenarios: Sequence[str]) -> dict[SeriesKey, float]:
    """Return the objective of each series of a model; one that names a scenario goes before one that does not."""
    found: dict[SeriesKey, float] = {}
    for objective in sorted(objectives, key=lambda each: each.scenario != ""):
        if METRICS[objective.metric].of_model:
            names: Sequence[str] = ("",)
        elif objective.scenario:
            names = (objective.scenario,)
        else:
            names = () if objective.metric == "throughput" else scenarios
        found |= {SeriesKey(model, name, objective.metric): objective.value for name in names}
    return found


def whole_throughput(objectives: Sequence[Objective]) -> float | None:
    """Return the samples per second that a model as a whole has to bear, or None."""
    return next((each.value for each in objectives if each.metric == "throughput" and not each.scenario), None)
