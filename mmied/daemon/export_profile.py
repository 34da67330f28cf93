"""The profile family of metrics: each model's last runs, by scenario."""

from collections.abc import Iterator

from mmied import catalog
from mmied.config import Model
from mmied.daemon.samples import Distribution, Quantiles, Sample, short
from mmied.daemon.standing import Standing, Success
from mmied.daemon.tally import Latencies
from mmied.daemon.view import Plan, View
from mmied.records import Run, Workload

STALE_INTERVALS = 3  # figures older than this are dropped; when and whether the last run succeeded stays


def profile_samples(view: View) -> Iterator[Sample]:
    """Yield the samples of the profile family for the models of the configuration."""
    references: dict[tuple[str, str], tuple[float, float]] = {}
    for model in view.config.models:
        standing = view.standings.get(model.name, Standing())
        plan = view.plans[model.name]
        yield from _model(model, standing, plan, view)
        for workload in model.workloads:
            yield from _schedule(model, workload, standing, plan, view.at)
            yield from _counters(model, workload, view)
            success = standing.successes.get(workload.scenario)
            if success is not None and fresh(success.run, plan, view.at):
                yield from _figures(model, success, view)
        run = standing.last_run
        if run is not None and fresh(run, plan, view.at):
            for result in run.results:
                for name, seconds in result.reference_seconds.items():
                    key = (run.device, name)
                    references[key] = max(references.get(key, (0.0, 0.0)), (run.ended_at, seconds))
    for (device, name), (_, seconds) in references.items():
        yield Sample("mmied_reference_seconds", (device, name), seconds)


def fresh(run: Run, plan: Plan, at: float) -> bool:
    """Tell whether a run's figures are still current."""
    return at - run.ended_at <= STALE_INTERVALS * plan.interval_seconds


def _model(model: Model, standing: Standing, plan: Plan, view: View) -> Iterator[Sample]:
    name = model.name
    yield Sample("mmied_profile_quarantined", (name,), float(standing.quarantined))
    run = standing.last_success
    if run is None:
        return
    revision = (run.revision or "")[:12]
    yield Sample("mmied_model_info", (name, revision, run.format or "", run.dtype or ""), 1)
    if run.parameters is not None:
        yield Sample("mmied_model_parameters", (name,), run.parameters)
    if run.artifact_bytes is not None:
        yield Sample("mmied_model_artifact_size_bytes", (name,), run.artifact_bytes)
    if run.drift_ratio is not None and fresh(run, plan, view.at):
        yield Sample("mmied_output_drift_ratio", (name,), run.drift_ratio)
    if run.load_seconds is not None and fresh(run, plan, view.at):
        yield Sample("mmied_profile_load_seconds", (name,), run.load_seconds)


def _schedule(model: Model, workload: Workload, standing: Standing, plan: Plan, at: float) -> Iterator[Sample]:
    labels = (model.name, workload.scenario)
    run, success = standing.last_run, standing.successes.get(workload.scenario)
    threads = model.spec.threads or (run.threads if run is not None else None)
    settings = (model.spec.device, str(workload.batch_size), "none", str(threads or ""))
    yield Sample("mmied_profile_info", (*labels, *settings), 1)
    yield Sample("mmied_profile_interval_seconds", labels, plan.interval_seconds)
    if plan.next_run_at is not None:
        yield Sample("mmied_profile_next_run_timestamp_seconds", labels, plan.next_run_at)
    yield Sample("mmied_profile_consecutive_failures", labels, standing.scenario_failures.get(workload.scenario, 0))
    if success is not None:
        yield Sample("mmied_profile_last_success_timestamp_seconds", labels, success.run.ended_at)
    result = standing.last_results.get(workload.scenario)
    if run is None or result is None:
        return
    yield Sample("mmied_profile_last_run_timestamp_seconds", labels, run.ended_at)
    yield Sample("mmied_profile_last_run_successful", labels, float(result.outcome == "succeeded"))
    if not fresh(run, plan, at):
        return
    yield Sample("mmied_profile_last_run_duration_seconds", labels, run.ended_at - run.started_at)
    phases = {"load": run.load_seconds, "warmup": result.warmup_seconds, "measure": result.measure_seconds}
    for phase, seconds in phases.items():
        if seconds is not None:
            yield Sample("mmied_profile_phase_duration_seconds", (*labels, phase), seconds)
    if result.latency is not None:
        yield Sample("mmied_profile_last_run_contended", labels, float(not result.latency.fit))


def _counters(model: Model, workload: Workload, view: View) -> Iterator[Sample]:
    labels = (model.name, workload.scenario)
    tally = view.tally
    yield Sample("mmied_profile_runs_total", labels, tally.runs[labels])
    for reason in catalog.FAILURE_REASONS:
        yield Sample("mmied_profile_run_failures_total", (*labels, reason), tally.failures[*labels, reason])
    for reason in catalog.SKIP_REASONS:
        yield Sample("mmied_profile_runs_skipped_total", (*labels, reason), tally.skips[*labels, reason])
    latencies = tally.latencies.get(labels, Latencies())
    distribution = Distribution(latencies.buckets, latencies.sum_seconds, latencies.exemplars)
    yield Sample("mmied_profile_iteration_duration_seconds", labels, distribution)


def _figures(model: Model, success: Success, view: View) -> Iterator[Sample]:
    run, result = success.run, success.result
    labels = (model.name, result.workload.scenario)
    latency = result.latency
    if latency is not None:
        sums = view.tally.latencies.get(labels, Latencies())
        quantiles = Quantiles(latency.quantiles, sums.count, sums.sum_seconds)
        yield Sample("mmied_profile_latency_seconds", labels, quantiles)
        yield Sample("mmied_profile_wall_latency_seconds", labels, Quantiles(latency.wall_quantiles))
        yield Sample("mmied_profile_latency_max_seconds", labels, latency.max_seconds)
        yield Sample("mmied_profile_samples", labels, latency.samples)
        yield Sample("mmied_profile_pooled_runs", labels, latency.pooled_runs)
        yield Sample("mmied_profile_latency_noise_ratio", labels, short(latency.noise_ratio))
        yield Sample("mmied_profile_contended_ratio", labels, short(latency.contended_ratio))
    throughput = result.throughput_samples_per_second
    if throughput is not None:
        yield Sample("mmied_profile_throughput_samples_per_second", labels, short(throughput))
        if model.unit is not None:
            items = throughput * model.unit.per_sample
            yield Sample("mmied_profile_items_per_second", (*labels, model.unit.name), short(items))
    if run.cpu_seconds is not None:
        yield Sample("mmied_profile_cpu_seconds", labels, run.cpu_seconds)
    if result.cold and result.first_call_seconds is not None:
        yield Sample("mmied_profile_first_call_seconds", labels, result.first_call_seconds)
    if result.captured_seconds is not None:
        yield Sample("mmied_profile_captured_seconds", labels, result.captured_seconds)
    if result.energy_joules is not None:
        yield Sample("mmied_profile_energy_joules", labels, result.energy_joules)
    for memory in result.memory:
        where = (*labels, memory.space)
        yield Sample("mmied_profile_peak_memory_bytes", where, memory.peak_bytes)
        yield Sample("mmied_profile_memory_bytes", (*where, "peak"), memory.peak_bytes)
        if memory.average_bytes is not None:
            yield Sample("mmied_profile_memory_bytes", (*where, "average"), memory.average_bytes)
        if memory.activation_bytes is not None:
            yield Sample("mmied_profile_memory_bytes", (*where, "activation"), memory.activation_bytes)
        if memory.fragmentation_ratio is not None:
            yield Sample("mmied_profile_memory_fragmentation_ratio", labels, memory.fragmentation_ratio)
