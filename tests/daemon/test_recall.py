"""A daemon that restarts finds in its history where each model stood."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import failed, make_run, orphaned, refused, stand

from mmied.daemon.recall import FOLDED_RUNS, recall
from mmied.daemon.standing import Standing, release
from mmied.history.store import Store
from mmied.records import Event, Run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "history.sqlite", host="here")
    yield store
    store.close()


def kept(store: Store, *runs: Run) -> Standing:
    for run in runs:
        store.record(run)
    return recall(store, ["ranker"])["ranker"]


def note(store: Store, kind: str, at: float, model: str | None = None) -> None:
    store.record_event(Event(at=at, kind=kind, model=model, message=kind))


def test_a_model_without_a_history_has_no_past(store: Store) -> None:
    assert recall(store, ["ranker", "vision"]) == {"ranker": Standing(), "vision": Standing()}


def test_what_is_recalled_is_where_the_model_stood(store: Store) -> None:
    runs = [make_run(1), failed(2), refused(3), make_run(4), orphaned(5), failed(6), refused(7), refused(8, "budget")]

    assert kept(store, *runs) == stand(*runs)


def test_models_are_not_mixed_up(store: Store) -> None:
    kept(store, make_run(1), failed(2, model="vision", run_id="other"))

    assert recall(store, ["ranker", "vision"])["vision"].failures == 1
    assert recall(store, ["ranker"])["ranker"].failures == 0


def test_a_success_that_lies_far_back_is_still_known(store: Store) -> None:
    many = [refused(number) for number in range(2, FOLDED_RUNS + 50)]
    standing = kept(store, make_run(1), *many)

    assert standing.last_success is not None
    assert standing.last_success.run_id == "run-0001"
    assert standing.refusals == FOLDED_RUNS


def test_a_quarantine_outlives_a_restart(store: Store) -> None:
    assert kept(store, make_run(1), orphaned(2), orphaned(3)).quarantined


@pytest.mark.parametrize(("kind", "model"), [("model_changed", "ranker"), ("config_reloaded", None)])
def test_a_quarantine_that_was_lifted_stays_lifted(store: Store, kind: str, model: str | None) -> None:
    runs = [make_run(1), orphaned(2), orphaned(3)]
    note(store, kind, runs[-1].started_at + 100, model)
    assert kept(store, *runs) == release(stand(*runs))

    assert kept(store, orphaned(4)).orphans == 1, "what came after it counts"


@pytest.mark.parametrize(
    ("kind", "model"), [("model_changed", "vision"), ("host_changed", None), ("runtime_changed", "ranker")]
)
def test_other_events_lift_no_quarantine(store: Store, kind: str, model: str | None) -> None:
    note(store, kind, orphaned(4).started_at, model)

    assert kept(store, orphaned(2), orphaned(3)).quarantined


def test_a_reload_is_found_behind_the_changes_of_many_models(store: Store) -> None:
    runs = [orphaned(1), orphaned(2)]
    note(store, "config_reloaded", runs[-1].started_at + 1)
    for number in range(60):
        note(store, "model_changed", runs[-1].started_at + 2 + number, f"model-{number}")

    assert not kept(store, *runs).quarantined


def test_a_refusal_in_the_moment_of_a_reload_counts_after_it(store: Store) -> None:
    refusal = refused(2)
    note(store, "config_reloaded", refusal.started_at)

    assert kept(store, failed(1), refusal).refusals == 1
