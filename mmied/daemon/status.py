"""Put the daemon's view into the one record that `mmied status`, /api/status and the pages show."""

from collections.abc import Sequence

from mmied import __version__
from mmied.config import Config, Model
from mmied.daemon.export_profile import fresh
from mmied.daemon.export_regression import is_alarming
from mmied.daemon.outlook import Outlook
from mmied.daemon.standing import QUARANTINE_AFTER, Attempts, Standing
from mmied.daemon.verdicts import best_speedup, by_verdict, expired
from mmied.daemon.view import Plan, View
from mmied.daemon_status import Cost, InspectionStatus, ModelStatus, OptimizationStatus, ScenarioStatus, State, Status
from mmied.errors import HistoryError
from mmied.records import Workload
from mmied.regression import HOST, SeriesStanding
from mmied.reports.regression_words import told


def make_status(view: View) -> Status:
    """Return the status of the daemon at the moment of `view`."""
    return Status(
        version=__version__,
        host=view.host,
        at=view.at,
        started_at=view.started_at,
        config_path=str(view.config.path),
        config_loaded_at=view.config_loaded_at,
        config_error=view.config_error,
        torch_version=view.torch_version,
        models=tuple(
            _model(model, view.standings.get(model.name, Standing()), view.plans[model.name], view)
            for model in view.config.models
        ),
        cost=_cost(view),
        hardware=view.hardware,
        host_series=tuple(each for key, each in sorted(view.series.items()) if key.model == HOST),
        notices=view.notices,
    )


def _cost(view: View) -> Cost:
    uptime = max(view.at - view.started_at, 1e-9)
    used = view.daemon_cpu_seconds + view.tally.worker_cpu_seconds
    return Cost(
        uptime_seconds=uptime,
        daemon_cpu_seconds=view.daemon_cpu_seconds,
        worker_cpu_seconds=view.tally.worker_cpu_seconds,
        cpu_budget_ratio=view.config.budget.cpu_ratio,
        cpu_used_ratio=used / uptime * view.config.budget.cpu_ratio / view.cpu.rate if view.cpu.rate else 0.0,
        cpu_tokens_seconds=view.cpu.tokens_seconds,
        demand_ratio=view.cpu.demand_ratio,
        daemon_memory_bytes=view.daemon_memory_bytes,
        worker_peak_bytes=view.worker_peak_bytes,
        history_bytes=_history_bytes(view),
        history_limit_bytes=_history_limit(view.config),
    )


def _history_bytes(view: View) -> int | None:
    try:
        return view.history.size_bytes()
    except HistoryError:
        return None


def _history_limit(config: Config) -> int | None:
    return config.history.max_size_bytes if config.history.url is None else None


def _model(model: Model, standing: Standing, plan: Plan, view: View) -> ModelStatus:
    series = tuple(
        each for key, each in sorted(view.series.items(), key=lambda item: item[0]) if key.model == model.name
    )
    state, why = _state(standing, plan, series)
    run, success = standing.last_run, standing.last_success
    outlook = view.outlooks.get(model.name, Outlook())
    return ModelStatus(
        name=model.name,
        state=state,
        why=why,
        device=model.spec.device,
        dtype=model.spec.dtype,
        format=model.spec.source.kind,
        unit=model.unit.name if model.unit is not None else None,
        revision=success.revision if success is not None else None,
        interval_seconds=plan.interval_seconds,
        last_run_id=run.run_id if run is not None else None,
        last_run_at=run.ended_at if run is not None else None,
        last_success_at=success.ended_at if success is not None else None,
        next_run_at=plan.next_run_at,
        consecutive_failures=standing.failures,
        scenarios=tuple(_scenario(model, workload, standing, plan, view) for workload in model.workloads),
        reference_seconds=_references(standing),
        phase=plan.phase,
        inspection=_inspection(standing.inspections, plan.inspection) if plan.inspection is not None else None,
        drift_ratio=success.drift_ratio if success is not None else None,
        optimization=_optimization(model, standing, plan.search, view) if plan.search is not None else None,
        series=series,
        objectives=outlook.objectives,
        trends=outlook.trends,
    )


def _optimization(model: Model, standing: Standing, plan: Plan, view: View) -> OptimizationStatus:
    run = standing.searches.last_run
    verdicts = view.verdicts.get(model.name, ())
    whys = {each.trial.candidate: expired(each, model, standing.last_success, now=view.at) for each in verdicts}
    searched = run.searched if run is not None else None
    return OptimizationStatus(
        interval_seconds=plan.interval_seconds,
        budget_seconds=model.optimize.budget_seconds if model.optimize is not None else 0.0,
        last_run_id=run.run_id if run is not None else None,
        last_run_at=run.ended_at if run is not None else None,
        next_run_at=plan.next_run_at,
        consecutive_failures=standing.searches.failures,
        phase=plan.phase,
        spent_seconds=searched.spent_seconds if searched is not None else 0.0,
        why=_why_of_search(standing.searches, plan),
        left=searched.left if searched is not None else (),
        helps={
            each.trial.candidate: best_speedup(each)
            for each in by_verdict(verdicts)
            if each.trial.verdict == "helps" and whys[each.trial.candidate] is None
        },
        expired={name: why for name, why in whys.items() if why is not None},
    )


def _why_of_search(attempts: Attempts, plan: Plan) -> str | None:
    """Return what is to be said of a model's searches: it changes nothing about how the model is."""
    run = attempts.last_run
    if attempts.quarantined:
        return (
            f"the daemon died in {QUARANTINE_AFTER} searches; there are none until the model's file changes or the "
            "configuration is reloaded (SIGHUP)"
        )
    if attempts.failures and run is not None:
        return f"the search failed: {run.message}"
    return plan.why if attempts.refusals else None


def _inspection(attempts: Attempts, plan: Plan) -> InspectionStatus:
    run, success = attempts.last_run, attempts.last_success
    return InspectionStatus(
        interval_seconds=plan.interval_seconds,
        last_run_id=run.run_id if run is not None else None,
        last_run_at=run.ended_at if run is not None else None,
        last_success_id=success.run_id if success is not None else None,
        last_success_at=success.ended_at if success is not None else None,
        next_run_at=plan.next_run_at,
        consecutive_failures=attempts.failures,
        phase=plan.phase,
        why=_why_of_inspection(attempts, plan),
    )


def _why_of_inspection(attempts: Attempts, plan: Plan) -> str | None:
    """Return what is to be said of a model's inspections: it changes nothing about how the model is."""
    run = attempts.last_run
    if attempts.quarantined:
        return (
            f"the daemon died in {QUARANTINE_AFTER} inspections; there are none until the model's file changes or the "
            "configuration is reloaded (SIGHUP)"
        )
    if attempts.failures and run is not None:
        return f"inspect failed: {run.message}"
    if attempts.refusals and plan.why is not None:
        return plan.why
    if run is not None and run.findings is not None and run.findings.failures:
        return "; ".join(f"{name}: {why}" for name, why in run.findings.failures.items())
    return None


def _state(standing: Standing, plan: Plan, series: Sequence[SeriesStanding]) -> tuple[State, str | None]:
    """Return the one word for a model, what needs attention first, and the sentence to it."""
    run, attempt = standing.last_run, standing.last_attempt
    if standing.quarantined:
        return "quarantined", (
            f"the daemon died in {QUARANTINE_AFTER} of its runs; it is not run again until its file changes or the "
            "configuration is reloaded (SIGHUP)"
        )
    if plan.phase is not None:
        return "running", f"in phase “{plan.phase}”"
    if standing.failures:
        return "failing", run.message if run is not None else None
    lost = [result for result in standing.last_results.values() if result.outcome != "succeeded"]
    alarming = [each.change for each in series if each.change is not None and is_alarming(each)]
    if alarming and not lost:
        worst = max(alarming, key=lambda change: change.change_ratio)
        more = len(alarming) - 1
        return "regressed", told(worst) + (f"; {more} more {'are' if more > 1 else 'is'} worse" if more else "")
    if standing.refusals and attempt is not None and plan.why is not None:
        return "refused", plan.why
    if lost:
        return "failing", "; ".join(f"{result.workload.scenario}: {result.message}" for result in lost)
    return ("healthy", None) if standing.last_success is not None else ("waiting", plan.why)


def _scenario(model: Model, workload: Workload, standing: Standing, plan: Plan, view: View) -> ScenarioStatus:
    last = standing.last_results.get(workload.scenario)
    success = standing.successes.get(workload.scenario)
    outcome, message = (last.outcome, last.message) if last is not None else (None, None)
    if success is None or not fresh(success.run, plan, view.at):
        return ScenarioStatus(workload=workload, last_outcome=outcome, last_message=message)
    result = success.result
    throughput = result.throughput_samples_per_second
    per_sample = model.unit.per_sample if model.unit is not None else None
    peaks = {memory.space: memory.peak_bytes for memory in result.memory}
    return ScenarioStatus(
        workload=workload,
        last_outcome=outcome,
        last_message=message,
        latency=result.latency,
        throughput_samples_per_second=throughput,
        items_per_second=throughput * per_sample if throughput is not None and per_sample is not None else None,
        peak_memory_bytes=peaks.get("device", peaks.get("host")),
    )


def _references(standing: Standing) -> dict[str, float]:
    for result in standing.last_results.values():
        if result.reference_seconds:
            return dict(result.reference_seconds)
    return {}
