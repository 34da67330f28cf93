"""Tell a slow drift over weeks from noise: a robust slope through daily medians, with its interval; pure.

Theil and Sen's slope is the median of the slopes between all pairs of days, its interval that of Kendall's rank
statistic (Sen 1968; Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 9.3). Days that resemble the day
before say less than independent ones would: the statistic's variance is widened by their lag-one correlation (Hamed
and Rao 1998, its first term).
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist, fmean, median

from mmied.regression import METRICS, SeriesKey, SeriesPoint, Trend
from mmied.verdicts.objectives import DAY_SECONDS

LEAST_DAYS = 7  # with figures: fewer tell a week's rhythm from a drift no better than chance
LEAST_SPAN_DAYS = 10.0
CONFIDENCE = 0.95


def find_trend(key: SeriesKey, points: Sequence[SeriesPoint], *, since: float = 0.0) -> Trend | None:
    """Return the drift of the fit `points` that ran at or after `since` (a Unix time, that of the last level shift).

    None for fewer than LEAST_DAYS days with figures, or days that span less than LEAST_SPAN_DAYS.
    """
    days = _daily([point for point in points if point.fit and point.at >= since])
    if len(days) < LEAST_DAYS or days[-1][0] - days[0][0] < LEAST_SPAN_DAYS:
        return None
    slopes = sorted(
        (late - early) / (after - before)
        for index, (before, early) in enumerate(days)
        for after, late in days[index + 1 :]
    )
    slope = median(slopes)
    rest = [figure - slope * at for at, figure in days]
    level = median(rest) + slope * days[-1][0]
    if level <= 0:
        return None
    margin = _margin(len(days), _correlation(rest))
    low, high = math.floor((len(slopes) - margin) / 2), math.ceil((len(slopes) + margin) / 2)
    worse = 1 if METRICS[key.metric].better == "lower" else -1
    lower, upper = sorted((worse * slopes[max(low, 0)], worse * slopes[min(high, len(slopes) - 1)]))
    return Trend(
        key=key,
        ratio_per_week=7 * worse * slope / level,
        lower=7 * lower / level,
        upper=7 * upper / level,
        level=level,
        days=days[-1][0] - days[0][0],
    )


def _daily(points: Sequence[SeriesPoint]) -> list[tuple[float, float]]:
    """Return the mean time in days and the median figure of each day with points."""
    by_day: defaultdict[int, list[SeriesPoint]] = defaultdict(list)
    for point in points:
        if math.isfinite(point.figure):
            by_day[int(point.at // DAY_SECONDS)].append(point)
    return [
        (fmean(point.at for point in by_day[day]) / DAY_SECONDS, median(point.figure for point in by_day[day]))
        for day in sorted(by_day)
    ]


def _margin(days: int, correlation: float) -> float:
    """Return over how many ranks around the middle the slopes of the interval reach, both sides together."""
    variance = days * (days - 1) * (2 * days + 5) / 18
    widened = variance * (1 + correlation) / (1 - correlation)
    return NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * math.sqrt(widened)


def _correlation(rest: Sequence[float]) -> float:
    """Return how much each day resembles the one before, from 0 to 0.9."""
    centre = fmean(rest)
    total = sum((value - centre) ** 2 for value in rest)
    if total == 0:
        return 0.0
    lagged = sum((early - centre) * (late - centre) for early, late in pairwise(rest))
    return min(max(lagged / total, 0.0), 0.9)
