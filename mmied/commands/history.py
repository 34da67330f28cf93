"""`mmied history`: print what the history holds of a model."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from mmied.codec import to_json
from mmied.commands.own_history import opened_history
from mmied.commands.status import local_time
from mmied.commands.table import format_table
from mmied.errors import MmiedError
from mmied.history.store import Store
from mmied.records import Run

COLUMNS = (
    "run_id", "ended_at", "outcome", "reason", "scenario", "p50_seconds", "p95_seconds", "p99_seconds",
    "samples", "estimator", "contended_ratio", "throughput_samples_per_second", "peak_memory_bytes",
)  # fmt: skip


def history(config_path: Path, model: str, *, form: str, limit: int) -> int:
    """Print the last `limit` runs of `model`, oldest first: as a table, `json` or `csv`.

    Raises ConfigError, or HistoryError when there is no history to read.
    """
    with opened_history(config_path) as (_, store):
        runs = _runs(store, model, limit)
    if form == "json":
        for run in runs:
            print(to_json(run))
        return 0
    rows = [row for run in runs for row in _rows(run)]
    if form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
        return 0
    print(
        format_table(
            ("ended", "outcome", "scenario", "p50", "p95", "p99", "samples", "run"), [_line(row) for row in rows]
        )
    )
    return 0


def _runs(store: Store, model: str, limit: int) -> list[Run]:
    runs = store.last_runs(model, limit=limit)
    if runs:
        return list(reversed(runs))
    known = sorted({run.model for run in store.last_runs(limit=1000)})
    raise MmiedError(f"no run of {model!r} in the history. It knows: {', '.join(known) or 'no model yet'}.")


def _rows(run: Run) -> Iterator[tuple[object, ...]]:
    if not run.results:
        what = {"inspect": "(inspection)", "optimize": "(search)", "compare": "(comparison)"}.get(run.kind, "")
        yield (run.run_id, run.ended_at, run.outcome, run.reason, what, *("",) * 8)
    for result in run.results:
        latency = result.latency
        figures: tuple[object, ...] = ("",) * 6
        if latency is not None:
            quantiles = (latency.quantiles.get(q, "") for q in ("0.5", "0.95", "0.99"))
            figures = (*quantiles, latency.samples, latency.estimator, latency.contended_ratio)
        peak = max((memory.peak_bytes for memory in result.memory), default="")
        throughput = result.throughput_samples_per_second
        head = (run.run_id, run.ended_at, result.outcome, result.reason or "", result.workload.scenario)
        yield (*head, *figures, "" if throughput is None else throughput, peak)


def _line(row: tuple[object, ...]) -> tuple[str, ...]:
    run_id, ended_at, outcome, reason, scenario, p50, p95, p99, samples, *_ = row
    told = f"{outcome} ({reason})" if reason else str(outcome)
    times = (f"{seconds * 1e3:.3g} ms" if isinstance(seconds, float) else "–" for seconds in (p50, p95, p99))
    return (local_time(float(str(ended_at))), told, str(scenario), *times, str(samples), str(run_id))
