"""Hold a profile against an earlier one of the same model, and tell what became worse; pure.

This judges two profiles on demand, as a gate of a build does.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mmied import formats
from mmied.errors import MmiedError
from mmied.profiles import Profile
from mmied.records import Environment, Memory, Workload, WorkloadResult
from mmied.results import ProfileResult
from mmied.stats import latency_samples, quantile_interval, required_samples

MINIMUM_RATIO = 0.05
MINIMUM_MEMORY_RATIO = 0.10  # resident memory of equal runs differs by less
MINIMUM_MEMORY_BYTES = 4 << 20  # and by less than what an allocator keeps for itself
HOST_RATIO = 0.10  # reference work that differs by more tells of another host, or of a busy one
OWN_FACTS = {"revision", "inputs"}  # of the environment's: the model's own, which are meant to change

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A figure that became worse. `change_ratio` 0.2 is 20 % worse; figures are in the unit that `metric` ends in.

    `before_interval` and `after_interval` hold the true figure with 95 % confidence; memory has none. A workload that
    fails by now has no figure `after` but a `message`.
    """

    metric: str  # latency_p50_seconds, latency_p95_seconds, latency_p99_seconds, peak_memory_bytes, failure
    workload: Workload
    before: float | None
    after: float | None
    change_ratio: float | None
    before_interval: Interval | None = None
    after_interval: Interval | None = None
    message: str | None = None

    def __str__(self) -> str:
        name = _names([self.workload])
        if self.change_ratio is None:
            return f"{name}: {self.message}"
        say = formats.seconds if self.metric.endswith("_seconds") else formats.size
        change = f"{say(self.before)} → {say(self.after)}, {formats.percent(self.change_ratio)} worse"
        text = f"{name} {self.metric.rpartition('_')[0]}: {change}"
        if self.before_interval is None or self.after_interval is None:
            return text
        intervals = (f"{say(low)} to {say(high)}" for low, high in (self.before_interval, self.after_interval))
        return f"{text} (95 % intervals {' and '.join(intervals)})"


class Regressions(list[Regression]):
    """What became worse; empty, and so false, where nothing did. `notes` say what to know before believing either."""

    def __init__(self, found: Iterable[Regression] = (), notes: tuple[str, ...] = ()) -> None:
        super().__init__(found)
        self.notes = notes

    def __str__(self) -> str:
        return "\n".join([*map(str, self), *(f"note: {note}" for note in self.notes)]) or "no regressions"


def detect_regressions(
    baseline: ProfileResult | Profile, current: ProfileResult | Profile, *, minimum_ratio: float = MINIMUM_RATIO
) -> Regressions:
    """Return what became worse from `baseline` to `current`, workload by workload.

    A quantile of latency is listed where the 95 % intervals of before and after lie apart and it grew by more than
    `minimum_ratio`; peak memory where it grew by more than that and by more than equal runs differ; a workload that
    succeeded and now fails. What became better is not listed. Raises MmiedError for profiles that have nothing to do
    with each other: another model, another device, no workload in common.
    """
    before, after = _profile(baseline), _profile(current)
    if minimum_ratio < 0:
        raise MmiedError(f"minimum_ratio: {minimum_ratio} is below 0. Try 0.05 for 5 %.")
    _require_comparable(before, after)
    then = {result.workload: result for result in before.results}
    now = {result.workload: result for result in after.results}
    shared = [workload for workload in then if workload in now]
    if not shared:
        raise MmiedError(
            f"baseline and current have no workload in common: {_names(then)} against {_names(now)}. "
            "Measure the same batch sizes, pauses and precisions."
        )
    found: list[Regression] = []
    notes = list(_notes_of_place(before, after))
    if missing := [workload for workload in then if workload not in now]:
        notes.append(f"not measured this time: {_names(missing)}")
    for workload in shared:
        found += _of_workload(then[workload], now[workload], minimum_ratio, notes)
    return Regressions(found, tuple(notes))


def _profile(result: ProfileResult | Profile) -> Profile:
    return result.profile if isinstance(result, ProfileResult) else result


def _require_comparable(before: Profile, after: Profile) -> None:
    if before.model != after.model:
        raise MmiedError(
            f"the baseline is of the model {before.model}, the current profile of {after.model}. "
            "Give both the same name if they are the same model."
        )
    if before.device.partition(":")[0] != after.device.partition(":")[0]:
        raise MmiedError(f"the baseline was measured on {before.device}, the current profile on {after.device}.")
    if before.precision != after.precision:
        raise MmiedError(f"the baseline is in {before.precision}, the current profile in {after.precision}.")


def _names(workloads: Mapping[Workload, object] | list[Workload]) -> str:
    return ", ".join(
        workload.scenario + (f" {workload.precision}" if workload.precision else "") for workload in workloads
    )


def _notes_of_place(before: Profile, after: Profile) -> Iterator[str]:
    if before.host != after.host:
        yield f"measured on {before.host} then and on {after.host} now: the difference may be theirs"
    if before.threads != after.threads:
        yield f"measured with {before.threads} threads then and {after.threads} now"
    changed = _changed_facts(before.environment, after.environment)
    if changed:
        yield f"not the same environment: {', '.join(changed)}"


def _changed_facts(before: Environment | None, after: Environment | None) -> list[str]:
    if before is None or after is None:
        return []
    keys = sorted((before.stable.keys() | after.stable.keys()) - OWN_FACTS)
    facts = ((key, before.stable.get(key), after.stable.get(key)) for key in keys)
    return [f"{key} {then} then and {now} now" for key, then, now in facts if then != now]


def _of_workload(
    before: WorkloadResult, after: WorkloadResult, minimum_ratio: float, notes: list[str]
) -> Iterator[Regression]:
    workload = after.workload
    if before.outcome != "succeeded":
        notes.append(f"{workload.scenario}: failed in the baseline: {before.message}")
        return
    if after.outcome != "succeeded":
        yield Regression(
            metric="failure",
            workload=workload,
            before=None,
            after=None,
            change_ratio=None,
            message=f"succeeded in the baseline and fails now: {after.message}",
        )
        return
    yield from _of_latency(before, after, minimum_ratio, notes)
    yield from _of_memory(before, after, minimum_ratio)


def _of_latency(
    before: WorkloadResult, after: WorkloadResult, minimum_ratio: float, notes: list[str]
) -> Iterator[Regression]:
    if before.iterations is None or after.iterations is None:
        return
    if before.latency is not None and after.latency is not None and not (before.latency.fit and after.latency.fit):
        when = "then" if not before.latency.fit else "now"
        notes.append(f"{after.workload.scenario}: too much else ran {when} for its latencies to be held against others")
        return
    if slower := _slower_host(before, after):
        notes.append(f"{after.workload.scenario}: {slower}")
    then, now = latency_samples(before.iterations)[0], latency_samples(after.iterations)[0]
    for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        if min(len(then), len(now)) < required_samples(q):
            continue
        pair = quantile_interval(then, q), quantile_interval(now, q)
        if pair[0] is None or pair[1] is None:
            continue
        figures = _quantile(before, q), _quantile(after, q)
        change = figures[1] / figures[0] - 1
        if pair[1][0] > pair[0][1] and change > minimum_ratio:
            yield Regression(
                metric=f"latency_{name}_seconds",
                workload=after.workload,
                before=figures[0],
                after=figures[1],
                change_ratio=change,
                before_interval=pair[0],
                after_interval=pair[1],
            )


def _quantile(result: WorkloadResult, q: float) -> float:
    assert result.latency is not None
    return result.latency.quantiles[str(q)]


def _slower_host(before: WorkloadResult, after: WorkloadResult) -> str | None:
    """Return a sentence where work that has nothing to do with the model took longer too."""
    slower = [
        f"{name} {after.reference_seconds[name] / seconds:.2f} times"
        for name, seconds in before.reference_seconds.items()
        if after.reference_seconds.get(name, 0.0) > (1 + HOST_RATIO) * seconds
    ]
    if not slower:
        return None
    return f"the host was slower: its reference work took {', '.join(slower)} as long as in the baseline"


def _of_memory(before: WorkloadResult, after: WorkloadResult, minimum_ratio: float) -> Iterator[Regression]:
    then, now = _memory(before), _memory(after)
    if then is None or now is None or then.space != now.space:
        return
    grown = now.peak_bytes - then.peak_bytes
    if grown > MINIMUM_MEMORY_BYTES and grown > max(minimum_ratio, MINIMUM_MEMORY_RATIO) * then.peak_bytes:
        yield Regression(
            metric="peak_memory_bytes",
            workload=after.workload,
            before=then.peak_bytes,
            after=now.peak_bytes,
            change_ratio=grown / then.peak_bytes if then.peak_bytes else None,
            message=f"peak memory grew from {then.peak_bytes} to {now.peak_bytes} bytes",
        )


def _memory(result: WorkloadResult) -> Memory | None:
    return min(result.memory, key=lambda memory: memory.space != "device", default=None)
