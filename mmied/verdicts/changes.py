"""Find the level shifts of a whole series: seeded segmentation, then each shift has to stand up to its surroundings.

A step is looked for in intervals of many lengths at once (seeded binary segmentation: Kovács, Bühlmann, Li and Munk,
Biometrika 2023), spikes having been cut down to what their neighbours allow. What is found is kept only where the
level differs within a window on either side: clearly by Welch's t, by more than a line through the window explains
(else it is drift), and by enough to matter. The weakest goes first, and the rest is judged anew without it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Better = Literal["lower", "higher"]
Values = NDArray[np.float64]

# Chosen on one half of the annotated series of benchmarks/detection.py; what they reach is told of the other half.
SEGMENT_GAIN = (
    100.0  # fall of the residual sum of squares, in units of the noise's variance, for a step to be looked at
)
SHORTEST = 5  # values in a level
WINDOW = 25  # values on either side that a shift is judged by: what is farther off says more of other things
LEAST_T = 5.0
STEP_OVER_LINE = 1.1  # how much better than a line a step has to fit, by residual sum of squares
NEIGHBOURS = 5  # on either side, of which the median tells what a value should be about
SPIKE_DEVIATIONS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A level shift. `index` is the first value of the new level.

    `ratio` is after over before less 1, with its 95 % interval; None where the level before is 0 or the sign turns.
    `t` is Welch's statistic of the two windows: how far beyond noise the shift is.
    """

    index: int
    before: float
    after: float
    ratio: float | None
    lower: float | None
    upper: float | None
    t: float
    worse: bool


def find_changes(
    values: Sequence[float] | Values,
    *,
    weights: Sequence[float] | Values | None = None,
    better: Better = "lower",
    minimum_ratio: float = 0.01,
) -> list[Change]:
    """Return the level shifts of `values`, in their order, of at least `minimum_ratio` of the level before.

    `weights` tell how much each value counts, 0 not at all; values that are not finite do not count. `better` says
    which direction is the good one. Fewer than ten values have no change. Raises ValueError when lengths differ, a
    weight is negative or `better` is neither.
    """
    everything = np.asarray(values, dtype=np.float64)
    all_weights = np.ones_like(everything) if weights is None else np.asarray(weights, dtype=np.float64)
    if everything.ndim != 1 or all_weights.shape != everything.shape:
        raise ValueError(f"values of shape {everything.shape} and weights of {all_weights.shape}: give two equal rows")
    if better not in ("lower", "higher"):
        raise ValueError(f'better="{better}": give "lower" or "higher"')
    if (all_weights < 0).any() or not np.isfinite(all_weights).all():
        raise ValueError("weights have to be finite and at least 0")
    places = np.flatnonzero(np.isfinite(everything) & (all_weights > 0))
    if len(places) < 2 * SHORTEST:
        return []
    level = float(np.median(everything[places]))
    series = _without_spikes(everything[places] - level)  # about 0: sums of squares then keep their digits
    noise = _noise(series)
    if noise == 0.0 and np.ptp(series) == 0.0:
        return []
    judge = _Judge(series, all_weights[places] / all_weights[places].mean(), level, noise, minimum_ratio)
    kept = judge.keep_real(_refined(_segmented(series, judge.weights, noise), series, judge.weights))
    bounds = [0, *kept, len(series)]
    return [
        judge.change(bounds[i], bounds[i + 1], bounds[i + 2], int(places[bounds[i + 1]]), better)
        for i in range(len(kept))
    ]


def _without_spikes(series: Values) -> Values:
    """Return the series with values cut to SPIKE_DEVIATIONS robust deviations from their neighbours' median."""
    reach = min(NEIGHBOURS, len(series) - 1)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(series, reach, mode="reflect"), 2 * reach + 1)
    centre = np.median(windows, axis=1)
    spread = 1.4826 * np.median(np.abs(windows - centre[:, None]), axis=1)
    spread = np.maximum(spread, 0.5 * float(np.median(spread)))
    return np.clip(series, centre - SPIKE_DEVIATIONS * spread, centre + SPIKE_DEVIATIONS * spread)


def _noise(series: Values) -> float:
    """Return the standard deviation of the noise, from differences of neighbours, which steps hardly touch."""
    differences = np.diff(series)
    robust = 1.4826 * float(np.median(np.abs(differences))) / math.sqrt(2)
    return robust or float(np.std(differences)) / math.sqrt(2)


def _segmented(series: Values, weights: Values, noise: float) -> list[int]:
    """Return where steps may be: of intervals in which one shows, the shortest that hold no other."""
    count = len(series)
    mass, sums = np.r_[0.0, np.cumsum(weights)], np.r_[0.0, np.cumsum(weights * series)]
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
        showing = np.flatnonzero(gain >= SEGMENT_GAIN * noise**2)
        found += [(size, -float(gain[row]), int(starts[row]), int(cuts[row, best[row]])) for row in showing]
    steps: list[int] = []
    for size, _, start, cut in sorted(found):
        if not any(start < step < start + size for step in steps):
            steps.append(cut)
    return sorted(steps)


def _gains(mass: Values, sums: Values, start: NDArray[np.intp], cut: NDArray[np.intp], end: NDArray[np.intp]) -> Values:
    """Return by how much two levels, before and from `cut`, fit start to end better than one does."""
    left, right = mass[cut] - mass[start], mass[end] - mass[cut]
    difference = (sums[cut] - sums[start]) / left - (sums[end] - sums[cut]) / right
    gains: Values = difference**2 * left * right / (left + right)
    return gains


def _refined(steps: list[int], series: Values, weights: Values) -> list[int]:
    """Return the steps, each where it fits best between its neighbours."""
    mass, sums = np.r_[0.0, np.cumsum(weights)], np.r_[0.0, np.cumsum(weights * series)]
    placed = list(steps)
    for _ in range(3):
        before = list(placed)
        for place in range(len(placed)):
            start = placed[place - 1] if place else 0
            end = placed[place + 1] if place + 1 < len(placed) else len(series)
            if end - start >= 2 * SHORTEST:
                cuts = np.arange(start + SHORTEST, end - SHORTEST + 1)
                gains = _gains(mass, sums, np.intp(start), cuts, np.intp(end))  # type: ignore[arg-type]
                placed[place] = int(cuts[np.argmax(gains)])
        if placed == before:
            break
    return placed


class _Judge:
    """Holds what every shift of one series is judged by."""

    def __init__(self, series: Values, weights: Values, level: float, noise: float, minimum_ratio: float) -> None:
        self.series, self.weights = series, weights
        self._level, self._noise, self._minimum_ratio = level, noise, minimum_ratio

    def keep_real(self, steps: list[int]) -> list[int]:
        """Return the steps that stand, having dropped the weakest again and again."""
        kept = list(steps)
        while kept:
            bounds = [0, *kept, len(self.series)]
            standing = [self._stands(bounds[i], bounds[i + 1], bounds[i + 2]) for i in range(len(kept))]
            weakest = int(np.argmin(standing))
            if standing[weakest] >= 1:
                break
            kept.pop(weakest)
        return kept

    def change(self, start: int, cut: int, end: int, index: int, better: Better) -> Change:
        """Return the shift at `cut` between the levels from `start` and to `end` as the caller is told it."""
        shift = self._shift(start, cut, end)
        before, after = self._level + shift.before, self._level + shift.after
        ratio = lower = upper = None
        if before * after > 0:
            ratio = after / before - 1
            # The delta method on the logarithm of the ratio of two means.
            spread = 1.96 * math.hypot(shift.before_error / before, shift.after_error / after)
            lower, upper = (1 + ratio) * math.exp(-spread) - 1, (1 + ratio) * math.exp(spread) - 1
        return Change(
            index=index,
            before=before,
            after=after,
            ratio=ratio,
            lower=lower,
            upper=upper,
            t=shift.t,
            worse=(after > before) == (better == "lower"),
        )

    def _stands(self, start: int, cut: int, end: int) -> float:
        """Return how well a shift stands: below 1 it does not."""
        shift = self._shift(start, cut, end)
        before = abs(self._level + shift.before)
        matters = (
            abs(shift.after - shift.before) / (self._minimum_ratio * before) if self._minimum_ratio * before else 1e9
        )
        stands = min(shift.t / LEAST_T, matters)
        if shift.step_residual * STEP_OVER_LINE > shift.line_residual:
            stands = min(stands, 0.5)
        return stands

    def _shift(self, start: int, cut: int, end: int) -> "_Shift":
        start, end = max(start, cut - WINDOW), min(end, cut + WINDOW)
        left, right = slice(start, cut), slice(cut, end)
        left_mean, left_rest, left_mass = self._about_mean(left)
        right_mean, right_rest, right_mass = self._about_mean(right)
        spread = max(math.sqrt((left_rest + right_rest) / max(1, end - start - 2)), 0.5 * self._noise)
        left_error, right_error = spread / math.sqrt(left_mass), spread / math.sqrt(right_mass)
        return _Shift(
            before=left_mean,
            after=right_mean,
            before_error=left_error,
            after_error=right_error,
            t=abs(right_mean - left_mean) / math.hypot(left_error, right_error),
            step_residual=left_rest + right_rest,
            line_residual=self._about_line(slice(start, end)),
        )

    def _about_mean(self, part: slice) -> tuple[float, float, float]:
        """Return mean, residual sum of squares about it, and mass."""
        values, weights = self.series[part], self.weights[part]
        mass = float(weights.sum())
        mean = float(weights @ values) / mass
        return mean, float(weights @ (values - mean) ** 2), mass

    def _about_line(self, part: slice) -> float:
        mean, rest, mass = self._about_mean(part)
        values, weights = self.series[part], self.weights[part]
        at = np.arange(len(values)) - float(weights @ np.arange(len(values))) / mass
        return rest - float(weights @ (at * (values - mean))) ** 2 / float(weights @ at**2)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shift:
    """The two windows about a step: means about the series' level, their errors, and how well step and line fit."""

    before: float
    after: float
    before_error: float
    after_error: float
    t: float
    step_residual: float
    line_residual: float
