"""Confirmed changes are kept with all their evidence, found again, and go with age once they have ended."""

import contextlib
from dataclasses import replace

from mmied.history.store import Store
from mmied.profiles import PairedRatio
from mmied.records import Event
from mmied.regression import Evidence, RecordedChange, SeriesKey

KEY = SeriesKey("ranker", "b8", "latency_p50")
CHANGE = RecordedChange(
    change_id="c1",
    key=KEY,
    device="cpu",
    worse=True,
    before=0.010,
    after=0.012,
    change_ratio=0.2,
    lower=0.18,
    upper=0.22,
    sureness=0.9999,
    started_at=100.0,
    first_run_id="run-0002",
    last_good_at=50.0,
    last_good_run_id="run-0001",
    confirmed_at=110.0,
    confirmed_run_id="run-0003",
    cause="model",
    evidence=(Evidence(kind="paired", text="the new file is 1.2 times slower in the same minutes", cause="model"),),
    events=(Event(at=60.0, kind="model_changed", model="ranker", message="another file"),),
    paired=PairedRatio(variant="new", batch_size=8, pairs=24, speedup_ratio=0.83, lower=0.82, upper=0.84),
    inspection_before="run-0000",
    inspection_after="run-0004",
    explanation=("layer 3 takes 1.9 ms longer",),
)


def change(change_id="c1", **fields):
    return replace(CHANGE, change_id=change_id, **fields)


def test_a_change_comes_back_with_all_its_evidence_after_a_restart(place, store):
    store.keep_change(CHANGE)
    store.close()

    with contextlib.closing(Store.open(place, host="here")) as again:
        assert again.change("c1") == CHANGE
        assert again.change("c2") is None
        assert again.changes() == (CHANGE,)


def test_a_change_takes_the_place_of_its_earlier_state(store):
    store.keep_change(CHANGE)
    ended = change(state="recovered", ended_at=200.0)
    store.keep_change(ended)

    assert store.changes() == (ended,)


def test_one_field_is_amended_and_the_rest_stays_as_others_left_it(store):
    store.keep_change(CHANGE)
    store.amend_change("c1", acknowledged_by="ada", acknowledged_at=120.0)

    found = store.amend_change("c1", explanation=("layer 4",))
    assert found == store.change("c1") == change(acknowledged_by="ada", acknowledged_at=120.0, explanation=("layer 4",))
    assert store.amend_change("c9", note="for nobody") is None
    assert store.change("c9") is None


def test_changes_are_found_by_what_they_are(store):
    tail = SeriesKey("ranker", "b8", "latency_p99")
    newest = change("c4", key=SeriesKey("tagger", "b1", "latency_p50"), started_at=400.0)
    better = change("c3", worse=False, started_at=300.0)
    over = change("c2", key=tail, state="recovered", ended_at=250.0, started_at=200.0)
    for one in (better, newest, CHANGE, over):
        store.keep_change(one)

    assert store.changes() == (newest, better, over, CHANGE)
    assert store.changes(limit=2) == (newest, better)
    assert store.changes(model="ranker") == (better, over, CHANGE)
    assert store.changes(key=tail) == (over,)
    assert store.changes(state="active", worse=True) == (newest, CHANGE)
    assert store.changes(worse=False) == (better,)
    assert store.changes(since=200.0) == (newest, better, over)


def test_changes_that_have_ended_go_with_age_and_active_ones_stay(store):
    for one in (
        change("active", confirmed_at=1.0),
        change("old", state="recovered", ended_at=200.0),
        change("replaced", state="superseded", confirmed_at=200.0),  # nobody said when
        change("young", state="accepted", ended_at=9000.0),
    ):
        store.keep_change(one)
    store.retention_seconds = 3600.0
    assert store.prune(10_000.0) == 2

    assert {one.change_id for one in store.changes()} == {"active", "young"}


def test_hosts_that_share_a_database_have_their_own(place, store):
    store.keep_change(CHANGE)
    with contextlib.closing(Store.open(place, host="there")) as other:
        assert other.changes() == ()
        assert other.amend_change("c1", note="not mine") is None
        other.keep_change(change(note="another host's"))
    assert store.change("c1") == CHANGE


def test_events_are_found_between_two_moments_both_included(store):
    for at in (1.0, 2.0, 3.0, 4.0):
        store.record_event(Event(at=at, kind="host_changed", model=None, message=f"at {at}"))

    assert [event.at for event in store.events(since=2.0, until=3.0)] == [3.0, 2.0]
    assert [event.at for event in store.events(until=2.0)] == [2.0, 1.0]
