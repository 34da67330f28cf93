"""How much evidence a shift takes is asked of the series' own noise."""

import random
from itertools import pairwise

from mmied.verdicts.false_alarms import SPARED, own_threshold, threshold
from mmied.verdicts.noise import Noise, learn_noise

RATE = 0.001
SMALLEST = 0.02


def asked_of(noise: Noise, *, runs: int = 100, rate: float = RATE) -> float:
    return own_threshold(rate, noise, [noise.variance(0.0)] * 60, SMALLEST, runs=runs)


def learned(values: list[float]) -> Noise:
    return learn_noise(values, [0.0] * len(values), [(0, len(values))], least=0.001)


def test_a_series_quieter_than_what_matters_takes_little_evidence() -> None:
    quiet, loud = (asked_of(Noise(deviation=each, freedom=60.0)) for each in (0.002, 0.03))

    assert quiet == threshold(RATE) - SPARED
    assert quiet < loud


def test_of_a_series_of_few_runs_as_much_is_asked_as_of_any() -> None:
    assert asked_of(Noise(deviation=0.002, freedom=20.0), runs=10) == threshold(RATE)


def test_a_series_that_wanders_takes_more() -> None:
    asked = [asked_of(Noise(deviation=0.005, freedom=60.0, dependence=(each,) * 5)) for each in (1.0, 1.5, 3.0, 10.0)]

    assert all(less < more for less, more in pairwise(asked))


def test_rarer_alarms_take_more_of_every_series() -> None:
    noise = Noise(deviation=0.01, freedom=60.0)

    assert asked_of(noise, rate=0.01) < asked_of(noise, rate=0.001) < asked_of(noise, rate=0.0001)


def test_how_far_means_have_been_off_is_remembered() -> None:
    draw = random.Random(0)
    values = [draw.gauss(0, 0.01) for _ in range(100)]
    wandered = [value + 0.02 * (40 <= index < 48) for index, value in enumerate(values)]

    assert learned(wandered).record(8) > learned(values).record(8) + 1


def test_one_spike_is_cut_before_it_counts_as_such_a_record() -> None:
    draw = random.Random(0)
    values = [draw.gauss(0, 0.01) for _ in range(100)]
    spiked = [value + 0.5 * (index == 50) for index, value in enumerate(values)]

    assert learned(spiked).record(2) < 5  # it was off by 25 deviations of a mean of two


def test_accidents_that_come_in_bursts_are_told_from_lone_ones() -> None:
    draw = random.Random(0)
    values = [draw.gauss(0, 0.01) for _ in range(120)]
    lone = [value + 0.3 * (index % 20 == 10) for index, value in enumerate(values)]
    burst = [value + 0.3 * (-1) ** index * (50 <= index < 56) for index, value in enumerate(values)]

    assert learned(lone).bursts < 0.1
    assert learned(burst).bursts > 0.4
