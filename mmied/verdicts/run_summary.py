"""Sum up a run in one figure that other runs can be held against, with what it is worth; pure.

What a host's other load adds to a call is mostly not there in the fastest calls, and what slows all calls of a run
slows the reference work beside them too. So the figure is the mean of estimates that look at the fast part in
different ways; where few calls were left alone, of those that stand that. Each is made of the model and of its
references alike, and how much the figure would have moved without a tenth of the run is its uncertainty.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, median

from mmied.records import Iterations
from mmied.stats import latency_samples
from mmied.verdicts.series import Point

SLOTS = 200  # a longer run is cut into so many parts: more tell hardly more, and take longer
FEWEST_PAIRED = 20  # a slow model leaves room for few reference calls: they then are no pairs
CALM_RATIO = 1.3  # a call is alone on the host within so much of the 5 % quantile
CALM, BUSY = 0.4, 0.2  # shares of calm calls, between which one way of estimating gives way to the other
BUSY_UNCERTAINTY = 0.006  # for each factor e by which calm calls are fewer than half: others cost those something too
BLOCKS = 10
UNFIT_UNCERTAINTY = 0.1

Rows = Sequence[Sequence[float]]  # of seconds: the model's, then each reference's, slot by slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A run in one figure. `value` and `references` are logarithms; `uncertainty` is the standard error of `value`.

    `calm` is the share of calls during which nothing slowed the model or a reference. A run that is not `fit` says
    too little to be held against others.
    """

    value: float
    references: Mapping[str, float] = field(default_factory=dict)
    uncertainty: float = 0.0
    calm: float | None = None
    fit: bool = True

    def point(self, *, at: float, epoch: str = "") -> Point:
        """Return what the detector is fed."""
        return Point(
            at=at,
            value=self.value,
            references=self.references,
            uncertainty=self.uncertainty,
            calm=self.calm,
            fit=self.fit,
            epoch=epoch,
        )


def summarize_latency(iterations: Iterations, references: Mapping[str, Iterations]) -> Summary | None:
    """Return the summary of a run's calls beside its reference work; None where there is nothing to sum up."""
    samples, _, fit = latency_samples(iterations)
    beside = {name: latency_samples(each)[0] for name, each in references.items() if each.wall_seconds}
    calls = [seconds for seconds in samples if seconds > 0]
    works = {name: [seconds for seconds in each if seconds > 0] for name, each in beside.items()}
    works = {name: each for name, each in works.items() if each}
    if not calls:
        return None
    shortest = min(len(calls), *(len(each) for each in works.values()), SLOTS)
    if shortest < FEWEST_PAIRED and works:
        alone = _summed_up([_slots(calls, min(len(calls), SLOTS))])
        figures = [alone.value, *(math.log(median(each)) for each in works.values())]
        uncertainty, calm = alone.uncertainty, alone.calm
    else:
        summed = _summed_up([_slots(calls, shortest), *(_slots(each, shortest) for each in works.values())])
        figures, uncertainty, calm = [summed.value, *summed.references], summed.uncertainty, summed.calm
    return Summary(
        value=figures[0],
        references=dict(zip(works, figures[1:], strict=True)),
        uncertainty=uncertainty,
        calm=calm,
        fit=fit and uncertainty < UNFIT_UNCERTAINTY,
    )


@dataclass(frozen=True, slots=True)
class _Summed:
    value: float
    references: tuple[float, ...]
    uncertainty: float
    calm: float


def _slots(samples: Sequence[float], count: int) -> list[float]:
    """Return one figure for each of `count` parts of the run: the lower quartile of its samples."""
    bounds = [index * len(samples) // count for index in range(count + 1)]
    parts = [sorted(samples[begin:end]) for begin, end in pairwise(bounds)]
    return [part[len(part) // 4] for part in parts]


def _summed_up(rows: Rows) -> _Summed:
    count = len(rows[0])
    calm = len(_calm(rows, [sorted(row) for row in rows])) / count
    trust = min(max((calm - BUSY) / (CALM - BUSY), 0.0), 1.0)
    value, *references = _estimate(rows, trust)
    blocks = min(BLOCKS, count)
    left_out = []
    for block in range(blocks if count > 1 else 0):
        begin, end = block * count // blocks, (block + 1) * count // blocks
        left_out.append(_estimate([[*row[:begin], *row[end:]] for row in rows], trust))
    # Against the mean of the references, or alone, where they do not steady it.
    ways = [[each[0] for each in left_out], [each[0] - fmean(each[1:] or [0.0]) for each in left_out]]
    error = min(_jackknife(way) for way in ways) if left_out else UNFIT_UNCERTAINTY
    busy = max(0.0, math.log(0.5 / max(calm, 0.01)))
    return _Summed(value, tuple(references), math.hypot(error, BUSY_UNCERTAINTY * busy), calm)


def _jackknife(values: Sequence[float]) -> float:
    """Return the standard error of a figure from what it is without one block after another (Efron 1982, 3.1)."""
    middle = fmean(values)
    return math.sqrt((len(values) - 1) / len(values) * sum((value - middle) ** 2 for value in values))


def _estimate(rows: Rows, trust: float) -> list[float]:
    """Return the logarithm of each row's figure; `trust` is how far the run was calm enough to use all of it."""
    ordered = [sorted(row) for row in rows]
    indexes = _calm(rows, ordered)
    logs = [[math.log(row[index]) for index in indexes] for row in rows]
    alone = [fmean(row) for row in logs]
    figures = []
    if trust > 0:
        fast = [_log_mean_of_quantiles(row, (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)) for row in ordered]
        paired = [_log_mean_of_quantiles(row, (0.1, 0.2, 0.3)) for row in ordered]
        scale = 1 / max(1, len(rows) - 1)
        others = [sum(math.log(seconds) for seconds in column) * scale for column in zip(*rows[1:], strict=True)]
        pairs = zip(rows[0], others or [0.0] * len(rows[0]), strict=True)
        paired[0] = median(math.log(seconds) - other for seconds, other in pairs) + sum(paired[1:]) * scale
        figures = [fmean(each) for each in zip(alone, fast, paired, strict=True)]
    if trust < 1:
        fastest = [_log_mean_of_quantiles(row, (0.02, 0.04, 0.06, 0.08, 0.1)) for row in ordered]
        busy = [(2 * one + other) / 3 for one, other in zip(alone, fastest, strict=True)]
        figures = [trust * one + (1 - trust) * other for one, other in zip(figures or busy, busy, strict=True)]
    return figures


def _calm(rows: Rows, ordered: Rows) -> list[int]:
    """Return the slots in which every row is near its fastest; at least three."""
    limits = [CALM_RATIO * _quantile(row, 0.05) for row in ordered]
    columns = list(zip(*rows, strict=True))
    found = [
        index
        for index, column in enumerate(columns)
        if all(seconds <= limit for seconds, limit in zip(column, limits, strict=True))
    ]
    if len(found) >= 3:
        return found
    worst = [max(s / limit for s, limit in zip(column, limits, strict=True)) for column in columns]
    return sorted(range(len(columns)), key=worst.__getitem__)[:3]


def _log_mean_of_quantiles(ordered: Sequence[float], quantiles: Sequence[float]) -> float:
    return math.log(fmean(_quantile(ordered, q) for q in quantiles))


def _quantile(ordered: Sequence[float], q: float) -> float:
    """Return `stats.quantile` of what is already in order."""
    position = q * (len(ordered) - 1)
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)
