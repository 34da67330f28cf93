"""How sure is a change of accuracy between two models that were asked about the same samples?"""

import math
from collections.abc import Callable
from statistics import NormalDist

STEPS = 60  # of halving an interval of length 1: beyond double precision


def paired_proportions(gained: int, lost: int, total: int, *, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return the change of the share of right answers, with Tango's score interval.

    `gained` samples became right, `lost` became wrong, out of `total`. T. Tango, Equivalence test and confidence
    interval for the difference in proportions for the paired-sample design, Statistics in Medicine 17 (1998). Unlike
    the usual interval it does not shrink to nothing where no sample changed: it is then about ±3.84/total. Raises
    ValueError without any sample.
    """
    if total < 1:
        raise ValueError("no sample was asked about")
    estimate = (gained - lost) / total
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    lower = _root(lambda change: _score(change, gained, lost, total) - z, -1.0, estimate)
    upper = _root(lambda change: _score(change, gained, lost, total) + z, estimate, 1.0)
    return estimate, lower, upper


def _score(change: float, gained: int, lost: int, total: int) -> float:
    """Return by how many standard errors what was seen is above a true `change`; it falls as `change` rises."""
    square = 2 * total
    linear = -gained - lost + (2 * total - gained + lost) * change
    constant = -lost * change * (1 - change)
    became_wrong = (math.sqrt(max(linear * linear - 4 * square * constant, 0.0)) - linear) / (2 * square)
    variance = total * (2 * became_wrong + change * (1 - change))
    distance = gained - lost - total * change
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a falling function crosses zero between two places; the end that it does not reach otherwise."""
    if function(low) <= 0:
        return low
    if function(high) >= 0:
        return high
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return (low + high) / 2
