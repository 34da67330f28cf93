"""Derive figures from samples: quantiles, when they are supported, and latency in spite of contention. Pure."""

import math
from collections.abc import Sequence
from random import Random
from statistics import NormalDist, fmean, median, stdev

from mmied.catalog import QUANTILES
from mmied.records import Estimator, Iterations, LatencySummary

CONFIDENCE = 0.99
# A thread that is woken waits some microseconds for a CPU even on an idle host: 10 µs for one of two OpenMP threads
# were common, 40 µs the 95th percentile in a 2.5 ms call. Less than this is not contention.
CONTENDED_SECONDS = 20e-6
CONTENDED_RATIO = 0.02
# Two bounds on the latency that several threads would have had; farther apart than this, neither can be published
# as comparable with other runs.
BOUNDS_AGREE_RATIO = 0.10
FEW_CLEAN = 30  # with several threads so many clean calls tell a median better than any subtraction does


def required_samples(quantile: float, confidence: float = CONFIDENCE) -> int:
    """Return how many samples it takes to bound a quantile: the least n with 1 - quantile**n ≥ confidence.

    With that many, the largest sample is at or above the true quantile with the given confidence; it is the rule
    by which MLPerf LoadGen stops early (binomial with no exceedance): 7 for p50, 90 for p95, 459 for p99.
    """
    return math.ceil(math.log(1 - confidence) / math.log(quantile))


def quantile(samples: Sequence[float], q: float) -> float:
    """Return the q-quantile of non-empty `samples`, linear between neighbours (Hyndman and Fan's type 7)."""
    ordered = sorted(samples)
    position = q * (len(ordered) - 1)
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def supported_quantiles(samples: Sequence[float]) -> dict[str, float]:
    """Return the published quantiles that the number of samples bears, keyed "0.5" and so on."""
    ordered = sorted(samples)
    return {str(q): quantile(ordered, q) for q in QUANTILES if len(ordered) >= required_samples(q)}


def median_interval(samples: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Return an interval of order statistics that holds the true median with at least `confidence`.

    The sign test's interval (Conover, Practical Nonparametric Statistics, 3.2): distribution-free, and exact where
    samples are independent. None for fewer than six samples, which bear none of 95 %.
    """
    ordered = sorted(samples)
    n = len(ordered)
    tail, rank = 0.5**n if n < 1000 else 0.0, 0
    if n >= 1000:  # the normal limit is within one rank there, and 2**-n is no number any more
        rank = math.floor(n / 2 - NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(n) / 2)
        return ordered[rank - 1], ordered[n - rank]
    below = tail
    while 2 * below <= 1 - confidence:
        rank += 1
        tail *= (n - rank + 1) / rank
        below += tail
    return (ordered[rank - 1], ordered[n - rank]) if rank else None


def quantile_interval(samples: Sequence[float], q: float, confidence: float = 0.95) -> tuple[float, float] | None:
    """Return an interval of order statistics that holds the true q-quantile with at least about `confidence`.

    As for the median: the number of samples below the quantile is binomial (Conover, 3.2); here by its normal limit,
    rounded outwards, and at its upper end the largest sample where that alone is far enough out. None where the
    sample does not reach beyond the quantile on both sides.
    """
    ordered = sorted(samples)
    n = len(ordered)
    margin = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(n * q * (1 - q))
    low, high = math.floor(n * q - margin) - 1, math.ceil(n * q + margin)
    if high >= n and n >= required_samples(q, (1 + confidence) / 2):
        high = n - 1
    return (ordered[low], ordered[high]) if low >= 0 and high < n else None


def noise_ratio(samples: Sequence[float]) -> float:
    """Return the median absolute deviation over the median; 0 for a median of 0."""
    centre = median(samples)
    return median(abs(sample - centre) for sample in samples) / centre if centre else 0.0


def agree(first: float, second: float, tolerance: float) -> bool:
    """Tell whether two positive figures differ by at most `tolerance` of the smaller one."""
    return abs(first - second) <= tolerance * min(first, second)


def is_contended(wall_seconds: float, wait_seconds: float) -> bool:
    """Tell whether a call waited for a CPU longer than an idle host would have made it wait."""
    return wait_seconds > max(CONTENDED_SECONDS, CONTENDED_RATIO * wall_seconds)


def contended_indexes(iterations: Iterations) -> set[int]:
    """Return the indexes of iterations in which a thread of ours waited for others, or was robbed of CPU or device.

    Threads of one model wait for one another too: woken after a pause, two may share a CPU until the scheduler
    spreads them. A quiet service feels that, and it is no contention. It is told by what others used meanwhile:
    they cannot have kept us waiting for longer than they ran.
    """
    if waited_for_itself(iterations):
        return set(iterations.disturbed)
    waits = iterations.wait_total_seconds or iterations.wait_seconds
    waited = {
        index
        for index, (wall, wait) in enumerate(zip(iterations.wall_seconds, waits, strict=True))
        if is_contended(wall, wait)
    }
    return waited | set(iterations.disturbed)


def waited_for_itself(iterations: Iterations) -> bool:
    """Tell whether the waits were longer than what others used of our CPUs while we were called."""
    if iterations.others_cpus is None:
        return False
    return sum(iterations.wait_seconds) > iterations.others_cpus * sum(iterations.wall_seconds)


def clean_samples(iterations: Iterations) -> list[float]:
    """Return the latencies in seconds of the uncontended iterations; on CUDA those between the device's events."""
    contended = contended_indexes(iterations)
    latencies = iterations.device_seconds or iterations.wall_seconds
    return [latency for index, latency in enumerate(latencies) if index not in contended]


def latency_samples(iterations: Iterations) -> tuple[list[float], Estimator, bool]:
    """Return the latencies to publish in seconds, how they were had, and whether they can be held against other runs.

    Clean iterations are used where there are enough: as many as a p95 takes, or half of all, or with several compute
    threads FEW_CLEAN. Else each wall time less the wait within it: exact for one compute thread. With several, the
    wait of the worst-off thread is subtracted, which may be too little; subtracting everybody's may be too much, as
    two can wait at once. Where the two differ by more than BOUNDS_AGREE_RATIO the samples are not fit for comparison.
    On CUDA there is nothing to subtract: without enough clean iterations all are used, and they are not fit.
    """
    clean = clean_samples(iterations)
    total = len(iterations.wall_seconds)
    several = iterations.wait_total_seconds is not None
    mostly_clean = 2 * len(clean) >= total
    if mostly_clean or len(clean) >= (FEW_CLEAN if several else required_samples(0.95)):
        # On a busy host two threads meet awake CPUs only: seen were 0.7 of the time that an idle one, whose CPUs have
        # to be woken, takes. A few such calls are worth showing, and are not the same thing.
        return clean, "device" if iterations.device_seconds else "clean", mostly_clean or not several
    if iterations.device_seconds:
        return list(iterations.device_seconds), "device", False
    upper = [max(wall - wait, 0.0) for wall, wait in zip(iterations.wall_seconds, iterations.wait_seconds, strict=True)]
    # Steal and throttling cannot be subtracted: they are known for a block of calls, not for a call.
    fit = 2 * len(iterations.disturbed) <= total
    if iterations.wait_total_seconds is not None:
        totals = zip(iterations.wall_seconds, iterations.wait_total_seconds, strict=True)
        fit = fit and agree(median(wall - wait for wall, wait in totals), median(upper), BOUNDS_AGREE_RATIO)
    return upper, "wall_minus_wait", fit


def summarize(iterations: Iterations, earlier: Sequence[Iterations] = ()) -> LatencySummary:
    """Return the statistics of non-empty `iterations`.

    `earlier` are iterations of earlier runs under the same fingerprint, newest first. They are pooled, run by run,
    only for quantiles that `iterations` alone cannot support; `pooled_runs` then says over how many runs, and the
    quantiles that could be had from the one run are still of that run.
    """
    latencies, estimator, fit = latency_samples(iterations)
    quantiles = supported_quantiles(latencies)
    pooled, runs = list(latencies), 1
    for other in earlier:
        if len(pooled) >= required_samples(QUANTILES[-1]):
            break
        more, how, comparable = latency_samples(other)
        if comparable and how == estimator:
            pooled += more
            runs += 1
    from_pool = supported_quantiles(pooled)
    walls = iterations.wall_seconds
    return LatencySummary(
        estimator=estimator,
        samples=len(latencies),
        iterations=len(walls),
        mean_seconds=fmean(latencies),
        max_seconds=max(latencies),
        noise_ratio=noise_ratio(latencies),
        standard_deviation_seconds=stdev(latencies) if len(latencies) > 1 else None,
        median_interval_seconds=median_interval(latencies),
        quantiles=from_pool | quantiles,
        wall_quantiles=supported_quantiles(walls),
        wall_max_seconds=max(walls),
        contended_ratio=len(contended_indexes(iterations)) / len(walls),
        fit=fit,
        pooled_runs=runs if len(from_pool) > len(quantiles) else 1,
        pooled_samples=len(pooled) if len(from_pool) > len(quantiles) else len(latencies),
    )


# Sweeps

NO_KNEE_RATIO = 0.05  # a curve that bends by less than this of its height is straight within the noise of a sweep


def find_knee(points: Sequence[tuple[int, float, float]]) -> int | None:
    """Return the index of the batch size beyond which latency grows faster than throughput.

    `points` are (batch size, throughput, latency), by rising batch size. The point is the farthest above the straight
    line from the first to the best one, with both axes scaled to 1 (Satopää et al., Finding a "Kneedle" in a Haystack,
    2011, for a concave rising curve; without its smoothing, as a sweep has few points). Batches beyond the highest
    throughput are dominated and left out. None for fewer than three points, and where the curve does not bend.
    """
    if len(points) < 3:
        return None
    best = max(range(len(points)), key=lambda index: points[index][1])
    rising = points[: best + 1]
    first, last = rising[0], rising[-1]
    if last[1] <= (1 + NO_KNEE_RATIO) * first[1]:
        return 0  # batching gains nothing: the smallest has the least latency
    if last[2] <= (1 + NO_KNEE_RATIO) * first[2]:
        return best  # and costs nothing
    heights = [(p[1] - first[1]) / (last[1] - first[1]) - (p[2] - first[2]) / (last[2] - first[2]) for p in rising]
    knee = max(range(len(rising)), key=lambda index: heights[index])
    return knee if heights[knee] > NO_KNEE_RATIO else None


# Pairs

MINIMUM_PAIRS = 6  # all of five pairs on one side happen by chance more often than one time in twenty
RESAMPLES = 2000  # an interval's ends then move by less than a tenth of its width from seed to seed


def paired_ratio(
    baseline_blocks: Sequence[float],
    candidate_blocks: Sequence[float],
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return how many times faster the candidate is: the median ratio of pairs of blocks, and its interval.

    Blocks of the same index ran side by side; what the host did to both falls out of their ratio. The interval is
    that of a smoothed bootstrap, which draws from the straight lines between the sorted ratios: drawing the ratios
    alone gives an interval of 95 % that holds the truth in 92 of 100 cases with 21 pairs. Drawing need not be done
    pair by pair: the middle one of n uniform draws is beta-distributed, and so are, for an even n, the two middle
    ones (David and Nagaraja, Order Statistics, 2.3). Raises ValueError for fewer than MINIMUM_PAIRS pairs: they bear
    no interval of 95 %.
    """
    ratios = sorted(base / other for base, other in zip(baseline_blocks, candidate_blocks, strict=True))
    n = len(ratios)
    if n < MINIMUM_PAIRS:
        raise ValueError(f"{n} pairs bear no interval: it takes {MINIMUM_PAIRS}")

    def ratio_at(uniform: float) -> float:
        place = min(max(uniform * (n + 1) - 1, 0.0), n - 1.0)
        low = min(int(place), n - 2)
        return ratios[low] + (ratios[low + 1] - ratios[low]) * (place - low)

    draw = Random(seed)
    half = n // 2
    medians = []
    for _ in range(max(RESAMPLES, round(20 / (1 - confidence)))):  # ten beyond each end at the least
        if n % 2:
            medians.append(ratio_at(draw.betavariate(half + 1, half + 1)))
        else:
            low = draw.betavariate(half, half + 1)
            high = 1 - (1 - low) * draw.random() ** (1 / half)
            medians.append((ratio_at(low) + ratio_at(high)) / 2)
    medians.sort()
    tail = (1 - confidence) / 2
    return median(ratios), quantile(medians, tail), quantile(medians, 1 - tail)
