"""Judge how far a model's outputs are from those recorded first; pure.

Equal inputs give equal outputs, up to rounding: there is no noise to learn, and a bound tells. It takes two runs in a
row all the same, since one may have met a flipped bit.
"""

from collections.abc import Sequence

from mmied.regression import Baseline, ChangeState, RecordedChange, SeriesKey, SeriesPoint, SeriesStanding
from mmied.verdicts.change_records import change_id
from mmied.verdicts.judgement import Judgement

CONFIRMING_RUNS = 2
SURENESS = 0.9999


def judge_drift(
    key: SeriesKey,
    device: str,
    points: Sequence[SeriesPoint],
    bound: float,
    *,
    changes: Sequence[RecordedChange] = (),
) -> Judgement:
    """Return the judgement on the newest `points`, oldest first; `changes` are the recorded ones, newest first."""
    if not points:
        return Judgement(standing=SeriesStanding(key=key, device=device, state="learning", runs=0, why="no run yet"))
    newest = points[-1]
    far = _newest_beyond(points, bound)
    good = [point for point in points[: len(points) - len(far)] if point.figure <= bound]
    active = next((change for change in changes if change.state == "active"), None)
    opened: RecordedChange | None = None
    ended: dict[str, tuple[ChangeState, float]] = {}
    if not far and active is not None:
        ended[active.change_id] = ("recovered", newest.at)
        active = None
    elif len(far) >= CONFIRMING_RUNS and active is None:
        opened = active = _change(key, device, far, good)
    suspect = bool(far) and active is None
    return Judgement(
        standing=SeriesStanding(
            key=key,
            device=device,
            state="regressed" if active is not None else "suspect" if suspect else "stable",
            runs=len(points),
            at=newest.at,
            figure=newest.figure,
            baseline=_baseline(key, good),
            change_ratio=newest.figure,  # from equal
            threshold_ratio=bound,
            minimum_change_ratio=bound,
            change=active,
            why=f"outputs are {newest.figure:.2g} away from those recorded first" if far else None,
        ),
        opened=opened,
        ended=ended,
        suspect_since=far[0].at if suspect else None,
        confirming=sum(point.confirming for point in far[1:]),
    )


def _newest_beyond(points: Sequence[SeriesPoint], bound: float) -> Sequence[SeriesPoint]:
    """Return the newest points that are all beyond the bound."""
    first = len(points)
    while first > 0 and points[first - 1].figure > bound:
        first -= 1
    return points[first:]


def _change(key: SeriesKey, device: str, far: Sequence[SeriesPoint], good: Sequence[SeriesPoint]) -> RecordedChange:
    first, newest = far[0], far[-1]
    before = good[-1].figure if good else 0.0
    return RecordedChange(
        change_id=change_id(key, first.at),
        key=key,
        device=device,
        worse=True,
        before=before,
        after=newest.figure,
        change_ratio=newest.figure - before,
        lower=None,
        upper=None,
        sureness=SURENESS,
        started_at=first.at,
        first_run_id=first.run_id,
        last_good_at=good[-1].at if good else None,
        last_good_run_id=good[-1].run_id if good else None,
        confirmed_at=newest.at,
        confirmed_run_id=newest.run_id,
    )


def _baseline(key: SeriesKey, good: Sequence[SeriesPoint]) -> Baseline | None:
    if not good:
        return None
    return Baseline(
        key=key, figure=good[-1].figure, at=good[0].at, source="learned", runs=len(good), run_id=good[-1].run_id
    )
