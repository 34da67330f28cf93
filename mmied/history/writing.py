"""Turn records into rows."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, delete, func, select

from mmied.codec import to_json
from mmied.history.inserting import add_rows
from mmied.history.samples import pack
from mmied.history.series import add_points
from mmied.history.tables import environments, events, goldens, hardware, journal, results, runs, samples, verdicts
from mmied.optimization import StandingVerdict
from mmied.records import Environment, Event, Golden, HardwareSample, JournalEntry, Run, WorkloadResult
from mmied.regression import SeriesPoint


def add_journal_entry(connection: Connection, host: str, entry: JournalEntry) -> None:
    """Note that a run starts."""
    add_rows(connection, journal, [{"host": host, **asdict(entry)}])


def add_run(
    connection: Connection, run: Run, found: Sequence[StandingVerdict] = (), points: Sequence[SeriesPoint] = ()
) -> None:
    """Keep `run` with all that it holds, unless it is kept already, and end its journal entry.

    The verdicts that it `found` take the place of older ones. Points that are not kept yet are added in any case: a
    run may be from before there were any.
    """
    environment = run.environment
    if environment is not None:
        add_rows(connection, environments, [_environment_row(run.host, environment)])
    if add_rows(connection, runs, [_run_row(run)]):
        placed = list(enumerate(run.results))
        add_rows(connection, results, [_result_row(run, position, result) for position, result in placed])
        blobs = ((position, pack(result.iterations, result.references)) for position, result in placed)
        add_rows(
            connection,
            samples,
            [
                {"host": run.host, "run_id": run.run_id, "position": position, "content": blob}
                for position, blob in blobs
                if blob is not None
            ],
        )
        if run.golden is not None:
            _put_golden(connection, run.host, run.model, run.golden)
        for verdict in found:
            _put_verdict(connection, run.host, verdict)
    add_points(connection, run.host, points)
    connection.execute(delete(journal).where(journal.c.host == run.host, journal.c.run_id == run.run_id))


def add_event(connection: Connection, host: str, event: Event) -> None:
    """Add a row to the change ledger, after those of the same moment."""
    position = connection.execute(
        select(func.coalesce(func.max(events.c.position) + 1, 0)).where(events.c.host == host, events.c.at == event.at)
    ).scalar_one()
    add_rows(connection, events, [{"host": host, "position": position, **asdict(event)}])


def add_hardware(connection: Connection, host: str, sample: HardwareSample) -> None:
    """Keep the host's figures of one moment."""
    add_rows(connection, hardware, [{"host": host, "at": sample.at, "record": to_json(sample)}])


def drop_golden(connection: Connection, host: str, model: str) -> bool:
    """Forget what a model's outputs are held against; whether there was anything."""
    gone = connection.execute(delete(goldens).where(goldens.c.host == host, goldens.c.model == model))
    return gone.rowcount > 0


def _put_golden(connection: Connection, host: str, model: str, golden: Golden) -> None:
    """Keep `golden` in place of the one before, unless that is newer: a run may be recorded late."""
    newer = select(goldens.c.at).where(goldens.c.host == host, goldens.c.model == model, goldens.c.at > golden.at)
    if connection.execute(newer).first() is None:
        drop_golden(connection, host, model)
        add_rows(connection, goldens, [{"host": host, "model": model, "at": golden.at, "record": to_json(golden)}])


def _put_verdict(connection: Connection, host: str, verdict: StandingVerdict) -> None:
    """Keep `verdict` in place of the one before, unless that is newer: a run may be recorded late."""
    trial = verdict.trial
    of = (verdicts.c.host == host, verdicts.c.model == verdict.model, verdicts.c.candidate == trial.candidate)
    if connection.execute(select(verdicts.c.at).where(*of, verdicts.c.at > trial.at)).first() is None:
        connection.execute(delete(verdicts).where(*of))
        row = {
            "host": host,
            "model": verdict.model,
            "candidate": trial.candidate,
            "at": trial.at,
            "verdict": trial.verdict,
            "revision": verdict.revision,
            "fingerprint": verdict.environment and verdict.environment.fingerprint,
            "record": to_json(verdict),
        }
        add_rows(connection, verdicts, [row])


def _environment_row(host: str, environment: Environment) -> dict[str, Any]:
    return {
        "host": host,
        "fingerprint": environment.fingerprint,
        "stable": to_json(dict(environment.stable)),
    }


def _run_row(run: Run) -> dict[str, Any]:
    environment = run.environment
    return {
        "host": run.host,
        "run_id": run.run_id,
        "model": run.model,
        "kind": run.kind,
        "device": run.device,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "outcome": run.outcome,
        "reason": run.reason,
        "orphaned": int(run.orphaned),
        "revision": run.revision,
        "fingerprint": environment and environment.fingerprint,
        "cpu_seconds": run.cpu_seconds,
        "gpu_seconds": run.gpu_seconds,
        "momentary": None if environment is None else to_json(dict(environment.momentary)),
        "record": to_json(replace(run, environment=None, results=(), golden=None)),
    }


def _result_row(run: Run, position: int, result: WorkloadResult) -> dict[str, Any]:
    return {
        "host": run.host,
        "run_id": run.run_id,
        "position": position,
        "model": run.model,
        "scenario": result.workload.scenario,
        "started_at": run.started_at,
        "outcome": result.outcome,
        "fingerprint": run.environment and run.environment.fingerprint,
        "record": to_json(replace(result, iterations=None, references={})),
    }
