"""Figures are derived from samples in spite of contention, and only those that the samples bear."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmied.records import Iterations
from mmied.stats import (
    BOUNDS_AGREE_RATIO,
    CONTENDED_SECONDS,
    FEW_CLEAN,
    agree,
    clean_samples,
    contended_indexes,
    latency_samples,
    median_interval,
    noise_ratio,
    quantile,
    quantile_interval,
    required_samples,
    summarize,
    supported_quantiles,
    waited_for_itself,
)

SECONDS = st.floats(min_value=1e-6, max_value=1e3)
SAMPLES = st.lists(SECONDS, min_size=1, max_size=200)


def calls(compute: list[float], waits: list[float] | None = None, **changes: object) -> Iterations:
    """Calls that computed and waited for so long."""
    waited = waits or [0.0] * len(compute)
    walls = tuple(own + wait for own, wait in zip(compute, waited, strict=True))
    return replace(Iterations(wall_seconds=walls, wait_seconds=tuple(waited)), **changes)


# Quantiles


@pytest.mark.parametrize(("q", "samples"), [(0.5, 7), (0.95, 90), (0.99, 459)])
def test_a_quantile_takes_as_many_samples_as_bound_it_with_99_percent_confidence(q: float, samples: int) -> None:
    assert required_samples(q) == samples
    assert 1 - q**samples >= 0.99 > 1 - q ** (samples - 1)


@given(SAMPLES, st.floats(min_value=0, max_value=1))
def test_a_quantile_is_numpys(samples: list[float], q: float) -> None:
    assert quantile(samples, q) == pytest.approx(float(np.quantile(samples, q)), rel=1e-9)


@given(SAMPLES)
def test_quantiles_do_not_cross(samples: list[float]) -> None:
    found = [quantile(samples, q) for q in (0.0, 0.5, 0.95, 0.99, 1.0)]

    assert found == sorted(found)
    assert (found[0], found[-1]) == (min(samples), max(samples))


@pytest.mark.parametrize(
    ("samples", "published"),
    [
        (6, []),
        (7, ["0.5"]),
        (89, ["0.5"]),
        (90, ["0.5", "0.95"]),
        (458, ["0.5", "0.95"]),
        (459, ["0.5", "0.95", "0.99"]),
    ],
)
def test_quantiles_that_the_sample_does_not_bear_are_withheld(samples: int, published: list[str]) -> None:
    assert list(supported_quantiles([0.01] * samples)) == published


def test_noise_is_the_median_deviation_from_the_median() -> None:
    assert noise_ratio([1.0, 1.0, 1.0, 9.0]) == 0
    assert noise_ratio([0.9, 1.0, 1.1]) == pytest.approx(0.1)
    assert noise_ratio([0.0, 0.0]) == 0


def test_figures_agree_by_a_share_of_the_smaller() -> None:
    assert agree(1.0, 1.1, 0.1001)
    assert not agree(1.0, 1.2, 0.1)
    assert not agree(-0.1, 1.0, 0.1)


# Contention


def test_a_quiet_host_gives_clean_samples_and_its_wall_times_are_the_latency() -> None:
    iterations = calls([0.01] * 100)
    summary = summarize(iterations)

    assert (summary.estimator, summary.samples, summary.iterations, summary.fit) == ("clean", 100, 100, True)
    assert (summary.contended_ratio, summary.quantiles["0.5"]) == (0.0, 0.01)
    assert summary.wall_quantiles == summary.quantiles


@pytest.mark.parametrize(
    ("wall", "wait", "contended"),
    [
        (100e-6, CONTENDED_SECONDS, False),  # what waking a thread takes on an idle host
        (100e-6, 1.1 * CONTENDED_SECONDS, True),
        (0.1, 0.0019, False),  # two hundredths of a long call
        (0.1, 0.0021, True),
    ],
)
def test_a_call_that_waited_for_longer_than_an_idle_host_makes_it_is_contended(
    wall: float, wait: float, contended: bool
) -> None:
    iterations = Iterations(wall_seconds=(wall,), wait_seconds=(wait,))

    assert contended_indexes(iterations) == ({0} if contended else set())


def test_contended_calls_are_left_out_where_half_of_all_are_clean() -> None:
    iterations = calls([0.01] * 40, [0.0] * 20 + [0.05] * 20)
    summary = summarize(iterations)

    assert (summary.estimator, summary.samples, summary.iterations, summary.fit) == ("clean", 20, 40, True)
    assert (summary.contended_ratio, summary.max_seconds, summary.wall_max_seconds) == (0.5, 0.01, pytest.approx(0.06))


def test_as_many_clean_calls_as_a_p95_takes_are_enough_however_many_were_contended() -> None:
    iterations = calls([0.01] * 1000, [0.0] * 90 + [0.05] * 910)

    assert summarize(iterations).estimator == "clean"
    assert summarize(iterations).samples == 90


def test_with_too_few_clean_calls_what_was_waited_is_taken_off_which_is_exact_for_one_thread() -> None:
    compute = [0.01 + 1e-5 * (index % 7) for index in range(200)]
    waits = [0.002 * (1 + index % 5) for index in range(200)]
    summary = summarize(calls(compute, waits))

    assert (summary.estimator, summary.samples, summary.fit, summary.contended_ratio) == (
        "wall_minus_wait",
        200,
        True,
        1.0,
    )
    assert summary.quantiles["0.95"] == pytest.approx(quantile(compute, 0.95))
    assert summary.wall_quantiles["0.95"] > 0.018


def test_a_call_is_never_shorter_than_nothing() -> None:
    samples, _, _ = latency_samples(Iterations(wall_seconds=(0.01,) * 9, wait_seconds=(0.02,) * 9))

    assert samples == [0.0] * 9


@pytest.mark.parametrize(("total_wait", "fit"), [(0.0105, True), (0.015, False)])
def test_several_threads_are_comparable_where_the_two_bounds_on_their_latency_agree(
    total_wait: float, fit: bool
) -> None:
    """The worst-off thread waited for 10 ms of 30; had all waits come one after the other, it were `total_wait`."""
    iterations = Iterations(
        wall_seconds=(0.03,) * 100, wait_seconds=(0.01,) * 100, wait_total_seconds=(total_wait,) * 100
    )
    samples, estimator, found = latency_samples(iterations)

    assert (estimator, found) == ("wall_minus_wait", fit)
    assert samples[0] == pytest.approx(0.02)
    assert agree(0.03 - total_wait, 0.02, BOUNDS_AGREE_RATIO) is fit


def test_with_several_threads_a_call_in_which_any_waited_is_contended() -> None:
    iterations = Iterations(
        wall_seconds=(0.01, 0.01), wait_seconds=(0.0, 0.0), wait_total_seconds=(0.0, 0.005), others_cpus=None
    )

    assert contended_indexes(iterations) == {1}


@pytest.mark.parametrize(
    ("clean", "estimator", "fit"),
    [(50, "clean", True), (49, "clean", False), (FEW_CLEAN, "clean", False), (FEW_CLEAN - 1, "wall_minus_wait", True)],
)
def test_with_several_threads_a_few_clean_calls_are_shown_and_only_half_of_all_are_compared(
    clean: int, estimator: str, fit: bool
) -> None:
    waits = (0.0,) * clean + (0.01,) * (100 - clean)
    iterations = Iterations(wall_seconds=(0.03,) * 100, wait_seconds=waits, wait_total_seconds=waits)

    assert latency_samples(iterations)[1:] == (estimator, fit)


def test_waiting_for_ones_own_threads_is_no_contention() -> None:
    iterations = calls([0.01] * 100, [0.003] * 100, others_cpus=0.01)

    assert waited_for_itself(iterations)
    assert contended_indexes(iterations) == set()
    assert summarize(iterations).quantiles["0.5"] == pytest.approx(0.013), "a quiet service feels it too"


def test_waiting_for_others_who_used_the_cpus_is_contention() -> None:
    iterations = calls([0.01] * 100, [0.003] * 100, others_cpus=0.5)

    assert not waited_for_itself(iterations)
    assert len(contended_indexes(iterations)) == 100


def test_a_call_that_was_robbed_is_contended_even_on_a_host_without_others() -> None:
    iterations = calls([0.01] * 10, others_cpus=0.0, disturbed=(3, 4))

    assert contended_indexes(iterations) == {3, 4}
    assert len(clean_samples(iterations)) == 8


def test_calls_that_were_robbed_for_the_most_part_cannot_be_compared() -> None:
    iterations = calls([0.01] * 20, [0.005] * 20, disturbed=tuple(range(11)))

    assert latency_samples(iterations)[2] is False
    assert summarize(iterations).fit is False


# CUDA


def test_on_cuda_the_latency_is_the_time_between_the_devices_events() -> None:
    iterations = calls([0.01] * 100, device_seconds=(0.004,) * 100)
    summary = summarize(iterations)

    assert (summary.estimator, summary.quantiles["0.5"], summary.wall_quantiles["0.5"]) == ("device", 0.004, 0.01)
    assert summary.fit


def test_on_cuda_nothing_can_be_taken_off_so_that_a_shared_device_makes_a_run_unfit() -> None:
    iterations = calls([0.01] * 40, disturbed=tuple(range(30)), device_seconds=(0.004,) * 40)
    summary = summarize(iterations)

    assert (summary.estimator, summary.samples, summary.fit) == ("device", 40, False)


# Pooling


def test_earlier_runs_are_pooled_until_the_last_quantile_is_borne() -> None:
    summary = summarize(calls([0.01] * 100), [calls([0.02] * 100)] * 50)

    assert (summary.pooled_runs, summary.pooled_samples, summary.samples) == (5, 500, 100)
    assert summary.quantiles == {"0.5": 0.01, "0.95": 0.01, "0.99": pytest.approx(0.02)}
    assert set(summary.wall_quantiles) == {"0.5", "0.95"}, "what this run's users felt is of this run alone"


def test_pooling_that_does_not_help_is_not_told() -> None:
    summary = summarize(calls([0.01] * 100), [calls([0.02] * 10)])

    assert (summary.pooled_runs, summary.pooled_samples) == (1, 100)


def test_runs_that_cannot_be_compared_are_not_pooled() -> None:
    unfit = calls([0.01] * 100, [0.005] * 100, disturbed=tuple(range(60)))
    subtracted = calls([0.01] * 100, [0.005] * 100)

    assert summarize(calls([0.01] * 100), [unfit, subtracted] * 10).pooled_runs == 1


# Invariants

SCALES = st.sampled_from([2.0**power for power in range(-2, 8)])  # powers of two: exact in binary
CALLS = st.lists(
    # Waits well above the floor of 20 µs at every scale, or none at all; and well away from 2 % of the call.
    st.tuples(st.floats(min_value=0.005, max_value=0.02), st.sampled_from([0.0, 0.002, 0.01])),
    min_size=1,
    max_size=150,
)


def scaled(iterations: Iterations, scale: float) -> Iterations:
    return replace(
        iterations,
        wall_seconds=tuple(scale * seconds for seconds in iterations.wall_seconds),
        wait_seconds=tuple(scale * seconds for seconds in iterations.wait_seconds),
    )


@given(CALLS, SCALES)
def test_scaling_all_times_scales_all_figures_and_changes_no_verdict(
    pairs: list[tuple[float, float]], scale: float
) -> None:
    iterations = calls([compute for compute, _ in pairs], [wait for _, wait in pairs])
    before, after = summarize(iterations), summarize(scaled(iterations, scale))

    assert contended_indexes(iterations) == contended_indexes(scaled(iterations, scale))
    assert after == replace(
        before,
        mean_seconds=pytest.approx(scale * before.mean_seconds),
        max_seconds=scale * before.max_seconds,
        quantiles={q: pytest.approx(scale * seconds) for q, seconds in before.quantiles.items()},
        wall_quantiles={q: pytest.approx(scale * seconds) for q, seconds in before.wall_quantiles.items()},
        wall_max_seconds=scale * before.wall_max_seconds,
        noise_ratio=pytest.approx(before.noise_ratio),
        standard_deviation_seconds=before.standard_deviation_seconds
        and pytest.approx(scale * before.standard_deviation_seconds),
        median_interval_seconds=before.median_interval_seconds
        and tuple(scale * seconds for seconds in before.median_interval_seconds),
    )


@given(st.floats(min_value=1e-4, max_value=1.0), st.integers(min_value=1, max_value=600))
def test_a_constant_series_has_no_noise_and_every_figure_is_the_constant(seconds: float, samples: int) -> None:
    summary = summarize(calls([seconds] * samples))

    assert summary.noise_ratio == 0
    for figure in (summary.mean_seconds, summary.max_seconds, *summary.quantiles.values()):
        assert figure == pytest.approx(seconds)


@given(CALLS)
def test_the_order_of_the_calls_is_no_matter(pairs: list[tuple[float, float]]) -> None:
    there = summarize(calls([compute for compute, _ in pairs], [wait for _, wait in pairs]))
    back = summarize(calls([compute for compute, _ in pairs[::-1]], [wait for _, wait in pairs[::-1]]))

    assert replace(back, mean_seconds=there.mean_seconds) == there


@given(CALLS)
def test_nothing_that_is_published_took_longer_than_the_clock_said(pairs: list[tuple[float, float]]) -> None:
    iterations = calls([compute for compute, _ in pairs], [wait for _, wait in pairs])
    summary = summarize(iterations)

    assert 0 < summary.max_seconds <= summary.wall_max_seconds
    assert 0 < summary.samples <= summary.iterations


@pytest.mark.parametrize("count", [6, 30, 459, 999, 1000, 3000])
def test_the_interval_of_a_median_holds_it_as_often_as_it_says(count: int) -> None:
    generator = np.random.default_rng(count)
    draws = generator.exponential(size=(400, count))
    intervals = [median_interval(draw.tolist()) for draw in draws]
    held = sum(low <= np.log(2) <= high for low, high in intervals)
    assert held / 400 >= 0.92  # 95 % less three standard errors


def test_five_samples_bear_no_interval_of_a_median() -> None:
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0]) is None
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) == (1.0, 6.0)


def test_the_interval_of_a_median_is_continuous_where_the_formula_changes() -> None:
    exact, limit = median_interval(range(999)), median_interval(range(1000))
    assert abs(exact[0] - limit[0]) <= 2
    assert abs(exact[1] - limit[1]) <= 2


@pytest.mark.parametrize(("q", "samples"), [(0.5, 50), (0.95, 200), (0.99, 500)])
def test_the_interval_of_a_quantile_holds_it_as_often_as_it_says(q: float, samples: int) -> None:
    draw = Random(7)
    held = 0
    for _ in range(400):
        interval = quantile_interval([draw.random() for _ in range(samples)], q)
        assert interval is not None
        held += interval[0] <= q <= interval[1]
    assert held >= 0.94 * 400


def test_a_quantile_beyond_the_sample_has_no_interval() -> None:
    assert quantile_interval([float(number) for number in range(100)], 0.99) is None
