"""Try one candidate: apply it in a process of its own, look at its outputs, pair it, and say what came of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from mmied.bench.trial.baseline import APPLY_SECONDS, EVALUATE_SECONDS, Baseline, cost_of
from mmied.bench.trial.kept_outputs import ANSWER_SECONDS
from mmied.bench.trial.pairing import Paired, pair
from mmied.bench.trial.process import Server, ServerLost
from mmied.bench.trial.protocol import Command, NotApplicable, Reply
from mmied.optimization import Candidate, Fidelity, Guard, Trial
from mmied.verdicts.guards import guard_accuracy, guard_fidelity
from mmied.verdicts.paired import LOOK_CONFIDENCE, is_settled, judge


def run_trial(
    candidate: Candidate,
    baseline: Baseline,
    folder: Path,
    environ: Mapping[str, str],
    *,
    limit_seconds: float,
    making_seconds: float,
    minimum_effect_ratio: float,
    clock: Callable[[], float] = time.time,
) -> Trial:
    """Return what came of `candidate`, in about `limit_seconds`; whatever it does to its process is an outcome.

    To be ready it may take `making_seconds`, and after that it has half of the limit, at least, to be timed in.
    `folder` is the trial's own. What helps is saved there, as `artifact`, and looked at again in a fresh process.
    Raises ServerLost when it was the baseline that was lost, and OSError.
    """
    began, at = time.monotonic(), clock()
    trial = Trial(candidate=candidate.name, verdict="not_tried", why="", at=at, seconds=0.0, phase="apply")
    trial = replace(trial, settings=dict(candidate.settings), baseline_cost=baseline.cost)
    try:
        with Server(replace(baseline.job, candidate=candidate), folder / "served", environ) as server:
            trial, opened = _open(trial, server, min(APPLY_SECONDS, making_seconds))
            if opened is not None:
                trial = _hold_against(trial, candidate, baseline, server, opened)
                if trial.phase == "pair":
                    # The labelled samples will take as long as the deployed model took.
                    ends = began + limit_seconds - baseline.evaluation_seconds
                    ends = max(ends, time.monotonic() + limit_seconds / 2)
                    trial = _pair(trial, candidate, baseline, server, opened, ends, minimum_effect_ratio)
            if trial.phase == "evaluate":
                trial = _evaluate(trial, candidate, baseline, server, folder, minimum_effect_ratio)
            if trial.verdict == "helps" and not trial.setting:
                trial = _save(trial, candidate, baseline, server, folder, environ)
    except NotApplicable as refusal:
        trial = replace(trial, verdict="not_tried", why=str(refusal))
    except _CandidateLost as lost:
        trial = replace(
            lost.trial,
            verdict="does_not_help",
            why=str(lost.loss),
            outcome=_outcome(lost.loss),
            log_tail=lost.loss.log_tail,
        )
    return replace(trial, seconds=time.monotonic() - began)


class _CandidateLost(Exception):
    """The candidate's process failed; `trial` is what was known by then."""

    def __init__(self, trial: Trial, loss: ServerLost) -> None:
        self.trial, self.loss = trial, loss
        super().__init__(str(loss))


def _open(trial: Trial, server: Server, making_seconds: float) -> tuple[Trial, Reply | None]:
    """Let the candidate be made. One that is not ready when its part of the budget ends may well be good."""
    try:
        opened = server.ask(Command(do="open"), timeout_seconds=making_seconds)
    except ServerLost as loss:
        if loss.outcome != "timed_out" or making_seconds >= APPLY_SECONDS:
            raise _CandidateLost(trial, loss) from loss
        why = f"was not ready within {making_seconds:.0f} s, its part of the budget: a larger one may do"
        return replace(trial, verdict="cannot_tell", why=why, outcome=loss.outcome, log_tail=loss.log_tail), None
    trial = replace(
        trial,
        phase="serve",
        changed=opened.changed,
        notes=opened.notes,
        lock_in=opened.lock_in,
        setting=opened.setting,
        convert_seconds=opened.apply_seconds,
    )
    return trial, opened


def _hold_against(trial: Trial, candidate: Candidate, baseline: Baseline, server: Server, opened: Reply) -> Trial:
    """Hold the candidate's outputs against the deployed model's: one that gives other answers is not timed."""
    try:  # before outputs are compared: that takes memory that no server would
        cost = cost_of(server, opened)
        if not opened.setting:  # the file that was opened is the deployed one, not what this would be saved as
            cost = replace(cost, artifact_bytes=None)
        trial = replace(trial, cost=cost)
        fidelity = server.ask(baseline.kept.comparison, timeout_seconds=ANSWER_SECONDS).fidelity
    except ServerLost as loss:
        raise _CandidateLost(trial, loss) from loss
    assert fidelity is not None
    guards = (*guard_fidelity(fidelity, candidate.exactness), *_batch_guards(opened, baseline))
    trial = replace(trial, fidelity=fidelity, guards=guards, phase="pair")
    if not all(guard.met for guard in guards):
        why = "; ".join(guard.shown for guard in guards if not guard.met)
        return replace(trial, verdict="does_not_help", why=why, phase="done")
    return trial


def _pair(
    trial: Trial,
    candidate: Candidate,
    baseline: Baseline,
    server: Server,
    opened: Reply,
    deadline: float,
    minimum_effect_ratio: float,
) -> Trial:
    sizes = baseline.batch_sizes
    paired: list[Paired] = []
    for position, size in enumerate(sizes):
        left = max(0.0, deadline - time.monotonic()) / (len(sizes) - position)
        try:
            paired.append(
                pair(
                    (baseline.server, server, baseline.control),
                    (
                        baseline.opened.call_seconds[size],
                        opened.call_seconds[size],
                        baseline.control_opened.call_seconds[size],
                    ),
                    name=candidate.name,
                    batch_size=size,
                    several_threads=(baseline.opened.threads or 1) > 1,
                    limit_seconds=left,
                    settled=lambda ratio: is_settled(ratio, minimum_effect_ratio=minimum_effect_ratio),
                    look_confidence=LOOK_CONFIDENCE,
                )
            )
        except ServerLost as loss:
            if server.alive():
                raise  # it was not the candidate that was lost
            raise _CandidateLost(trial, loss) from loss
    fit = all(each.fit for each in paired)
    ratios = tuple(each.ratio for each in paired)
    spent = (trial.convert_seconds or 0.0) + sum(opened.first_call_seconds.values())
    saved = max(each.baseline_seconds - each.candidate_seconds for each in paired)
    trial = replace(trial, ratios=ratios, fit=fit, phase="done", break_even_calls=spent / saved if saved > 0 else None)
    trial = _judged(trial, candidate, minimum_effect_ratio)
    promising = trial.verdict != "does_not_help" or candidate.reports_only
    return replace(trial, phase="evaluate") if promising and baseline.scores is not None else trial


def _judged(trial: Trial, candidate: Candidate, minimum_effect_ratio: float) -> Trial:
    verdict, why = judge(trial.ratios, trial.guards, fit=trial.fit, minimum_effect_ratio=minimum_effect_ratio)
    if candidate.reports_only and verdict == "helps":
        verdict, why = "cannot_tell", f"{why}; shown for its accuracy, not for its speed"
    return replace(trial, verdict=verdict, why=why)


def _evaluate(
    trial: Trial,
    candidate: Candidate,
    baseline: Baseline,
    server: Server,
    folder: Path,
    minimum_effect_ratio: float,
) -> Trial:
    """Hold a candidate that may be worth it against the labels, and judge it anew."""
    command = Command(
        do="evaluate",
        batch_size=baseline.kept.batch_size,
        file=str(folder / "scores.pt"),
        against=str(baseline.scores),
    )
    try:
        reply = server.ask(command, timeout_seconds=EVALUATE_SECONDS)
    except ServerLost as loss:
        if not server.alive():
            raise _CandidateLost(trial, loss) from loss
        # The user's function, or labels that its outputs do not fit: nothing is known of its accuracy.
        guard = Guard(name="accuracy", met=False, sure=False, shown=f"its accuracy could not be measured: {loss}")
        return _judged(replace(trial, guards=(*trial.guards, guard), phase="done"), candidate, minimum_effect_ratio)
    assert reply.accuracy is not None
    assert reply.accuracy_change is not None
    guard = guard_accuracy(
        reply.accuracy_change,
        max_drop=baseline.job.max_drop,
        higher_is_better=reply.accuracy.metric != "mse",
        exactness=candidate.exactness,
        predictions_changed=reply.predictions_changed,
    )
    trial = replace(
        trial,
        guards=(*trial.guards, guard),
        accuracy=reply.accuracy,
        baseline_accuracy=baseline.accuracy,
        accuracy_change=reply.accuracy_change,
        predictions_changed=reply.predictions_changed,
        fidelity_only=False,
        phase="done",
    )
    return _judged(trial, candidate, minimum_effect_ratio)


def _save(
    trial: Trial, candidate: Candidate, baseline: Baseline, server: Server, folder: Path, environ: Mapping[str, str]
) -> Trial:
    """Save what helps, and look at it as a server would load it. What cannot be saved says so, and stays a setting."""
    artifact = folder / "artifact"
    try:
        saved = server.ask(Command(do="save", file=str(artifact)), timeout_seconds=APPLY_SECONDS)
    except ServerLost as loss:
        return replace(trial, notes=(*trial.notes, f"cannot be saved: {loss}"))
    job = replace(baseline.job, artifact=str(artifact), inputs=str(baseline.kept.inputs))
    try:
        with Server(job, folder / "loaded", environ) as loaded:
            opened = loaded.ask(Command(do="open"), timeout_seconds=APPLY_SECONDS)
            cost = replace(cost_of(loaded, opened), artifact_bytes=saved.artifact_bytes)
            again = loaded.ask(baseline.kept.comparison, timeout_seconds=ANSWER_SECONDS).fidelity
    except ServerLost as loss:
        why = f"is fast, but cannot be loaded again: {loss}"
        return replace(trial, verdict="does_not_help", why=why, outcome=_outcome(loss), log_tail=loss.log_tail)
    assert again is not None
    broken = [guard for guard in guard_fidelity(again, candidate.exactness) if not guard.met]
    if broken:
        why = f"is fast, but loaded again it is another model: {'; '.join(guard.shown for guard in broken)}"
        return replace(trial, verdict="does_not_help", why=why, fidelity=again)
    return replace(trial, artifact=str(artifact), cost=cost, fidelity=_worse(trial.fidelity, again))


def _outcome(loss: ServerLost) -> str:
    return loss.reason if loss.reason == "out_of_memory" else loss.outcome


def _worse(first: Fidelity | None, again: Fidelity) -> Fidelity:
    if first is None or first.relative_l2 is None or again.relative_l2 is None:
        return again
    return first if first.relative_l2 >= again.relative_l2 else again


def _batch_guards(opened: Reply, baseline: Baseline) -> tuple[Guard, ...]:
    """Return a broken guard for each deployed batch size that the candidate refuses and the baseline takes."""
    lost = {size: why for size, why in opened.refused.items() if size in baseline.opened.call_seconds}
    return tuple(
        Guard(name=f"batch size {size}", met=False, shown=f"does not take batch size {size}: {why}")
        for size, why in lost.items()
    )
