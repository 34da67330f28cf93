"""How each model does against its objectives, and where its figures drift: read from the history after its runs."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mmied.config import Config, Model
from mmied.daemon import schedule
from mmied.daemon.standing import Standing
from mmied.errors import HistoryError
from mmied.history.store import Store
from mmied.records import LatencySummary, Run
from mmied.regression import ObjectiveStanding, RecordedChange, SeriesKey, Trend
from mmied.stats import required_samples
from mmied.verdicts.objectives import held_against, judge_objective, whole_throughput
from mmied.verdicts.trends import find_trend

log = logging.getLogger(__name__)

TREND_SECONDS = 28 * 86_400.0  # how far back a trend looks
TREND_POINTS = 5000  # of it at most: 28 days of a run every ten minutes are 4,000
REFRESH_SECONDS = 6 * 3600.0  # a drift over weeks is looked for four times a day
TREND_METRICS = ("latency_p50", "throughput", "peak_memory", "load_time")
FIT_WITHIN = 20  # the newest points, among which the last fit ones are looked for
STALE_INTERVALS = 3  # as the exporter drops figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What can be said of a model's figures beyond whether they changed. Trends were looked for at `trends_at`."""

    objectives: tuple[ObjectiveStanding, ...] = ()
    trends: tuple[Trend, ...] = ()
    trends_at: float | None = None


class Outlooks:
    """The outlook of each model of the configuration, as of its last run."""

    def __init__(self, config: Config, store: Store, *, standings: Mapping[str, Standing], now: float) -> None:
        self._store = store
        self.by_model: Mapping[str, Outlook] = {}
        self.take_config(config, standings, now=now)

    def take_config(self, config: Config, standings: Mapping[str, Standing], *, now: float) -> None:
        """Judge the objectives of a configuration; trends come with the models' next runs."""
        self._models = {model.name: model for model in config.models}
        self.by_model = {name: self._look(name, standings.get(name), now, far=False) for name in self._models}

    def recorded(self, name: str, standing: Standing | None, *, now: float) -> None:
        """Look ahead after a run of a model was recorded."""
        if name in self._models:
            self.by_model = {**self.by_model, name: self._look(name, standing, now)}

    def _look(self, name: str, standing: Standing | None, now: float, *, far: bool = True) -> Outlook:
        before = self.by_model.get(name, Outlook())
        last = standing.last_success if standing is not None else None
        return look_ahead(self._models[name], self._store, before, last_success=last, now=now, far=far)


def look_ahead(
    model: Model, store: Store, before: Outlook, *, last_success: Run | None, now: float, far: bool = True
) -> Outlook:
    """Return the outlook of a model after a run; what cannot be read of the history leaves it as it was.

    Not `far`, trends stay as they are: to look for those of all models at once would hold up a start.
    """
    try:
        trends, trends_at = before.trends, before.trends_at
        if far and (trends_at is None or now - trends_at >= REFRESH_SECONDS):
            trends, trends_at = _trends(model, store, now), now
        return Outlook(
            objectives=_objectives(model, store, trends, last_success, now), trends=trends, trends_at=trends_at
        )
    except HistoryError as error:
        log.error("history_unreadable", extra={"model": model.name, "error": str(error)})
        return before


def _trends(model: Model, store: Store, now: float) -> tuple[Trend, ...]:
    shifts = _last_shifts(store.changes(model=model.name))
    found = []
    for key in store.series(model.name):
        if key.metric in TREND_METRICS:
            points = store.points(key, since=now - TREND_SECONDS, limit=TREND_POINTS)
            found.append(find_trend(key, points, since=shifts.get(key, 0.0)))
    return tuple(trend for trend in found if trend is not None)


def _last_shifts(changes: Sequence[RecordedChange]) -> dict[SeriesKey, float]:
    """Return when each series' level last shifted: a return to the old one is a shift as well."""
    found: dict[SeriesKey, float] = {}
    for change in changes:
        found[change.key] = max(found.get(change.key, 0.0), change.started_at, change.ended_at or 0.0)
    return found


def _objectives(
    model: Model, store: Store, trends: Sequence[Trend], last_success: Run | None, now: float
) -> tuple[ObjectiveStanding, ...]:
    by_key = {trend.key: trend for trend in trends}
    stale_seconds = STALE_INTERVALS * schedule.interval_seconds(model.schedule, now)

    def judged(key: SeriesKey, objective: float) -> ObjectiveStanding:
        return judge_objective(
            key,
            objective,
            store.points(key, limit=FIT_WITHIN),
            now=now,
            stale_seconds=stale_seconds,
            trend=by_key.get(key),
            lacking=_lacking(key, last_success),
        )

    scenarios = [workload.scenario for workload in model.workloads]
    held = held_against(model.objectives, model.name, scenarios)
    found = [judged(key, objective) for key, objective in held.items()]
    whole = whole_throughput(model.objectives)
    if whole is not None:
        each = [judged(SeriesKey(model.name, scenario, "throughput"), whole) for scenario in scenarios]
        best = max(each, key=lambda standing: standing.figure or 0.0)
        # Which scenario is the best may change from run to run; the objective is the model's.
        found.append(replace(best, key=SeriesKey(model.name, "", "throughput")))
    return tuple(found)


def _lacking(key: SeriesKey, last_success: Run | None) -> str | None:
    """Return why the last run has no such figure, where it was for too few samples."""
    quantile = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}.get(key.metric)
    latency = _latencies(last_success).get(key.scenario)
    if quantile is None or latency is None or latency.samples >= required_samples(quantile):
        return None
    name = key.metric.removeprefix("latency_")
    return f"{name} needs {required_samples(quantile)} samples, the last run had {latency.samples}"


def _latencies(run: Run | None) -> Mapping[str, LatencySummary]:
    results = run.results if run is not None else ()
    return {result.workload.scenario: result.latency for result in results if result.latency is not None}
