"""Decide what the next part of a search for optimizations is to do, and take in what came of the last one.

A search is done in parts, so that runs that profile wait for minutes and not for half an hour, and so that admission
is asked again between them. What it did not come to, the next one goes on with.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from mmied.codec import from_json
from mmied.config import Config, Model, Optimize
from mmied.daemon.standing import Attempts
from mmied.daemon.verdicts import expired
from mmied.errors import MmiedError
from mmied.inspection import Inspection
from mmied.optimization import OPTIONS_FILE, SEARCH_FILE, Search, SearchOptions, StandingVerdict, Trial
from mmied.records import Run, Searched
from mmied.verdicts.promise import facts_of, promise

T = TypeVar("T")

SLICE_SECONDS = 300.0  # after which others have their turn; the trial under way is ended first
SERVING_PROCESSES = 4  # at a time: the deployed model, its control, the candidate, and what was saved of it
LEAST_SECONDS = 10.0  # of a budget that is worth going on with
GIVE_UP_RATIO = 2.0  # of its budget: a search that took so long found the host busy, and goes on the next time
OVERTIME_SECONDS = 900.0  # for the trial under way when a part's time is up, with what it compiles and evaluates
REVALIDATED = 1000.0  # in promise: what was said of it holds no more


def is_open(attempts: Attempts, optimize: Optimize, now: float) -> bool:
    """Tell whether a search has begun that is to go on now."""
    last = attempts.last_run
    if last is None or last.searched is None or last.searched.finished:
        return False
    if last.outcome not in ("succeeded", "refused") and not last.orphaned:
        return False  # whatever it was, it waits for the next time; refused: stopped with the daemon
    found = last.searched
    until = found.began_at + GIVE_UP_RATIO * optimize.budget_seconds
    return found.began_at <= now < until and found.spent_seconds + LEAST_SECONDS <= optimize.budget_seconds


def options_of(
    model: Model,
    optimize: Optimize,
    config: Config,
    attempts: Attempts,
    verdicts: Sequence[StandingVerdict],
    *,
    last_success: Run | None,
    inspection: Inspection | None,
    now: float,
) -> SearchOptions:
    """Return what the next part of a model's search is to do."""
    before = attempts.last_run.searched if attempts.last_run is not None else None
    going_on = before is not None and is_open(attempts, optimize, now)
    began_at = before.began_at if before is not None and going_on else now
    round_at = before.round_at if before is not None and not before.finished else now
    outdated = {verdict.trial.candidate for verdict in verdicts if expired(verdict, model, last_success, now=now)}
    facts = facts_of(
        inspection,
        batch_sizes=[workload.batch_size for workload in model.workloads],
        device=model.spec.device,
    )
    expected = promise(facts, sorted((verdict.trial for verdict in verdicts), key=lambda trial: trial.at))
    for verdict in verdicts:
        if verdict.trial.candidate in outdated and verdict.trial.ratios:
            helped = verdict.trial.verdict == "helps"
            expected[verdict.trial.candidate] += REVALIDATED if helped else REVALIDATED / 2
    return SearchOptions(
        budget_seconds=optimize.budget_seconds,
        slice_seconds=SLICE_SECONDS,
        began_at=began_at,
        round_at=round_at,
        spent_seconds=before.spent_seconds if before is not None and going_on else 0.0,
        candidates=optimize.candidates,
        done=tuple(
            verdict.trial.candidate
            for verdict in verdicts
            if verdict.trial.at >= round_at and verdict.trial.candidate not in outdated
        ),
        promise=expected,
        minimum_effect_ratio=optimize.minimum_effect_ratio,
        calibration=optimize.calibration,
        fine_tune=optimize.fine_tune,
        evaluation=optimize.evaluation,
        metric=optimize.metric,
        max_drop=optimize.max_drop,
        memory_bytes=config.budget.worker_memory_bytes,
    )


def keep_search(run: Run, folder: Path) -> tuple[Run, tuple[StandingVerdict, ...]]:
    """Return a run with what it came to, and the verdicts that its `folder` holds; also of one that was cut short."""
    if run.kind != "optimize":
        return run, ()
    options = _read(SearchOptions, folder / OPTIONS_FILE)
    if options is None:
        return run, ()
    whole = _read(Search, folder / SEARCH_FILE)
    found = whole or _read(Search, folder / f"{SEARCH_FILE}.part")
    trials = _trials(run, found)
    searched = Searched(
        began_at=options.began_at,
        round_at=options.round_at,
        budget_seconds=options.budget_seconds,
        spent_seconds=options.spent_seconds + max(0.0, run.ended_at - run.started_at),
        verdicts={trial.candidate: trial.verdict for trial in trials},
        left=tuple(name for name in found.left if name not in {trial.candidate for trial in trials}) if found else (),
        finished=whole is not None and not whole.left,
    )
    run = replace(run, searched=searched)
    if found is None or found.environment is None:
        return run, ()  # the deployed model was not served: nothing was held against it
    run = replace(run, revision=run.revision or found.revision, environment=run.environment or found.environment)
    return run, tuple(_standing(trial, found) for trial in trials)


def _trials(run: Run, found: Search | None) -> Sequence[Trial]:
    """Return the trials that ended, and the one during which the search was lost: else it would be tried for ever."""
    trials = found.trials if found is not None else ()
    _, _, name = (run.phase or "").partition(" ")
    if found is None or run.outcome in ("succeeded", "refused") or run.orphaned or name not in found.left:
        return trials
    why = f"the search itself ended while this was tried: {run.message}"
    lost = Trial(
        candidate=name, verdict="cannot_tell", why=why, at=run.ended_at, seconds=0.0, phase="apply", outcome=run.outcome
    )
    return (*trials, lost)


def _standing(trial: Trial, found: Search) -> StandingVerdict:
    return StandingVerdict(
        model=found.model,
        trial=replace(trial, artifact=None),  # it goes with the run's folder
        revision=found.revision,
        environment=found.environment,
        batch_sizes=found.batch_sizes,
        minimum_effect_ratio=found.minimum_effect_ratio,
        notes=found.notes,
    )


def renewed(before: Iterable[StandingVerdict], found: Iterable[StandingVerdict]) -> tuple[StandingVerdict, ...]:
    """Return the verdicts on a model's candidates after newer ones were found."""
    by_name = {verdict.trial.candidate: verdict for verdict in (*before, *found)}
    return tuple(by_name[name] for name in sorted(by_name))


def _read(kind: type[T], path: Path) -> T | None:
    try:
        return from_json(kind, path.read_bytes())
    except (OSError, MmiedError):
        return None
