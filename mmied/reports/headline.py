"""Choose the figures of a profile that stand for the whole."""

from mmied.profiles import Profile
from mmied.records import Memory, WorkloadResult


def main_result(profile: Profile) -> WorkloadResult | None:
    """Return the result to show first: of the workload that was looked into, else the first with latencies."""
    measured = [result for result in profile.results if result.latency is not None]
    looked_into = profile.inspection.workload if profile.inspection else None
    for result in measured:
        if result.workload == looked_into:
            return result
    return next(iter(measured or profile.results), None)


def memory_of(result: WorkloadResult | None) -> Memory | None:
    """Return the memory that matters: the device's where there is one, else the host's."""
    if result is None:
        return None
    return min(result.memory, key=lambda memory: memory.space != "device", default=None)


def workload_name(result: WorkloadResult) -> str:
    """Return the scenario of `result`, with the precision where it is not the model's own."""
    work = result.workload
    return work.scenario if work.precision is None else f"{work.scenario} {work.precision}"
