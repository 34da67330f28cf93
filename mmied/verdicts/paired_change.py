"""Confirm at once that a changed file is slower, where it was held against the one before in the same minutes; pure."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from mmied.records import Run, Workload
from mmied.regression import PredecessorResult, RecordedChange, SeriesKey, SeriesPoint, SeriesStanding
from mmied.verdicts.change_records import change_id
from mmied.verdicts.succession import slower_file

METRIC = "latency_p50"
LEVEL_RUNS = 12  # of the level before
SURENESS = 0.975  # that it is slower at all: its interval of 95 % leaves out all that is not


def paired_changes(
    result: PredecessorResult,
    workloads: Sequence[Workload],
    standings: Mapping[SeriesKey, SeriesStanding],
    points: Mapping[SeriesKey, Sequence[SeriesPoint]],
    *,
    minimum_ratio: float,
    run: Run,
) -> Iterator[RecordedChange]:
    """Yield the regressions that a comparison shows and that the runs alone have not confirmed yet.

    `run` is the one that compared.
    """
    found = {each.batch_size: each for each in slower_file(result, minimum_ratio)}
    for workload in workloads:
        told = found.get(workload.batch_size)
        key = SeriesKey(result.model, workload.scenario, METRIC)
        standing = standings.get(key)
        if told is None or standing is None or workload.gap_seconds:
            continue  # pauses change what a call takes: calls in turn say nothing of them
        if told.word != "slower" or told.change_ratio < minimum_ratio or _is_known(standing, result, points[key]):
            continue
        new = since_deployed(points[key], result)
        good = [point for point in points[key] if point.fit and new and point.at < new[0].at]
        if not new or not good:
            continue
        before = median(point.figure for point in good[-LEVEL_RUNS:])
        yield RecordedChange(
            change_id=change_id(key, new[0].at),
            key=key,
            device=standing.device,
            worse=True,
            before=before,
            after=before * (1 + told.change_ratio),
            change_ratio=told.change_ratio,
            lower=told.lower,
            upper=told.upper,
            sureness=SURENESS,
            started_at=new[0].at,
            first_run_id=new[0].run_id,
            last_good_at=good[-1].at,
            last_good_run_id=good[-1].run_id,
            confirmed_at=run.ended_at,
            confirmed_run_id=run.run_id,
        )


def since_deployed(points: Sequence[SeriesPoint], result: PredecessorResult) -> tuple[SeriesPoint, ...]:
    """Return the points of the compared file since it took the place of the one that it was compared with.

    A file may come back: points of its earlier days do not count. None where another file was before it, or the same:
    then the file changed again while it was compared.
    """
    known = [point for point in points if point.revision is not None]
    own = [index for index, point in enumerate(known) if point.revision == result.revision]
    if not own or result.revision == result.predecessor_revision:
        return ()
    begin = end = own[-1]
    while begin and known[begin - 1].revision == result.revision:
        begin -= 1
    if begin and known[begin - 1].revision != result.predecessor_revision:
        return ()
    return tuple(known[begin : end + 1])


def _is_known(standing: SeriesStanding, result: PredecessorResult, points: Sequence[SeriesPoint]) -> bool:
    """Tell whether a change that began with the new file, or after it, is recorded."""
    change, new = standing.change, since_deployed(points, result)
    return change is not None and bool(new) and change.started_at >= new[0].at
