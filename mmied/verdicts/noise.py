"""Learn what a series' own noise is, and what can be told in spite of it; pure.

The noise is what runs of one level scatter by, from differences of neighbours, which neither levels nor drift touch
much. How much more the mean of several runs wanders than that of independent ones (drift, cycles, runs that resemble
their neighbours) is measured by doing to the quiet part what the detector does: holding means of 1, 2, 4 … runs
against those before.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import mul

ERROR_WEIGHT = 1.2  # variance of a run per squared standard error that it gives of itself
REFERENCE_RUNS = 40  # before a candidate shift, by which the level before is told: farther back says more of drift
SIZES = (1, 2, 4, 8, 16)
SIDE = 3  # neighbours on either side, about whose median a run is cut
CLIP = 3.0  # deviations: what is farther out says of itself that it is an accident
PRIOR_BLOCKS = 10.0  # independent noise counts as much as this many means that were seen
RECENT = 14  # newest runs, whose differences tell whether the noise has grown
RECENT_PRIOR = 3.0
LOWER_SQUARES = 0.586  # mean of the squares of so many standard normal differences, the two largest left out
FEWEST_BEFORE = 5
MEDIAN_SQUARE = 0.455  # of a standard normal figure
ACCIDENTS, ACCIDENTS_AMONG = 0.5, 100.0  # are taken for seen before anything was
BURST_PRIOR = 2.0  # accidents that are taken to have come alone before any was seen
EXPECTED_FREEDOM = 15.0  # series of few runs are much like others: nothing could be told of them for a day else
DIFFERENCES_PER_FREEDOM = 2.0  # differences of neighbours overlap, and tell less than as many runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """The scatter of a series. `dependence` tells for SIZES how much more the mean of so many runs varies."""

    deviation: float
    dependence: tuple[float, ...] = (1.0,) * len(SIZES)
    freedom: float = 1.0  # how many independent runs tell it
    accidents: float = ACCIDENTS / ACCIDENTS_AMONG  # share of runs farther out than CLIP deviations
    bursts: float = ACCIDENTS / ACCIDENTS_AMONG  # share of runs after such a one that are such too
    records: tuple[float, ...] = (0.0,) * len(SIZES)  # for SIZES, how far the mean of so many runs has ever been off

    def record(self, size: int) -> float:
        """Return how many deviations of independent ones the mean of `size` runs has been off, at the most."""
        return _between(self.records, size)

    def variance(self, error: float) -> float:
        """Return the variance of a run with this standard error of its own."""
        return self.deviation * self.deviation + ERROR_WEIGHT * error * error

    def tempered(self, evidence: float, size: int) -> float:
        """Return what a likelihood ratio's logarithm is worth, when the scatter itself is known from few means.

        That of Student's t instead of the normal distribution: fewer means of `size` runs fit into what was seen.
        """
        freedom = self.freedom / size
        return freedom / 2 * math.log1p(2 * evidence / freedom)

    def untempered(self, strength: float, size: int) -> float:
        """Return the likelihood ratio's logarithm that is worth `strength`."""
        freedom = self.freedom / size
        return freedom / 2 * math.expm1(min(2 * strength / freedom, 50.0))

    def inflation(self, size: int) -> float:
        """Return by how much the variance of a mean of `size` runs is above that of independent ones."""
        return _between(self.dependence, size)


def _between(figures: Sequence[float], size: int) -> float:
    """Return the figure for `size`, of those for SIZES."""
    place = min(math.log2(size), len(SIZES) - 1.0)
    low = int(place)
    high = min(low + 1, len(SIZES) - 1)
    return figures[low] + (place - low) * (figures[high] - figures[low])


def learn_noise(
    values: Sequence[float], errors: Sequence[float], segments: Sequence[tuple[int, int]], *, least: float
) -> Noise:
    """Return the noise of `values` within `segments`; a deviation below `least`, above 0, is taken for that."""
    variance, count = scatter(values, errors, segments)
    noise = Noise(deviation=max(math.sqrt(variance), least))
    variances = [noise.variance(error) for error in errors]
    cut = list(values)
    for begin, end in segments:
        cut[begin:end] = without_spikes(values[begin:end], variances[begin:end])
    accidents, bursts = _accidents(values, cut, segments)
    dependence, records = _means(cut, variances, segments)
    return Noise(
        deviation=noise.deviation,
        accidents=accidents,
        bursts=bursts,
        dependence=dependence,
        records=records,
        freedom=EXPECTED_FREEDOM + count / DIFFERENCES_PER_FREEDOM,
    )


def scatter(values: Sequence[float], errors: Sequence[float], segments: Sequence[tuple[int, int]]) -> tuple[float, int]:
    """Return the variance between runs that their own errors do not explain, and how many differences tell it."""
    squares: list[float] = []
    expected: list[float] = []
    for begin, end in segments:
        squares += [
            (late - early) ** 2 for early, late in zip(values[begin:end], values[begin + 1 : end], strict=False)
        ]
        own = [ERROR_WEIGHT * error * error for error in errors[begin:end]]
        expected += [early + late for early, late in pairwise(own)]
    if not squares:
        return 0.0, 0
    middle = len(squares) // 2
    total = 1.4826**2 * sorted(squares)[middle] or sum(squares) / len(squares)
    variance = max(total - sorted(expected)[middle], 0.1 * total)
    for _ in range(3):
        above = mass = 0.0
        for square, own_part in zip(squares, expected, strict=True):
            whole = variance + own_part
            if not whole:
                continue
            weight = 1 / (whole * whole)
            # A square cut at 2.5 deviations is 2 % short of the whole for a normal difference.
            above += weight * (1.02 * (square if square < 6.25 * whole else 6.25 * whole) - own_part)
            mass += weight
        variance = max(above / mass, 0.05 * variance) if mass else 0.0
    return variance / 2, len(squares)


def without_spikes(values: Sequence[float], variances: Sequence[float]) -> list[float]:
    """Return the values cut to CLIP deviations from the median of their neighbours, the newest of those before."""
    found = list(values)
    inner = len(values) - SIDE
    for i in range(len(values)):
        near = sorted(values[max(0, i - SIDE) : i + SIDE + 1] if i < inner else values[max(0, i - 2 * SIDE) : i])
        if not near:
            continue
        middle = near[len(near) // 2]
        rest = values[i] - middle
        if rest * rest > CLIP * CLIP * variances[i]:
            found[i] = middle + math.copysign(CLIP * math.sqrt(variances[i]), rest)
    return found


def recent_excess(values: Sequence[float], variances: Sequence[float]) -> float:
    """Return by how much the newest runs vary more than was learned; a step among them, or a spike, tells nothing."""
    newest, own = values[-RECENT:], variances[-RECENT:]
    squares = sorted(
        (late - early) ** 2 / (v + w) for (early, late), (v, w) in zip(pairwise(newest), pairwise(own), strict=True)
    )[:-2]
    seen = sum(squares) / LOWER_SQUARES
    return max(1.0, (RECENT_PRIOR + seen) / (RECENT_PRIOR + len(squares)))


def _accidents(
    values: Sequence[float], cut: Sequence[float], segments: Sequence[tuple[int, int]]
) -> tuple[float, float]:
    """Return the share of runs that are far out, and that among those right after such a one."""
    far = pairs = count = 0
    for begin, end in segments:
        out = [own != kept for own, kept in zip(values[begin:end], cut[begin:end], strict=True)]
        far += sum(out)
        pairs += sum(early and late for early, late in pairwise(out))
        count += end - begin
    share = (far + ACCIDENTS) / (count + ACCIDENTS_AMONG)
    return share, max(share, (pairs + BURST_PRIOR * share) / (far + BURST_PRIOR))


def _means(
    values: Sequence[float], variances: Sequence[float], segments: Sequence[tuple[int, int]]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return for SIZES by how much more a mean varies than one of independent runs, and how far one was off."""
    weights = [1 / variance for variance in variances]
    squares: list[list[float]] = [[] for _ in SIZES]
    for begin, end in segments:
        weight = weights[begin:end]
        mass = [0.0, *accumulate(weight)]
        sums = [0.0, *accumulate(map(mul, weight, values[begin:end]))]
        for found, size in zip(squares, SIZES, strict=True):
            for cut in range(FEWEST_BEFORE, end - begin - size + 1, max(1, size // 2)):
                first = cut - REFERENCE_RUNS if cut > REFERENCE_RUNS else 0
                before, after = mass[cut] - mass[first], mass[cut + size] - mass[cut]
                difference = (sums[cut + size] - sums[cut]) / after - (sums[cut] - sums[first]) / before
                found.append(difference * difference * before * after / (before + after))
    dependence = []
    for found, size in zip(squares, SIZES, strict=True):
        blocks = len(found) / min(size, 2)
        dependence.append(max(1.0, (_mean_square(found) * blocks + PRIOR_BLOCKS) / (blocks + PRIOR_BLOCKS)))
    return tuple(dependence), tuple(math.sqrt(max(found, default=0.0)) for found in squares)


def _mean_square(squares: Sequence[float]) -> float:
    """Return the mean, of squares cut to CLIP deviations by what their own median says."""
    if not squares:
        return 1.0
    bound = CLIP * CLIP * max(1.0, sorted(squares)[len(squares) // 2] / MEDIAN_SQUARE)
    return sum(square if square < bound else bound for square in squares) / len(squares)
