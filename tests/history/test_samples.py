import dataclasses
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
    wait_total_seconds=st.none() | series,
    others_cpus=st.none() | figures,
    disturbed=st.lists(st.integers(0, 2**40), max_size=5).map(tuple),
    device_seconds=st.none() | series,
)


def test_no_field_of_the_iterations_is_forgotten():
    own = Iterations(
        wall_seconds=(1.0,),
        wait_seconds=(0.5,),
        wait_total_seconds=(0.75,),
        disturbed=(0,),
        others_cpus=1.5,
        device_seconds=(0.25,),
    )

    assert all(getattr(own, field.name) != field.default for field in dataclasses.fields(own)), "name the new one here"
    assert unpack(pack(own, {}) or b"") == (own, {})


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
