"""Account for the runs that were under way when the daemon died, and for those whose record could not be written."""

import logging
import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import psutil

from mmied.codec import from_json, to_json
from mmied.daemon.launch import RUN_MARK
from mmied.daemon.outcome import account_for
from mmied.daemon.points import points_to_record
from mmied.daemon.searches import keep_search
from mmied.errors import MmiedError
from mmied.history.artifacts import Artifacts
from mmied.history.store import Store
from mmied.records import Job, JournalEntry, Run

log = logging.getLogger(__name__)

RECORD_FILE = "record.json"  # a finished run that waits for a history that can be written


def recover_runs(store: Store, folder: Path, artifacts: Artifacts) -> list[Run]:
    """Record what the last life of the daemon left behind in `folder`, a folder a run; return the runs recorded.

    Workers that are still alive are killed: nobody would read what they write. What inspections left goes to
    `artifacts`, what searches found so far into the history.
    """
    entries = store.unfinished()
    _kill_workers({entry.run_id for entry in entries} | {path.name for path in folder.glob("*")})
    recovered = []
    for entry in entries:
        run = _read_record(folder / entry.run_id) or _account(entry, folder / entry.run_id, store.host)
        run = keep_artifacts(run, folder / entry.run_id, artifacts)
        run, found = keep_search(run, folder / entry.run_id)
        store.record(run, found, points_to_record(run))
        log.warning("run_recovered", extra={"run_id": run.run_id, "model": run.model, "outcome": run.outcome})
        recovered.append(run)
    for path in folder.glob("*"):
        run_left = _read_record(path)
        if run_left is not None:
            # Recording does nothing when it was recorded before.
            run_left, found = keep_search(keep_artifacts(run_left, path, artifacts), path)
            store.record(run_left, found, points_to_record(run_left))
        shutil.rmtree(path, ignore_errors=True)
    artifacts.clear_unfinished()
    return recovered


def keep_artifacts(run: Run, folder: Path, artifacts: Artifacts) -> Run:
    """Move what an inspection left in its `folder` to where it is kept; return the run with what that is."""
    if run.kind != "inspect" or run.findings is None:
        return run
    try:
        kept = artifacts.keep(run.run_id, run.model, folder)
    except OSError as error:
        log.error("artifacts_not_kept", extra={"run_id": run.run_id, "error": str(error)})
        kept = {}
    return replace(run, findings=replace(run.findings, artifacts=kept))


def keep_for_later(run: Run, folder: Path) -> None:
    """Leave a finished run in its folder, for the next life of the daemon; quietly, as the disk may be full."""
    try:
        draft = folder / f"{RECORD_FILE}.new"
        draft.write_text(to_json(run))
        draft.replace(folder / RECORD_FILE)
    except OSError as error:
        log.warning("run_not_kept", extra={"run_id": run.run_id, "error": str(error)})


def _kill_workers(run_ids: Collection[str]) -> None:
    """Kill what carries the mark of one of the runs; another daemon's workers carry those of others."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_MARK) in run_ids:
                process.kill()
        except psutil.Error:
            continue


def _read_record(folder: Path) -> Run | None:
    try:
        return from_json(Run, (folder / RECORD_FILE).read_bytes())
    except (OSError, MmiedError):
        return None


def _account(entry: JournalEntry, folder: Path, host: str) -> Run:
    try:
        job = from_json(Job, (folder / "job.json").read_bytes())
    except (OSError, MmiedError):
        return _lost(entry, host)
    return account_for(job, folder, end=None, limits=None, host=host, started_at=entry.started_at)


def _lost(entry: JournalEntry, host: str) -> Run:
    return Run(
        run_id=entry.run_id,
        host=host,
        model=entry.model,
        kind=entry.kind,
        device=entry.device,
        started_at=entry.started_at,
        ended_at=entry.started_at,
        outcome="crashed",
        reason="killed",
        message="the daemon died while this ran, and left nothing of it",
        orphaned=True,
    )
