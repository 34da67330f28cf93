"""Tell how far the runs of a series scatter about their levels, and how much they resemble their neighbours; pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from mmied.regression import SeriesPoint

LEAST_RUNS = 8  # fewer say nothing of it
DEVIATIONS_PER_MAD = 1.4826  # of a normal distribution
CLIP = 3.0  # deviations: farther out a run says nothing of how runs resemble one another


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """`ratio` is the robust standard deviation of what is judged: a ratio, or for an unscaled metric in its unit.

    `autocorrelation` is how much of a run's distance from its level the next run has too.
    """

    ratio: float
    autocorrelation: float


def scatter(points: Sequence[SeriesPoint], shifted_at: Sequence[float]) -> Scatter | None:
    """Return the scatter of `points` whose level shifted at those times; None for too few."""
    bounds = [-math.inf, *sorted(shifted_at), math.inf]
    levels = [
        [point.value for point in points if point.fit and begin <= point.at < end] for begin, end in pairwise(bounds)
    ]
    centred = [[value - median(level) for value in level] for level in levels if level]
    residuals = [residual for level in centred for residual in level]
    if len(residuals) < LEAST_RUNS:
        return None
    deviation = DEVIATIONS_PER_MAD * median(map(abs, residuals))
    bound = CLIP * deviation
    clipped = [[max(-bound, min(bound, residual)) for residual in level] for level in centred]
    power = sum(residual * residual for level in clipped for residual in level)
    products = sum(first * second for level in clipped for first, second in pairwise(level))
    return Scatter(ratio=deviation, autocorrelation=products / power if power else 0.0)
