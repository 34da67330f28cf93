"""Inspections as the daemon's parts are tested with."""

from dataclasses import replace
from typing import Any

from builders import NOW, failed, make_run, orphaned, refused

from mmied.records import Findings, Run

FINDINGS = Findings(
    scenario="b1",
    flops=2.5e9,
    flops_coverage_ratio=0.96,
    operator_seconds={"matmul": 0.006, "attention": 0.002, "normalisation": 0.001, "memory": 0.0005},
    layer_seconds={f"layers.{index}.linear": 0.002 - index / 1e4 for index in range(10)},
    failures={"attention": "no such module"},
    artifacts={"inspection.json": 20_000, "flamegraph.json": 90_000, "trace.json.gz": 1_000_000},
)


def inspected(number: int = 1000, **changes: Any) -> Run:
    """An inspection that succeeded; it began a little after the profile run of its number."""
    at = make_run(number).started_at + 40
    whole = {"run_id": f"look-{number:04}", "kind": "inspect", "started_at": at, "ended_at": at + 15, "results": ()}
    return make_run(number, **{**whole, "cpu_seconds": 14.0, "findings": FINDINGS, **changes})


def inspection_failed(number: int = 1000, **changes: Any) -> Run:
    return _like_an_inspection(failed(number, **changes), number)


def inspection_refused(number: int = 1000, reason: str = "busy_cpu", **changes: Any) -> Run:
    return _like_an_inspection(refused(number, reason, **changes), number)


def inspection_orphaned(number: int = 1000, **changes: Any) -> Run:
    return _like_an_inspection(orphaned(number, **changes), number)


def _like_an_inspection(run: Run, number: int) -> Run:
    at = make_run(number).started_at + 40
    return replace(run, run_id=f"look-{number:04}", kind="inspect", started_at=at, ended_at=at + 15, results=())


assert inspected().ended_at < NOW
