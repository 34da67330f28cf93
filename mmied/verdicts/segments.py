"""Cut a series into levels: where steps may be, each where it fits best.

A step is looked for in intervals of many lengths at once (seeded binary segmentation: Kovács, Bühlmann, Li and Munk,
Biometrika 2023), spikes having been cut down to what their neighbours allow.
"""

import math
from bisect import bisect_right, insort

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

# Chosen on one half of the annotated series of benchmarks/detection.py, as all constants of `surroundings`.
LEAST_GAIN = 100.0  # fall of the residual sum of squares, in variances of the noise, for a step to be looked at
SHORTEST = 5  # values in a level
NEIGHBOURS = 5  # on either side, of which the median tells what a value should be about
SPIKE_DEVIATIONS = 3.5


def without_spikes(series: Values) -> Values:
    """Return the series with values cut to SPIKE_DEVIATIONS robust deviations from their neighbours' median."""
    reach = min(NEIGHBOURS, len(series) - 1)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(series, reach, mode="reflect"), 2 * reach + 1)
    centre = np.median(windows, axis=1)
    spread = 1.4826 * np.median(np.abs(windows - centre[:, None]), axis=1)
    spread = np.maximum(spread, 0.5 * float(np.median(spread)))
    return np.clip(series, centre - SPIKE_DEVIATIONS * spread, centre + SPIKE_DEVIATIONS * spread)


def noise_of(series: Values) -> float:
    """Return the standard deviation of the noise, from differences of neighbours, which steps hardly touch."""
    differences = np.diff(series)
    robust = 1.4826 * float(np.median(np.abs(differences))) / math.sqrt(2)
    return robust or float(np.std(differences)) / math.sqrt(2)


def find_steps(series: Values, weights: Values, noise: float) -> list[int]:
    """Return where steps may be, in their order: the first values of new levels."""
    mass, sums = np.r_[0.0, np.cumsum(weights)], np.r_[0.0, np.cumsum(weights * series)]
    return _refined(_segmented(mass, sums, noise), mass, sums)


def _segmented(mass: Values, sums: Values, noise: float) -> list[int]:
    """Return a step for each interval in which one shows, and that holds none of a shorter interval."""
    count = len(mass) - 1
    found: list[tuple[int, float, int, int]] = []
    length = 2.0 * SHORTEST
    lengths = []
    while length < count:
        lengths.append(int(length))
        length *= math.sqrt(2)
    for size in dict.fromkeys([*lengths, count]):
        starts = np.arange(0, count - size + 1, max(1, size // 4))
        cuts = starts[:, None] + np.arange(SHORTEST, size - SHORTEST + 1)[None, :]
        gains = _gains(mass, sums, starts[:, None], cuts, (starts + size)[:, None])
        best = np.argmax(gains, axis=1)
        gain = gains[np.arange(len(starts)), best]
        showing = np.flatnonzero(gain >= LEAST_GAIN * noise**2)
        found += [(size, -float(gain[row]), int(starts[row]), int(cuts[row, best[row]])) for row in showing]
    steps: list[int] = []
    for size, _, start, cut in sorted(found):
        after = bisect_right(steps, start)
        if after == len(steps) or steps[after] >= start + size:
            insort(steps, cut)
    return steps


def _gains(mass: Values, sums: Values, start: NDArray[np.intp], cut: NDArray[np.intp], end: NDArray[np.intp]) -> Values:
    """Return by how much two levels, before and from `cut`, fit start to end better than one does."""
    left, right = mass[cut] - mass[start], mass[end] - mass[cut]
    difference = (sums[cut] - sums[start]) / left - (sums[end] - sums[cut]) / right
    gains: Values = difference**2 * left * right / (left + right)
    return gains


def _refined(steps: list[int], mass: Values, sums: Values) -> list[int]:
    """Return the steps, each where it fits best between its neighbours."""
    placed = [0, *steps, len(mass) - 1]
    for _ in range(3):
        before = list(placed)
        for place in range(1, len(placed) - 1):
            start, end = placed[place - 1], placed[place + 1]
            if end - start >= 2 * SHORTEST:
                cuts = np.arange(start + SHORTEST, end - SHORTEST + 1)
                placed[place] = int(cuts[np.argmax(_gains(mass, sums, np.array(start), cuts, np.array(end)))])
        if placed == before:
            break
    return placed[1:-1]
