"""One value of one metric, on its way to Prometheus."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A summary: quantile → seconds, and the sum and count since start where they are kept."""

    seconds: Mapping[str, float]
    count: int | None = None
    sum_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram over catalog.HISTOGRAM_BOUNDS_SECONDS; exemplars by bucket: run id, latency, Unix time."""

    buckets: list[int]
    sum_seconds: float
    exemplars: Mapping[int, tuple[str, float, float]]


class Sample(NamedTuple):
    """`labels` are values in the order of the catalog's label names."""

    name: str
    labels: tuple[str, ...]
    value: float | Quantiles | Distribution


def short(figure: float) -> float:
    """Return a figure with the digits that it can bear: the others would be a tenth of each scrape."""
    return float(f"{figure:.6g}")
