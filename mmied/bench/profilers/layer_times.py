"""Sum up the passages of recorded calls by part, less what the recording itself took."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import fmean

from mmied.bench.profilers.passages import Passage

# Of the spread between layers to that of one layer between calls (an F statistic). Equal layers gave 1 to 5, since the
# first of them finds its weights further away; layers of a network of unequal ones tens of thousands.
APART_RATIO = 10.0


@dataclass(slots=True)
class PartTimes:
    """The figures of one part, a call in the mean."""

    calls: float = 0.0
    seconds: float = 0.0
    self_seconds: float = 0.0
    device_seconds: float = 0.0
    allocated_bytes: float = 0.0
    kept_bytes: float = 0.0


def sum_by_part(calls: Sequence[Sequence[Passage]], parts: int, *, bare_seconds: float) -> list[PartTimes]:
    """Return the figures of each part. Own times sum to the bare call, or to the recorded if that was the shorter.

    The profiler takes about the same time for each event that it keeps, so that a layer of many short operations is
    slowed more than one of a few long ones. What a recorded call takes longer than a bare one is shared out by
    events and taken off where they fell; what is then below zero counts as zero, and the rest is scaled to the bare
    call.
    """
    recorded = fmean(passages[0].nanoseconds for passages in calls) / 1e9
    events = fmean(sum(passage.events for passage in passages) for passages in calls)
    event_seconds = max(0.0, recorded - bare_seconds) / max(1.0, events)
    own = [
        [
            max(0.0, nanoseconds / 1e9 - passage.events * event_seconds)
            for passage, nanoseconds in zip(passages, own_nanoseconds(passages), strict=True)
        ]
        for passages in calls
    ]
    rest = fmean(sum(seconds) for seconds in own)
    scale = min(bare_seconds, recorded) / rest if rest else 0.0
    times = [PartTimes() for _ in range(parts)]
    for passages, seconds in zip(calls, own, strict=True):
        _add(times, passages, [one * scale for one in seconds])
    return [_mean(time, len(calls)) for time in times]


def own_nanoseconds(passages: Sequence[Passage]) -> list[int]:
    """Return the time of each passage without that of the passages below it."""
    own = [passage.nanoseconds for passage in passages]
    for passage in passages:
        if passage.parent is not None:
            own[passage.parent] -= passage.nanoseconds
    return own


def told_apart(calls: Sequence[Sequence[Passage]], *, on_device: bool = False) -> bool:
    """Tell whether the parts without parts of their own differ by more than each does from call to call.

    Two-way analysis of variance: a call that was slower as a whole says nothing of its layers. One call says nothing
    of noise, and one layer has nobody to be told from.
    """
    rows = [_leaf_nanoseconds(passages, on_device) for passages in calls]
    leaves = sorted(set.intersection(*(set(row) for row in rows)))
    if len(leaves) < 2:
        return True
    if len(rows) < 2:
        return False
    by_leaf = [fmean(row[leaf] for row in rows) for leaf in leaves]
    by_call = [fmean(row[leaf] for leaf in leaves) for row in rows]
    centre = fmean(by_call)
    between = sum((mean - centre) ** 2 for mean in by_leaf) * len(rows) / (len(leaves) - 1)
    residual = sum(
        (row[leaf] - mean - call + centre) ** 2
        for row, call in zip(rows, by_call, strict=True)
        for leaf, mean in zip(leaves, by_leaf, strict=True)
    ) / ((len(rows) - 1) * (len(leaves) - 1))
    return between > APART_RATIO * residual


def _leaf_nanoseconds(passages: Sequence[Passage], on_device: bool) -> dict[int, int]:
    holders = {passages[passage.parent].part for passage in passages if passage.parent is not None}
    times: dict[int, int] = {}
    for passage in passages:
        if passage.part not in holders:
            taken = passage.device_nanoseconds if on_device else passage.nanoseconds
            times[passage.part] = times.get(passage.part, 0) + taken
    return times


def _mean(time: PartTimes, calls: int) -> PartTimes:
    return PartTimes(**{field.name: getattr(time, field.name) / calls for field in fields(time)})


def _add(times: Sequence[PartTimes], passages: Sequence[Passage], own: Sequence[float]) -> None:
    seconds = list(own)
    device = [passage.device_nanoseconds for passage in passages]
    allocated = [passage.allocated_bytes for passage in passages]
    freed = [passage.freed_bytes for passage in passages]
    for index in range(len(passages) - 1, 0, -1):
        parent = passages[index].parent
        assert parent is not None
        seconds[parent] += seconds[index]
        for totals in (device, allocated, freed):
            totals[parent] += totals[index]
    for index, passage in enumerate(passages):
        part = times[passage.part]
        part.calls += 1
        part.self_seconds += own[index]
        if _is_outermost(passages, passage):
            part.seconds += seconds[index]
            part.device_seconds += device[index] / 1e9
            part.allocated_bytes += allocated[index]
            part.kept_bytes += allocated[index] - freed[index]


def _is_outermost(passages: Sequence[Passage], passage: Passage) -> bool:
    """Tell whether a passage is not inside another of the same part, which holds its figures already."""
    outer = passage.parent
    while outer is not None:
        if passages[outer].part == passage.part:
            return False
        outer = passages[outer].parent
    return True
