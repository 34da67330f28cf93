"""What only grows is counted once, by scenario and by reason."""

import logging

import pytest
from builders import B1, B8, failed, make_failure, make_iterations, make_model, make_result, make_run, refused

from mmied import catalog
from mmied.daemon.admission import Refusal
from mmied.daemon.jobs import refused_run
from mmied.daemon.tally import CountingHandler, Latencies, Tally
from mmied.records import Run

BOUNDS = catalog.HISTOGRAM_BOUNDS_SECONDS
RANKER_B1, RANKER_B8 = ("ranker", "b1"), ("ranker", "b8")


def tally_of(*runs: Run) -> Tally:
    tally = Tally()
    for run in runs:
        tally.count(run)
    return tally


def test_runs_are_counted_by_scenario_and_failures_by_reason() -> None:
    half = make_run(2, results=(make_result(B1), make_failure(B8, "out_of_memory")))
    tally = tally_of(make_run(1), half, failed(3))

    assert tally.runs == {RANKER_B1: 3, RANKER_B8: 3}
    assert tally.failures == {
        (*RANKER_B1, "internal"): 1,
        (*RANKER_B8, "out_of_memory"): 1,
        (*RANKER_B8, "internal"): 1,
    }


def test_a_refusal_is_a_skip_of_each_scenario_and_no_run() -> None:
    skipped = refused(1, results=tuple(make_result(workload, outcome="refused") for workload in (B1, B8)))
    tally = tally_of(skipped, skipped)

    assert tally.skips == {(*RANKER_B1, "busy_cpu"): 2, (*RANKER_B8, "busy_cpu"): 2}
    assert not tally.runs
    assert not tally.latencies


def test_clean_latencies_are_summed_and_spread_over_the_buckets() -> None:
    calls = make_iterations(0.01, 100, waiting=10)
    tally = tally_of(make_run(1, results=(make_result(B1, iterations=calls),)))
    latencies = tally.latencies[RANKER_B1]

    assert latencies.count == sum(latencies.buckets) == 90
    assert latencies.sum_seconds == pytest.approx(sum(calls.wall_seconds[10:]))
    assert len(latencies.buckets) == len(BOUNDS) + 1


@pytest.mark.parametrize(
    ("latency", "bucket"),
    [(1e-9, 0), (BOUNDS[0], 0), (BOUNDS[0] * 1.01, 1), (BOUNDS[-1], len(BOUNDS) - 1), (1e3, len(BOUNDS))],
)
def test_a_bucket_holds_what_is_at_most_its_bound(latency: float, bucket: int) -> None:
    latencies = Latencies()
    latencies.add(latency, "run-0001", 5.0)

    assert [index for index, count in enumerate(latencies.buckets) if count] == [bucket]
    assert latencies.exemplars == {bucket: ("run-0001", latency, 5.0)}


def test_an_exemplar_is_of_the_newest_run() -> None:
    tally = tally_of(make_run(1, results=(make_result(B1),)), make_run(2, results=(make_result(B1),)))

    assert {run_id for run_id, _, _ in tally.latencies[RANKER_B1].exemplars.values()} == {"run-0002"}


def test_the_cpu_time_of_workers_adds_up() -> None:
    assert tally_of(make_run(1, cpu_seconds=3.0), failed(2, cpu_seconds=4.0), refused(3)).worker_cpu_seconds == 7.0


def test_models_that_were_taken_out_are_forgotten() -> None:
    skipped = refused(3, model="vision", results=(make_result(B1, outcome="refused"),))
    tally = tally_of(make_run(1), make_run(2, "vision"), failed(4, model="vision"), skipped)
    tally.forget({"ranker"})

    assert set(tally.runs) == set(tally.latencies) == {RANKER_B1, RANKER_B8}
    assert not tally.failures
    assert not tally.skips


def test_log_messages_are_counted_by_level() -> None:
    handler = CountingHandler()
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.info("one")
    logger.info("two")
    logger.error("three")

    assert handler.counts == {"info": 2, "error": 1}


def test_a_run_that_was_not_started_is_counted_for_each_of_the_models_scenarios() -> None:
    run = refused_run(make_model(), Refusal("budget", "too dear"), host="here", now=5.0)

    assert tally_of(run).skips == {(*RANKER_B1, "budget"): 1, (*RANKER_B8, "budget"): 1}
