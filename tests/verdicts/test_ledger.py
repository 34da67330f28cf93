"""What changed from one environment to the next is told in words with both values, and each kind once."""

import pytest
from builders import NOW
from regressed import environment

from mmied import catalog
from mmied.records import Environment, Event
from mmied.verdicts.ledger import HOST_FACTS, MODEL_FACTS, events_between


def host(before: Environment, after: Environment) -> list[tuple[str, str]]:
    return [(event.kind, event.message) for event in events_between(before, after, at=NOW)]


def test_equal_environments_have_no_events() -> None:
    assert host(environment(), environment("f2")) == []
    assert events_between(environment(), environment(), at=NOW, model="ranker") == ()


@pytest.mark.parametrize(
    ("name", "then", "now", "event"),
    [
        ("torch", "2.12.0", "2.13.0", ("runtime_changed", "torch 2.12.0 became 2.13.0")),
        ("driver", "550.1", "570.2", ("driver_changed", "driver 550.1 became 570.2")),
        ("governor", "performance", "powersave", ("clocks_changed", "governor performance became powersave")),
        ("governor", None, "powersave", ("clocks_changed", "governor not set became powersave")),
        ("gpu_power_limit_watts", 700.0, 500.0, ("clocks_changed", "gpu power limit 700 W became 500 W")),
        ("cpu_frequency_limit_hertz", 3.6e9, 1.2e9, ("clocks_changed", "cpu frequency limit 3.60 GHz became 1.20 GHz")),
        ("kernel", "6.1.0", "6.6.0", ("host_changed", "kernel 6.1.0 became 6.6.0")),
        ("memory_bytes", 64_000_000_000, 32_000_000_000, ("host_changed", "memory 64.0 GB became 32.0 GB")),
        ("cgroup_memory_max", "max", "2000000000", ("limits_changed", "cgroup memory max max became 2000000000")),
        ("affinity", "0,1", "0", ("limits_changed", "affinity 0,1 became 0")),
        ("wait_policy", "PASSIVE", "ACTIVE", ("settings_changed", "wait policy PASSIVE became ACTIVE")),
    ],
)  # fmt: skip
def test_a_fact_of_the_host_that_changed_is_an_event_of_its_kind(
    name: str, then: object, now: object, event: tuple[str, str]
) -> None:
    assert host(environment(**{name: then}), environment(**{name: now})) == [event]


def test_libraries_come_and_go() -> None:
    with_numpy = environment(numpy="2.1.0")

    assert host(environment(), with_numpy) == [("runtime_changed", "numpy 2.1.0 was installed")]
    assert host(with_numpy, environment()) == [("runtime_changed", "numpy 2.1.0 was removed")]


def test_what_only_one_of_the_two_can_tell_is_no_event() -> None:
    assert host(environment(), environment(driver="570.1", gpu="H200")) == []


def test_several_facts_of_a_kind_are_one_event() -> None:
    found = host(environment(), environment(torch="2.14.0", python="3.12.1", kernel="6.6.0"))

    assert found == [
        ("runtime_changed", "torch 2.13.0 became 2.14.0, python 3.11.2 became 3.12.1"),
        ("host_changed", "kernel 6.1.0 became 6.6.0"),
    ]


def test_clocks_that_are_held_down_by_heat_are_an_event_and_a_power_cap_at_work_is_none() -> None:
    cool, hot, capped = (environment(momentary={"gpu_throttle_reasons": bits}) for bits in (0x1, 0x41, 0x4))

    assert host(cool, hot) == [("clocks_changed", "gpu held down nothing became heat (hardware)")]
    assert host(cool, capped) == []


def test_what_is_a_models_own_is_told_of_the_model_alone() -> None:
    before, after = environment(), environment(threads=1, inputs="34cd")

    assert host(before, after) == []
    assert events_between(before, after, at=NOW, model="ranker") == (
        Event(
            at=NOW,
            kind="settings_changed",
            model="ranker",
            message="threads 2 became 1, the inputs became others",
        ),
    )


def test_kinds_are_those_of_the_catalog() -> None:
    assert HOST_FACTS.keys() | MODEL_FACTS.keys() <= catalog.EVENT_KINDS.keys()
