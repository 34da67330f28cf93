"""What the store promises of events and hardware samples, on both databases."""

import pytest

from mmied.records import CollectorState, Event, GpuSample, HardwareSample


def test_events_come_newest_first_those_of_a_moment_in_turn(store):
    first, second, third = (
        Event(at=at, kind="model_changed", model="ranker", message=message)
        for at, message in ((5.0, "one"), (5.0, "two"), (4.0, "three"))
    )
    for event in (first, second, third):
        store.record_event(event)

    assert store.events() == (second, first, third)
    assert store.events(limit=1) == (second,)
    assert store.events(since=4.5) == (second, first)


def test_events_may_be_those_of_one_model(store):
    of_host = Event(at=3.0, kind="driver_changed", model=None, message="535 → 570")
    of_model = Event(at=2.0, kind="model_changed", model="ranker", message="new file")
    of_other = Event(at=1.0, kind="model_changed", model="other", message="new file")
    for event in (of_host, of_model, of_other):
        store.record_event(event)

    assert store.events(model="ranker") == (of_model,)
    assert store.events() == (of_host, of_model, of_other)


def test_a_hardware_sample_comes_back_as_it_was_recorded(store):
    gpu = GpuSample(
        gpu="0", uuid="GPU-1", name="H200", driver_version="570", clock_hertz={"sm": 1.9e9}, compute_pids=(7,)
    )
    sample = HardwareSample(
        at=12.5,
        cpus=2,
        disk_bytes_total={"read": 2**40},
        gpus=(gpu,),
        collectors={"nvml": CollectorState(success=False, duration_seconds=0.01, message="no driver")},
    )

    store.record_hardware(sample)

    assert store.hardware_history(since=0) == (sample,)


@pytest.mark.parametrize(("limit", "at"), [(100, range(10)), (5, [1, 3, 5, 7, 9]), (4, [0, 3, 6, 9]), (1, [9])])
def test_too_many_hardware_samples_are_thinned_evenly_and_the_last_is_kept(store, limit, at):
    for moment in range(10):
        store.record_hardware(HardwareSample(at=float(moment)))

    assert [sample.at for sample in store.hardware_history(since=0, limit=limit)] == list(at)


def test_hardware_samples_before_the_asked_time_are_left_out(store):
    for moment in (1.0, 2.0, 3.0):
        store.record_hardware(HardwareSample(at=moment))

    assert [sample.at for sample in store.hardware_history(since=2.0)] == [2.0, 3.0]
