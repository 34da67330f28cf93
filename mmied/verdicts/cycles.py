"""Take off a cycle that comes again and again, as the load of a day does.

A cycle is what a series still shares with itself one, two and three periods later once the mean of a period about each
value, in which no cycle shows but every shift does, has been taken off.
"""

import numpy as np

from mmied.verdicts.segments import Values

SHORTEST_PERIOD = 4
CYCLES = 5  # that a series has to hold, for one to be told from chance
PERIODS_LATER = (1, 2, 3)  # a few shifts, evenly spaced by chance, are not like themselves that often
LEAST_LIKENESS = 0.4  # of a series about its moving mean and itself
USUAL = (0.02, 0.98)  # quantiles: a few spikes beyond them would hide any cycle
CHANCE_DEVIATIONS = 4.0  # that the likeness has to be beyond what independent values have


def without_cycle(series: Values) -> Values:
    """Return the series without its cycle; as it is where none is clear."""
    calm = np.clip(series, *np.quantile(series, USUAL))
    period = find_period(calm)
    if period is None:
        return series
    rest = _about_moving_mean(calm, period)
    phases = np.arange(len(series)) % period
    cycle = np.array([np.nanmedian(rest[phases == phase]) for phase in range(period)])
    steady: Values = series - (cycle - cycle.mean())[phases]
    return steady


def find_period(series: Values) -> int | None:
    """Return how many values the clearest cycle of a series has; None where none is clear."""
    longest = len(series) // CYCLES
    if longest < SHORTEST_PERIOD:
        return None
    best = _likeliest(series, longest)
    if best is None:
        return None
    rest = _about_moving_mean(series, best)
    rest = rest[np.isfinite(rest)]
    likeness = min(_likeness(rest, later * best) for later in PERIODS_LATER)
    return best if likeness >= max(LEAST_LIKENESS, CHANCE_DEVIATIONS / np.sqrt(len(rest) - best)) else None


def _likeliest(series: Values, longest: int) -> int | None:
    """Return the period after which, and after whose multiples, a series is most like itself."""
    rest = _about_moving_mean(series, longest)
    rest = rest[np.isfinite(rest)]
    size = 1 << (2 * len(rest) - 1).bit_length()
    spectrum = np.fft.rfft(rest, size)
    products = np.fft.irfft(np.abs(spectrum) ** 2, size)[: len(rest)] / (len(rest) - np.arange(len(rest)))
    unlike = int(np.argmax(products < 0))  # before that a value is just like its neighbours
    periods = np.arange(max(SHORTEST_PERIOD, unlike), longest + 1)
    if unlike == 0 or len(periods) == 0:
        return None
    likeness = np.sum([products[later * periods] for later in PERIODS_LATER], axis=0)
    padded = np.r_[-np.inf, likeness, -np.inf]
    peaks = np.flatnonzero((likeness >= padded[:-2]) & (likeness >= padded[2:]))
    highest = likeness[peaks].max()
    if highest <= 0:
        return None
    first = peaks[np.argmax(likeness[peaks] >= 0.8 * highest)]  # and not twice the period
    near = slice(first, np.searchsorted(periods, 1.5 * periods[first]))
    return int(periods[near][np.argmax(likeness[near])])


def _about_moving_mean(series: Values, period: int) -> Values:
    """Return the values less the mean of one period about each; NaN where it would leave the series."""
    sums = np.r_[0.0, np.cumsum(series)]
    means = (sums[period:] - sums[:-period]) / period
    if period % 2 == 0:  # no value is the middle of so many: the mean of the two that are nearest to it
        means = (means[1:] + means[:-1]) / 2
    reach = period // 2
    rest = np.full(len(series), np.nan)
    rest[reach : reach + len(means)] = series[reach : reach + len(means)] - means
    return rest


def _likeness(rest: Values, lag: int) -> float:
    """Return the correlation of values with those `lag` later."""
    before, after = rest[:-lag], rest[lag:]
    scale = float(np.sqrt((before @ before) * (after @ after)))
    return float(before @ after) / scale if scale > 0 else 0.0
