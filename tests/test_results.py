"""A result answers by attributes with units and as a mapping, and says why a figure is not there."""

from dataclasses import replace

import pytest
from builders import make_failure
from profile_builders import B1, B8, make_calls, make_profile, make_sweep, make_workload_result

from mmied.records import Memory, Workload
from mmied.results import ProfileResult


def test_both_ways_of_asking_give_the_same_figure() -> None:
    result = ProfileResult(make_profile())
    seconds = result.latency_seconds
    assert result["latency"]["p99"] == pytest.approx(1e3 * (seconds.p99 or 0))
    assert result["latency"]["std"] == pytest.approx(1e3 * (seconds.standard_deviation or 0))
    assert result["memory"]["peak"] == result.memory_bytes.peak
    assert result["throughput"]["samples_per_second"] == result.throughput.samples_per_second
    assert result["compute"]["flops"] == result.flops
    assert set(result) >= {"latency", "throughput", "memory", "compute"}
    assert len(result) == len(list(result))


def test_the_median_lies_in_its_interval() -> None:
    latency = ProfileResult(make_profile()).latency_seconds
    assert latency.interval is not None
    assert latency.interval[0] <= (latency.p50 or 0) <= latency.interval[1]


def test_a_quantile_that_the_sample_does_not_bear_is_none_and_says_why() -> None:
    calls = make_calls(samples=120)
    result = ProfileResult(make_profile(results=(make_workload_result(calls=calls),), inspection=None))
    assert result.latency_seconds.p95 is not None
    assert result.latency_seconds.p99 is None
    assert result["latency"]["p99"] is None
    assert result.latency_seconds.withheld == {"p99": "p99 needs 459 samples, has 120"}
    assert "withheld: needs 459 samples" in str(result)


def test_other_things_a_second_are_known_where_a_samples_were_given() -> None:
    profile = make_profile(items_per_sample={"tokens": 64.0, "words": 50.0})
    throughput = ProfileResult(profile).throughput
    samples = throughput.samples_per_second or 0.0
    assert throughput.tokens_per_second == 64 * samples
    assert throughput.images_per_second is None
    assert ProfileResult(profile)["throughput"]["words_per_second"] == 50 * samples


def test_memory_is_the_devices_where_there_is_one() -> None:
    device = Memory(space="device", peak_bytes=7, activation_bytes=4, fragmentation_ratio=0.25)
    result = make_workload_result()
    result = replace(result, memory=(*result.memory, device))
    found = ProfileResult(make_profile(results=(result,)))
    assert found.memory_bytes.peak == 7
    assert found["memory"]["fragmentation"] == 0.25


def test_each_workload_of_a_sweep_has_a_result_and_the_inspected_one_stands_for_all() -> None:
    profile = make_profile(results=make_sweep((1, 0.01), (8, 0.02)))
    result = ProfileResult(profile)
    assert [part.batch_size for part in result.workloads()] == [1, 8]
    assert result.main is not None
    assert profile.inspection is not None
    assert result.main.workload == profile.inspection.workload == B8
    assert result.workloads()[0].inspection is None
    assert result.workloads()[1].flops == result.flops


def test_a_failure_is_told_and_has_no_figures() -> None:
    result = ProfileResult(make_profile(results=(make_failure(B1),), inspection=None))
    assert result.failure == "internal of the test"
    assert result.latency_seconds.mean is None
    assert result["throughput"]["samples_per_second"] is None
    assert "internal of the test" in str(result)


def test_a_failure_beside_a_success_does_not_stand_for_the_whole() -> None:
    good = make_workload_result(Workload(scenario="b2", batch_size=2))
    assert ProfileResult(make_profile(results=(make_failure(B1), good), inspection=None)).batch_size == 2
