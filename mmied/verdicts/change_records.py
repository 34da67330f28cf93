"""Turn a confirmed shift into the record of a change, and a record into the shift that the detector knows; pure.

Shifts are levels of what is judged, changes are figures as they are published: `factor` is the one over the other.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from mmied.regression import METRICS, RecordedChange, SeriesKey, SeriesPoint
from mmied.verdicts.series import Shift


def change_of(
    shift: Shift, key: SeriesKey, device: str, points: Sequence[SeriesPoint], *, factor: float, plain: bool
) -> RecordedChange:
    """Return the record of a shift that the newest of `points` confirmed. Where it is `plain` its ratio is its size."""
    sign = _sign(key)
    first = next(point for point in points if point.at >= shift.first_at)
    good = [point for point in points if point.fit and point.at < first.at]
    before, after = shift.before / factor, shift.after / factor
    bounds = (shift.lower, shift.upper) if sign > 0 else (shift.upper, shift.lower)
    lower, upper = (None if bound is None or plain else sign * bound for bound in bounds)
    return RecordedChange(
        change_id=change_id(key, first.at),
        key=key,
        device=device,
        worse=shift.worse,
        before=before,
        after=after,
        # Outputs that were equal are at 0, over which there is no ratio.
        change_ratio=sign * (after - before if plain or shift.ratio is None else shift.ratio),
        lower=lower,
        upper=upper,
        sureness=shift.sureness,
        started_at=first.at,
        first_run_id=first.run_id,
        last_good_at=good[-1].at if good else None,
        last_good_run_id=good[-1].run_id if good else None,
        confirmed_at=points[-1].at,
        confirmed_run_id=points[-1].run_id,
    )


def shift_of(change: RecordedChange, points: Sequence[SeriesPoint], *, factor: float, plain: bool) -> Shift:
    """Return a recorded change as the detector knows it."""
    sign = _sign(change.key)
    bounds = (change.lower, change.upper) if sign > 0 else (change.upper, change.lower)
    lower, upper = (None if bound is None or plain else sign * bound for bound in bounds)
    return Shift(
        before=change.before * factor,
        after=change.after * factor,
        ratio=None if plain else sign * change.change_ratio,
        lower=lower,
        upper=upper,
        first_index=next((index for index, point in enumerate(points) if point.at >= change.started_at), 0),
        first_at=change.started_at,
        confirmed_at=change.confirmed_at,
        sureness=change.sureness,
        worse=change.worse,
    )


def change_id(key: SeriesKey, started_at: float) -> str:
    """Return the id of a change that began so: it sorts by time and needs no quoting anywhere."""
    parts = (f"{datetime.fromtimestamp(started_at, UTC):%Y%m%dT%H%M%S}", key.model or "host", key.scenario, key.metric)
    return re.sub(r"[^A-Za-z0-9._-]", "-", "-".join(part for part in parts if part))


def _sign(key: SeriesKey) -> int:
    """Return the direction in which the metric is worse."""
    return 1 if METRICS[key.metric].better == "lower" else -1
