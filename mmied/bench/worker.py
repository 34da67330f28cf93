"""Do one job in a process of its own: `python -m mmied.bench.worker JOB_DIR`, job.json in, run.json out.

What is known so far stands in run.json.part after each phase, so that a crash keeps what was measured before it.
The process may hang, crash or be killed at any point; whoever started it makes sense of that.
"""

import ctypes
import os
import resource
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmied.bench.failures import brief, reason_of
from mmied.bench.lasting_imports import lasting_imports
from mmied.codec import from_json, to_json
from mmied.errors import ModelError
from mmied.records import Job, Run, Workload, WorkloadResult

PR_SET_PDEATHSIG = 1
JOB_FILE, RUN_FILE, PART_FILE = "job.json", "run.json", "run.json.part"


class Report:
    """The run as it is known so far, kept on disk."""

    def __init__(self, folder: Path, run: Run) -> None:
        self._folder = folder
        self.run = run

    def update(self, **facts: object) -> None:
        """Change the run and write it to run.json.part, whole or not at all."""
        self.run = replace(self.run, **facts)  # type: ignore[arg-type]
        draft = self._folder / (PART_FILE + ".new")
        draft.write_text(to_json(replace(self.run, ended_at=time.time())))
        draft.replace(self._folder / PART_FILE)

    def finish(self, **facts: object) -> None:
        """Write the last word: run.json appears only when it is whole and on disk."""
        self.update(phase="done", **facts)
        with (self._folder / PART_FILE).open("rb") as file:
            os.fsync(file.fileno())
        (self._folder / PART_FILE).replace(self._folder / RUN_FILE)


Work = Callable[[Job, Path, "Report"], None]


def main(folder: Path, work: Work | None = None) -> int:
    """Do the job in `folder`, by `work` where it is not measuring; return 0 when run.json was written.

    Whatever `work` raises is what the run says.
    """
    die_with_parent()
    job = from_json(Job, (folder / JOB_FILE).read_bytes())
    now = time.time()
    report = Report(
        folder,
        Run(
            run_id=job.run_id,
            host=socket.gethostname(),
            model=job.model.name,
            kind=job.kind,
            device=job.model.device,
            started_at=now,
            ended_at=now,
            outcome="crashed",
            format=job.model.source.kind,
            dtype=job.model.dtype,
        ),
    )
    report.update(phase="import")
    try:
        (work or _measure_all)(job, folder, report)
    except ModelError as error:
        report.finish(outcome="failed", reason=error.reason, message=str(error), **usage())
    except MemoryError:
        report.finish(outcome="failed", reason="out_of_memory", message=_memory_message(job), **usage())
    except Exception as error:  # noqa: BLE001 - the worker's top: whatever a model raises is a result
        traceback.print_exc()
        reason = reason_of(error)
        message = _memory_message(job) if reason == "out_of_memory" else f"{type(error).__name__}: {brief(error)}"
        if report.run.phase == "load" and reason == "internal":
            reason = "load"
        report.finish(outcome="failed", reason=reason, message=message, **usage())
    return 0


def _measure_all(job: Job, folder: Path, report: Report) -> None:
    began = time.perf_counter()
    # torch is imported here and not above: what fails or hangs in it has to be told like anything else.
    with lasting_imports():
        from mmied.bench.session import Session

        if job.model.source.kind == "exported":
            import torch.export.pt2_archive  # noqa: F401 - reading one imports half a compiler

    session = Session(job.model, scratch=folder, known_digests=job.known_digests)
    report.update(phase="load", import_seconds=time.perf_counter() - began)
    session.open()
    report.update(**facts_of(session))
    for workload in job.workloads:
        report.update(phase=f"warmup {workload.scenario}")
        result = _measure(job, session, workload, report)
        report.update(results=(*report.run.results, result))
    if job.kind == "profile" and report.run.results[0].outcome == "succeeded":
        _hold_against_golden(job, session, report)
    failed = [result for result in report.run.results if result.outcome != "succeeded"]
    if failed and len(failed) == len(report.run.results):
        report.finish(outcome="failed", reason=failed[0].reason, message=failed[0].message, **usage())
    else:
        report.finish(outcome="succeeded", **usage())


def _hold_against_golden(job: Job, session, report: Report) -> None:  # type: ignore[no-untyped-def]
    """Tell how far the outputs have drifted; where there is nothing to hold them against, give them for the next run.

    A model that can be measured and fails here has no drift, and the log says why.
    """
    from mmied.bench import golden  # after torch

    report.update(phase="golden")
    try:
        now = golden.look(session, job.model, job.workloads[0], run_id=job.run_id)
        if job.golden is not None and job.golden.inputs == now.inputs:
            report.update(drift_ratio=golden.drift_ratio(job.golden, now))
        else:
            report.update(golden=now)
    except Exception:  # noqa: BLE001 - a model raises what it likes
        traceback.print_exc()


def _measure(job: Job, session, workload: Workload, report: Report) -> WorkloadResult:  # type: ignore[no-untyped-def]
    """Measure one scenario; what goes wrong in it is its own failure, and the others go on."""
    try:
        if job.kind == "check":
            return session.check(workload)  # type: ignore[no-any-return]
        return session.measure(  # type: ignore[no-any-return]
            workload,
            limit_seconds=job.scenario_seconds,
            reached=lambda phase: report.update(phase=f"{phase} {workload.scenario}"),
        )
    except Exception as error:  # noqa: BLE001 - a model raises what it likes
        reason = reason_of(error)
        if not isinstance(error, ModelError):
            traceback.print_exc()
        if reason == "out_of_memory":
            message = _memory_message(job)
        elif isinstance(error, ModelError):
            message = str(error)
        else:
            message = f"batch size {workload.batch_size}: {type(error).__name__}: {brief(error)}"
        return WorkloadResult(workload=workload, outcome="failed", reason=reason, message=message)


def _memory_message(job: Job) -> str:
    limit = f"{job.memory_bytes / 1e9:.1f} GB of `budget.worker_memory`" if job.memory_bytes else "the memory there is"
    return f"out of memory: the model needs more than {limit}. Raise the limit, or take out the largest batch size."


def facts_of(session) -> dict[str, Any]:  # type: ignore[no-untyped-def]
    """Return what a run says of the model that a session has opened."""
    return {
        "revision": session.model.revision,
        "artifact_bytes": session.model.artifact_bytes,
        "parameters": session.model.parameters,
        "digests": dict(session.model.digests),
        "load_seconds": session.load_seconds,
        "threads": session.threads,
        "environment": session.environment,
    }


def usage() -> dict[str, float]:
    """Return what this process has used so far, as facts of a run."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu_seconds": used.ru_utime + used.ru_stime}


def die_with_parent() -> None:
    """Ask the kernel to kill us when the supervisor dies; nobody would read what we write."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
