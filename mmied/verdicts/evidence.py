"""Weigh the evidence that the newest runs of a series are of another level; pure.

For each number of newest runs: the likelihood ratio of a shift that matters (the best one, but at least the smallest
that is worth an alarm) against none, as in a generalized likelihood ratio test over the place of the change (Lai,
JRSS B 1995). No run counts for more than a cap, nor for much more than the others together: one alone, however far out,
proves nothing. Where the series has been as far off before, without a shift, nothing is confirmed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import mul

from mmied.verdicts.adjusting import Following
from mmied.verdicts.noise import CLIP, REFERENCE_RUNS, Noise, recent_excess, without_spikes

LONGEST = 24  # newest runs that may be the new level: a shift that took longer to show was drift
CAP = 1.0  # most evidence of one run, per logarithm of how rarely runs are far out by accident
ALONE = 4.0  # times what all others prove, a shift may be proven with the strongest run
MOST_SPREAD = 64.0  # squared deviations of one run: beyond, it says no more of all of them
LEAST_BEFORE = 4
SCATTER_FREEDOM = 1.0  # how many runs the noise learned earlier counts for beside the scatter of the newest
NEAR = 1.5  # shifts below so many times the smallest that matters have time,
SLOW = 5  # namely so many runs: three runs that are alike are often that without a change
RECORD = 1.2  # times what the series has done before: once in 1,000 runs over once in 120, where noise is normal
CURVED = 6  # runs that it takes to tell a step from the beginning of a drift


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What speaks for a shift: its first run, as an index, its size with its standard error, and how strongly."""

    first: int
    before: float = 0.0
    shift: float = 0.0
    error: float = 0.0
    strength: float = 0.0


def weigh(
    values: Sequence[float],
    variances: Sequence[float],
    noise: Noise,
    smallest: float,
    *,
    companions: Sequence[Sequence[float]] = (),
    following: Following | None = None,
) -> tuple[Evidence, Evidence]:
    """Return the strongest evidence of a shift by at least `smallest` among the newest of `values`.

    The first is of what may be confirmed, the second of what is suspicious: that may be a single run, or too few of a
    small shift. `values` are without what they follow of their `companions`; how sure that is `following` tells.
    """
    begin = max(0, len(values) - REFERENCE_RUNS - LONGEST)
    values, variances = values[begin:], variances[begin:]
    count = len(values)
    weights = [1 / variance for variance in variances]
    mass = [0.0, *accumulate(weights)]
    sums = [0.0, *accumulate(map(mul, weights, without_spikes(values, variances)))]
    moved = [[0.0, *accumulate(map(mul, weights, companion[begin:]))] for companion in companions]
    unrest = recent_excess(values, variances)
    confirming = suspicious = Evidence(first=begin + count)
    for size in range(1, min(LONGEST, count - LEAST_BEFORE) + 1):
        cut = count - size
        first = max(0, cut - REFERENCE_RUNS)
        before_mass, after_mass = mass[cut] - mass[first], mass[count] - mass[cut]
        before = (sums[cut] - sums[first]) / before_mass
        variance = 1 / before_mass
        if following:
            moves = [(sum_[count] - sum_[cut]) / after_mass - (sum_[cut] - sum_[first]) / before_mass for sum_ in moved]
            variance += following.variance(moves)
        strength, shift, error = _of_newest(values[cut:], variances[cut:], before, variance, noise, smallest, unrest)
        if strength > suspicious.strength:
            suspicious = Evidence(first=begin + cut, before=before, strength=strength, shift=shift, error=error)
        enough = size >= SLOW or (size >= 2 and abs(shift) >= NEAR * smallest)
        off = RECORD * noise.record(size)
        usual = shift * shift < off * off * (1 / after_mass + 1 / before_mass)
        if enough and not usual and strength > confirming.strength:
            confirming = Evidence(first=begin + cut, before=before, strength=strength, shift=shift, error=error)
    if confirming.strength:
        confirming = replace(confirming, first=begin + _place(values, weights, confirming.first - begin))
    return confirming, suspicious


def _place(values: Sequence[float], weights: Sequence[float], near: int) -> int:
    """Return where two levels fit best, by least squares, at most LONGEST runs from the end.

    What proves a shift soonest need not be where it began.
    """
    count = len(values)
    mass, sums = [0.0, *accumulate(weights)], [0.0, *accumulate(map(mul, weights, values))]

    def gain(cut: int) -> float:
        first = max(0, cut - REFERENCE_RUNS)
        before, after = mass[cut] - mass[first], mass[count] - mass[cut]
        difference = (sums[cut] - sums[first]) / before - (sums[count] - sums[cut]) / after
        return float(difference * difference * before * after / (before + after))

    places = range(max(LEAST_BEFORE, count - LONGEST), count - 1)
    return max(places, key=gain, default=near)


def _of_newest(
    newest: Sequence[float],
    variances: Sequence[float],
    before: float,
    before_variance: float,
    noise: Noise,
    smallest: float,
    unrest: float,
) -> tuple[float, float, float]:
    """Return strength, size and standard error of a shift from `before` to the `newest`."""
    size = len(newest)
    shifts = [value - before for value in newest]
    mass = sum(1 / variance for variance in variances)
    middle = sorted(shifts)[size // 2]
    shift = 0.0
    for own, variance in zip(shifts, variances, strict=True):
        rest = own - middle
        if size > 2 and rest * rest > CLIP * CLIP * variance:
            own = middle + math.copysign(CLIP * math.sqrt(variance), rest)
        shift += own / variance
    shift /= mass
    if 2 * abs(shift) <= smallest:
        return 0.0, shift, 0.0
    alternative = math.copysign(max(abs(shift), smallest), shift)
    spread = sum(
        min((own - shift) ** 2 / variance, MOST_SPREAD) for own, variance in zip(shifts, variances, strict=True)
    )
    # A few runs that scatter more than the series did say less: its variance has changed, or this hour is noisy.
    excess = max(unrest, (SCATTER_FREEDOM + spread) / (SCATTER_FREEDOM + size - 1))
    widened = (1 / mass + before_variance) * noise.inflation(size) * excess
    scale = alternative / (mass * widened)
    cap = CAP * -math.log(noise.accidents)
    each = [
        min(max(scale * (own - alternative / 2) / variance, -cap), cap)
        for own, variance in zip(shifts, variances, strict=True)
    ]
    evidence = sum(each)
    if size > 1:
        evidence = min(evidence, ALONE * (evidence - max(each)))  # one run proves nothing
    # Accidents that come in bursts are no independent witnesses.
    evidence = min(evidence, -CAP * (math.log(noise.accidents) + (size - 1) * math.log(noise.bursts)))
    if evidence <= 0:
        return 0.0, shift, math.sqrt(widened)
    return noise.tempered(evidence, size), shift, math.sqrt(widened)


def is_drift(values: Sequence[float], variances: Sequence[float], first: int) -> bool:
    """Tell whether a slope that began some time ago fits `values` better than a step at `first` does.

    Few runs beyond a step are steep, and tell nothing of that.
    """
    if len(values) - first < CURVED:
        return False
    begin = max(0, first - REFERENCE_RUNS)
    values, weights = without_spikes(values[begin:], variances[begin:]), [1 / each for each in variances[begin:]]
    first -= begin
    count = len(values)
    step = _left_by(values, weights, [float(index >= first) for index in range(count)])
    return any(
        _left_by(values, weights, [float(max(0, index - bend)) for index in range(count)]) < step
        for bend in range(0, count - CURVED, 2)
    )


def _left_by(values: Sequence[float], weights: Sequence[float], shape: Sequence[float]) -> float:
    """Return the weighted residual sum of squares of a level plus some of `shape`, less what a level alone leaves."""
    mass = sum(weights)
    middle = sum(map(mul, weights, shape)) / mass
    centred = [each - middle for each in shape]
    weighted = list(map(mul, weights, centred))
    across, along = sum(map(mul, weighted, values)), sum(map(mul, weighted, centred))
    return -across * across / along if along else 0.0
