"""Put together what was measured of one model in several steps; pure."""

from dataclasses import fields, replace

from mmied.inspection import Inspection
from mmied.profiles import Profile
from mmied.records import WorkloadResult


def merge_profiles(earlier: Profile | None, later: Profile) -> Profile:
    """Return the later profile with what only the earlier one of the same model in the same place knows."""
    if earlier is None or not _is_same(earlier, later):
        return later
    return replace(
        later,
        items_per_sample={**earlier.items_per_sample, **later.items_per_sample},
        results=_merge_results(earlier, later),
        stages=later.stages or earlier.stages,
        inspection=_merge_inspections(earlier.inspection, later.inspection),
        usage=later.usage or earlier.usage,
        custom={**earlier.custom, **later.custom},
    )


def _is_same(one: Profile, other: Profile) -> bool:
    names = ("model", "device", "precision", "threads", "format", "revision", "sizes")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _merge_results(earlier: Profile, later: Profile) -> tuple[WorkloadResult, ...]:
    """Return a result for each workload, the later one; of a later one without latency, its memory alone is new."""
    merged = {result.workload: result for result in earlier.results}
    for result in later.results:
        before = merged.get(result.workload)
        if before is not None and before.latency is not None and result.latency is None and result.memory:
            result = replace(before, memory=result.memory)
        merged[result.workload] = result
    return tuple(merged.values())


def _merge_inspections(earlier: Inspection | None, later: Inspection | None) -> Inspection | None:
    if earlier is None or later is None or earlier.workload != later.workload:
        return later or earlier
    known = {field.name: getattr(later, field.name) or getattr(earlier, field.name) for field in fields(Inspection)}
    known["pass_seconds"] = {**earlier.pass_seconds, **later.pass_seconds}
    known["failures"] = {
        name: said
        for name, said in {**earlier.failures, **later.failures}.items()
        if name in later.failures or name not in later.pass_seconds
    }
    return Inspection(**known)
