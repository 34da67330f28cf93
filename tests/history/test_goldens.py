"""What a model gave once on its fixed inputs is kept, for every later run to be held against."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from alembic import command

from mmied.history.schema import HEAD, alembic_config
from mmied.history.store import Store
from mmied.records import Findings, Golden

GOLDEN = Golden(
    at=100.0,
    run_id="run-0001",
    scenario="b8",
    revision="5eed",
    inputs="1" * 64,
    structure="2" * 64,
    content="3" * 64,
    floating=(0.1, -1e-30, None, 1.0000000000000002),
    discrete=(3, -(2**62), 1),
)


def test_a_golden_sample_comes_back_to_the_last_bit_and_survives_a_restart(place, store, make_run):
    assert store.golden("ranker") is None
    store.record(make_run(1, golden=GOLDEN))
    store.close()

    again = Store.open(place, host="here")
    assert again.golden("ranker") == GOLDEN
    assert again.golden("other") is None
    found = again.run("run-0001")
    assert found is not None
    assert found.golden is None, "it is kept once"
    again.close()


def test_a_newer_sample_takes_the_place_of_the_old_and_a_run_that_is_recorded_late_does_not(store, make_run):
    newer = replace(GOLDEN, at=200.0, inputs="4" * 64)
    store.record(make_run(2, golden=newer))
    store.record(make_run(1, golden=GOLDEN))
    assert store.golden("ranker") == newer

    store.record(make_run(2, golden=replace(newer, at=300.0)))
    assert store.golden("ranker") == newer, "a run that is recorded twice changes nothing"


def test_a_golden_sample_can_be_forgotten(store, make_run):
    store.record(make_run(1, golden=GOLDEN))

    assert store.forget_golden("ranker")
    assert not store.forget_golden("ranker")
    assert store.golden("ranker") is None


def test_hosts_that_share_a_database_have_their_own(place, store, make_run):
    store.record(make_run(1, golden=GOLDEN))
    there = Store.open(place, host="there")

    assert there.golden("ranker") is None
    there.close()


def test_it_outlives_the_run_that_recorded_it_and_goes_with_the_last_of_its_model(path, sqlite_store, make_run):
    sqlite_store.record(make_run(1, golden=GOLDEN))
    sqlite_store.record(make_run(500))
    sqlite_store.retention_seconds = 3600.0
    sqlite_store.prune(3600.0 * 600)
    assert [run.run_id for run in sqlite_store.last_runs()] == ["run-0500"]
    assert sqlite_store.golden("ranker") == GOLDEN
    sqlite_store.close()

    renamed = Store.open(path, host="another", retention_seconds=3600.0)
    renamed.prune(3600.0 * 600)
    renamed.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM goldens").fetchone() == (0,)


def test_an_inspection_comes_back_with_its_findings(store, make_run):
    findings = Findings(scenario="b8", flops=1e9, layer_seconds={"a": 0.1}, failures={"memory": "no"})
    run = make_run(1, kind="inspect", results=(), findings=findings, drift_ratio=None)
    store.record(run)

    assert store.run("run-0001") == run


def test_runs_can_be_asked_for_by_kind_and_the_newest_of_each_stay(store, make_run):
    store.record(make_run(1, kind="inspect", results=()))
    for number in (2, 3, 4):
        store.record(make_run(number))

    assert [run.run_id for run in store.last_runs("ranker", kind="profile", limit=2)] == ["run-0004", "run-0003"]
    assert [run.run_id for run in store.last_runs("ranker", kind="inspect")] == ["run-0001"]
    assert len(store.last_runs("ranker")) == 4
    success, inspection = store.latest_success("ranker"), store.latest_success("ranker", "inspect")
    assert success is not None
    assert inspection is not None
    assert (success.run_id, inspection.run_id) == ("run-0004", "run-0001")
    store.retention_seconds = 3600.0
    store.prune(3600.0 * 600)
    assert {run.run_id for run in store.last_runs("ranker")} == {"run-0001", "run-0004"}


def test_a_history_of_the_first_schema_is_taken_over_with_its_runs(place, store, make_run):
    store.record(make_run(1))
    with store._write("downgrade") as connection:
        command.downgrade(alembic_config(connection), "0001")
        assert not connection.dialect.has_table(connection, "goldens")
    store.close()

    migrated = Store.open(place, host="here")
    assert migrated.run("run-0001") == make_run(1)
    migrated.record(make_run(2, golden=GOLDEN))
    assert migrated.golden("ranker") == GOLDEN
    with migrated._write("look") as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == HEAD
    migrated.close()


@pytest.mark.parametrize("value", [0.0, -0.0, 5e-324, 1.7976931348623157e308])
def test_the_ends_of_the_scale_are_kept(store, make_run, value):
    golden = replace(GOLDEN, floating=(value,))
    store.record(make_run(1, golden=golden))

    kept = store.golden("ranker")
    assert kept is not None
    assert repr(kept.floating) == repr(golden.floating)
