"""Durations and sizes are read exactly, and written so that they can be read again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmied.config.units import MAX_DURATION_SECONDS, format_duration, parse_duration, parse_size


@given(st.floats(min_value=1e-9, max_value=MAX_DURATION_SECONDS))
def test_a_duration_is_read_as_it_was_written(seconds):
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("100ms", 0.1), ("1.5s", 1.5), ("90s", 90.0), ("2m", 120.0), ("6h", 21_600.0), ("90d", 7_776_000.0)],
)
def test_durations_are_written_as_people_write_them(text, seconds):
    assert parse_duration(text) == seconds
    assert format_duration(seconds) == text


@given(st.integers(1, 10**6), st.sampled_from(["KB", "kB", "MB", "GB", "KiB", "MiB", "GiB"]))
def test_a_size_is_its_number_times_its_unit(number, unit):
    power = "KMG".index(unit[0].upper()) + 1
    expected = number * (1024 if "i" in unit else 1000) ** power

    assert parse_size(f"{number}{unit}") == parse_size(f"{number} {unit}") == parse_size(expected) == expected


@given(st.integers(0, 999), st.integers(0, 999))
def test_parts_of_a_unit_are_exact(whole, thousandths):
    if whole or thousandths:
        assert parse_size(f"{whole}.{thousandths:03}GB") == whole * 10**9 + thousandths * 10**6
        assert parse_duration(f"{whole}.{thousandths:03}s") == (whole * 1000 + thousandths) / 1000


@pytest.mark.parametrize("parse", [parse_duration, parse_size])
@given(
    text=st.from_regex(
        r"[0-9]{1,400}(\.[0-9]{1,400})? ?(ms|s|d|B|GB|TiB)?", fullmatch=True, alphabet="0123456789. msdBGTi"
    )
)
def test_however_many_digits_are_given_there_is_a_figure_or_a_sentence(parse, text):
    try:
        figure = parse(text)
    except ValueError as error:
        assert str(error).startswith("is ")
    else:
        assert 0 < figure < 2**63
