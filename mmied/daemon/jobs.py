"""Make jobs of the configuration, and the records of runs that no worker came to write."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from mmied.config import Config, Model
from mmied.daemon.admission import Refusal
from mmied.daemon.outcome import Limits
from mmied.daemon.searches import OVERTIME_SECONDS, SERVING_PROCESSES, SLICE_SECONDS
from mmied.records import Golden, Job, Run, WorkloadResult

Kind = Literal["profile", "inspect", "optimize", "compare"]
COMPARED_TIMES = 3.0  # as long as a profile run may take: it calls two models, in several processes
# The worker's module by kind of job.
WORKERS: Mapping[Kind, tuple[str, ...]] = {
    "profile": ("mmied.bench.worker",),
    "inspect": ("mmied.bench.inspect_worker",),
    "optimize": ("mmied.bench.trial.slice_worker",),
    "compare": ("mmied.bench.predecessor_worker",),
}


def make_job(
    model: Model,
    config: Config,
    *,
    run_id: str,
    last: Run | None,
    kind: Kind = "profile",
    golden: Golden | None = None,
) -> Job:
    """Return the job of a kind for `model`; an inspection looks at its first workload.

    Digests that its `last` success took spare hashing the files again. Outputs are held against `golden`.
    """
    labelled = model.labelled if kind == "inspect" else None
    return Job(
        run_id=run_id,
        kind=kind,
        model=model.spec,
        workloads=model.workloads[:1] if kind == "inspect" else model.workloads,
        scenario_seconds=config.budget.scenario_seconds,
        memory_bytes=config.budget.worker_memory_bytes,
        known_digests=last.digests if last is not None else {},
        golden=golden,
        labelled=labelled.data if labelled is not None else None,
        metric=labelled.metric if labelled is not None else None,
    )


def worker_limits(config: Config, kind: Kind = "profile") -> Limits:
    """Return what the configuration lets a worker use; that of a search starts others, and has a time of its own."""
    if kind == "optimize":
        memory = config.budget.worker_memory_bytes
        return replace(
            worker_limits(config),
            timeout_seconds=SLICE_SECONDS + OVERTIME_SECONDS,
            timeout_key=None,
            memory_bytes=SERVING_PROCESSES * memory if memory is not None else None,
        )
    if kind == "compare":
        limits = worker_limits(config)
        return replace(limits, timeout_seconds=COMPARED_TIMES * limits.timeout_seconds, timeout_key=None)
    return Limits(
        timeout_seconds=config.budget.run_timeout_seconds,
        memory_bytes=config.budget.worker_memory_bytes,
        nice=config.budget.nice,
        cpus=config.budget.cpus,
    )


def new_run_id(now: float) -> str:
    """Return an id that sorts by time and needs no quoting anywhere."""
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


def device_of(name: str) -> str:
    """Return one name for a device that has two."""
    return "cuda:0" if name == "cuda" else name


def refused_run(model: Model, against: Refusal, *, host: str, now: float, kind: Kind = "profile") -> Run:
    """Return the record of a planned run that was not started."""
    return Run(
        run_id=new_run_id(now),
        host=host,
        model=model.name,
        kind=kind,
        device=model.spec.device,
        started_at=now,
        ended_at=now,
        outcome="refused",
        reason=against.reason,
        message=against.message,
        results=tuple(
            WorkloadResult(workload=workload, outcome="refused", reason=against.reason)
            for workload in (model.workloads if kind == "profile" else ())
        ),
    )


def stillborn_run(job: Job, error: Exception, *, host: str, started_at: float) -> Run:
    """Return the record of a run whose worker could not be started."""
    message = f"no worker could be started: {error}"
    return Run(
        run_id=job.run_id,
        host=host,
        model=job.model.name,
        kind=job.kind,
        device=job.model.device,
        started_at=started_at,
        ended_at=started_at,
        outcome="failed",
        reason="internal",
        message=message,
        results=tuple(
            WorkloadResult(workload=workload, outcome="failed", reason="internal", message=message)
            for workload in (job.workloads if job.kind == "profile" else ())
        ),
    )
