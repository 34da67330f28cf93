import math
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmied.errors import HistoryError
from mmied.history.samples import pack, unpack
from mmied.records import Iterations

figures = st.one_of(
    st.floats(allow_nan=False),
    st.integers(0, 10**12).map(lambda nanoseconds: nanoseconds / 1e9),
)
series = st.lists(figures, max_size=30).map(tuple)
some_iterations = st.builds(
    Iterations,
    wall_seconds=series,
    wait_seconds=series,
    disturbed=st.lists(st.integers(0, 2**40), max_size=5).map(tuple),
    device_seconds=st.none() | series,
)


@given(st.none() | some_iterations, st.dictionaries(st.text(max_size=20), some_iterations, max_size=3))
def test_what_is_unpacked_is_exactly_what_was_packed(own, references):
    blob = pack(own, references)

    if own is None and not references:
        assert blob is None
    else:
        assert blob is not None
        assert unpack(blob) == (own, references)


def test_a_figure_that_is_not_a_number_is_kept():
    blob = pack(Iterations(wall_seconds=(math.nan, 0.5), wait_seconds=(math.inf, 0.0)), {})

    own, _ = unpack(blob)

    assert math.isnan(own.wall_seconds[0])
    assert own.wait_seconds == (math.inf, 0.0)


def test_latencies_in_nanoseconds_take_about_three_bytes_each():
    wall_seconds = tuple((5_000_000 + index * 7919 % 200_000) / 1e9 for index in range(500))

    blob = pack(Iterations(wall_seconds=wall_seconds, wait_seconds=(0.0,) * 500), {})

    assert len(blob) / 500 < 3.5


@pytest.mark.parametrize(
    "blob",
    [b"", b"\x02later", b"\x01not zlib", b"\x01" + zlib.compress(b"\x01\x00\x00\x01\xff\xff\xff\xff")],
)
def test_a_blob_that_cannot_be_read_is_an_error_in_words(blob):
    with pytest.raises(HistoryError, match="raw samples"):
        unpack(blob)
