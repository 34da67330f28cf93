"""Take out of a series what ran beside it explains; pure.

How much of a companion's moves a series follows is learned from the series itself: regression within levels, drawn
towards what is expected before anything was seen, with outlying runs held back (Huber's weights).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

HUBER = 2.0  # deviations beyond which a run's pull grows no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """By how much a series follows its companions, and how sure that is."""

    coefficients: tuple[float, ...] = ()
    covariance: tuple[tuple[float, ...], ...] = ()

    def variance(self, moves: Sequence[float]) -> float:
        """Return the variance of what is taken out for such moves of the companions: the coefficients' part in it."""
        rows = zip(moves, self.covariance, strict=True)
        return float(sum(move * sum(map(mul, row, moves)) for move, row in rows))


def learn_following(
    values: Sequence[float],
    companions: Sequence[Sequence[float]],
    variances: Sequence[float],
    segments: Sequence[tuple[int, int]],
    *,
    expected: Sequence[tuple[float, float]],
) -> Following:
    """Return by how much `values` follow each of `companions`, rows that are as long as `values`.

    `segments` are the levels, from and to which index; only moves within them count. `variances` are the values' own,
    and `expected` is what each coefficient was thought to be, with its standard deviation.
    """
    count = len(companions)
    coefficients: Sequence[float] = ()
    covariance: Sequence[Sequence[float]] = ()
    weights = [1 / variance for variance in variances]
    for _ in range(2 if count else 0):
        matrix = [[0.0] * count for _ in range(count)]
        target = [0.0] * count
        residuals = []
        for begin, end in segments:
            weight = weights[begin:end]
            if end - begin < 3:
                continue
            value = _centred(values[begin:end], weight)
            rows = [_centred(companion[begin:end], weight) for companion in companions]
            residuals.append((begin, value, rows))
            for k, row in enumerate(rows):
                weighted = list(map(mul, weight, row))
                target[k] += sum(map(mul, weighted, value))
                for other in range(k, count):
                    matrix[k][other] += sum(map(mul, weighted, rows[other]))
        for k, (mean, deviation) in enumerate(expected):
            matrix[k][k] += 1 / (deviation * deviation)
            target[k] += mean / (deviation * deviation)
            for other in range(k):
                matrix[k][other] = matrix[other][k]
        covariance = _inverse(matrix)
        coefficients = [sum(map(mul, row, target)) for row in covariance]
        for begin, value, rows in residuals:
            for index, rest in enumerate(without(value, rows, coefficients), begin):
                allowed = HUBER * variances[index] ** 0.5
                weights[index] = (1.0 if abs(rest) <= allowed else allowed / abs(rest)) / variances[index]
    return Following(coefficients=tuple(coefficients), covariance=tuple(map(tuple, covariance)))


def without(
    values: Sequence[float], companions: Sequence[Sequence[float]], coefficients: Sequence[float]
) -> list[float]:
    """Return `values` less what they follow of their `companions`."""
    left = list(values)
    for coefficient, companion in zip(coefficients, companions, strict=True):
        left = [value - coefficient * other for value, other in zip(left, companion, strict=True)]
    return left


def _centred(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    mean = sum(map(mul, values, weights)) / sum(weights)
    return [value - mean for value in values]


def _inverse(matrix: list[list[float]]) -> list[list[float]]:
    """Return the inverse of a positive definite matrix: Gauss and Jordan without pivots, which such a one needs not."""
    count = len(matrix)
    rows = [[*row, *(float(k == other) for other in range(count))] for k, row in enumerate(matrix)]
    for k in range(count):
        pivot = rows[k][k]
        rows[k] = [figure / pivot for figure in rows[k]]
        for other in range(count):
            factor = rows[other][k]
            if other != k and factor:
                rows[other] = [figure - factor * own for figure, own in zip(rows[other], rows[k], strict=True)]
    return [row[count:] for row in rows]
