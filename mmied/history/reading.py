"""Turn rows back into records; all reads are of one host."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, and_, func, select

from mmied.codec import from_json
from mmied.history.samples import unpack
from mmied.history.tables import environments, events, goldens, hardware, journal, results, runs, samples, verdicts
from mmied.optimization import StandingVerdict
from mmied.records import (
    Environment,
    Event,
    Golden,
    HardwareSample,
    HistoryPoint,
    Iterations,
    JournalEntry,
    Run,
    WorkloadResult,
)

Facts = dict[str, str | int | float | bool | None]


def read_journal(connection: Connection, host: str) -> tuple[JournalEntry, ...]:
    """Return the runs that were started and not recorded, oldest first."""
    columns = (column for column in journal.c if column is not journal.c.host)
    query = select(*columns).where(journal.c.host == host).order_by(journal.c.started_at)
    return tuple(JournalEntry(**row) for row in connection.execute(query).mappings())


def read_run(connection: Connection, host: str, run_id: str) -> Run | None:
    """Return the run with the samples that are still kept, or None where there is no such run."""
    found = _read_runs(connection, host, runs.c.run_id == run_id, limit=1)
    if not found:
        return None
    query = select(samples.c.position, samples.c.content).where(samples.c.host == host, samples.c.run_id == run_id)
    contents = {position: unpack(content) for position, content in connection.execute(query)}
    return replace(
        found[0],
        results=tuple(
            replace(result, iterations=contents[position][0], references=contents[position][1])
            if position in contents
            else result
            for position, result in enumerate(found[0].results)
        ),
    )


def read_last_runs(
    connection: Connection,
    host: str,
    *,
    model: str | None,
    kind: str | None,
    outcome: str | None,
    limit: int,
    before: float | None,
) -> tuple[Run, ...]:
    """Return runs that started before `before`, newest first, without samples."""
    conditions: list[ColumnElement[bool]] = []
    if kind is not None:
        conditions.append(runs.c.kind == kind)
    if model is not None:
        conditions.append(runs.c.model == model)
    if outcome is not None:
        conditions.append(runs.c.outcome == outcome)
    if before is not None:
        conditions.append(runs.c.started_at < before)
    return _read_runs(connection, host, *conditions, limit=limit)


def read_points(
    connection: Connection, host: str, model: str, scenario: str, *, since: float, limit: int
) -> tuple[HistoryPoint, ...]:
    """Return the newest `limit` runs of the scenario that started at or after `since`, oldest first."""
    query = (
        select(results.c.run_id, results.c.started_at, results.c.record, runs.c.revision, results.c.fingerprint)
        .join(runs, and_(runs.c.host == results.c.host, runs.c.run_id == results.c.run_id))
        .where(
            results.c.host == host,
            results.c.model == model,
            results.c.scenario == scenario,
            results.c.started_at >= since,
        )
        .order_by(results.c.started_at.desc(), results.c.run_id.desc())
        .limit(limit)
    )
    return tuple(_point(*row) for row in connection.execute(query))[::-1]


def read_iterations(
    connection: Connection, host: str, model: str, scenario: str, fingerprint: str, *, limit: int
) -> tuple[Iterations, ...]:
    """Return the model's own samples of successful results, newest first."""
    query = (
        select(samples.c.content)
        .join(
            results,
            and_(
                results.c.host == samples.c.host,
                results.c.run_id == samples.c.run_id,
                results.c.position == samples.c.position,
            ),
        )
        .where(
            results.c.host == host,
            results.c.model == model,
            results.c.scenario == scenario,
            results.c.fingerprint == fingerprint,
            results.c.outcome == "succeeded",
        )
        .order_by(results.c.started_at.desc(), results.c.run_id.desc())
        .limit(limit)
    )
    unpacked = (unpack(content)[0] for (content,) in connection.execute(query))
    return tuple(iterations for iterations in unpacked if iterations is not None)


def read_cpu_seconds(connection: Connection, host: str, since: float) -> float:
    """Return the CPU time of the runs that ended after `since`."""
    query = select(func.sum(runs.c.cpu_seconds)).where(runs.c.host == host, runs.c.ended_at > since)
    return float(connection.execute(query).scalar_one() or 0)


def read_gpu_seconds(
    connection: Connection, host: str, device: str, since: float, *, without: str | None = None
) -> float:
    """Return the time on `device` of the runs that ended after `since`, `without` those of a kind."""
    query = select(func.sum(runs.c.gpu_seconds)).where(
        runs.c.host == host, runs.c.ended_at > since, runs.c.device == device, runs.c.kind != (without or "")
    )
    return float(connection.execute(query).scalar_one() or 0)


def read_golden(connection: Connection, host: str, model: str) -> Golden | None:
    """Return what the model's outputs are held against, or None where nothing was recorded."""
    query = select(goldens.c.record).where(goldens.c.host == host, goldens.c.model == model)
    record = connection.execute(query).scalar_one_or_none()
    return None if record is None else from_json(Golden, record)


def read_verdicts(connection: Connection, host: str, model: str) -> tuple[StandingVerdict, ...]:
    """Return what was last said of each candidate of a model, by name."""
    query = select(verdicts.c.record).where(verdicts.c.host == host, verdicts.c.model == model)
    found = connection.execute(query.order_by(verdicts.c.candidate)).scalars()
    return tuple(from_json(StandingVerdict, record) for record in found)


def read_events(
    connection: Connection, host: str, *, model: str | None, since: float, until: float | None, limit: int
) -> tuple[Event, ...]:
    """Return the newest events from `since` to `until`, newest first: those of `model`, or all."""
    query = select(events.c.at, events.c.kind, events.c.model, events.c.message).where(
        events.c.host == host, events.c.at >= since
    )
    if model is not None:
        query = query.where(events.c.model == model)
    if until is not None:
        query = query.where(events.c.at <= until)
    query = query.order_by(events.c.at.desc(), events.c.position.desc()).limit(limit)
    return tuple(Event(**row) for row in connection.execute(query).mappings())


def read_hardware(connection: Connection, host: str, *, since: float, limit: int) -> tuple[HardwareSample, ...]:
    """Return the host's samples at or after `since`, oldest first; evenly thinned to `limit`, the last one kept."""
    span = and_(hardware.c.host == host, hardware.c.at >= since)
    count = connection.execute(select(func.count()).where(span)).scalar_one()
    step = max(1, -(-count // limit))
    ranked = (
        select(hardware.c.at, func.row_number().over(order_by=hardware.c.at.desc()).label("rank"))
        .where(span)
        .subquery()
    )
    query = (
        select(hardware.c.record)
        .join(ranked, hardware.c.at == ranked.c.at)
        .where(hardware.c.host == host, (ranked.c.rank - 1) % step == 0)
        .order_by(hardware.c.at)
    )
    return tuple(from_json(HardwareSample, record) for (record,) in connection.execute(query))


def _read_runs(connection: Connection, host: str, *conditions: ColumnElement[bool], limit: int) -> tuple[Run, ...]:
    query = (
        select(runs.c.record, runs.c.run_id, runs.c.fingerprint, runs.c.momentary, environments.c.stable)
        .outerjoin(
            environments,
            and_(environments.c.host == runs.c.host, environments.c.fingerprint == runs.c.fingerprint),
        )
        .where(runs.c.host == host, *conditions)
        .order_by(runs.c.started_at.desc(), runs.c.run_id.desc())
        .limit(limit)
    )
    rows = connection.execute(query).all()
    parts = _read_results(connection, host, (row.run_id for row in rows))
    return tuple(
        replace(
            from_json(Run, row.record),
            environment=_environment(row.fingerprint, row.stable, row.momentary),
            results=tuple(parts[row.run_id]),
        )
        for row in rows
    )


def _read_results(connection: Connection, host: str, run_ids: Iterable[str]) -> dict[str, list[WorkloadResult]]:
    found: dict[str, list[WorkloadResult]] = defaultdict(list)
    query = (
        select(results.c.run_id, results.c.record)
        .where(results.c.host == host, results.c.run_id.in_(list(run_ids)))
        .order_by(results.c.position)
    )
    for run_id, record in connection.execute(query):
        found[run_id].append(from_json(WorkloadResult, record))
    return found


def _environment(fingerprint: str | None, stable: str, momentary: str) -> Environment | None:
    if fingerprint is None:
        return None
    return Environment(
        fingerprint=fingerprint,
        stable=from_json(Facts, stable),
        momentary=from_json(Facts, momentary),
    )


def _point(run_id: str, started_at: float, record: str, revision: str | None, fingerprint: str | None) -> HistoryPoint:
    result = from_json(WorkloadResult, record)
    peaks = {memory.space: memory.peak_bytes for memory in result.memory}
    return HistoryPoint(
        run_id=run_id,
        at=started_at,
        outcome=result.outcome,
        reason=result.reason,
        latency=result.latency,
        throughput_samples_per_second=result.throughput_samples_per_second,
        peak_memory_bytes=peaks.get("device", peaks.get("host")),
        reference_seconds=result.reference_seconds,
        revision=revision,
        fingerprint=fingerprint,
    )
