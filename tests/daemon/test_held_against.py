"""What somebody accepted or pinned is what a series is held against, and other inputs begin it anew."""

import pytest
from judged_host import JudgedHost, key_of

from mmied.regression import Baseline


def test_what_was_accepted_is_the_new_normal(host: JudgedHost) -> None:
    host.runs(6, seconds=0.012)
    (change,) = host.regressions_of()
    host.store.put_baseline(Baseline(key=change.key, figure=0.012, at=host.now - 1, source="accepted", by="ada"))
    host.store.amend_change(change.change_id, state="accepted", ended_at=host.now - 1)
    host.runs(6, seconds=0.012)

    assert host.standing().state in ("stable", "recovered")
    assert host.standing().baseline is not None
    assert host.standing().baseline.by == "ada"
    assert host.changes(state="active", worse=True, key=change.key) == ()
    assert len(host.regressions_of()) == 1


def test_a_series_is_held_against_what_was_pinned(host: JudgedHost) -> None:
    key = key_of("latency_p50")
    pinned_at = host.now
    host.store.put_baseline(Baseline(key=key, figure=0.009, at=pinned_at, source="pinned", by="ada"))
    host.runs(4)
    (change,) = host.regressions_of()

    assert change.before == pytest.approx(0.009, rel=0.01)
    assert change.change_ratio == pytest.approx(0.111, abs=0.02)
    assert change.started_at >= pinned_at
    assert host.standing().baseline is not None
    assert host.standing().baseline.source == "pinned"
    host.runs(4)
    assert len(host.regressions_of()) == 1
    host.start()
    assert host.standing().state == "regressed"


def test_what_becomes_worse_than_what_was_accepted_is_a_regression(host: JudgedHost) -> None:
    host.store.put_baseline(Baseline(key=key_of("latency_p50"), figure=0.01, at=host.now - 1, source="accepted"))
    host.runs(5)
    assert host.regressions_of() == []
    host.runs(5, seconds=0.012)
    (change,) = host.regressions_of()

    assert change.change_ratio == pytest.approx(0.2, abs=0.02)
    assert change.before == pytest.approx(0.01, rel=0.02)


def test_other_inputs_are_another_measure_and_are_learned_anew(host: JudgedHost) -> None:
    host.runs(6, seconds=0.02, facts={"inputs": "34cd"})

    assert host.regressions_of() == []
    assert host.standing().runs == 6
