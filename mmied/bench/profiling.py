"""Make a profile of a model that is open: each workload measured, then what was asked for of the deep passes."""

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mmied import __version__
from mmied.bench.failures import reason_of, sentence_of
from mmied.bench.inspecting import PASSES, inspect
from mmied.bench.profilers import usage
from mmied.bench.profilers.flamegraph import graph_of
from mmied.bench.session import Session
from mmied.inspection import Inspection, Usage
from mmied.profiles import Profile
from mmied.records import LatencySummary, Workload, WorkloadResult
from mmied.reports.frames import FlameGraph
from mmied.verdicts.knees import knees_of
from mmied.verdicts.recommend import recommend

LIMIT_SECONDS = 5.0  # a workload; what p99 takes of calls up to 10 ms
USAGE_SECONDS = 1.0


def profile_session(
    session: Session,
    workloads: Sequence[Workload],
    *,
    limit_seconds: float = LIMIT_SECONDS,
    num_runs: int | None = None,
    warmup_runs: int | None = None,
    detailed: bool = False,
    items_per_sample: Mapping[str, float] | None = None,
    preprocess: Callable[..., Any] | None = None,
    postprocess: Callable[[Any], Any] | None = None,
    folder: Path | None = None,
    reached: Callable[[str], None] = lambda phase: None,
    usage_seconds: float = USAGE_SECONDS,
    keep_going: bool = True,
) -> tuple[Profile, FlameGraph | None]:
    """Measure the workloads, and look inside the model under the first that succeeded where `detailed` asks for it.

    A workload is called exactly `num_runs` times after `warmup_runs` calls where they are given; else until its
    quantiles are supported, for `limit_seconds` at most. `preprocess` turns what the session's `make` gives into
    inputs, `postprocess` takes the outputs: with either, the stages of a request are timed too. For `usage_seconds`
    at most the use of the hardware is looked at. `folder` takes the traces; `reached` is told the phases.

    A workload that fails is a result and the others go on, unless `keep_going` is false: then what the model raised
    is raised. Raises ModelError where a stage fails.
    """
    session.preprocess = preprocess
    deep: tuple[Inspection | None, FlameGraph | None] = (None, None)
    stages: Mapping[str, LatencySummary] = {}
    used: Usage | None = None
    with session.serving():
        results = []
        for workload in workloads:
            reached(f"warmup {workload.scenario}")
            phase = _phases(workload, reached)
            try:
                results.append(
                    session.measure(
                        workload,
                        limit_seconds=limit_seconds,
                        num_runs=num_runs,
                        warmup_runs=warmup_runs,
                        reached=phase,
                    )
                )
            except Exception as error:  # whatever a model raises is its failure
                if not keep_going:
                    raise
                results.append(_failure(workload, error))
        chosen = next((result.workload for result in results if result.outcome == "succeeded"), None)
        if chosen is not None:
            if preprocess is not None or postprocess is not None:
                reached("stages")
                stages = session.measure_stages(
                    chosen,
                    postprocess=postprocess,
                    limit_seconds=limit_seconds,
                    num_runs=num_runs,
                    warmup_runs=warmup_runs,
                )
            if detailed:
                deep = inspect_session(session, chosen, folder=folder, reached=reached)
                used = deep[0].usage if deep[0] is not None else None
            elif usage_seconds:
                reached("usage")
                used = watch_session(session, chosen, seconds=min(usage_seconds, limit_seconds))
    inspection, flame = deep
    profile = describe(
        session,
        items_per_sample=dict(items_per_sample or {}),
        results=tuple(results),
        knees=knees_of(results, session.precision),
        stages=stages,
        inspection=inspection,
        usage=used,
    )
    return advised(profile), flame


def describe(session: Session, **figures: Any) -> Profile:
    """Return a profile with what is known of the session's model and place, and `figures`."""
    return Profile(
        mmied_version=__version__,
        model=session.name,
        host=socket.gethostname(),
        device=session.device,
        precision=session.precision,
        threads=session.threads,
        at=time.time(),
        format=session.format,
        revision=session.model.revision,
        artifact_bytes=session.model.artifact_bytes,
        load_seconds=session.load_seconds,
        sizes=session.sizes(),
        environment=session.environment,
        **figures,
    )


def advised(profile: Profile) -> Profile:
    """Return the profile with the recommendations that follow from its figures."""
    return replace(profile, recommendations=recommend(profile))


def inspect_session(
    session: Session,
    workload: Workload,
    *,
    passes: Sequence[str] | None = None,
    folder: Path | None = None,
    reached: Callable[[str], None] = lambda phase: None,
) -> tuple[Inspection, FlameGraph | None]:
    """Run deep passes over one workload; the flame graph comes of the pass over the layers.

    Raises whatever the model raises when it is warmed up.
    """
    with session.serving(), torch.inference_mode():
        target = session.target(workload)
        inspection, recorded = inspect(
            target, workload=workload, passes=passes or PASSES, folder=folder, reached=reached
        )
    if recorded is None:
        return inspection, None
    return inspection, graph_of(
        recorded,
        model=session.name,
        profiler="torch",
        device=session.device,
        batch_size=workload.batch_size,
        revision=session.model.revision,
        environment=session.environment,
        bare_call_seconds=target.call_seconds,
    )


def watch_session(session: Session, workload: Workload, *, seconds: float) -> Usage:
    """Call the model for some seconds, and return what the process and the host used meanwhile."""
    with session.serving(), torch.inference_mode():
        return usage.profile(session.target(workload), seconds=seconds)


def _phases(workload: Workload, reached: Callable[[str], None]) -> Callable[[str], None]:
    return lambda phase: reached(f"{phase} {workload.scenario}")


def _failure(workload: Workload, error: Exception) -> WorkloadResult:
    return WorkloadResult(
        workload=workload,
        outcome="failed",
        reason=reason_of(error),
        message=f"batch size {workload.batch_size}: {sentence_of(error)}",
    )
