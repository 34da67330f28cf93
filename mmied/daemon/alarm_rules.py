"""Which alarms stand, by what the daemon knows: the same that Prometheus' rules find in its metrics. Pure."""

from collections.abc import Iterator, Mapping

from mmied import formats
from mmied.alarms import FAILED_RUNS, SEVERE_CHANGE_RATIO, Alarm
from mmied.daemon.export_regression import is_alarming
from mmied.daemon.outlook import Outlook
from mmied.daemon.standing import Standing
from mmied.daemon.view import View
from mmied.regression import HOST, METRICS, ObjectiveStanding, RecordedChange, Unit
from mmied.reports.regression_words import change_figures, change_size, figure

NAMES = {
    "latency_p50": "median latency",
    "latency_p95": "p95 latency",
    "latency_p99": "p99 latency",
    "throughput": "throughput",
    "peak_memory": "peak memory",
    "first_call": "the first call",
    "load_time": "loading",
    "output_drift": "output drift",
    "accuracy": "accuracy",
}
OBJECTIVES: Mapping[Unit, str] = {
    "seconds": "Latency",
    "per_second": "Throughput",
    "bytes": "Memory",
    "ratio": "Output",
}


def alarms_of(view: View) -> tuple[Alarm, ...]:
    """Return the alarms that stand."""
    return (*_regressions(view), *_objectives(view), *_failures(view))


def _regressions(view: View) -> Iterator[Alarm]:
    for standing in view.series.values():
        change = standing.change
        # Once acknowledged, somebody is at it.
        if change is None or not is_alarming(standing) or change.acknowledged_at is not None:
            continue
        if change.key.model == HOST:
            yield _host_slow(change)
        elif change.key.metric == "output_drift":
            yield _drift(change)
        else:
            yield _worse(change)


def _worse(change: RecordedChange) -> Alarm:
    key = change.key
    severe = change.change_ratio >= SEVERE_CHANGE_RATIO
    reasons = "".join(_sentence(evidence.text) for evidence in change.evidence[:3])
    return Alarm(
        name="MmiedModelRegressionSevere" if severe else "MmiedModelRegression",
        severity="critical" if severe else "warning",
        labels=_labels(model=key.model, scenario=key.scenario, metric=key.metric),
        summary="A model became much worse." if severe else "A model became worse.",
        description=f"{_who(key.model, key.scenario)}: {NAMES[key.metric]} is "
        f"{change_size(change)}: {change_figures(change)}. Cause: {change.cause}.{reasons} "
        f"More: mmied regressions show {change.change_id}",
        started_at=change.started_at,
        details={
            "cause": change.cause,
            "before": figure(key.metric, change.before),
            "after": figure(key.metric, change.after),
            "change_id": change.change_id,
        },
    )


def _host_slow(change: RecordedChange) -> Alarm:
    workload = change.key.metric.removeprefix("reference_")
    return Alarm(
        name="MmiedHostSlow",
        severity="warning",
        labels=_labels(device=change.device, workload=workload),
        summary="A host itself became slower.",
        description=f"The reference workload {workload} takes {formats.percent(change.change_ratio)} more time on "
        f"{change.device}: {change_figures(change)}. Models there seem slower without being it. "
        f"More: mmied regressions show {change.change_id}",
        started_at=change.started_at,
    )


def _drift(change: RecordedChange) -> Alarm:
    return Alarm(
        name="MmiedOutputDrift",
        severity="critical",
        labels=_labels(model=change.key.model),
        summary="A model gives other outputs than before.",
        description=f"{change.key.model}: its outputs on the recorded inputs are {change.after:.3g} away from those "
        "recorded first, where 0 is equal. If that is meant: mmied baseline accept --model "
        f"{change.key.model} --metric output_drift",
        started_at=change.started_at,
    )


def _objectives(view: View) -> Iterator[Alarm]:
    for model in view.config.models:
        outlook = view.outlooks.get(model.name, Outlook())
        yield from (_missed(standing, view.at) for standing in outlook.objectives if standing.missed)


def _missed(standing: ObjectiveStanding, now: float) -> Alarm:
    key = standing.key
    assert standing.figure is not None
    return Alarm(
        name=f"Mmied{OBJECTIVES[METRICS[key.metric].unit]}ObjectiveMissed",
        severity="warning",
        labels=_labels(model=key.model, scenario=key.scenario, metric=key.metric),
        summary="A model misses an objective.",
        description=f"{_who(key.model, key.scenario)}: {NAMES[key.metric]} is "
        f"{figure(key.metric, standing.figure)}, the objective {figure(key.metric, standing.objective)}",
        started_at=now,
    )


def _failures(view: View) -> Iterator[Alarm]:
    for model in view.config.models:
        standing = view.standings.get(model.name, Standing())
        last = standing.last_run
        if last is None or standing.failures < FAILED_RUNS:
            continue
        yield Alarm(
            name="MmiedProfileFailing",
            severity="warning",
            labels=_labels(model=model.name),
            summary="A model cannot be profiled.",
            description=f"{model.name}: {standing.failures} runs in a row failed: {last.message or last.outcome}",
            started_at=last.ended_at,
        )


def _sentence(text: str) -> str:
    return f" {text[:1].upper()}{text[1:].removesuffix('.')}."


def _labels(**labels: str) -> dict[str, str]:
    return {name: value for name, value in labels.items() if value}


def _who(model: str, scenario: str) -> str:
    return f"{model} {scenario}".rstrip()
