"""The inspection family of metrics: what the deep passes last saw of each model."""

from collections.abc import Iterator

from mmied.config import Model
from mmied.daemon.export_profile import fresh
from mmied.daemon.samples import Sample
from mmied.daemon.standing import Attempts, Standing
from mmied.daemon.view import Plan, View
from mmied.records import Findings


def inspection_samples(view: View) -> Iterator[Sample]:
    """Yield the samples of the inspection family for the models that are inspected."""
    for model in view.config.models:
        plan = view.plans[model.name].inspection
        if plan is not None:
            yield from _model(model, view.standings.get(model.name, Standing()).inspections, plan, view)


def _model(model: Model, attempts: Attempts, plan: Plan, view: View) -> Iterator[Sample]:
    labels = (model.name,)
    yield Sample("mmied_inspection_interval_seconds", labels, plan.interval_seconds)
    yield Sample("mmied_inspection_runs_total", labels, view.tally.inspections[model.name])
    yield Sample("mmied_inspection_run_failures_total", labels, view.tally.inspection_failures[model.name])
    success = attempts.last_success
    if success is None:
        return
    yield Sample("mmied_inspection_last_success_timestamp_seconds", labels, success.ended_at)
    if success.findings is not None and fresh(success, plan, view.at):
        yield from _figures(model.name, success.findings)


def _figures(model: str, findings: Findings) -> Iterator[Sample]:
    labels = (model, findings.scenario)
    yield Sample("mmied_inspection_failed_passes", (model,), len(findings.failures))
    if findings.flops is not None:
        yield Sample("mmied_model_flops", labels, findings.flops)
    if findings.flops_coverage_ratio is not None:
        yield Sample("mmied_model_flops_coverage_ratio", labels, findings.flops_coverage_ratio)
    for category, seconds in findings.operator_seconds.items():
        yield Sample("mmied_profile_operator_seconds", (*labels, category), seconds)
    for layer, seconds in findings.layer_seconds.items():
        yield Sample("mmied_profile_layer_seconds", (*labels, layer), seconds)
