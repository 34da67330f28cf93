"""Take from a run the points that it adds to the series which are judged; pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist, fmean, stdev

from mmied.records import Iterations, LatencySummary, Memory, Run, WorkloadResult
from mmied.regression import HOST, METRICS, SeriesKey, SeriesPoint, host_scenario
from mmied.stats import latency_samples, quantile_interval, required_samples
from mmied.verdicts.run_summary import Summary, summarize_latency

TAILS = {"latency_p95": 0.95, "latency_p99": 0.99}
REFERENCES = tuple(name.removeprefix("reference_") for name in METRICS if name.startswith("reference_"))
# Load and first call are timed once, and what others took meanwhile cannot be taken out: beside more than this they
# say nothing of the model.
DISTURBED_RATIO = 0.25
INTERVAL_DEVIATIONS = 2 * NormalDist().inv_cdf(0.975)  # an interval of 95 % is so many standard errors wide


def points_of(run: Run) -> tuple[SeriesPoint, ...]:
    """Return the points of a run: for each metric of METRICS that it measured.

    Scenarios that succeeded count whatever became of the run. One that admission was against (`forced`) has fit
    latencies where what others took could be taken out of them, as any run; its load and first call are not fit.
    """
    if run.kind == "inspect":
        return tuple(_of_inspection(run))
    if run.kind != "profile":
        return ()
    good = [_sum_up(result) for result in run.results if result.outcome == "succeeded"]
    return tuple(
        point
        for point in (*_of_scenarios(run, good), *_of_model(run, good), *_of_host(run, good))
        if math.isfinite(point.figure) and math.isfinite(point.value)
    )


def _of_inspection(run: Run) -> Iterator[SeriesPoint]:
    """Yield what an inspection adds: how well the model did on labelled samples, where there are some."""
    if run.accuracy is not None and math.isfinite(run.accuracy):
        # Without an uncertainty: the samples are the same each time, so that what differs is the model's.
        yield replace(_positive(run, "", "accuracy", run.accuracy), value=run.accuracy, log=False)


def beside(run: Run) -> str:
    """Return under what the references of a run were measured: they take longer beside some models than others."""
    return f"{run.model}/{run.threads}"


@dataclass(frozen=True, slots=True)
class _Measured:
    """A scenario that succeeded, and what sums it up: its references are logarithms, from the steadiest estimator."""

    result: WorkloadResult
    whole: Summary | None
    references: dict[str, float]

    @property
    def calm(self) -> float | None:
        return self.whole.calm if self.whole is not None else None


def _sum_up(result: WorkloadResult) -> _Measured:
    whole = None if result.iterations is None else summarize_latency(result.iterations, result.references)
    references = {name: math.log(seconds) for name, seconds in result.reference_seconds.items() if seconds > 0}
    if whole is not None:
        references |= whole.references
    return _Measured(result, whole, {name: value for name, value in references.items() if name in REFERENCES})


def _of_scenarios(run: Run, measured: Sequence[_Measured]) -> Iterator[SeriesPoint]:
    for each in measured:
        result, scenario = each.result, each.result.workload.scenario
        if result.latency is not None:
            yield from _of_latency(run, each, result.latency)
        if result.cold and result.first_call_seconds is not None:
            fit = _undisturbed(run, [each])
            yield _positive(run, scenario, "first_call", result.first_call_seconds, each.references, fit=fit)
        if (peak := _peak(result.memory)) is not None:
            yield _positive(run, scenario, "peak_memory", float(peak))


def _of_latency(run: Run, measured: _Measured, latency: LatencySummary) -> Iterator[SeriesPoint]:
    result, whole = measured.result, measured.whole
    scenario = result.workload.scenario

    def point(metric: str, figure: float) -> SeriesPoint:
        found = _positive(run, scenario, metric, figure, measured.references, fit=latency.fit)
        return replace(found, contended_ratio=latency.contended_ratio, calm=measured.calm)

    middle = latency.quantiles.get("0.5")
    if middle is not None and latency.samples >= required_samples(0.5):
        found = point("latency_p50", middle)
        if whole is not None:
            found = replace(found, value=whole.value, uncertainty=whole.uncertainty, fit=found.fit and whole.fit)
        yield found
    for metric, q in TAILS.items():
        tail = latency.quantiles.get(str(q))
        # Quantiles that earlier runs lent their samples to would move after the run that is judged.
        if tail is not None and latency.samples >= required_samples(q):
            yield replace(point(metric, tail), uncertainty=_uncertainty(result.iterations, q))
    if throughput := result.throughput_samples_per_second:
        error = _of_mean(latency, result.workload.gap_seconds)
        yield replace(_lasting(point("throughput", throughput)), uncertainty=error)


def _lasting(point: SeriesPoint) -> SeriesPoint:
    """Return a point of what is the more the less time it takes: what slows the references makes it less."""
    return replace(point, references={name: -value for name, value in point.references.items()})


def _of_model(run: Run, measured: Sequence[_Measured]) -> Iterator[SeriesPoint]:
    if run.load_seconds is not None and measured:
        references = {name: fmean(values) for name, values in _by_name(measured).items()}
        yield _positive(run, "", "load_time", run.load_seconds, references, fit=_undisturbed(run, measured))
    if run.drift_ratio is not None:
        drift = _positive(run, "", "output_drift", run.drift_ratio)
        yield replace(drift, value=run.drift_ratio, log=False)


def _of_host(run: Run, measured: Sequence[_Measured]) -> Iterator[SeriesPoint]:
    """Yield what the run says of its host. The points' fingerprint tells beside what they were measured."""
    latencies = [each.result.latency for each in measured if each.result.latency is not None]
    for name, values in _by_name(measured).items():
        figures = [seconds for each in measured if (seconds := each.result.reference_seconds.get(name)) is not None]
        yield SeriesPoint(
            key=SeriesKey(HOST, host_scenario(run.device, run.threads), f"reference_{name}"),
            run_id=run.run_id,
            at=run.started_at,
            figure=fmean(figures) if figures else math.exp(fmean(values)),
            value=fmean(values),
            uncertainty=stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None,
            calm=min((each.calm for each in measured if each.calm is not None), default=None),
            fit=any(latency.fit for latency in latencies),
            contended_ratio=fmean(latency.contended_ratio for latency in latencies) if latencies else None,
            fingerprint=beside(run),
            confirming=run.confirming,
        )


def _by_name(measured: Sequence[_Measured]) -> dict[str, list[float]]:
    """Return the references' logarithms by name, over the scenarios."""
    found = {name: [each.references[name] for each in measured if name in each.references] for name in REFERENCES}
    return {name: values for name, values in found.items() if values}


def _positive(
    run: Run, scenario: str, metric: str, figure: float, references: dict[str, float] | None = None, *, fit: bool = True
) -> SeriesPoint:
    """Return the point of a figure that is positive by nature; one that is not has no logarithm and counts nowhere."""
    return SeriesPoint(
        key=SeriesKey(run.model, scenario, metric),
        run_id=run.run_id,
        at=run.started_at,
        figure=figure,
        value=math.log(figure) if figure > 0 else math.nan,
        references=references or {},
        fit=fit,
        revision=run.revision,
        fingerprint=run.environment.fingerprint if run.environment is not None else None,
        confirming=run.confirming,
    )


def _undisturbed(run: Run, measured: Sequence[_Measured]) -> bool:
    ratios = [each.result.latency.contended_ratio for each in measured if each.result.latency is not None]
    return not run.forced and max(ratios, default=0.0) <= DISTURBED_RATIO


def _uncertainty(iterations: Iterations | None, q: float) -> float | None:
    """Return the standard error of the logarithm of a quantile, from the order statistics about it."""
    if iterations is None:
        return None
    interval = quantile_interval(latency_samples(iterations)[0], q)
    if interval is None or interval[0] <= 0:
        return None
    return (math.log(interval[1]) - math.log(interval[0])) / INTERVAL_DEVIATIONS or None  # tied samples tell none


def _of_mean(latency: LatencySummary, gap_seconds: float) -> float | None:
    """Return the standard error of the logarithm of a throughput: that of the mean latency, less what pauses dilute."""
    if latency.standard_deviation_seconds is None or latency.samples < 2:
        return None
    error = latency.standard_deviation_seconds / math.sqrt(latency.samples)
    return error / (latency.mean_seconds + gap_seconds)


def _peak(memory: Sequence[Memory]) -> int | None:
    """Return the peak where the model lives: on the device where it was measured there."""
    peaks = {each.space: each.peak_bytes for each in memory}
    return peaks.get("device", peaks.get("host"))
