"""Profiling stays within its share of the host, and the first figures come at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmied.daemon.budget import Bucket, demand_ratio, expected_cpu_seconds, expected_gpu_seconds, open_bucket

RATE = 0.02  # a hundredth of two CPUs
AN_HOUR = RATE * 3600
SECONDS = st.floats(min_value=0.0, max_value=1e4)


def opened(
    *,
    round_seconds: float = 30.0,
    first_seconds: float | None = None,
    spent_seconds: float = 0.0,
    before: Bucket | None = None,
) -> Bucket:
    return open_bucket(
        rate=RATE,
        round_seconds=round_seconds,
        first_seconds=round_seconds if first_seconds is None else first_seconds,
        spent_seconds=spent_seconds,
        monotonic=100.0,
        before=before,
    )


def test_the_first_round_comes_at_once_and_nothing_more() -> None:
    bucket = opened(round_seconds=30)
    for _ in range(3):
        assert bucket.affords(10)
        bucket.spend(10)

    assert not bucket.affords(10)
    assert bucket.seconds_until(10) == pytest.approx(10 / RATE)


def test_a_round_that_costs_more_than_an_hour_gives_comes_at_once_too() -> None:
    bucket = opened(round_seconds=500)

    assert bucket.affords(500)
    assert bucket.capacity == 500


def test_a_bucket_holds_an_hours_worth_at_most() -> None:
    bucket = opened()
    bucket.fill(100.0 + 86_400)

    assert bucket.level == AN_HOUR


def test_a_run_that_costs_more_than_the_bucket_can_hold_starts_from_a_full_one() -> None:
    bucket = opened()
    assert not bucket.affords(1000)

    bucket.fill(100.0 + 3600)
    assert bucket.affords(1000)
    bucket.spend(1000)
    assert bucket.seconds_until(1) == pytest.approx((1000 - AN_HOUR + 1) / RATE), "what was overdrawn is paid back"


@given(st.lists(st.tuples(st.floats(min_value=1.0, max_value=400.0), SECONDS), min_size=1, max_size=60))
def test_over_any_time_no_more_is_spent_than_the_first_round_the_rate_and_one_run(
    steps: list[tuple[float, float]],
) -> None:
    bucket = opened()
    now, spent, dearest = 100.0, 0.0, 0.0
    for seconds, cost in steps:
        now += seconds
        bucket.fill(now)
        if bucket.affords(cost):
            bucket.spend(cost)
            spent, dearest = spent + cost, max(dearest, cost)

    assert spent <= 30 + RATE * (now - 100.0) + dearest + 1e-6


@given(st.floats(min_value=0.1, max_value=1e3), st.integers(1, 20))
def test_however_often_it_restarts_there_is_one_first_round(round_seconds: float, restarts: int) -> None:
    assert opened(round_seconds=round_seconds).affords(round_seconds)

    for _ in range(restarts):
        bucket = opened(round_seconds=round_seconds, first_seconds=0.0, spent_seconds=round_seconds)
        assert not bucket.affords(0.1)


def test_a_restart_lets_models_that_had_no_run_of_late_have_theirs() -> None:
    bucket = opened(round_seconds=30, first_seconds=10, spent_seconds=20)

    assert bucket.affords(10)
    assert not bucket.affords(11)


def test_a_restart_does_not_forgive_what_was_overdrawn() -> None:
    bucket = opened(round_seconds=30, first_seconds=0.0, spent_seconds=600)

    assert not bucket.affords(1)
    assert bucket.level == AN_HOUR - 600


def test_a_reload_keeps_what_was_saved_and_adds_what_is_new() -> None:
    before = opened(round_seconds=30)
    before.spend(25)

    bucket = opened(round_seconds=40, first_seconds=10, spent_seconds=25, before=before)
    assert bucket.level == 15


def test_a_clock_that_stands_or_runs_back_fills_nothing() -> None:
    bucket = opened()
    bucket.fill(100.0)
    bucket.fill(50.0)

    assert bucket.level == 30


def test_a_bucket_without_a_rate_is_never_filled() -> None:
    assert Bucket(rate=0.0, capacity=9.0, level=0.0, filled_at=0.0).seconds_until(5) == float("inf")


def test_demand_is_the_cost_of_all_runs_and_of_idling_over_the_rate() -> None:
    costs = [(9.0, 900.0), (18.0, 1800.0)]

    assert demand_ratio(costs_and_intervals=costs, rate=0.02) == pytest.approx(1.0)
    assert demand_ratio(costs_and_intervals=costs, rate=0.02, idle=0.005) == pytest.approx(1.25)
    assert demand_ratio(costs_and_intervals=[(9.0, float("inf"))], rate=0.02) == 0
    assert demand_ratio(costs_and_intervals=costs, rate=0.0) == float("inf")


def test_the_cost_of_a_first_run_grows_with_scenarios_time_and_threads() -> None:
    small = expected_cpu_seconds(scenarios=1, scenario_seconds=1.0, threads=1)

    assert small > 1
    assert expected_cpu_seconds(scenarios=2, scenario_seconds=1.0, threads=1) > small
    assert expected_cpu_seconds(scenarios=1, scenario_seconds=2.0, threads=1) > small
    assert expected_cpu_seconds(scenarios=1, scenario_seconds=1.0, threads=2) > small
    assert expected_gpu_seconds(scenarios=3, scenario_seconds=1.0) == 3
