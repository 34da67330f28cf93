"""Take the points of a run, and none where that fails: the run is recorded all the same."""

import logging

from mmied.records import Run
from mmied.regression import SeriesPoint
from mmied.verdicts.run_points import points_of

log = logging.getLogger(__name__)


def points_to_record(run: Run) -> tuple[SeriesPoint, ...]:
    """Return what a run adds to its series."""
    try:
        return points_of(run)
    except Exception:
        log.exception("run_has_no_points", extra={"run_id": run.run_id})
        return ()
