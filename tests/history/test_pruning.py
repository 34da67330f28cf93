"""How a SQLite file is kept within its size, and what goes first."""

import pytest

from mmied.history.sqlite import shrink
from mmied.history.store import Store
from mmied.records import Environment, Event, HardwareSample

CROWD = {f"sensor{number}": 40.0 + number for number in range(50)}


def test_raw_samples_go_first_and_the_oldest_before_all(sqlite_store, make_run):
    for number in range(1, 61):
        sqlite_store.record(make_run(number, samples=4000))
    shrink(sqlite_store._database)  # a write-ahead log counts, too
    sqlite_store.max_size_bytes = sqlite_store.size_bytes() // 2

    removed = sqlite_store.prune(0.0)

    kept = [run.run_id for run in sqlite_store.last_runs(limit=100)]
    assert len(kept) == 60
    have_samples = [sqlite_store.run(run_id).results[0].iterations is not None for run_id in reversed(kept)]
    assert have_samples == sorted(have_samples)
    assert 0 < have_samples.count(False) == removed == sqlite_store.pruned_rows
    assert have_samples.count(True) > 10
    assert sqlite_store.size_bytes() <= 0.9 * sqlite_store.max_size_bytes


def test_runs_go_when_samples_do_not_suffice_but_never_a_model_s_newest(sqlite_store, make_run):
    sqlite_store.record(make_run(1, run_id="lonely", model="other"))
    for number in range(1, 201):
        sqlite_store.record(make_run(number, log_tail="x" * 4000))
    sqlite_store.max_size_bytes = 500_000

    sqlite_store.prune(0.0)

    kept = [run.run_id for run in sqlite_store.last_runs(limit=300)]
    assert kept[-1] == "lonely"
    assert kept[:-1] == [f"run-{number:04d}" for number in range(200, 201 - len(kept), -1)]
    assert 20 < len(kept) < 120
    assert sqlite_store.run("run-0200").results[0].iterations is not None
    assert sqlite_store.size_bytes() <= sqlite_store.max_size_bytes


def test_old_hardware_samples_make_room_too(sqlite_store, make_run):
    sqlite_store.record(make_run(1))
    sqlite_store.record(make_run(2))
    for moment in range(500):
        sqlite_store.record_hardware(HardwareSample(at=float(moment), temperature_celsius=CROWD))
    sqlite_store.max_size_bytes = 400_000

    sqlite_store.prune(0.0)

    left = [sample.at for sample in sqlite_store.hardware_history(since=0)]
    assert 50 < len(left) < 450
    assert left == [float(moment) for moment in range(500 - len(left), 500)]
    assert sqlite_store.size_bytes() <= sqlite_store.max_size_bytes


def test_an_impossible_limit_leaves_the_newest_runs(sqlite_store, make_run):
    for number in range(1, 6):
        sqlite_store.record(make_run(number))
    sqlite_store.max_size_bytes = 1

    sqlite_store.prune(0.0)

    assert [run.run_id for run in sqlite_store.last_runs()] == ["run-0005"]


def test_the_file_stays_within_its_limit_through_many_runs(path, make_run):
    store = Store.open(path, host="here", max_size_bytes=700_000)

    sizes = []
    for number in range(1, 121):
        store.record(make_run(number, samples=4000))
        store.prune(3600.0 * number)
        sizes.append(store.size_bytes())

    assert max(sizes) <= 700_000
    assert store.run("run-0120") == make_run(120, samples=4000)
    store.check()
    store.close()


def test_the_file_shrinks_when_old_runs_go(sqlite_store, path, make_run):
    for number in range(1, 41):
        sqlite_store.record(make_run(number, samples=4000))
    before = sqlite_store.size_bytes()
    sqlite_store.retention_seconds = 10 * 3600.0

    sqlite_store.prune(40 * 3600.0)

    assert sqlite_store.size_bytes() < before / 2
    assert path.with_name("history.sqlite-wal").stat().st_size == 0


@pytest.mark.parametrize("chunk", [1, 7, 500])
def test_chunks_of_any_size_come_to_the_same(sqlite_store, make_run, chunk):
    for number in range(1, 21):
        sqlite_store.record(make_run(number))
    sqlite_store.retention_seconds = 5 * 3600.0

    assert sqlite_store.prune(20 * 3600.0, chunk=chunk) == 14
    assert len(sqlite_store.last_runs()) == 6


def test_an_environment_goes_with_its_last_run(sqlite_store, make_run):
    def kept() -> set[str]:
        with sqlite_store._read("look") as connection:
            return set(connection.exec_driver_sql("SELECT fingerprint FROM environments").scalars())

    older = Environment(fingerprint="f0", stable={"torch": "2.12"}, momentary={})
    sqlite_store.record(make_run(1, environment=older))
    sqlite_store.record(make_run(2))
    sqlite_store.record(make_run(3))
    assert kept() == {"f0", "f1"}
    sqlite_store.retention_seconds = 3600.0

    sqlite_store.prune(3 * 3600.0)

    assert kept() == {"f1"}


def test_what_was_kept_under_an_older_name_of_the_host_goes_too(path, sqlite_store, make_run):
    before = Store.open(path, host="once")
    before.record(make_run(1, host="once"))
    before.record_event(Event(at=1.0, kind="host_changed", model=None, message="kernel"))
    sqlite_store.record(make_run(1))
    sqlite_store.retention_seconds = 10.0

    sqlite_store.prune(1e9)

    assert before.last_runs() == before.events() == ()
    assert len(sqlite_store.last_runs()) == 1
    before.close()
