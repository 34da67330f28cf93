"""Make points of the host comparable that were measured beside several models; pure.

The same reference work takes longer beside a model that fills the caches or computes with other threads. What it took
beside one model is the measure: the points of the others are moved by their usual distance from it.
"""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from mmied.regression import SeriesPoint

LEAST_PAIRS = 3  # of neighbours, to tell a distance by
NEAR_SECONDS = 6 * 3600.0  # farther apart in time the host itself may have changed between the two


def in_company_of_one(points: Sequence[SeriesPoint]) -> tuple[str, tuple[SeriesPoint, ...]]:
    """Return beside which model is measured, and `points` as if all had been measured beside it.

    It is the first by name of those with at least half as many fit points as any, so that it stays the same while
    models take turns. Points whose distance from it is not known yet are left out.
    """
    by_company: dict[str, list[SeriesPoint]] = {}
    for point in points:
        if point.fit:
            by_company.setdefault(point.fingerprint or "", []).append(point)
    if not by_company:
        return "", tuple(points)
    most = max(map(len, by_company.values()))
    measure = min(name for name, own in by_company.items() if 2 * len(own) >= most)
    distances = {name: _distance(own, by_company[measure]) for name, own in by_company.items() if name != measure}
    distances[measure] = 0.0
    return measure, tuple(
        replace(point, value=point.value - distance)
        for point in points
        if (distance := distances.get(point.fingerprint or "")) is not None
    )


def _distance(own: Sequence[SeriesPoint], measure: Sequence[SeriesPoint]) -> float | None:
    """Return by how much points lie above those of the measure next to them in time: what moves both falls out."""
    times = [point.at for point in measure]
    differences = []
    for point in own:
        place = bisect(times, point.at)
        nearest = min(measure[max(0, place - 1) : place + 1], key=lambda other: abs(other.at - point.at))
        if abs(nearest.at - point.at) <= NEAR_SECONDS:
            differences.append(point.value - nearest.value)
    return median(differences) if len(differences) >= LEAST_PAIRS else None
