"""The optimization family of metrics: what stands of each candidate that was tried on a model."""

from collections.abc import Iterator

from mmied.config import Model
from mmied.daemon.samples import Sample
from mmied.daemon.standing import Standing
from mmied.daemon.verdicts import by_verdict, expired
from mmied.daemon.view import View
from mmied.optimization import StandingVerdict, Trial
from mmied.profiles import PairedRatio

MOST_CANDIDATES = 24  # of a model; what helps comes first


def optimization_samples(view: View) -> Iterator[Sample]:
    """Yield the samples of the optimization family for the models that are searched.

    A verdict that holds no more is left out but for when it was made.
    """
    for model in view.config.models:
        plan = view.plans[model.name].search
        if plan is not None:
            yield from _searches(model, view)
            yield from _candidates(model, view)


def _searches(model: Model, view: View) -> Iterator[Sample]:
    labels = (model.name,)
    yield Sample("mmied_optimization_runs_total", labels, view.tally.searches[model.name])
    yield Sample("mmied_optimization_run_failures_total", labels, view.tally.search_failures[model.name])


def _candidates(model: Model, view: View) -> Iterator[Sample]:
    success = view.standings.get(model.name, Standing()).last_success
    verdicts = view.verdicts.get(model.name, ())
    old = {each.trial.candidate for each in verdicts if expired(each, model, success, now=view.at) is not None}
    ranked = sorted(by_verdict(verdicts), key=lambda each: each.trial.candidate in old)
    for verdict in ranked[:MOST_CANDIDATES]:
        trial = verdict.trial
        labels = (model.name, trial.candidate)
        yield Sample("mmied_candidate_last_tried_timestamp_seconds", labels, trial.at)
        if trial.candidate not in old:
            yield Sample("mmied_candidate_verdict", (*labels, trial.verdict), 1)
            yield from _figures(labels, verdict)


def _figures(labels: tuple[str, str], verdict: StandingVerdict) -> Iterator[Sample]:
    trial = verdict.trial
    ratio = telling_ratio(trial)
    if ratio is not None:
        bounds = {"estimate": ratio.speedup_ratio, "lower": ratio.lower, "upper": ratio.upper}
        for bound, value in bounds.items():
            yield Sample("mmied_candidate_speedup_ratio", (*labels, bound), value)
    cost, before = trial.cost, trial.baseline_cost
    if cost is not None and before is not None:
        if cost.peak_bytes is not None and before.peak_bytes:
            yield Sample("mmied_candidate_memory_ratio", labels, cost.peak_bytes / before.peak_bytes)
        if cost.artifact_bytes is not None and before.artifact_bytes:
            yield Sample("mmied_candidate_size_ratio", labels, cost.artifact_bytes / before.artifact_bytes)
    if trial.fidelity is not None:
        measures = {
            "cosine": trial.fidelity.worst_cosine,
            "top1_agreement": trial.fidelity.top1_agreement,
            "relative_l2": trial.fidelity.relative_l2,
            "max_relative_error": trial.fidelity.max_relative_error,
        }
        for measure, found in measures.items():
            if found is not None:
                yield Sample("mmied_candidate_fidelity", (*labels, measure), found)
    if trial.accuracy_change is not None:
        for bound, change in zip(("estimate", "lower", "upper"), trial.accuracy_change, strict=True):
            yield Sample("mmied_candidate_accuracy_change", (*labels, bound), change)


def telling_ratio(trial: Trial) -> PairedRatio | None:
    """Return the ratio behind the verdict: of what helps, at the batch size where it is surest; else where it is best.

    What lost for being slower somewhere is shown by where it is slowest.
    """
    if trial.verdict == "helps":
        return max(trial.ratios, key=lambda ratio: ratio.lower, default=None)
    lost = [ratio for ratio in trial.ratios if ratio.upper < 1]
    if trial.verdict == "does_not_help" and lost:
        return min(lost, key=lambda ratio: ratio.upper)
    return max(trial.ratios, key=lambda ratio: ratio.upper, default=None)
