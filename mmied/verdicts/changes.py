"""Find the level shifts of a whole series, with what each is worth.

Steps are looked for in `segments`, and kept where they stand up to their `surroundings`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mmied.verdicts.cycles import without_cycle
from mmied.verdicts.segments import SHORTEST, Values, find_steps, noise_of, without_spikes
from mmied.verdicts.surroundings import Judge

Better = Literal["lower", "higher"]
LEAST_VALUES = 2 * SHORTEST  # that a series needs for a change


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A level shift. `index` is the first value of the new level.

    `ratio` is after over before less 1, with its 95 % interval; None where the level before is 0 or the sign turns.
    `t` tells how far beyond noise the levels differ; where neighbouring values depend on each other it is smaller.
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
    if len(places) < LEAST_VALUES:
        return []
    scale = 2.0 ** min(math.frexp(float(np.abs(everything[places]).max()))[1], 1000)  # no square is then too large
    everything = everything / scale
    level = float(np.median(everything[places]))
    steady = without_cycle(np.interp(np.arange(len(everything)), places, everything[places]) - level)
    series = without_spikes(steady[places])  # about 0: sums of squares then keep their digits
    noise = noise_of(series)
    if noise == 0.0 and np.ptp(series) == 0.0:
        return []
    mass = all_weights[places] / all_weights[places].mean()
    judge = Judge(series, mass, whole=steady[places], level=level, noise=noise, minimum_ratio=minimum_ratio)
    kept = judge.keep_real(find_steps(series, mass, noise))
    bounds = [0, *kept, len(series)]
    return [
        _change(judge, bounds[place : place + 3], level, scale, int(places[step]), better)
        for place, step in enumerate(kept)
    ]


def _change(judge: Judge, bounds: list[int], level: float, scale: float, index: int, better: Better) -> Change:
    """Return the shift at the second of `bounds`, between its neighbours, as the caller is told it."""
    window = judge.window(*bounds)
    before, after = level + window.before, level + window.after
    before_error, after_error = judge.errors(window)
    ratio = lower = upper = None
    if before * after > 0:
        ratio = after / before - 1
        # The delta method on the logarithm of the ratio of two means.
        spread = 1.96 * math.hypot(before_error / before, after_error / after)
        lower, upper = (1 + ratio) * math.exp(-spread) - 1, (1 + ratio) * math.exp(spread) - 1
    return Change(
        index=index,
        before=before * scale,
        after=after * scale,
        ratio=ratio,
        lower=lower,
        upper=upper,
        t=judge.t(window),
        worse=(after > before) == (better == "lower"),
    )
