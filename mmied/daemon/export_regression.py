"""The regression family of metrics: how each judged series stands, and the host's own."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import groupby

from mmied import catalog
from mmied.daemon.samples import Quantiles, Sample, short
from mmied.daemon.standing import Standing
from mmied.daemon.view import View
from mmied.regression import HOST, SeriesKey, SeriesStanding, device_of_host
from mmied.verdicts.worthwhile import drift_bound

QUANTILES = {"latency_p50": "0.5", "latency_p95": "0.95", "latency_p99": "0.99"}
# What can be found of a series is told for one of each kind: tails and throughput go with the median.
WITH_MINIMUM = ("latency_p50", "peak_memory")
WITH_THRESHOLD = ("latency_p50",)
WITH_STATE = ("latency_p50",)  # of the others only what is not stable: that is one line in twenty of all metrics


def regression_samples(view: View) -> Iterator[Sample]:
    """Yield the samples of the regression family, for the models of the configuration and for the host."""
    names = {model.name for model in view.config.models}
    for key, standing in sorted(view.series.items(), key=lambda item: item[0]):
        if key.model in names:
            yield from _series(key, standing, view)
    yield from _host({key: standing for key, standing in view.series.items() if key.model == HOST})
    latencies = [key for key in sorted(view.series) if key.model in names and key.metric in QUANTILES]
    for labels, keys in groupby(latencies, key=lambda key: (key.model, key.scenario)):
        yield from _baseline(labels, {key.metric: view.series[key] for key in keys})
    for model in view.config.models:
        success = view.standings.get(model.name, Standing()).last_success
        if success is not None and success.drift_ratio is not None:
            yield Sample("mmied_output_drift_bound_ratio", (model.name,), drift_bound(model.spec.dtype))
    for kind in catalog.EVENT_KINDS:
        yield Sample("mmied_events_total", (kind,), view.tally.events[kind])


def is_alarming(standing: SeriesStanding) -> bool:
    """Tell whether a series is in a regression of its own: not one that a change of the host explains."""
    change = standing.change
    return change is not None and change.worse and change.state == "active" and change.part_of is None


def told_ratio(standing: SeriesStanding) -> float | None:
    """Return by how much a series is worse than its baseline.

    Of a regression it is at least what was confirmed: while the series comes back, its level is of runs before and
    after, and one that still learns or is too noisy has none.
    """
    if standing.change is None or not is_alarming(standing):
        return standing.change_ratio
    return max(standing.change.change_ratio, standing.change_ratio or 0.0)


def _series(key: SeriesKey, standing: SeriesStanding, view: View) -> Iterator[Sample]:
    labels = (key.model, key.scenario, key.metric)
    alarming = is_alarming(standing)
    yield Sample("mmied_regression_active", labels, float(alarming))
    yield Sample("mmied_regressions_total", labels, view.tally.regressions[key])
    if key.metric in WITH_STATE or standing.state != "stable":
        yield Sample("mmied_detector_state", (*labels, standing.state), 1)
    ratio = told_ratio(standing)
    if ratio is not None:
        yield Sample("mmied_regression_change_ratio", labels, short(ratio))
    if alarming and standing.change is not None:
        yield Sample("mmied_regression_cause", (*labels, standing.change.cause), 1)
    if standing.threshold_ratio is not None and key.metric in WITH_THRESHOLD:
        yield Sample("mmied_regression_threshold_ratio", labels, short(standing.threshold_ratio))
    if standing.minimum_change_ratio is not None and key.metric in WITH_MINIMUM:
        yield Sample("mmied_detector_minimum_change_ratio", labels, short(standing.minimum_change_ratio))


def _host(series: Mapping[SeriesKey, SeriesStanding]) -> Iterator[Sample]:
    """Yield how slow each device is in each kind of work: where it is looked at in several threads, at its worst."""
    of_work: dict[tuple[str, str], list[SeriesStanding]] = defaultdict(list)
    for key, standing in sorted(series.items(), key=lambda item: item[0]):
        of_work[device_of_host(key.scenario), key.metric.removeprefix("reference_")].append(standing)
    for labels, standings in of_work.items():
        slow = [each for each in standings if each.change and each.change.worse and each.change.state == "active"]
        yield Sample("mmied_host_slow", labels, float(bool(slow)))
        ratios = [each.change_ratio for each in slow or standings if each.change_ratio is not None]
        if ratios:
            yield Sample("mmied_host_slow_ratio", labels, short(max(ratios)))


def _baseline(labels: tuple[str, str], standings: Mapping[str, SeriesStanding]) -> Iterator[Sample]:
    baselines = {metric: each.baseline for metric, each in standings.items() if each.baseline is not None}
    if not baselines:
        return
    seconds = {QUANTILES[metric]: short(baseline.figure) for metric, baseline in baselines.items()}
    yield Sample("mmied_baseline_latency_seconds", labels, Quantiles(dict(sorted(seconds.items()))))
    first = baselines.get("latency_p50", next(iter(baselines.values())))
    yield Sample("mmied_baseline_runs", labels, first.runs)
    yield Sample("mmied_baseline_timestamp_seconds", labels, first.at)
