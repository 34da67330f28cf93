"""Write a search as tidy CSV: a row for each candidate, batch size and metric."""

from collections.abc import Iterator
from dataclasses import fields

from mmied.optimization import Fidelity, Search, ServingCost, Trial
from mmied.reports.profile_csv import Value, csv_text, unit_of

HEAD = ("model", "candidate", "batch_size", "metric", "value", "unit")


def search_csv(search: Search) -> str:
    """Return the figures of `search`; those that were not had have no row."""
    rows = [
        (search.model, trial.candidate, batch_size, metric, value, unit_of(metric))
        for trial in search.trials
        for batch_size, metric, value in _figures(trial)
        if value is not None
    ]
    left = [(search.model, name, None, "verdict", "not_tried", "") for name in search.left]
    return csv_text(HEAD, [*rows, *left])


def _figures(trial: Trial) -> Iterator[tuple[int | None, str, Value]]:
    yield None, "verdict", trial.verdict
    yield None, "why", trial.why
    yield None, "outcome", trial.outcome
    yield None, "seconds", trial.seconds
    for ratio in trial.ratios:
        yield ratio.batch_size, "speedup_ratio", ratio.speedup_ratio
        yield ratio.batch_size, "speedup_lower_ratio", ratio.lower
        yield ratio.batch_size, "speedup_upper_ratio", ratio.upper
        yield ratio.batch_size, "control_lower_ratio", ratio.control_lower
        yield ratio.batch_size, "control_upper_ratio", ratio.control_upper
        yield ratio.batch_size, "pairs", ratio.pairs
    if trial.ratios:
        yield None, "comparable", trial.fit
    for guard in trial.guards:
        yield None, f"guard_{guard.name.replace(' ', '_')}", guard.met
    if trial.fidelity is not None:
        for field in fields(Fidelity):
            yield None, f"fidelity_{field.name}", getattr(trial.fidelity, field.name)
    for name, accuracy in (("accuracy", trial.accuracy), ("baseline_accuracy", trial.baseline_accuracy)):
        if accuracy is not None:
            yield None, name, accuracy.value
            yield None, f"{name}_metric", accuracy.metric
            yield None, f"{name}_samples", accuracy.samples
    if trial.accuracy_change is not None:
        yield from zip(
            (None, None, None),
            ("accuracy_change", "accuracy_change_lower", "accuracy_change_upper"),
            trial.accuracy_change,
            strict=True,
        )
        yield None, "predictions_changed", trial.predictions_changed
    for prefix, cost in (("", trial.cost), ("baseline_", trial.baseline_cost)):
        if cost is not None:
            for field in fields(ServingCost):
                yield None, f"{prefix}{field.name}", getattr(cost, field.name)
    yield None, "convert_seconds", trial.convert_seconds
    yield None, "break_even_calls", trial.break_even_calls
    for name, count in trial.changed.items():
        yield None, f"changed_{name.replace(' ', '_')}", count
