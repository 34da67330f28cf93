"""A slower file is one regression of its model, a slow host one of the host, and a busy neighbour none of either."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import NOW, REVISION
from judged_host import GOOD_RUNS, INTERVAL, OTHER_REVISION, JudgedHost, configured, key_of

from mmied.daemon.export_regression import is_alarming
from mmied.errors import HistoryError
from mmied.regression import HOST


def test_a_model_that_stays_as_it_is_has_no_changes(host: JudgedHost) -> None:
    host.runs(15)

    assert host.changes() == ()
    assert {standing.state for standing in host.regressions.series.values()} == {"stable"}


def test_a_series_is_learned_before_it_is_judged(tmp_path: Path) -> None:
    host = JudgedHost(tmp_path)
    host.run()
    standing = host.standing()

    assert (standing.state, standing.runs) == ("learning", 1)
    assert standing.baseline is None
    assert standing.why
    host.store.close()


def test_a_slower_file_is_one_regression_of_the_model_with_the_event_as_evidence(host: JudgedHost) -> None:
    changed_at = host.now
    host.runs(5, seconds=0.012, revision=OTHER_REVISION)
    (change,) = host.regressions_of()

    assert (change.started_at, change.last_good_at) == (changed_at, changed_at - INTERVAL)
    assert change.cause == "model"
    assert f"revision {REVISION[:12]} became {OTHER_REVISION[:12]}" in change.evidence[0].text
    assert [event.kind for event in change.events] == ["model_changed"]
    assert change.change_ratio == pytest.approx(0.2, abs=0.02)
    assert change.before == pytest.approx(0.01, rel=0.02)
    assert change.after == pytest.approx(0.012, rel=0.02)
    assert change.lower is not None
    assert change.upper is not None
    assert change.lower < 0.2 < change.upper
    assert change.change_id.endswith("-ranker-b8-latency_p50")
    assert host.standing().state == "regressed"
    assert host.standing().change == change
    assert host.standing().change_ratio == pytest.approx(0.2, abs=0.02)
    baseline = host.standing().baseline
    assert baseline is not None
    assert baseline.runs == GOOD_RUNS
    assert baseline.figure == pytest.approx(0.01, rel=0.02)
    assert not [found for found in host.changes() if found.key.model == HOST]


def test_a_throughput_that_fell_is_worse_by_a_positive_ratio(host: JudgedHost) -> None:
    host.runs(5, seconds=0.0125)
    (change,) = host.regressions_of("throughput")

    assert change.worse
    assert change.change_ratio == pytest.approx(0.2, abs=0.02)
    assert change.after < change.before
    assert host.standing("throughput").change_ratio == pytest.approx(0.2, abs=0.02)


def test_a_slow_host_is_one_regression_of_the_host_and_none_of_its_models(tmp_path: Path) -> None:
    host = JudgedHost(tmp_path, configured("ranker", "vision"))
    host.runs(25, "ranker", "vision")
    host.runs(6, "ranker", "vision", slow=1.4, facts={"governor": "powersave"})
    found = [change for change in host.changes(worse=True, state="active") if change.part_of is None]

    assert {change.key.model for change in found} == {HOST}
    assert len(found) == 1
    assert found[0].cause == "host"
    assert any("governor not set became powersave" in each.text for each in found[0].evidence)
    host.store.close()


def test_a_host_that_lost_a_cpu_is_slower_for_what_has_two_threads_and_not_for_what_has_one(tmp_path: Path) -> None:
    host = JudgedHost(tmp_path, configured("ranker", "vision"))
    for _ in range(25):
        host.run("ranker", threads=2, facts={"affinity": "0,1"})
        host.run("vision", threads=1, facts={"affinity": "0,1"})
    for _ in range(8):
        host.run("ranker", threads=2, slow=1.4, facts={"affinity": "0"})
        host.run("vision", threads=1, facts={"affinity": "0"})
    found = [change for change in host.changes(worse=True, state="active") if change.part_of is None]

    assert [(change.key.model, change.key.scenario) for change in found] == [(HOST, "cpu-2-threads")]
    assert found[0].device == "cpu"
    assert any("affinity 0,1 became 0" in each.text for each in found[0].evidence)
    host.store.close()


def test_what_was_told_of_the_host_ends_when_no_model_has_so_many_threads_any_more(tmp_path: Path) -> None:
    host = JudgedHost(tmp_path)
    host.runs(25, threads=2)
    host.runs(8, threads=2, slow=1.4)
    assert [change.key.scenario for change in host.changes(state="active") if change.key.model == HOST]
    host.start()
    host.runs(1, threads=1, slow=1.4)

    assert not [change for change in host.changes(state="active") if change.key.model == HOST]
    told = [change for change in host.changes() if change.key.model == HOST]
    assert {(change.state, change.note) for change in told} == {
        ("superseded", "no model runs as cpu-2-threads any more")
    }
    assert {key.scenario for key in host.regressions.series if key.model == HOST} == {"cpu-1-thread"}
    host.store.close()


def test_a_model_that_a_slow_host_hits_harder_than_the_reference_work_is_a_part_of_the_hosts_change(
    host: JudgedHost,
) -> None:
    host.runs(8, seconds=0.0115, slow=1.4)
    (change,) = host.regressions_of()
    whole = host.store.change(str(change.part_of))

    assert change.cause == "host"
    assert whole is not None
    assert (whole.key.model, whole.part_of) == (HOST, None)
    assert not is_alarming(host.standing())
    roots = [each for each in host.changes(state="active", worse=True) if each.part_of is None]
    assert [each.key.model for each in roots if each.key.metric != "first_call"] == [HOST]

    host.runs(10, seconds=0.0115)
    (change,) = host.regressions_of()
    assert change.state == "active"
    assert change.part_of is None, "the host is well again, and the model is not"
    assert change.cause != "host"
    assert is_alarming(host.standing())


def test_a_busy_neighbour_is_no_regression_of_the_model(host: JudgedHost) -> None:
    host.runs(6, busy=0.7)

    assert host.regressions_of() == []
    assert not [change for change in host.changes(worse=True) if change.cause != "contention"]


def test_a_model_with_fewer_threads_is_slower_for_its_environment(host: JudgedHost) -> None:
    host.runs(5, seconds=0.015, facts={"threads": 1})
    (change,) = host.regressions_of()

    assert change.cause == "environment"
    assert any("threads 2 became 1" in each.text for each in change.evidence)


def test_outputs_that_become_others_are_a_regression_after_two_runs_and_rounding_is_none(host: JudgedHost) -> None:
    host.runs(1, drift_ratio=0.0)
    host.runs(2, drift_ratio=1e-6)
    assert host.regressions_of("output_drift") == []
    host.run(drift_ratio=0.3, revision=OTHER_REVISION)
    assert host.standing("output_drift").state == "suspect"
    host.run(drift_ratio=0.3, revision=OTHER_REVISION)
    (change,) = host.regressions_of("output_drift")

    assert (change.before, change.after) == (1e-6, 0.3)
    assert change.change_ratio == pytest.approx(0.3, abs=1e-5)
    assert change.cause == "model"
    assert host.standing("output_drift").change_ratio == 0.3
    host.run(drift_ratio=0.0)
    assert host.regressions_of("output_drift")[0].state == "recovered"
    assert host.standing("output_drift").state == "stable"


def test_outputs_that_were_others_once_are_a_suspicion_that_is_over(host: JudgedHost) -> None:
    host.runs(2, drift_ratio=0.0)
    host.run(drift_ratio=0.3)
    host.run(drift_ratio=0.0)

    assert host.regressions_of("output_drift") == []
    assert host.standing("output_drift").state == "stable"


def test_an_improvement_is_kept_and_is_no_regression(host: JudgedHost) -> None:
    host.runs(5, seconds=0.008, revision=OTHER_REVISION)

    assert host.regressions_of() == []
    better = [change for change in host.changes(worse=False) if change.key == key_of("latency_p50")]
    assert [change.cause for change in better] == ["model"]
    assert better[0].change_ratio == pytest.approx(-0.2, abs=0.02)
    assert host.standing().state in ("stable", "recovered")


def test_a_return_to_normal_closes_it(host: JudgedHost) -> None:
    host.runs(8, seconds=0.012, revision=OTHER_REVISION)
    back_at = host.now
    host.runs(8)
    (change,) = host.regressions_of()

    assert change.state == "recovered"
    assert change.ended_at is not None
    assert back_at <= change.ended_at <= host.now
    assert host.standing().state in ("recovered", "stable")
    assert host.changes(state="active", worse=True) == ()


def test_a_regression_stays_one_long_after_its_beginning_is_out_of_sight(
    host: JudgedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmied.daemon.judging.WINDOW", 75)
    host.runs(80, seconds=0.012, revision=OTHER_REVISION)

    assert len(host.regressions_of()) == 1
    assert host.standing().state == "regressed"
    assert host.standing().change_ratio == pytest.approx(0.2, abs=0.02)
    host.runs(8)
    assert host.regressions_of()[0].state == "recovered"


def test_what_becomes_worse_again_is_another_regression_in_the_place_of_the_first(host: JudgedHost) -> None:
    host.runs(10, seconds=0.012)
    host.runs(10, seconds=0.015)
    first, second = host.regressions_of()

    assert (first.state, second.state) == ("superseded", "active")
    assert host.standing().change_ratio == pytest.approx(0.5, abs=0.05), "against the last good level"


def test_a_restart_changes_nothing(host: JudgedHost) -> None:
    host.runs(5, seconds=0.012, revision=OTHER_REVISION)
    before, changes = host.regressions.series, host.changes()
    host.start()

    assert host.regressions.series == before
    assert host.changes() == changes
    host.run(seconds=0.012, revision=OTHER_REVISION)
    assert len(host.regressions_of()) == 1


def test_a_run_that_arrives_late_changes_nothing_of_what_is_known(host: JudgedHost) -> None:
    late = host.make_run()
    host.now += INTERVAL
    host.run()
    host.runs(5, seconds=0.012)
    before = host.changes()
    host.take(late)

    assert host.changes() == before
    assert host.standing().state == "regressed"


def test_what_comes_and_goes_is_a_change_each_time(host: JudgedHost) -> None:
    for _ in range(3):
        host.runs(7, seconds=0.013)
        host.runs(7)

    found = host.regressions_of()
    assert len({change.change_id for change in found}) == len(found) == 3
    assert {change.state for change in found} == {"recovered"}


def test_a_model_that_comes_with_a_reload_is_judged_from_its_history(host: JudgedHost) -> None:
    host.config = configured("vision")
    host.start()
    assert key_of("latency_p50") not in host.regressions.series
    host.regressions.take_config(configured("ranker", "vision"))

    assert host.standing().state == "stable"
    host.regressions.take_config(configured("vision"))
    assert key_of("latency_p50") not in host.regressions.series


@pytest.mark.parametrize("broken", ["points", "changes", "baseline", "keep_change", "amend_change", "events"])
def test_a_history_that_fails_takes_nothing_down(
    host: JudgedHost, broken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise HistoryError("the disk is broken")

    with monkeypatch.context() as patched:
        patched.setattr(host.store, broken, fail)
        host.runs(4, seconds=0.012)
    assert "series_not_judged" in caplog.text or broken in ("amend_change", "events", "keep_change")
    host.runs(3, seconds=0.012)

    assert host.standing().state == "regressed"
    assert host.store.run(f"run-{host.number:05}") is not None


def test_times_of_changes_are_those_of_their_runs(host: JudgedHost) -> None:
    host.runs(5, seconds=0.012)
    (change,) = host.regressions_of()
    first, confirmed = (host.store.run(name) for name in (change.first_run_id, change.confirmed_run_id))

    assert first is not None
    assert confirmed is not None
    assert (first.started_at, confirmed.started_at) == (change.started_at, change.confirmed_at)
    assert NOW < change.started_at < change.confirmed_at
    assert replace(change, cause="unknown").cause == "unknown"
