"""Tell the level that a series is at, so that it can be accepted as its new normal; pure."""

import math
from collections.abc import Sequence
from statistics import median

from mmied.regression import Baseline, RecordedChange, SeriesPoint

ACCEPTED_RUNS = 5  # the newest fit ones: a single run says too little, and older ones may be of another level


def present_level(
    points: Sequence[SeriesPoint],
    change: RecordedChange | None,
    *,
    at: float,
    by: str | None = None,
    why: str | None = None,
) -> Baseline | None:
    """Return the level of the newest fit `points` (oldest first) as a baseline, accepted `at` a Unix time.

    With an active `change` only the runs since it began count. None where no run does.
    """
    fit = (point for point in points if point.fit and math.isfinite(point.figure))
    counted = [point for point in fit if change is None or point.at >= change.started_at][-ACCEPTED_RUNS:]
    if not counted:
        return None
    return Baseline(
        key=counted[-1].key,
        figure=_figure(counted, points),
        at=at,
        source="accepted",
        runs=len(counted),
        run_id=counted[-1].run_id,
        by=by,
        why=why,
    )


def _figure(counted: Sequence[SeriesPoint], points: Sequence[SeriesPoint]) -> float:
    """Return the level of the points that are `counted`, by what is judged, as it is published."""
    judged = [math.exp(point.value) / point.figure for point in points if point.log and point.figure > 0]
    if judged and all(point.log for point in counted):
        return math.exp(median(point.value for point in counted)) / median(judged)
    return median(point.figure for point in counted)
