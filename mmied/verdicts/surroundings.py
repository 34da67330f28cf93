"""Keep those steps of a series that stand up to their surroundings.

A step is real where the levels within a window on either side differ clearly by a t that knows how much each value of
this series depends on the one before, by more than a line through the window explains (else it is drift), and by
enough to matter. The values of a short level have to be rare on its other side: else they are a few of a slower mode
in a row. The weakest goes first, and the rest is judged anew without it. In a series that wanders, in which no mean is
sure, a step also stands that is far beyond what its neighbouring values usually differ by.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mmied.verdicts.segments import Values

# Chosen on one half of the annotated series of benchmarks/detection.py; what they reach is told of the other half.
WINDOW = 25  # values on either side that a step is judged by: what is farther off says more of other things
LEAST_T = 3.5
MOST_CHANCE = 3e-4  # of a short level being values that come up on the other side too, as in a bimodal series
STEP_OVER_LINE = 1.1  # how much better than a line a step has to fit, by residual sum of squares
WANDERS = 0.3  # the correlation of neighbours from which a jump may stand in for t
JUMP_VALUES = 3  # on either side of a jump, of which the means are held against each other
LEAST_JUMP = 6.0  # robust deviations of that difference along the series
MOST_CORRELATION = 0.97  # beyond it a window of 25 holds less than one independent value
CAUTION = 0.5  # of the noise of the whole series is the least that a window is taken to have


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What stands on either side of a step: levels, how many values and how heavy, and what is left about them."""

    before: float
    after: float
    left_count: int
    right_count: int
    left_mass: float
    right_mass: float
    rest: float  # residual sum of squares about the two levels
    line_rest: float  # the same about a line
    chance: float  # that so many of the shorter side lie beyond the middle, going by the longer side


class Judge:
    """Holds what every step of one series is judged by; values are about `level`, in `whole` with their spikes."""

    def __init__(
        self, series: Values, weights: Values, *, whole: Values, level: float, noise: float, minimum_ratio: float
    ) -> None:
        self._series, self._weights, self._whole = series, weights, whole
        self._level, self._noise, self._minimum_ratio = level, noise, minimum_ratio
        self._windows: dict[tuple[int, int, int], Window] = {}
        self._products: dict[tuple[int, int], tuple[float, float]] = {}
        self._correlation, self._dependence = 0.0, _dependence(0.0)
        self._jumps = _jumps(series)

    def keep_real(self, steps: list[int]) -> list[int]:
        """Return the steps that stand, having dropped the weakest again and again."""
        kept = list(steps)
        while kept:
            bounds = [0, *kept, len(self._series)]
            self._correlation = self._correlation_within(bounds)
            self._dependence = _dependence(self._correlation)
            standing = [self._stands(*bounds[place : place + 3]) for place in range(len(kept))]
            weakest = standing.index(min(standing))
            if standing[weakest] >= 1:
                break
            kept.pop(weakest)
        return kept

    def window(self, start: int, cut: int, end: int) -> Window:
        """Return what surrounds the step at `cut` between its neighbours, those WINDOW values off at most."""
        key = (max(start, cut - WINDOW), cut, min(end, cut + WINDOW))
        if key not in self._windows:
            self._windows[key] = self._look(*key)
        return self._windows[key]

    def errors(self, window: Window) -> tuple[float, float]:
        """Return the standard errors of the two levels, as the steps that were judged last leave them."""
        left, right = self._dependence[window.left_count], self._dependence[window.right_count]
        free = max(1.0, window.left_count - left + window.right_count - right)
        spread = max(math.sqrt(window.rest / free), CAUTION * self._noise)
        return spread * math.sqrt(left / window.left_mass), spread * math.sqrt(right / window.right_mass)

    def t(self, window: Window) -> float:
        """Return how far beyond noise the levels differ."""
        return abs(window.after - window.before) / math.hypot(*self.errors(window))

    def _stands(self, start: int, cut: int, end: int) -> float:
        """Return how well a step stands: below 1 it does not."""
        window = self.window(start, cut, end)
        clear = self.t(window) / LEAST_T
        if self._correlation >= WANDERS:
            clear = max(clear, float(self._jumps[cut]) / LEAST_JUMP)
        if window.rest * STEP_OVER_LINE > window.line_rest:
            clear = min(clear, 0.5)
        if window.chance > MOST_CHANCE:
            clear = min(clear, 0.5)
        matters_from = self._minimum_ratio * abs(self._level + window.before)
        return min(clear, abs(window.after - window.before) / matters_from) if matters_from else clear

    def _correlation_within(self, bounds: list[int]) -> float:
        """Return the correlation of neighbours about their levels, lifted by what taking the levels off cost.

        Marriott and Pope, Biometrika 1954: about the mean of n values it is too low by (1 + 3 r) / n.
        """
        products = squares = 0.0
        for part in pairwise(bounds):
            if part not in self._products:
                values = self._series[slice(*part)] - self._series[slice(*part)].mean()
                self._products[part] = float(values[1:] @ values[:-1]), float(values @ values)
            products, squares = products + self._products[part][0], squares + self._products[part][1]
        if squares == 0.0:
            return 0.0
        count = len(self._series) / (len(bounds) - 1)
        lifted = (products / squares * count + 1) / max(1.0, count - 3)
        return min(max(lifted, 0.0), MOST_CORRELATION)

    def _look(self, start: int, cut: int, end: int) -> Window:
        before, left_rest, left_mass = self._about_mean(slice(start, cut))
        after, right_rest, right_mass = self._about_mean(slice(cut, end))
        return Window(
            before=before,
            after=after,
            left_count=cut - start,
            right_count=end - cut,
            left_mass=left_mass,
            right_mass=right_mass,
            rest=left_rest + right_rest,
            line_rest=self._about_line(slice(start, end)),
            chance=_chance(self._whole[start:cut], self._whole[cut:end], (before + after) / 2),
        )

    def _about_mean(self, part: slice) -> tuple[float, float, float]:
        """Return mean, residual sum of squares about it, and mass."""
        values, weights = self._series[part], self._weights[part]
        mass = float(weights.sum())
        mean = float(weights @ values) / mass
        return mean, float(weights @ (values - mean) ** 2), mass

    def _about_line(self, part: slice) -> float:
        mean, rest, mass = self._about_mean(part)
        values, weights = self._series[part], self._weights[part]
        at = np.arange(len(values)) - float(weights @ np.arange(len(values))) / mass
        return rest - float(weights @ (at * (values - mean))) ** 2 / float(weights @ at**2)


def _chance(left: Values, right: Values, border: float) -> float:
    """Return how likely so many values of the shorter side lie beyond `border`, going by the longer side."""
    few, many = (left, right) if len(left) < len(right) else (right, left)
    above = bool((few > border).mean() > (many > border).mean())
    beyond = int(((few > border) == above).sum())
    share = (int(((many > border) == above).sum()) + 1) / (len(many) + 2)  # by Laplace's rule
    return sum(
        math.comb(len(few), count) * share**count * (1 - share) ** (len(few) - count)
        for count in range(beyond, len(few) + 1)
    )


def _dependence(correlation: float) -> list[float]:
    """Return how much more the mean of 0, 1, 2 … WINDOW values varies than if neighbours did not correlate."""
    counts = np.arange(1, WINDOW + 1)
    rest = 1 - correlation
    # of a first-order autoregression: the sum of (1 - lag / count) * correlation ** lag over all lags
    varies = (1 + correlation) / rest - 2 * correlation * (1 - correlation**counts) / (counts * rest**2)
    return [1.0, *varies.tolist()]


def _jumps(series: Values) -> Values:
    """Return how far the means before and from each index differ, in robust deviations of that difference."""
    jumps = np.zeros(len(series))
    sums = np.r_[0.0, np.cumsum(series)]
    at = np.arange(JUMP_VALUES, len(series) - JUMP_VALUES + 1)
    differences = np.abs(sums[at + JUMP_VALUES] - 2 * sums[at] + sums[at - JUMP_VALUES]) / JUMP_VALUES
    usual = 1.4826 * float(np.median(differences))
    if usual > 0:
        jumps[at] = differences / usual
    return jumps
