"""A change is put down to what the evidence speaks for, and the evidence says so with figures."""

from dataclasses import replace
from typing import Any

import pytest
from builders import NOW
from regressed import P50, at, change, environment, noisy, slower_by

from mmied.profiles import PairedRatio
from mmied.records import Event
from mmied.regression import HOST, Cause, Evidence, PredecessorResult, SeriesKey
from mmied.verdicts.causes import Circumstances, attribute

FILE = Event(at=at(0), kind="model_changed", model="ranker", message="revision aaa became bbb")
TORCH = Event(at=at(0), kind="runtime_changed", model=None, message="torch 2.12.0 became 2.13.0")
THREADS = Event(at=at(0), kind="settings_changed", model="ranker", message="threads 2 became 1")
CLOCKS = Event(at=at(0), kind="clocks_changed", model=None, message="governor performance became powersave")
RELOADED = Event(at=at(0) - 60, kind="config_reloaded", model=None, message="3 models")
CLOCK = Event(at=at(0) - 60, kind="host_changed", model=None, message="the clock jumped by +90 s")


def told(**known: Any) -> tuple[Cause, list[str]]:
    circumstances = Circumstances(**{"points": slower_by(0.2)} | known)
    cause, evidence = attribute(change(), circumstances)
    return cause, [each.text for each in evidence]


def paired(times: float, *, wide: float = 0.01, **changes: Any) -> PredecessorResult:
    """A deployed file whose calls take so many times as long as with the file before."""
    ratio = PairedRatio(
        variant="deployed",
        batch_size=8,
        pairs=40,
        speedup_ratio=1 / times,
        lower=1 / (times + wide),
        upper=1 / (times - wide),
        control_lower=0.998,
        control_upper=1.002,
    )
    whole = PredecessorResult(model="ranker", revision="b" * 64, predecessor_revision="a" * 64, ratios=(ratio,))
    return replace(whole, **changes)


@pytest.mark.parametrize(
    ("event", "cause"), [(FILE, "model"), (TORCH, "environment"), (THREADS, "environment"), (CLOCKS, "host")]
)
def test_an_event_between_the_last_good_run_and_the_first_bad_one_is_the_cause(event: Event, cause: Cause) -> None:
    found, texts = told(events=[event])

    assert found == cause
    assert event.message in texts[0]


def test_nothing_speaks_for_anything_where_nothing_happened() -> None:
    cause, texts = told()

    assert cause == "unknown"
    assert texts[0].startswith("reference work in the same minutes took the same (compute +")


@pytest.mark.parametrize("event", [RELOADED, CLOCK, replace(FILE, model="other")])
def test_what_slows_nothing_is_no_cause(event: Event) -> None:
    assert told(events=[event])[0] == "unknown"


def test_reference_work_that_moved_with_the_series_speaks_for_the_host() -> None:
    slow = [
        *noisy([0.01] * 12, -12),
        *noisy([0.013] * 4, 0, references={"compute": -6.63}),  # 1.32 ms instead of 1 ms
    ]
    cause, texts = told(points=slow)

    assert cause == "host"
    assert "moved with it, which explains 100% of it (compute +3" in texts[0]


def test_reference_work_that_moved_a_little_does_not_excuse_a_slower_model() -> None:
    slow = [*noisy([0.01] * 12, -12), *noisy([0.02] * 4, 0, references={"compute": -6.85})]
    cause, texts = told(points=slow, events=[FILE])

    assert cause == "model"
    assert any("moved too little to explain it" in text for text in texts)


def test_a_library_that_slows_the_reference_work_too_is_the_environment() -> None:
    slow = [*noisy([0.01] * 12, -12), *noisy([0.013] * 4, 0, references={"compute": -6.63})]

    assert told(points=slow, events=[TORCH])[0] == "environment"


def test_busy_neighbours_are_contention() -> None:
    busy = [*noisy([0.01] * 12, -12), *noisy([0.012] * 4, 0, contended_ratio=0.6)]
    cause, texts = told(points=busy)

    assert cause == "contention"
    assert texts[0] == "calls that others kept waiting: 2% before, 60% after"


def test_others_that_changed_at_the_same_time_speak_for_the_host() -> None:
    others = [change(SeriesKey(name, "b1", "latency_p50")) for name in ("a", "b")]
    cause, texts = told(others=others, other_models=3)

    assert cause == "host"
    assert texts[0] == "2 of 3 other models of this host changed at the same time: a, b"
    assert told(others=others[:1], other_models=3)[0] == "unknown"
    assert told(other_models=3)[1][-1] == "0 of 3 other models of this host changed at the same time"


def test_old_against_new_in_the_same_minutes_decides_whatever_else_happened() -> None:
    cause, texts = told(events=[TORCH, THREADS], paired=paired(1.19), batch_size=8)

    assert cause == "model"
    assert "in the same minutes" in texts[0]
    assert "+19.0% [+18.0%, +20.0%]" in texts[0]


def test_a_file_that_is_as_fast_as_the_one_before_is_not_the_cause() -> None:
    cause, texts = told(events=[FILE, TORCH], paired=paired(1.0), batch_size=8)

    assert cause == "environment"
    assert texts[0].endswith("The file is not what changed it")
    assert told(events=[FILE], paired=paired(1.0), batch_size=8)[0] == "unknown"


@pytest.mark.parametrize("found", [paired(1.1, wide=0.09), paired(1.0, fit=False), paired(1.0, ratios=())])
def test_a_comparison_that_cannot_tell_leaves_the_word_to_the_events(found: PredecessorResult) -> None:
    assert told(events=[FILE], paired=found, batch_size=8)[0] == "model"


def test_a_file_whose_throughput_fell_is_told_by_the_same_calls() -> None:
    fell = change(SeriesKey("ranker", "b8", "throughput"), before=100.0, after=80.0, change_ratio=0.2)
    cause, _ = attribute(fell, Circumstances(paired=paired(1.25), batch_size=8))

    assert cause == "model"


def test_outputs_that_drift_are_the_files_doing_where_the_two_files_differ() -> None:
    drifted = change(SeriesKey("ranker", "", "output_drift"), before=0.0, after=0.3, change_ratio=0.3)

    assert attribute(drifted, Circumstances(paired=paired(1.0, drift_ratio=0.3)))[0] == "model"
    assert attribute(drifted, Circumstances(paired=paired(1.0, drift_ratio=0.0), events=[TORCH]))[0] == "environment"


def test_memory_is_no_matter_of_a_slow_or_busy_host() -> None:
    grown = change(SeriesKey("ranker", "b8", "peak_memory"))
    busy = [*noisy([4e8] * 12, -12), *noisy([5e8] * 4, 0, references={"compute": -6.0}, contended_ratio=0.9)]

    assert attribute(grown, Circumstances(points=busy))[0] == "unknown"
    assert attribute(grown, Circumstances(points=busy, events=[FILE]))[0] == "model"


def test_what_two_runs_say_of_themselves_replaces_a_ledger_that_is_silent() -> None:
    cause, texts = told(before=environment(), after=environment("f2", threads=1))

    assert cause == "environment"
    assert texts[0].endswith("threads 2 became 1")


def test_what_the_ledger_tells_is_not_told_twice() -> None:
    _, texts = told(events=[THREADS], before=environment(), after=environment("f2", threads=1))

    assert sum("threads 2 became 1" in text for text in texts) == 1


def test_the_host_itself_is_slow_by_itself_unless_something_was_changed_or_others_were_busy() -> None:
    key = SeriesKey(HOST, "cpu", "reference_compute")
    quiet = [*noisy([0.001] * 12, -12, key), *noisy([0.0013] * 4, 0, key)]
    busy = [*quiet[:12], *(replace(each, contended_ratio=0.7) for each in quiet[12:])]

    def cause(**known: Any) -> Cause:
        return attribute(change(key), Circumstances(**{"points": quiet} | known))[0]

    assert cause() == "host"
    assert cause(events=[CLOCKS]) == "host"
    assert cause(events=[TORCH]) == "environment"
    assert cause(points=busy) == "contention"


def test_an_improvement_is_put_down_to_its_cause_as_well() -> None:
    better = change(P50, worse=False, before=0.012, after=0.01, change_ratio=-0.1667)
    quicker = [*noisy([0.012] * 12, -12), *noisy([0.01] * 4, 0)]
    cause, evidence = attribute(better, Circumstances(points=quicker, events=[FILE], paired=paired(0.83), batch_size=8))

    assert cause == "model"
    assert evidence[0].kind == "paired"
    assert evidence[0].cause == "model"


def test_without_any_points_there_is_still_an_answer() -> None:
    assert attribute(change(started_at=NOW), Circumstances()) == ("unknown", ())
    assert isinstance(told(points=slower_by(0.2)[:1])[1], list)


def test_evidence_is_ordered_by_what_it_says_for_the_cause() -> None:
    _, evidence = attribute(change(), Circumstances(points=slower_by(0.2), events=[THREADS, FILE], other_models=2))

    assert [each.cause for each in evidence[:2]] == ["model", "environment"]
    assert all(isinstance(each, Evidence) for each in evidence)
