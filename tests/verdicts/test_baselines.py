"""A regression is what became worse beyond doubt and by enough to matter; what cannot be compared is said."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import make_failure
from profile_builders import B1, B8, make_calls, make_environment, make_profile, make_workload_result

from mmied import MmiedError, detect_regressions, load_baseline
from mmied.codec import to_json
from mmied.profiles import Profile
from mmied.records import Memory, Workload
from mmied.results import ProfileResult


def of(*, median: float = 0.02, workload: Workload = B8, **changes: Any) -> Profile:
    return make_profile(results=(make_workload_result(workload, median=median, **changes),), inspection=None)


def metrics(found: list[Any]) -> list[str]:
    return [regression.metric for regression in found]


def test_equal_profiles_have_no_regression() -> None:
    found = detect_regressions(of(), of())
    assert not found
    assert str(found) == "no regressions"


def test_a_slower_model_is_told_with_its_figures_and_intervals() -> None:
    found = detect_regressions(ProfileResult(of()), ProfileResult(of(median=0.03)))
    assert metrics(found) == ["latency_p50_seconds", "latency_p95_seconds", "latency_p99_seconds"]
    first = found[0]
    assert (first.before, first.after) == pytest.approx((0.02, 0.03))
    assert first.change_ratio == pytest.approx(0.5)
    assert first.before_interval is not None
    assert first.after_interval is not None
    assert first.before_interval[1] < first.after_interval[0]
    assert "b8 latency_p50: 20.0 ms → 30.0 ms, 50 % worse" in str(found)


def test_a_faster_model_is_no_regression() -> None:
    assert not detect_regressions(of(median=0.03), of())


def test_a_change_that_is_sure_and_small_does_not_matter() -> None:
    assert not detect_regressions(of(), of(median=0.0208))
    assert detect_regressions(of(), of(median=0.0208), minimum_ratio=0.03)


def test_a_tail_alone_can_regress() -> None:
    before, after = (of(calls=make_calls(samples=1000, tail=tail)) for tail in (1.1, 3.0))
    assert metrics(detect_regressions(before, after)) == ["latency_p99_seconds"]


def test_a_change_within_the_intervals_is_none() -> None:
    few = make_calls(median=0.022, samples=8)
    wide = replace(few, wall_seconds=tuple(wall * (0.8 + 0.05 * i) for i, wall in enumerate(few.wall_seconds)))
    assert not detect_regressions(of(), of(calls=wide))


def test_latencies_of_a_host_too_busy_are_not_held_against_others() -> None:
    busy = make_workload_result(median=0.03)
    assert busy.latency is not None
    found = detect_regressions(
        of(), make_profile(results=(replace(busy, latency=replace(busy.latency, fit=False)),), inspection=None)
    )
    assert not found
    assert "too much else ran now" in found.notes[0]


def test_a_slower_host_is_noted() -> None:
    slow = {"compute": 0.03, "memory": 0.0064, "interpreter": 0.0093}
    found = detect_regressions(of(), of(median=0.03, reference_seconds=slow))
    assert found
    assert "the host was slower: its reference work took compute 2.48 times as long" in found.notes[0]


def test_memory_regresses_when_it_grows_by_more_than_equal_runs_differ() -> None:
    def holding(peak: int) -> Profile:
        return of(memory=(Memory(space="host", peak_bytes=peak),))

    assert metrics(detect_regressions(holding(60_000_000), holding(90_000_000))) == ["peak_memory_bytes"]
    assert not detect_regressions(holding(60_000_000), holding(63_000_000))
    assert not detect_regressions(holding(1_000_000), holding(3_000_000)), "less than an allocator keeps for itself"


def test_a_workload_that_fails_by_now_is_a_regression() -> None:
    found = detect_regressions(of(), make_profile(results=(make_failure(B8),), inspection=None))
    assert metrics(found) == ["failure"]
    assert "fails now: internal of the test" in str(found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "other"}, "the model classifier, the current profile of other"),
        ({"device": "cuda"}, "measured on cpu, the current profile on cuda"),
        ({"precision": "float16"}, "is in float32, the current profile in float16"),
        ({"results": (make_workload_result(B1),)}, "no workload in common: b8 against b1"),
    ],
)
def test_profiles_of_different_things_are_refused(change: Mapping[str, Any], said: str) -> None:
    with pytest.raises(MmiedError, match=said):
        detect_regressions(of(), replace(of(), **change))


def test_another_environment_is_noted_with_what_differs() -> None:
    environment = make_environment()
    newer = replace(environment, stable={**environment.stable, "torch": "9.9", "revision": "another"})
    found = detect_regressions(replace(of(), environment=environment), replace(of(), environment=newer, host="there"))
    assert any("torch" in note and "9.9 now" in note for note in found.notes)
    assert any("there now" in note for note in found.notes)
    assert not any("revision" in note for note in found.notes), "a new model is what is being judged"


def test_a_baseline_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(ProfileResult(make_profile()).to_json())
    assert load_baseline(path).profile == make_profile()


def test_what_is_no_baseline_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    document = json.loads(to_json(make_profile()))
    for text, said in (
        (json.dumps({**document, "version": 2}), "version 2 of the profile document"),
        (json.dumps({**document, "kind": "comparison"}), "a comparison"),
        ("{", "not JSON"),
        (json.dumps({"kind": "profile", "version": 1}), "Was it edited"),
    ):
        path.write_text(text)
        with pytest.raises(MmiedError, match=said):
            load_baseline(path)
    with pytest.raises(MmiedError, match="cannot be read: No such file"):
        load_baseline(tmp_path / "nowhere.json")
