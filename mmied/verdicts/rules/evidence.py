"""Read the figures of a profile that rules ask for; None where nobody measured them."""

from collections.abc import Iterable, Sequence
from statistics import fmean

from mmied.inspection import Layer, Operator, Usage
from mmied.profiles import Profile
from mmied.records import LatencySummary, Memory, WorkloadResult

CONTENDED_RATIO = 0.5  # the half at which latency itself is no longer told from undisturbed calls
# Kinds of operators that compute dense products, which is what 16-bit and 8-bit units make faster.
DENSE = ("matmul", "convolution", "attention")


def measured(profile: Profile) -> list[WorkloadResult]:
    """Return the workloads that were timed."""
    return [result for result in profile.results if result.latency and typical_seconds(result.latency) > 0]


def in_own_precision(profile: Profile) -> list[WorkloadResult]:
    """Return what was timed in the model's own precision."""
    return [result for result in measured(profile) if result.workload.precision in (None, profile.precision)]


def sweep(profile: Profile) -> list[WorkloadResult]:
    """Return what was timed back to back in the model's own precision: one result a batch size, smallest first.

    What was disturbed is left out: results are held against each other here.
    """
    by_size: dict[int, WorkloadResult] = {}
    for result in in_own_precision(profile):
        workload = result.workload
        if not is_disturbed(result) and not workload.gap_seconds and workload.batch_size > 0:
            by_size.setdefault(workload.batch_size, result)
    return [by_size[size] for size in sorted(by_size)]


def is_disturbed(result: WorkloadResult) -> bool:
    """Tell whether other work leaves a result that is not to be held against others."""
    return result.latency is None or not result.latency.fit or result.latency.contended_ratio >= CONTENDED_RATIO


def main_result(profile: Profile) -> WorkloadResult | None:
    """Return the workload that the deep passes looked at, or else the first that was timed."""
    results = measured(profile)
    looked_at = profile.inspection.workload if profile.inspection else None
    return next((result for result in results if result.workload == looked_at), results[0] if results else None)


def typical_seconds(latency: LatencySummary) -> float:
    """Return the median, or the mean of a sample that is too small for one."""
    return latency.quantiles.get("0.5", latency.mean_seconds)


def samples_per_second(result: WorkloadResult) -> float:
    """Return the samples that typical calls one after the other would take in a second."""
    assert result.latency is not None
    return result.workload.batch_size / typical_seconds(result.latency)


def operators(profile: Profile) -> Sequence[Operator]:
    """Return the operators that were seen, costliest first; none where nobody looked."""
    seen = profile.inspection and profile.inspection.operators
    return seen.operators if seen else ()


def category_ratio(profile: Profile, categories: Iterable[str]) -> float | None:
    """Return the share of the operators' own time that goes to `categories`; on CUDA of the kernels' time."""
    seen = profile.inspection and profile.inspection.operators
    whole = sum(seen.category_seconds.values()) if seen else 0.0
    if not seen or whole <= 0:
        return None
    return sum(seen.category_seconds.get(category, 0.0) for category in categories) / whole


def layers(profile: Profile) -> Sequence[Layer]:
    """Return the modules that were seen; none where nobody looked."""
    seen = profile.inspection and profile.inspection.layers
    return seen.layers if seen else ()


def on_cpu(profile: Profile) -> bool:
    """Tell whether the model runs on the host's CPUs."""
    return profile.device.startswith("cpu")


def memory_space(profile: Profile) -> str:
    """Return where the model's tensors live."""
    return "host" if on_cpu(profile) else "device"


def memory_of(result: WorkloadResult, space: str) -> Memory | None:
    """Return what a workload took of the memory in `space`."""
    return next((memory for memory in result.memory if memory.space == space), None)


def memory_total_bytes(profile: Profile) -> int | None:
    """Return the memory that the model can have: the device's, or the host's within the cgroup's limit."""
    stable = profile.environment.stable if profile.environment else {}
    if not on_cpu(profile):
        return _whole(stable.get("gpu_memory_bytes"))
    limits = [_whole(stable.get(name)) for name in ("memory_bytes", "cgroup_memory_max")]
    return min((limit for limit in limits if limit), default=None)


def cpus_available(profile: Profile) -> float | None:
    """Return the CPUs that the process may use: of its affinity, within its cgroup's quota."""
    stable = profile.environment.stable if profile.environment else {}
    affinity = stable.get("affinity")
    limits: list[float | None] = [_whole(stable.get("cpus"))]
    limits.append(len(affinity.split(",")) if isinstance(affinity, str) and affinity else None)
    quota, _, period = str(stable.get("cgroup_cpu_max") or "").partition(" ")
    if quota.isdigit() and period.isdigit() and int(period):
        limits.append(int(quota) / int(period))
    return min((limit for limit in limits if limit), default=None)


def environment_text(profile: Profile, name: str) -> str | None:
    """Return an entry of the environment that is a text."""
    value = profile.environment.stable.get(name) if profile.environment else None
    return value if isinstance(value, str) else None


def usage(profile: Profile) -> Usage | None:
    """Return what the process used while it ran for the deep passes, or else while it was profiled."""
    return (profile.inspection.usage if profile.inspection else None) or profile.usage


def mean_known(values: Iterable[float | None]) -> float | None:
    """Return the mean of the samples that are known."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _whole(value: str | float | bool | None) -> int | None:
    if isinstance(value, str):
        return int(value) if value.isdigit() else None
    return int(value) if value else None
