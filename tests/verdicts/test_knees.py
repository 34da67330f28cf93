"""The knee of a sweep is where a larger batch costs more latency than it gains throughput."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profile_builders import make_sweep

from mmied.records import WorkloadResult
from mmied.stats import find_knee
from mmied.verdicts.knees import knees_of

# One fixed millisecond a call, and 0.1 ms a sample: throughput comes near 10,000 a second and never there.
SATURATING = [(size, size / (1e-3 + 1e-4 * size), 1e-3 + 1e-4 * size) for size in (1, 2, 4, 8, 16, 32, 64, 128)]


def test_a_saturating_sweep_bends_where_it_begins_to_saturate() -> None:
    index = find_knee(SATURATING)
    assert index is not None
    assert SATURATING[index][0] in (16, 32)


def test_where_batching_gains_nothing_the_smallest_batch_is_best() -> None:
    assert find_knee([(size, 1000.0, size / 1000.0) for size in (1, 2, 4, 8)]) == 0


def test_where_batching_costs_nothing_the_largest_batch_is_best() -> None:
    assert find_knee([(size, size / 0.01, 0.01) for size in (1, 2, 4, 8)]) == 3


def test_a_straight_curve_has_no_knee() -> None:
    assert find_knee([(1, 100.0, 1.0), (2, 200.0, 2.0), (3, 300.0, 3.0), (4, 400.0, 4.0)]) is None


def test_two_points_bend_nowhere() -> None:
    assert find_knee(SATURATING[:2]) is None


def test_batches_beyond_the_highest_throughput_do_not_count() -> None:
    thrashing = (256, 4000.0, 0.064)
    assert find_knee([*SATURATING, thrashing]) == find_knee(SATURATING)


@given(
    st.lists(st.tuples(st.floats(1.0, 1e4), st.floats(1e-4, 10.0)), min_size=3, max_size=12),
    st.floats(1e-3, 1e3),
    st.floats(1e-3, 1e3),
)
def test_units_do_not_move_the_knee(points: list[tuple[float, float]], rate: float, time: float) -> None:
    sweep = [(2**i, throughput, latency) for i, (throughput, latency) in enumerate(points)]
    scaled = [(size, rate * throughput, time * latency) for size, throughput, latency in sweep]
    one, other = find_knee(sweep), find_knee(scaled)
    assert one == other or one is None or other is None  # a tie may fall either way by rounding


def test_each_precision_has_a_knee_of_its_own_and_paced_calls_none() -> None:
    points = [(size, 1e-3 + 1e-4 * size) for size in (1, 2, 4, 8, 16, 32, 64)]
    own = make_sweep(*points)
    halved = make_sweep(*((size, median / 2) for size, median in points))
    half = tuple(_in(result, precision="bfloat16") for result in halved)
    paced = tuple(_in(result, gap_seconds=0.1) for result in own)
    found = knees_of([*own, *half, *paced], "float32")
    assert [knee.precision for knee in found] == ["float32", "bfloat16"]
    assert all(knee.batch_size in (8, 16) for knee in found)
    assert found[0].best_batch_size == 64
    assert found[1].throughput_samples_per_second == pytest.approx(2 * found[0].throughput_samples_per_second, rel=0.1)


def _in(result: WorkloadResult, **changes: Any) -> WorkloadResult:
    return replace(result, workload=replace(result.workload, **changes))
