"""A run gives points to the series of all that it measured, and says which of them are evidence."""

import math
from dataclasses import replace

import pytest
from builders import B1, B8, failed, make_failure, make_iterations, make_result, make_run, refused
from inspections import inspected

from mmied.records import Memory, Run
from mmied.regression import HOST, METRICS, SeriesKey, SeriesPoint
from mmied.stats import summarize
from mmied.verdicts.run_points import points_of


def by_key(run: Run) -> dict[SeriesKey, SeriesPoint]:
    found = points_of(run)
    assert len({point.key for point in found}) == len(found)
    return {point.key: point for point in found}


def test_a_whole_run_gives_a_point_to_each_series() -> None:
    found = by_key(make_run(drift_ratio=0.0))
    scenarios = ("latency_p50", "latency_p95", "latency_p99", "throughput", "peak_memory", "first_call")
    of_model = {SeriesKey("ranker", "", name) for name in ("load_time", "output_drift")}
    of_host = {SeriesKey(HOST, "cpu-2-threads", f"reference_{name}") for name in ("compute", "memory", "interpreter")}

    assert found.keys() == {SeriesKey("ranker", where, name) for where in ("b1", "b8") for name in scenarios} | (
        of_model | of_host
    )
    assert {key.metric for key in found} == METRICS.keys() - {"accuracy"}


def test_figures_are_what_is_published_and_values_are_their_logarithms() -> None:
    run = make_run(drift_ratio=0.25)
    found = by_key(run)
    p99 = found[SeriesKey("ranker", "b1", "latency_p99")]
    drift = found[SeriesKey("ranker", "", "output_drift")]

    assert run.results[0].latency is not None
    assert p99.figure == run.results[0].latency.quantiles["0.99"]
    assert p99.value == math.log(p99.figure)
    assert p99.uncertainty is None, "all of its slowest calls took the same"
    assert found[SeriesKey("ranker", "b1", "throughput")].uncertainty == pytest.approx(0.0006, rel=0.1)
    assert found[SeriesKey("ranker", "b1", "latency_p50")].figure == pytest.approx(0.01)
    assert found[SeriesKey("ranker", "b1", "throughput")].figure == pytest.approx(100.0)
    assert found[SeriesKey("ranker", "b1", "peak_memory")].figure == 400_000_000
    assert (drift.figure, drift.value, drift.log) == (0.25, 0.25, False)
    assert {(point.run_id, point.at) for point in found.values()} == {(run.run_id, run.started_at)}


def test_the_references_of_the_same_minutes_go_with_what_takes_time() -> None:
    found = by_key(make_run())

    for metric in ("latency_p50", "latency_p95", "first_call"):
        references = found[SeriesKey("ranker", "b8", metric)].references
        assert references["compute"] == pytest.approx(math.log(0.0121)), metric
    less = found[SeriesKey("ranker", "b8", "throughput")].references
    assert less["compute"] == pytest.approx(-math.log(0.0121)), "what takes longer makes a throughput less"
    assert found[SeriesKey("ranker", "", "load_time")].references.keys() == {"compute", "memory", "interpreter"}
    assert found[SeriesKey("ranker", "b8", "peak_memory")].references == {}


def test_the_host_is_told_beside_which_model_it_was_looked_at() -> None:
    point = by_key(make_run(threads=4))[SeriesKey(HOST, "cpu-4-threads", "reference_compute")]

    assert point.fingerprint == "ranker/4"
    assert point.figure == pytest.approx(0.0121)
    assert point.value == pytest.approx(math.log(0.0121))


def test_on_a_gpu_the_threads_make_no_series_of_their_own() -> None:
    assert SeriesKey(HOST, "cuda:0", "reference_compute") in by_key(make_run(device="cuda:0", threads=4))


def test_quantiles_that_earlier_runs_lent_their_samples_to_are_not_judged() -> None:
    calls = make_iterations(samples=100)
    pooled = summarize(calls, [calls] * 9)
    assert "0.99" in pooled.quantiles
    run = make_run(results=(replace(make_result(B1, samples=100), latency=pooled),))

    assert {key.metric for key in by_key(run) if key.metric.startswith("latency")} == {"latency_p50", "latency_p95"}


def test_memory_is_the_devices_where_the_model_lives_there() -> None:
    result = make_result(B1)
    device = Memory(space="device", peak_bytes=3_000_000_000)
    run = make_run(results=(replace(result, memory=(*result.memory, device)),))

    assert by_key(run)[SeriesKey("ranker", "b1", "peak_memory")].figure == 3_000_000_000


def test_a_first_call_that_was_not_the_processs_first_is_none() -> None:
    run = make_run(results=(make_result(B1), make_result(B8, cold=False)))

    assert {key.scenario for key in by_key(run) if key.metric == "first_call"} == {"b1"}


def test_latencies_of_a_run_that_contention_spoilt_are_shown_and_are_no_evidence() -> None:
    result = make_result(B1)
    assert result.latency is not None
    spoilt = replace(result, latency=replace(result.latency, fit=False, contended_ratio=0.9))
    found = by_key(make_run(results=(spoilt,)))
    fit = {key.metric for key, point in found.items() if point.fit}

    assert fit == {"peak_memory"}
    assert found[SeriesKey("ranker", "b1", "latency_p50")].contended_ratio == 0.9


def test_a_run_that_was_forced_is_evidence_but_for_what_was_timed_once() -> None:
    found = by_key(make_run(forced=True))

    assert {key.metric for key, point in found.items() if not point.fit} == {"first_call", "load_time"}


def test_a_scenario_that_succeeded_counts_whatever_became_of_the_run() -> None:
    run = make_run(outcome="timed_out", results=(make_result(B1), make_failure(B8)))

    assert {key.scenario for key in by_key(run) if key.model == "ranker"} == {"b1", ""}


@pytest.mark.parametrize("run", [failed(), refused(), inspected(), make_run(results=())])
def test_what_measured_nothing_gives_no_points(run: Run) -> None:
    assert points_of(run) == ()


def test_a_run_that_was_made_to_confirm_says_so() -> None:
    assert all(point.confirming for point in points_of(make_run(confirming=True)))


def test_figures_that_are_none_are_left_out() -> None:
    run = make_run(
        load_seconds=0.0, drift_ratio=math.nan, results=(make_result(B1, throughput_samples_per_second=0.0),)
    )
    metrics = {key.metric for key in by_key(run)}

    assert not metrics & {"load_time", "output_drift", "throughput"}


def test_an_inspection_adds_the_accuracy_on_labelled_samples_and_nothing_else() -> None:
    (found,) = points_of(make_run(1, kind="inspect", accuracy=0.93, results=()))
    assert (found.key, found.figure, found.value, found.log) == (SeriesKey("ranker", "", "accuracy"), 0.93, 0.93, False)
    assert points_of(make_run(1, kind="inspect", results=())) == ()
