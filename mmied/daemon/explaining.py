"""Say what took the difference of a regression: the inspection of the new level against the last good one."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from mmied.codec import from_json
from mmied.errors import MmiedError
from mmied.history.artifacts import FLAME_FILE, INSPECTION_FILE, Artifacts
from mmied.history.store import Store
from mmied.inspection import Inspection
from mmied.records import Run
from mmied.regression import HOST, RecordedChange
from mmied.reports.explanation import explain
from mmied.reports.flame_difference import Difference, differ
from mmied.reports.frames import FlameGraph, read_flamegraph

T = TypeVar("T")
log = logging.getLogger(__name__)

LOOKED_THROUGH = 50  # inspections, for the last one of the level before
LARGEST_FLAME_BYTES = 2_000_000  # of a flame graph that is read: a larger one would cost the daemon its memory bound
WITH_INSIDES = ("latency_p50", "latency_p95", "latency_p99", "throughput", "peak_memory")


def wants_inspection(change: RecordedChange) -> bool:
    """Tell whether a look inside the model would explain a change."""
    own = change.key.model != HOST and change.part_of is None and change.cause not in ("host", "contention")
    return own and change.worse and change.state == "active" and change.key.metric in WITH_INSIDES


def explain_changes(changes: Iterable[RecordedChange], store: Store, artifacts: Artifacts) -> list[RecordedChange]:
    """Explain those of a model's active `changes` that are not yet, as far as there are inspections to do it with.

    Returns the changes as they are by then. Raises HistoryError.
    """
    found = []
    for change in changes:
        if not wants_inspection(change) or change.inspection_after is not None:
            continue
        pair = _pair(change, store.last_runs(change.key.model, kind="inspect", limit=LOOKED_THROUGH), artifacts)
        if pair is None:
            continue
        before, after = pair
        said = _explanation(before, after, artifacts)
        if said is None:
            continue
        amended = store.amend_change(
            change.change_id, inspection_before=before.run_id, inspection_after=after.run_id, explanation=said
        )
        if amended is not None:
            found.append(amended)
            log.info("regression_explained", extra={"change": change.change_id, "why": said[0] if said else ""})
    return found


def inspected_since(change: RecordedChange, store: Store) -> bool:
    """Tell whether the new level was looked into, whatever came of it. Raises HistoryError."""
    return any(
        run.outcome != "refused" and run.started_at >= change.started_at
        for run in store.last_runs(change.key.model, kind="inspect", limit=LOOKED_THROUGH)
    )


def evidence_runs(changes: Iterable[RecordedChange]) -> set[str]:
    """Return the inspections that active changes rest on."""
    return {
        run_id
        for change in changes
        if change.state == "active"
        for run_id in (change.inspection_before, change.inspection_after)
        if run_id is not None
    }


def _pair(change: RecordedChange, runs: Sequence[Run], artifacts: Artifacts) -> tuple[Run, Run] | None:
    """Return the last inspection of the level before a change and the first of the new one, whose files are here."""
    whole = [
        run for run in runs if run.outcome == "succeeded" and artifacts.file(run.run_id, INSPECTION_FILE) is not None
    ]
    before = [run for run in whole if run.started_at < change.started_at]
    after = [run for run in whole if run.started_at >= change.started_at]
    return (before[0], after[-1]) if before and after else None


def _explanation(before: Run, after: Run, artifacts: Artifacts) -> tuple[str, ...] | None:
    both = [_read(Inspection, artifacts.file(run.run_id, INSPECTION_FILE)) for run in (before, after)]
    if both[0] is None or both[1] is None:
        return None
    return explain(both[0], both[1], flame=_flame(before, after, artifacts))


def _flame(before: Run, after: Run, artifacts: Artifacts) -> Difference | None:
    graphs: list[FlameGraph] = []
    try:
        for run in (before, after):
            path = artifacts.file(run.run_id, FLAME_FILE)
            if path is None or path.stat().st_size > LARGEST_FLAME_BYTES:
                return None
            graphs.append(read_flamegraph(path.read_bytes(), str(path)))
        return differ(graphs[0], graphs[1], rows=1)
    except (OSError, MmiedError):  # unreadable, or of two kinds: the layers and operators tell enough
        return None


def _read(kind: type[T], path: Path | None) -> T | None:
    try:
        return from_json(kind, path.read_bytes()) if path is not None else None
    except (OSError, MmiedError) as error:
        log.warning("inspection_unreadable", extra={"path": str(path), "error": str(error)})
        return None
