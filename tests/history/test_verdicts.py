"""What was last said of each candidate optimization is kept with the search that found it."""

import contextlib
import sqlite3

import pytest
from alembic import command

from mmied.history.schema import HEAD, alembic_config
from mmied.history.store import Store
from mmied.optimization import StandingVerdict, Trial
from mmied.profiles import PairedRatio
from mmied.records import Environment, Searched

ENVIRONMENT = Environment(fingerprint="f1", stable={"torch": "2.13", "cpus": 8}, momentary={"load1": 0.5})
SEARCHED = Searched(
    began_at=90.0, round_at=10.0, budget_seconds=1800.0, spent_seconds=300.0, verdicts={"compile": "helps"}, left=("b",)
)


def verdict(name="compile", at=100.0, model="ranker", said="helps"):
    ratio = PairedRatio(variant=name, batch_size=1, pairs=24, speedup_ratio=1.5, lower=1.4, upper=1.6)
    trial = Trial(
        candidate=name, verdict=said, why="1.50×", at=at, seconds=40.0, ratios=(ratio,), changed={"modules": 3}
    )
    return StandingVerdict(
        model=model, trial=trial, revision="5eed", environment=ENVIRONMENT, batch_sizes=(1, 8), notes=("random inputs",)
    )


def test_verdicts_come_back_with_all_their_evidence_after_a_restart(place, store, make_run):
    found = (verdict("compile"), verdict("bfloat16", said="cannot_tell"))
    store.record(make_run(1, kind="optimize", results=(), searched=SEARCHED), found)
    store.close()

    again = Store.open(place, host="here")
    assert again.trials("ranker") == (found[1], found[0])
    assert again.trials("other") == ()
    assert again.run("run-0001").searched == SEARCHED
    again.close()


def test_the_latest_verdict_stands_and_one_that_is_recorded_late_does_not(store, make_run):
    newer = verdict(at=200.0, said="does_not_help")
    store.record(make_run(2, kind="optimize"), (newer,))
    store.record(make_run(1, kind="optimize"), (verdict(at=100.0),))
    assert store.trials("ranker") == (newer,)

    store.record(make_run(2, kind="optimize"), (verdict(at=300.0),))
    assert store.trials("ranker") == (newer,), "a run that is recorded twice changes nothing"


def test_a_search_is_recorded_with_its_verdicts_or_not_at_all(store, make_run):
    with pytest.raises(AttributeError):
        store.record(make_run(1, kind="optimize"), (verdict(), "the writer stumbles here"))

    assert store.run("run-0001") is None
    assert store.trials("ranker") == ()


def test_hosts_that_share_a_database_have_their_own(place, store, make_run):
    store.record(make_run(1, kind="optimize"), (verdict(),))
    with contextlib.closing(Store.open(place, host="elsewhere")) as other:
        assert other.trials("ranker") == ()


def test_verdicts_go_with_the_last_run_of_their_model(store, make_run):
    store.record(make_run(1, model="gone", kind="optimize"), (verdict(model="gone"),))
    store.record(make_run(1, model="ranker", kind="optimize", run_id="other"), (verdict(),))
    with store._write("a test") as connection:
        connection.exec_driver_sql("DELETE FROM runs WHERE model = 'gone'")
        connection.exec_driver_sql("INSERT INTO events VALUES ('here', 1.0, 0, 'host_changed', NULL, 'old')")
    store.retention_seconds = 1.0
    store.prune(1e9)

    assert store.trials("gone") == ()
    assert len(store.trials("ranker")) == 1


def test_a_history_from_before_verdicts_is_migrated_and_keeps_what_it_has(path, make_run):
    with contextlib.closing(Store.open(path, host="here")) as store:
        store.record(make_run(1))
        with store._write("go back") as connection:
            command.downgrade(alembic_config(connection), "0002")
    with contextlib.closing(sqlite3.connect(path)) as bare:
        assert bare.execute("SELECT version_num FROM alembic_version").fetchone() == ("0002",)

    with contextlib.closing(Store.open(path, host="here")) as store:
        store.record(make_run(2, kind="optimize"), (verdict(),))
        assert store.trials("ranker") == (verdict(),)
        assert store.run("run-0001") == make_run(1)
    assert HEAD >= "0003"
