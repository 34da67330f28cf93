"""What the store promises of age, size and soundness, on both databases."""

from mmied.history.store import Store
from mmied.records import Event, HardwareSample, JournalEntry

ENTRY = JournalEntry(run_id="run-0001", model="ranker", kind="profile", device="cpu", started_at=3600.0)


def test_what_is_too_old_is_dropped_in_chunks(store, make_run):
    for number in range(1, 9):
        store.record(make_run(number))
        store.record_event(Event(at=3600.0 * number, kind="model_changed", model="ranker", message="new file"))
        store.record_hardware(HardwareSample(at=3600.0 * number))
    store.retention_seconds = 3 * 3600.0

    removed = store.prune(8 * 3600.0, chunk=2)

    assert removed == store.pruned_rows == 3 * 4
    assert [run.run_id for run in store.last_runs()] == ["run-0008", "run-0007", "run-0006", "run-0005"]
    assert store.run("run-0005") == make_run(5)
    assert store.run("run-0004") is None
    assert len(store.events()) == len(store.hardware_history(since=0)) == 4
    assert store.prune(8 * 3600.0) == 0


def test_a_model_s_newest_run_and_newest_success_stay_however_old(store, make_run):
    store.record(make_run(1))
    store.record(make_run(2))
    store.record(make_run(3, outcome="failed"))
    store.record(make_run(4, outcome="failed"))
    store.record(make_run(1, run_id="lonely", model="other"))
    store.retention_seconds = 10.0

    store.prune(1e9)

    assert [run.run_id for run in store.last_runs()] == ["run-0004", "run-0002", "lonely"]


def test_without_limits_nothing_is_dropped(store, make_run):
    store.record(make_run(1))

    assert store.prune(1e9) == 0
    assert store.run("run-0001") is not None


def test_an_empty_history_has_nothing_to_drop(store):
    store.retention_seconds = 1.0
    store.max_size_bytes = 1

    assert store.prune(1e9) == 0


def test_writes_are_counted(store, make_run):
    store.begin(ENTRY)
    store.record(make_run(1))

    assert (store.writes, store.write_failures, store.pruned_rows) == (2, 0, 0)


def test_the_size_grows_with_what_is_kept(store, make_run):
    before = store.size_bytes()

    store.record(make_run(1, samples=20_000))

    assert store.size_bytes() > before > 0


def test_a_sound_history_passes_its_check(store, make_run):
    store.record(make_run(1))

    store.check()


def test_a_history_is_there_when_it_is_opened_again(place, store, make_run):
    store.record(make_run(1))
    store.close()

    again = Store.open(place, host="here")

    assert again.run("run-0001") == make_run(1)
    assert again.notice is None
    again.close()
