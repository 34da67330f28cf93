"""A daemon that died in a run accounts for it in its next life."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from builders import B1, B8, NOW, make_config, make_model, make_result, make_run
from inspections import inspected

from mmied.codec import to_json
from mmied.daemon.jobs import make_job
from mmied.daemon.launch import RUN_MARK
from mmied.daemon.recovery import keep_for_later, recover_runs
from mmied.history.artifacts import FILES, Artifacts
from mmied.history.store import Store
from mmied.records import JournalEntry, Run

ENTRY = JournalEntry(run_id="run-0001", model="ranker", kind="profile", device="cpu", started_at=NOW - 100)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "history.sqlite", host="here")
    yield store
    store.close()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


def begin(store: Store, runs: Path, *, job: bool = True) -> Path:
    """Leave behind a run that was started."""
    store.begin(ENTRY)
    folder = runs / ENTRY.run_id
    folder.mkdir()
    if job:
        model = make_model()
        (folder / "job.json").write_text(to_json(make_job(model, make_config(model), run_id=ENTRY.run_id, last=None)))
    return folder


def artifacts_in(runs: Path) -> Artifacts:
    return Artifacts(runs.parent / "artifacts", retention_seconds=1e6, max_size_bytes=10**9)


def only_run(store: Store) -> Run:
    (found,) = store.last_runs()
    return found


def test_nothing_left_behind_is_nothing_recovered(store: Store, runs: Path) -> None:
    assert recover_runs(store, runs, artifacts_in(runs)) == []
    assert recover_runs(store, runs / "not there", artifacts_in(runs)) == []


def test_an_inspection_that_was_under_way_keeps_what_it_had_seen_with_its_files(store: Store, runs: Path) -> None:
    entry = replace(ENTRY, kind="inspect")
    store.begin(entry)
    folder = runs / entry.run_id
    folder.mkdir()
    model = make_model()
    job = make_job(model, make_config(model), run_id=entry.run_id, last=None, kind="inspect")
    (folder / "job.json").write_text(to_json(job))
    part = inspected(run_id=entry.run_id, outcome="crashed", phase="inspect memory")
    (folder / "run.json.part").write_text(to_json(part))
    (folder / FILES[0]).write_text("{}")
    (recovered,) = recover_runs(store, runs, artifacts_in(runs))

    assert (recovered.kind, recovered.outcome, recovered.orphaned, recovered.results) == (
        "inspect",
        "crashed",
        True,
        (),
    )
    assert recovered.message is not None
    assert "inspect memory" in recovered.message
    assert recovered.findings is not None
    assert recovered.findings.artifacts == {FILES[0]: 2}
    assert only_run(store) == recovered
    assert artifacts_in(runs).file(entry.run_id, FILES[0]) is not None
    assert list(runs.iterdir()) == []


def test_files_that_were_half_moved_when_the_daemon_died_are_moved_wholly(store: Store, runs: Path) -> None:
    run = inspected()
    folder = runs / run.run_id
    folder.mkdir()
    keep_for_later(run, folder)
    (folder / FILES[1]).write_text("{}")
    draft = runs.parent / "artifacts" / f"{run.run_id}.part"
    draft.mkdir(parents=True)
    (draft / FILES[0]).write_text("{}")
    (runs.parent / "artifacts" / "nobody.part").mkdir()
    recover_runs(store, runs, artifacts_in(runs))

    assert all(artifacts_in(runs).file(run.run_id, name) for name in FILES[:2])
    assert [path.name for path in (runs.parent / "artifacts").iterdir()] == [run.run_id]


def test_a_run_that_was_under_way_is_recorded_as_crashed_and_the_journal_is_empty(store: Store, runs: Path) -> None:
    folder = begin(store, runs)
    (recovered,) = recover_runs(store, runs, artifacts_in(runs))
    run = only_run(store)

    assert run == recovered
    assert (run.run_id, run.host, run.model) == (ENTRY.run_id, "here", "ranker")
    assert (run.outcome, run.reason, run.orphaned) == ("crashed", "killed", True)
    assert run.message is not None
    assert "the daemon died" in run.message
    assert {(result.workload.scenario, result.outcome, result.reason) for result in run.results} == {
        ("b1", "crashed", "killed"),
        ("b8", "crashed", "killed"),
    }
    assert store.unfinished() == ()
    assert not folder.exists()
    assert recover_runs(store, runs, artifacts_in(runs)) == []


def test_scenarios_that_were_finished_are_kept(store: Store, runs: Path) -> None:
    folder = begin(store, runs)
    part = make_run(1, phase="measure b8", host="", results=(make_result(B1),), outcome="crashed")
    (folder / "run.json.part").write_text(to_json(part))
    recover_runs(store, runs, artifacts_in(runs))
    run = store.run(ENTRY.run_id)

    assert run is not None
    first, second = run.results
    assert first == make_result(B1)
    assert (second.workload, second.outcome) == (B8, "crashed")
    assert run.orphaned
    assert run.message is not None
    assert "measure b8" in run.message


def test_a_run_that_was_finished_and_not_recorded_is_recorded_as_it_is(store: Store, runs: Path) -> None:
    folder = begin(store, runs)
    (folder / "run.json").write_text(to_json(make_run(1, host="of the worker")))
    (recovered,) = recover_runs(store, runs, artifacts_in(runs))

    assert recovered == make_run(1)
    assert store.run(ENTRY.run_id) == make_run(1)


def test_a_record_that_waited_for_the_history_is_recorded_as_it_is(store: Store, runs: Path) -> None:
    folder = begin(store, runs)
    run = make_run(1, worker_peak_bytes=1234, forced=True)
    (folder / "run.json").write_text(to_json(make_run(1)))
    keep_for_later(run, folder)
    recover_runs(store, runs, artifacts_in(runs))

    assert store.run(ENTRY.run_id) == run
    assert not folder.exists()


def test_a_record_whose_history_was_set_aside_is_recorded_in_the_new_one(store: Store, runs: Path) -> None:
    (runs / "run-0001").mkdir()
    keep_for_later(make_run(1), runs / "run-0001")
    recover_runs(store, runs, artifacts_in(runs))

    assert store.run("run-0001") == make_run(1)


@pytest.mark.parametrize("text", ["", "{", '{"version": 99}'])
def test_files_that_are_half_written_are_as_good_as_none(store: Store, runs: Path, text: str) -> None:
    folder = begin(store, runs)
    for name in ("record.json", "run.json", "run.json.part"):
        (folder / name).write_text(text)
    recover_runs(store, runs, artifacts_in(runs))

    assert (only_run(store).outcome, len(only_run(store).results)) == ("crashed", 2)


@pytest.mark.parametrize("with_folder", [True, False])
def test_a_run_of_which_nothing_is_left_is_told_all_the_same(store: Store, runs: Path, with_folder: bool) -> None:
    if with_folder:
        begin(store, runs, job=False)
    else:
        store.begin(ENTRY)
    recover_runs(store, runs, artifacts_in(runs))
    run = only_run(store)

    assert (run.outcome, run.reason, run.orphaned, run.started_at) == ("crashed", "killed", True, ENTRY.started_at)


def test_leftovers_that_belong_to_nothing_are_removed(store: Store, runs: Path) -> None:
    (runs / "old").mkdir()
    (runs / "old" / "trace.json").write_text("{}")
    recover_runs(store, runs, artifacts_in(runs))

    assert list(runs.iterdir()) == []
    assert store.last_runs() == ()


def test_a_record_that_cannot_be_left_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keep_for_later(make_run(1), tmp_path / "gone")

    assert [record.message for record in caplog.records] == ["run_not_kept"]


# Workers that outlived their daemon

SPAWN = """
import os, subprocess
worker = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
print(worker.pid, flush=True)
os._exit(0)
"""


def outlived(run_id: str) -> psutil.Process:
    """A process with a run's mark whose parent has died."""
    told = subprocess.run(
        [sys.executable, "-c", SPAWN], env=os.environ | {RUN_MARK: run_id}, capture_output=True, text=True, check=True
    )
    return psutil.Process(int(told.stdout))


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def wait_for_the_end_of(process: psutil.Process) -> None:
    deadline = time.monotonic() + 5
    while is_alive(process) and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_living_worker_of_a_dead_daemon_is_killed(store: Store, runs: Path) -> None:
    begin(store, runs)
    worker = outlived(ENTRY.run_id)
    assert is_alive(worker)
    recover_runs(store, runs, artifacts_in(runs))
    wait_for_the_end_of(worker)

    assert not is_alive(worker)


def test_the_workers_of_another_daemon_are_let_live(store: Store, runs: Path) -> None:
    begin(store, runs)
    worker = outlived("another-daemons-run")
    try:
        recover_runs(store, runs, artifacts_in(runs))
        time.sleep(0.1)
        assert is_alive(worker)
    finally:
        os.kill(worker.pid, signal.SIGKILL)


def test_a_recorded_run_is_not_changed_by_what_its_folder_holds(store: Store, runs: Path) -> None:
    store.record(make_run(1))
    (runs / "run-0001").mkdir()
    keep_for_later(replace(make_run(1), cpu_seconds=99.0), runs / "run-0001")
    recover_runs(store, runs, artifacts_in(runs))

    assert store.run("run-0001") == make_run(1)
