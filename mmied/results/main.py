"""Choose the figures of a profile that stand for the whole."""

from mmied.profiles import Profile
from mmied.records import Memory, WorkloadResult


def main_result(profile: Profile) -> WorkloadResult | None:
    """Return the result that stands for the whole: of the workload that was looked into, else the first.

    Those with latencies are asked before those without, and what failed comes last.
    """
    succeeded = [result for result in profile.results if result.outcome == "succeeded"]
    timed = [result for result in succeeded if result.latency is not None]
    looked_into = profile.inspection.workload if profile.inspection else None
    same = (result for result in timed or succeeded if result.workload == looked_into)
    return next(iter((*same, *timed, *succeeded, *profile.results)), None)


def memory_of(result: WorkloadResult | None) -> Memory | None:
    """Return the memory that matters: the device's where there is one, else the host's."""
    if result is None:
        return None
    return min(result.memory, key=lambda memory: memory.space != "device", default=None)
