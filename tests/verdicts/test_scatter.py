"""The noise that is told of a series is that of its levels, not their distance, and one wild run is none of it."""

import math
import random

import pytest

from mmied.regression import SeriesKey, SeriesPoint
from mmied.verdicts.scatter import scatter

KEY = SeriesKey("ranker", "b8", "latency_p50")


def points(values: list[float]) -> list[SeriesPoint]:
    return [
        SeriesPoint(key=KEY, run_id=f"r{number}", at=float(number), figure=math.exp(value), value=value)
        for number, value in enumerate(values)
    ]


def noise(count: int, deviation: float = 0.01, after: float = 0.0) -> list[float]:
    """Values about 0 of which each has so much of the one before."""
    source, found = random.Random(7), [0.0]
    for _ in range(count):
        found.append(after * found[-1] + source.gauss(0, deviation * math.sqrt(1 - after * after)))
    return found[1:]


def test_the_noise_that_was_put_in_comes_out() -> None:
    found = scatter(points(noise(2000)), ())
    assert found is not None
    assert found.ratio == pytest.approx(0.01, rel=0.1)
    assert abs(found.autocorrelation) < 0.1


def test_runs_that_resemble_their_neighbours_are_told() -> None:
    found = scatter(points(noise(2000, after=0.6)), ())
    assert found is not None
    assert found.autocorrelation == pytest.approx(0.6, abs=0.1)


def test_a_shift_of_the_level_is_no_noise() -> None:
    values = [value + (1.0 if number >= 100 else 0.0) for number, value in enumerate(noise(200))]
    found, blind = scatter(points(values), [100.0]), scatter(points(values), ())
    assert found is not None
    assert blind is not None
    assert found.ratio == pytest.approx(0.01, rel=0.2)
    assert abs(found.autocorrelation) < 0.2
    assert blind.ratio > 0.4


def test_a_wild_run_moves_nothing_much() -> None:
    values = noise(200)
    plain, wild = scatter(points(values), ()), scatter(points([*values[:100], 5.0, *values[101:]]), ())
    assert plain is not None
    assert wild is not None
    assert wild.ratio == pytest.approx(plain.ratio, rel=0.05)
    assert wild.autocorrelation == pytest.approx(plain.autocorrelation, abs=0.1)


def test_a_constant_series_has_none() -> None:
    found = scatter(points([1.0] * 20), ())
    assert found is not None
    assert (found.ratio, found.autocorrelation) == (0.0, 0.0)


def test_few_runs_say_nothing() -> None:
    assert scatter(points([1.0, 2.0]), ()) is None
    assert scatter([], ()) is None
