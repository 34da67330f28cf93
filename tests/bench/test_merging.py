"""What was measured of one model in several steps is put together, and of different models it is not."""

from dataclasses import replace

from profile_builders import B1, B8, make_flops, make_inspection, make_profile, make_workload_result

from mmied.bench.merging import merge_profiles
from mmied.inspection import Inspection
from mmied.records import Memory, WorkloadResult

EARLIER = make_profile(results=(make_workload_result(B1), make_workload_result(B8)), inspection=None)


def test_a_workload_that_was_measured_again_has_its_later_result() -> None:
    later = make_profile(results=(make_workload_result(B8, median=0.05),), inspection=None)
    merged = merge_profiles(EARLIER, later)
    assert [result.workload for result in merged.results] == [B1, B8]
    assert merged.results[1] == later.results[0]


def test_memory_that_was_measured_alone_joins_the_latency() -> None:
    memory = (Memory(space="host", peak_bytes=5),)
    later = replace(EARLIER, results=(WorkloadResult(workload=B8, outcome="succeeded", memory=memory),))
    merged = merge_profiles(EARLIER, later).results[1]
    assert merged.latency == EARLIER.results[1].latency
    assert merged.memory == memory


def test_passes_over_the_same_workload_join() -> None:
    layers = replace(make_inspection(), flops=None, operators=None)
    later = Inspection(workload=layers.workload, flops=make_flops(), pass_seconds={"flops": 0.1})
    merged = merge_profiles(replace(EARLIER, inspection=layers), replace(EARLIER, inspection=later)).inspection
    assert merged is not None
    assert (merged.layers, merged.flops) == (layers.layers, later.flops)


def test_a_pass_that_failed_and_now_succeeded_is_no_failure() -> None:
    failed = Inspection(workload=B8, failures={"flops": "no", "layers": "neither"}, pass_seconds={"flops": 1.0})
    good = Inspection(workload=B8, flops=make_flops(), pass_seconds={"flops": 1.0})
    merged = merge_profiles(replace(EARLIER, inspection=failed), replace(EARLIER, inspection=good)).inspection
    assert merged is not None
    assert merged.failures == {"layers": "neither"}


def test_another_model_or_place_begins_anew() -> None:
    for changes in ({"model": "other"}, {"precision": "bfloat16"}, {"device": "cuda"}, {"threads": 7}):
        later = replace(EARLIER, results=(), **changes)
        assert merge_profiles(EARLIER, later) == later
    assert merge_profiles(None, EARLIER) == EARLIER
