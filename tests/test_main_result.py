"""The figures that stand for a whole profile are those of one workload, chosen by rule."""

from dataclasses import replace

from builders import make_failure
from profile_builders import B1, B8, B32, bare_profile, make_inspection, make_profile, make_workload_result

from mmied.records import Memory
from mmied.results import main_result, memory_of

RESULTS = (make_failure(B1), make_workload_result(B8), make_workload_result(B32))


def test_the_workload_that_was_looked_into_comes_first() -> None:
    profile = make_profile(results=RESULTS, inspection=make_inspection(B32))

    assert main_result(profile) is RESULTS[2]


def test_without_an_inspection_it_is_the_first_that_was_measured() -> None:
    assert main_result(make_profile(results=RESULTS, inspection=None)) is RESULTS[1]


def test_a_workload_with_latencies_comes_before_one_whose_memory_alone_was_measured() -> None:
    untimed = replace(RESULTS[2], latency=None)
    profile = make_profile(results=(untimed, RESULTS[1]), inspection=make_inspection(B32))

    assert main_result(profile) is RESULTS[1]
    assert main_result(replace(profile, results=(RESULTS[0], untimed))) is untimed


def test_a_profile_of_failures_has_a_failure_to_show() -> None:
    assert main_result(make_profile(results=RESULTS[:1])) is RESULTS[0]
    assert main_result(bare_profile()) is None


def test_the_devices_memory_matters_where_there_is_one() -> None:
    host, device = Memory(space="host", peak_bytes=9), Memory(space="device", peak_bytes=5)

    assert memory_of(make_workload_result(B8, memory=(host, device))) is device
    assert memory_of(make_workload_result(B8, memory=(host,))) is host
    assert memory_of(make_workload_result(B8, memory=())) is None
