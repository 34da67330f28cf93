"""Make sense of how a worker ended: its own word where it had the last one, else what its supervisor saw."""

import signal
from dataclasses import dataclass, replace
from pathlib import Path

from mmied.codec import from_json
from mmied.errors import MmiedError
from mmied.records import Job, Outcome, Run, WorkloadResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a worker may use."""

    timeout_seconds: float
    memory_bytes: int | None
    nice: int
    cpus: tuple[int, ...] | None = None
    timeout_key: str | None = "`budget.run_timeout`"  # what of the configuration set it


@dataclass(frozen=True, slots=True)
class End:
    """How a worker ended, as the supervisor saw it."""

    status: int  # as os.waitstatus_to_exitcode gives it: negative for a signal
    killed_for: str | None  # timeout, memory or stop
    cpu_seconds: float
    peak_bytes: int
    seconds: float
    log_tail: str
    oom_killed: bool


def account_for(job: Job, folder: Path, *, end: End | None, limits: Limits | None, host: str, started_at: float) -> Run:
    """Return the run that `folder` holds: the worker's own word where it had the last one, else what can be told.

    `end` is None when the daemon itself died while the job ran.
    """
    own = _read(folder / "run.json")
    if own is not None and (end is None or end.killed_for is None):
        run = own
    else:
        run = _unfinished(job, _read(folder / "run.json.part"), end, limits, started_at)
    run = replace(_with_every_scenario(run, job), host=host)
    if end is None:
        return run
    return replace(
        run,
        ended_at=run.started_at + end.seconds,
        cpu_seconds=end.cpu_seconds,
        gpu_seconds=_gpu_seconds(run, end) if job.model.device.startswith("cuda") else None,
        worker_peak_bytes=end.peak_bytes,
        log_tail=end.log_tail,
    )


def _read(path: Path) -> Run | None:
    try:
        return from_json(Run, path.read_bytes())
    except (OSError, MmiedError):
        return None  # not there, or half of it


def _with_every_scenario(run: Run, job: Job) -> Run:
    """Return the run with the scenarios that it did not come to: they went wrong as it did. Other kinds have none."""
    if run.outcome in ("succeeded", "refused") or run.kind in ("inspect", "optimize", "compare"):
        return run
    reached = {result.workload.scenario for result in run.results}
    lost = (
        WorkloadResult(workload=workload, outcome=run.outcome, reason=run.reason, message=run.message)
        for workload in job.workloads
        if workload.scenario not in reached
    )
    return replace(run, results=(*run.results, *lost))


def _gpu_seconds(run: Run, end: End) -> float:
    """Return the time for which the run used its device: its scenarios, or all of it when it did not say."""
    told = [
        (result.first_call_seconds or 0.0) + (result.warmup_seconds or 0.0) + (result.measure_seconds or 0.0)
        for result in run.results
    ]
    return sum(told) if run.outcome == "succeeded" and told else end.seconds


def _unfinished(job: Job, part: Run | None, end: End | None, limits: Limits | None, started_at: float) -> Run:
    """Return the record of a run that did not come to write its own; scenarios that it finished are kept."""
    phase = part.phase if part is not None else "start"
    outcome, reason, message = _explain(end, limits, phase or "start")
    base = part or Run(
        run_id=job.run_id,
        host="",
        model=job.model.name,
        kind=job.kind,
        device=job.model.device,
        started_at=started_at,
        ended_at=started_at,
        outcome="crashed",
        format=job.model.source.kind,
        dtype=job.model.dtype,
    )
    return replace(base, outcome=outcome, reason=reason, message=message, orphaned=end is None)


def _explain(end: End | None, limits: Limits | None, phase: str) -> tuple[Outcome, str, str]:
    """Return outcome, reason and a sentence."""
    where = f"in phase “{phase}”"
    if end is None:
        return "crashed", "killed", f"the daemon died while this ran, {where}"
    if end.killed_for == "stop":
        return "refused", "paused", f"stopped with the daemon {where}"
    if end.killed_for == "timeout" and limits is not None:
        of = f" of {limits.timeout_key}" if limits.timeout_key else ""
        message = f"not done after {limits.timeout_seconds:g} s{of}, {where}; the worker was killed"
        return "timed_out", "timeout", message
    if end.killed_for == "memory" or end.oom_killed:
        used = f"used {end.peak_bytes / 1e9:.1f} GB, more than `budget.worker_memory` allows"
        return "crashed", "out_of_memory", f"{used}, {where}; the worker was killed"
    if end.status < 0:
        name = signal.Signals(-end.status).name
        hint = {
            "SIGSEGV": "a segmentation fault in native code of the model or of a library",
            "SIGABRT": "native code gave up",
            "SIGILL": "machine code for another processor",
            "SIGKILL": "killed from outside, perhaps by the kernel for want of memory: see `dmesg`",
        }.get(name, "a signal")
        return "crashed", "killed", f"died of {name} ({hint}) {where}"
    return "crashed", "internal", f"the worker exited with status {end.status} {where} and left no result; see its log"
