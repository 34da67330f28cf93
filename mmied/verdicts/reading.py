"""Read a window of points: their level, their noise, and the evidence that the newest are of another level; pure."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist, median

from mmied.verdicts.adjusting import learn_following, without
from mmied.verdicts.evidence import CAP, LEAST_BEFORE, NEAR, RECORD, Evidence, is_drift, weigh
from mmied.verdicts.false_alarms import own_threshold
from mmied.verdicts.noise import REFERENCE_RUNS, Noise, learn_noise, scatter, without_spikes
from mmied.verdicts.series import DetectorSettings, Point

LEARNED = 10  # points that it takes to know a level and its noise at all
HELD_BACK = 8  # newest points that teach nothing yet: they may be of another level
UNSETTLED = 10.0  # deviations between the first few values and the next, at which the first are left out
FLOOR = 0.1  # of the smallest shift that matters: less noise than this is none, and still no proof from one run
CALM = "calm"
FOLLOWS = 0.15  # standard deviation, about its share, of how far a model follows a reference before anything is known
CALM_FOLLOWS = 0.1
POWER = NormalDist().inv_cdf(0.95)
WITHIN_RUNS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a window says; figures are on the points' scale, indexes among its points.

    `begin` is the first point of the present level; `level` is that without what is suspicious.
    """

    begin: int
    level: float
    error: float
    companions: dict[str, float]  # about which the level is
    coefficients: dict[str, float]
    noise: Noise
    smallest: float
    confirming: Evidence
    suspicious: Evidence
    drifts: bool
    needed: float  # evidence that a shift takes
    smallest_found: float  # shift that is found within WITHIN_RUNS in 95 of 100 cases


def read(points: Sequence[Point], starts: Sequence[float], settings: DetectorSettings) -> Reading:
    """Return what `points`, at least LEARNED, say; `starts` are the times at which known levels began."""
    times = [point.at for point in points]
    bounds = sorted({0, len(points), *(bisect_left(times, start) for start in starts)})
    segments = list(pairwise(bounds))
    begin, end = segments[-1]
    quiet = [*segments[:-1], (begin, end - min(HELD_BACK, (end - begin) // 3))]
    values = [point.value for point in points]
    errors = [point.uncertainty or 0.0 for point in points]
    smallest = _smallest(values[begin:end], settings)
    names, companions, expected = _companions(points, settings)
    share = [mean for mean, _ in expected]
    expected_values = without(values, companions, share)
    variance = max(scatter(expected_values, errors, quiet)[0], (FLOOR * smallest) ** 2)
    own = Noise(deviation=math.sqrt(variance))
    settled = begin + _settled_from(expected_values[begin:end], [own.variance(error) for error in errors[begin:end]])
    if settled > begin:
        begin, quiet = settled, [*quiet[:-1], (begin, settled), (settled, max(settled, quiet[-1][1]))]
    following = learn_following(values, companions, [own.variance(error) for error in errors], quiet, expected=expected)
    values = without(values, companions, following.coefficients)
    noise = learn_noise(values, errors, quiet, least=FLOOR * smallest)
    variances = [noise.variance(error) for error in errors[begin:]]
    confirming, suspicious = weigh(
        values[begin:],
        variances,
        noise,
        smallest,
        companions=[companion[begin:] for companion in companions],
        following=following if names else None,
    )
    runs = sum(late - early for early, late in quiet)
    needed = own_threshold(settings.false_alarms_per_run, noise, variances, smallest, runs=runs)
    drifts = confirming.strength >= needed and is_drift(values[begin:], variances, confirming.first)
    level_end = suspicious.first if suspicious.strength >= needed / 2 else end - begin
    first = max(0, level_end - REFERENCE_RUNS)
    kept = without_spikes(values[begin + first : begin + level_end], variances[first:level_end])
    weights = [1 / each for each in variances[first:level_end]]
    mass = sum(weights)
    centre = {
        name: sum(w * c for w, c in zip(weights, companion[begin + first : begin + level_end], strict=True)) / mass
        for name, companion in zip(names, companions, strict=True)
    }
    coefficients = dict(zip(names, following.coefficients, strict=True))
    middle = sum(w * v for w, v in zip(weights, kept, strict=True)) / mass
    return Reading(
        begin=begin,
        level=middle + sum(coefficients[name] * centre[name] for name in names),
        error=math.sqrt(noise.inflation(len(kept)) / mass),
        companions=centre,
        coefficients=coefficients,
        noise=noise,
        smallest=smallest,
        confirming=_moved(confirming, begin),
        suspicious=_moved(suspicious, begin),
        drifts=drifts,
        needed=needed,
        smallest_found=_smallest_found(noise, variances, smallest, needed),
    )


def _moved(evidence: Evidence, begin: int) -> Evidence:
    return Evidence(
        first=begin + evidence.first,
        before=evidence.before,
        shift=evidence.shift,
        error=evidence.error,
        strength=evidence.strength,
    )


def _settled_from(values: Sequence[float], variances: Sequence[float]) -> int:
    """Return how many values at the beginning are clearly of another level than those right after them.

    The level was still moving while it was learned, or a shift that nobody saw leaves the window.
    """
    best, found = UNSETTLED * UNSETTLED, 0
    for cut in range(2, LEARNED if len(values) >= 3 * LEARNED else 0):
        variance = sum(variances[:cut]) / cut**2 + sum(variances[cut : cut + 2 * LEARNED]) / (2 * LEARNED) ** 2
        difference = median(values[cut : cut + 2 * LEARNED]) - sum(values[:cut]) / cut
        if difference * difference > best * variance:
            best, found = difference * difference / variance, cut
    return found


def _smallest(values: Sequence[float], settings: DetectorSettings) -> float:
    level = median(values[: max(LEAST_BEFORE, len(values) - HELD_BACK)])
    if settings.scale == "log":
        absolute = settings.minimum_change / math.exp(min(max(level, -700.0), 700.0))
        return max(math.log1p(max(settings.minimum_ratio, absolute)), 1e-9)
    largest = max(abs(value) for value in values)
    return max(settings.minimum_ratio * abs(level), settings.minimum_change, 1e-9 * largest, 1e-12)


def _companions(
    points: Sequence[Point], settings: DetectorSettings
) -> tuple[list[str], list[list[float]], list[tuple[float, float]]]:
    """Return names and rows of what ran beside all of `points`, and how the series is expected to follow them."""
    if settings.scale == "plain":
        return [], [], []
    names = sorted(set(points[-1].references).intersection(*(point.references for point in points)))
    rows = [[point.references[name] for point in points] for name in names]
    expected = [(1 / len(names), FOLLOWS) for _ in names]
    calm = [point.calm for point in points if point.calm is not None]
    if len(calm) == len(points):
        return [*names, CALM], [*rows, calm], [*expected, (0.0, CALM_FOLLOWS)]
    return names, rows, expected


def _smallest_found(noise: Noise, variances: Sequence[float], smallest: float, needed: float) -> float:
    """Return the shift that WITHIN_RUNS typical runs prove in 95 of 100 cases."""
    before = sum(1 / variance for variance in variances[-REFERENCE_RUNS:])
    spread = sum(variances) / len(variances) / WITHIN_RUNS + 1 / before
    deviation = math.sqrt(noise.inflation(WITHIN_RUNS) * spread)
    proof = noise.untempered(needed, WITHIN_RUNS)
    if proof > -CAP * (math.log(noise.accidents) + (WITHIN_RUNS - 1) * math.log(noise.bursts)):
        return math.inf
    off = RECORD * noise.record(WITHIN_RUNS) * math.sqrt(spread)
    return max(math.sqrt(2 * proof) * deviation, NEAR * smallest, off) + POWER * deviation
