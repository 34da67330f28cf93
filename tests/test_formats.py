"""Figures read as people say them."""

import pytest

from mmied import formats


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.00123, "1.23 ms"),
        (0.000456, "456 µs"),
        (0.0009996, "1.00 ms"),
        (3.2e-8, "32.0 ns"),
        (1.5, "1.50 s"),
        (119.96, "120 s"),
        (4000, "1 h 6 min"),
        (0, "0 s"),
        (None, "–"),
    ],
)
def test_a_measured_time_is_said_in_the_unit_that_suits_it(value: float | None, said: str) -> None:
    assert formats.seconds(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0 B"), (999, "999 B"), (45_600_000, "45.6 MB"), (999_999_999, "1.00 GB"), (None, "–")]
)
def test_bytes_are_said_in_decimal_units(value: float | None, said: str) -> None:
    assert formats.size(value) == said


def test_a_throughput_has_three_digits_and_its_unit() -> None:
    assert formats.rate(12345.6, "tokens") == "12,300 tokens/s"
    assert formats.rate(0.5) == "0.500 samples/s"
    assert formats.rate(999.7, None) == "1,000 samples/s"


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(0, "0 %"), (0.00001, "< 0.01 %"), (0.0042, "0.42 %"), (0.042, "4.2 %"), (0.42, "42 %"), (1.3, "130 %")],
)
def test_a_ratio_is_said_in_percent(ratio: float, said: str) -> None:
    assert formats.percent(ratio) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (45, "45 s"),
        (90, "1 min 30 s"),
        (725, "12 min"),
        (12_000, "3 h 20 min"),
        (187_000, "2 d 3 h"),
        (-90, "-1 min 30 s"),
    ],
)
def test_a_span_is_said_in_its_two_largest_units(value: float, said: str) -> None:
    assert formats.duration(value) == said


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (999, "now"),
        (970, "30 s ago"),
        (795, "3 min ago"),
        (1750, "in 12 min"),
        (1000 - 15 * 86400, "15 d ago"),
        (None, "never"),
    ],
)
def test_a_moment_is_told_from_now(at: float | None, said: str) -> None:
    assert formats.relative(at, 1000) == said


def test_what_is_no_number_is_said_like_what_is_missing() -> None:
    for say in (formats.seconds, formats.duration, formats.size, formats.rate, formats.percent, formats.hertz):
        assert say(float("nan")) == say(float("inf")) == say(None) == "–"


def test_the_last_word_of_a_name_tells_the_unit_of_a_fact() -> None:
    assert formats.fact(3.25e9, "cpu_frequency_hertz") == "3.25 GHz"
    assert formats.fact(64, "cpus") == "64"
    assert formats.fact(True, "avx512") == "yes"
    assert formats.fact(51.4, "gpu_temperature_celsius") == "51 °C"
    assert formats.fact(None, "governor") == "–"
