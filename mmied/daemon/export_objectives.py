"""The objectives and trends of metrics: what a model promised, how far it is from that, and where it drifts."""

from collections import defaultdict
from collections.abc import Iterator

from mmied.daemon.outlook import Outlook
from mmied.daemon.samples import Quantiles, Sample
from mmied.daemon.view import View
from mmied.regression import ObjectiveStanding, Trend
from mmied.verdicts.objectives import DAY_SECONDS

QUANTILES = {"latency_p50": "0.5", "latency_p95": "0.95", "latency_p99": "0.99"}


def objective_samples(view: View) -> Iterator[Sample]:
    """Yield the samples of objectives and trends for the models of the configuration."""
    for model in view.config.models:
        outlook = view.outlooks.get(model.name, Outlook())
        latencies: defaultdict[str, dict[str, float]] = defaultdict(dict)
        for standing in outlook.objectives:
            yield from _objective(standing)
            if standing.key.metric in QUANTILES:
                latencies[standing.key.scenario][QUANTILES[standing.key.metric]] = standing.objective
        for scenario, seconds in latencies.items():
            yield Sample("mmied_objective_latency_seconds", (model.name, scenario), Quantiles(seconds))
        for trend in outlook.trends:
            yield from _trend(trend)


def _objective(standing: ObjectiveStanding) -> Iterator[Sample]:
    labels = (standing.key.model, standing.key.scenario, standing.key.metric)
    yield Sample("mmied_objective_value", labels, standing.objective)
    if standing.headroom_ratio is not None:
        yield Sample("mmied_objective_headroom_ratio", labels, standing.headroom_ratio)
    if standing.missed is not None:
        yield Sample("mmied_objective_missed", labels, standing.missed)
    if standing.days_left is not None:
        yield Sample("mmied_objective_time_left_seconds", labels, standing.days_left * DAY_SECONDS)


def _trend(trend: Trend) -> Iterator[Sample]:
    labels = (trend.key.model, trend.key.scenario, trend.key.metric)
    bounds = {"estimate": trend.ratio_per_week, "lower": trend.lower, "upper": trend.upper}
    for bound, ratio in bounds.items():
        yield Sample("mmied_trend_ratio_per_week", (*labels, bound), ratio)
