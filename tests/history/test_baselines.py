"""A baseline that somebody gave stands until it is replaced or dropped, and a series can be learned anew."""

import contextlib
from dataclasses import replace

from mmied.history.store import Store
from mmied.regression import Baseline, SeriesKey

KEY = SeriesKey("ranker", "b8", "latency_p50")
OTHER = SeriesKey("ranker", "", "load_time")
ACCEPTED = Baseline(
    key=KEY, figure=0.0123, at=100.0, source="accepted", runs=5, run_id="run-0005", by="ada", why="a larger model"
)


def test_a_baseline_comes_back_after_a_restart(place, store):
    store.put_baseline(ACCEPTED)
    store.close()

    with contextlib.closing(Store.open(place, host="here")) as again:
        assert again.baseline(KEY) == ACCEPTED
        assert again.baseline(OTHER) is None


def test_a_baseline_takes_the_place_of_the_one_before(store):
    store.put_baseline(ACCEPTED)
    pinned = replace(ACCEPTED, source="pinned", figure=0.01, runs=1)
    store.put_baseline(pinned)

    assert store.baselines() == (pinned,)


def test_baselines_are_told_of_one_model_or_of_all(store):
    tagger = replace(ACCEPTED, key=SeriesKey("tagger", "b1", "latency_p50"))
    load = replace(ACCEPTED, key=OTHER)
    for one in (tagger, ACCEPTED, load):
        store.put_baseline(one)

    assert store.baselines() == (load, ACCEPTED, tagger)
    assert store.baselines("tagger") == (tagger,)
    assert store.baselines("nobody") == ()


def test_a_baseline_can_be_dropped(store):
    store.put_baseline(ACCEPTED)

    assert store.drop_baseline(KEY)
    assert not store.drop_baseline(KEY)
    assert store.baseline(KEY) is None


def test_a_series_that_is_learned_anew_has_no_baseline_and_a_moment_to_begin_at(store):
    assert store.learned_since(KEY) == 0.0
    store.put_baseline(ACCEPTED)

    assert store.learn_anew(KEY, 500.0)
    assert not store.learn_anew(KEY, 600.0)
    assert store.baseline(KEY) is None
    assert store.learned_since(KEY) == 600.0
    assert store.learned_since(OTHER) == 0.0


def test_what_somebody_said_of_a_series_is_never_pruned(store, make_run):
    store.record(make_run(1))
    store.put_baseline(ACCEPTED)
    store.learn_anew(OTHER, 100.0)
    store.retention_seconds = 1.0
    store.prune(1e12)

    assert store.baseline(KEY) == ACCEPTED
    assert store.learned_since(OTHER) == 100.0


def test_hosts_that_share_a_database_have_their_own(place, store):
    store.put_baseline(ACCEPTED)
    store.learn_anew(OTHER, 100.0)
    with contextlib.closing(Store.open(place, host="there")) as other:
        assert other.baselines() == ()
        assert other.learned_since(OTHER) == 0.0
        assert not other.drop_baseline(KEY)
