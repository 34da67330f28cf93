"""Find where a batch sweep stops paying, for each precision in it."""

from collections.abc import Iterable

from mmied.profiles import Knee
from mmied.records import WorkloadResult
from mmied.stats import find_knee


def knees_of(results: Iterable[WorkloadResult], own_precision: str) -> tuple[Knee, ...]:
    """Return a knee for each precision that was measured back to back at three batch sizes or more.

    Latency is the median, where the sample bears one, else the mean.
    """
    sweeps: dict[str, dict[int, tuple[int, float, float]]] = {}
    for result in results:
        work, latency, throughput = result.workload, result.latency, result.throughput_samples_per_second
        if latency is None or throughput is None or work.gap_seconds:
            continue
        seconds = latency.quantiles.get("0.5", latency.mean_seconds)
        points = sweeps.setdefault(work.precision or own_precision, {})
        points[work.batch_size] = (work.batch_size, throughput, seconds)
    knees = []
    for precision, points in sweeps.items():
        ordered = [points[batch_size] for batch_size in sorted(points)]
        index = find_knee(ordered)
        if index is None:
            continue
        best = max(ordered, key=lambda point: point[1])
        knees.append(
            Knee(
                batch_size=ordered[index][0],
                throughput_samples_per_second=ordered[index][1],
                latency_seconds=ordered[index][2],
                best_batch_size=best[0],
                best_throughput_samples_per_second=best[1],
                precision=precision,
            )
        )
    return tuple(knees)
