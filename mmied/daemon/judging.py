"""Judge the series of the history run by run, and keep what becomes of them.

Nothing is remembered that the history does not hold but how each series stands: after a restart it is judged anew.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mmied.config import Config, Model
from mmied.daemon.attributing import Attributing
from mmied.daemon.standing import Standing
from mmied.daemon.tally import Tally
from mmied.errors import HistoryError
from mmied.history.store import Store
from mmied.records import Run
from mmied.regression import (
    HOST,
    Baseline,
    PredecessorResult,
    RecordedChange,
    SeriesKey,
    SeriesPoint,
    SeriesStanding,
    device_of_host,
    host_scenario,
)
from mmied.verdicts.drift import judge_drift
from mmied.verdicts.judgement import LEVEL_RUNS, Judgement, judge_series
from mmied.verdicts.paired_change import paired_changes, since_deployed
from mmied.verdicts.worthwhile import WINDOW, drift_bound, settings_of

log = logging.getLogger(__name__)

KNOWN_CHANGES = 20  # of a series, the newest: more than a window holds
ANEW = ("device", "inputs")  # facts of a run: where they change, what was learned before does not hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What judging a run came to: whether it left a suspicion, the confirming runs made for it, and new changes."""

    suspicious: bool = False
    confirming: int = 0
    opened: tuple[RecordedChange, ...] = ()


class Judging:
    """How all series stand. What the history refuses is logged, and judged again with the next run."""

    def __init__(self, config: Config, store: Store, tally: Tally, standings: Mapping[str, Standing]) -> None:
        self._store, self._tally = store, tally
        self._config = config
        self._attributing = Attributing(config, store)
        self._measured = {  # by model: in what way its last run was made
            name: {fact: last.environment.stable.get(fact) for fact in ANEW}
            for name, standing in standings.items()
            if (last := standing.last_success) is not None and last.environment is not None
        }
        self._looked_from = {  # by model: as which scenario its last run looked at the host
            name: host_scenario(last.device, last.threads)
            for name, standing in standings.items()
            if (last := standing.last_success) is not None
        }
        self.series: Mapping[SeriesKey, SeriesStanding] = {}
        self.take_config(config)

    def take_config(self, config: Config) -> None:
        """Judge what the configuration has and was not judged yet; forget what it has no more."""
        self._config = config
        self._attributing = Attributing(config, self._store)
        names = {HOST, *(model.name for model in config.models)}
        known = {key.model for key in self.series}
        self.series = {key: standing for key, standing in self.series.items() if key.model in names}
        for name in sorted(names - known):
            try:
                self._judge_all(self._store.series(name))
            except HistoryError as error:
                log.error("series_not_judged", extra={"model": name, "error": str(error)})

    def judge(self, run: Run, points: Sequence[SeriesPoint]) -> Judged:
        """Judge the series that a run gave points to, the host's own first."""
        try:
            if self._is_measured_otherwise(run):
                self._learn_anew(run)
            if any(point.key.model == HOST for point in points):
                self._looked_from[run.model] = host_scenario(run.device, run.threads)
                self._retire(run)
            return self._judge_all(sorted({point.key for point in points}))
        except HistoryError as error:
            log.error("series_not_judged", extra={"model": run.model, "error": str(error)})
            return Judged()

    def take_comparison(self, run: Run, result: PredecessorResult) -> Judged:
        """Take in what a changed file was found to be beside the one before."""
        model = self._model(result.model)
        if model is None:
            return Judged()
        try:
            keys = [key for key in self.series if key.model == model.name]
            found = paired_changes(
                result,
                model.workloads,
                {key: self.series[key] for key in keys},
                {key: self._points(key) for key in keys},
                minimum_ratio=model.minimum_change_ratio,
                run=run,
            )
            opened = [self._open(change, paired=result) for change in found]
            for change in self._store.changes(model=model.name, state="active"):
                is_new = any(change.change_id == each.change_id for each in opened)
                new = since_deployed(self._points(change.key), result)
                if not is_new and new and change.started_at >= new[0].at:
                    self._show(self._attributing.attribute_again(change, self._points(change.key), paired=result))
            return Judged(opened=tuple(opened))
        except HistoryError as error:
            log.error("series_not_judged", extra={"model": result.model, "error": str(error)})
            return Judged()

    def active(self, model: str) -> list[RecordedChange]:
        """Return the changes of a model that are active, as far as was last known."""
        return [
            standing.change
            for key, standing in self.series.items()
            if key.model == model and standing.change is not None and standing.change.state == "active"
        ]

    def show(self, changes: Iterable[RecordedChange]) -> None:
        """Take in changes that became others."""
        for change in changes:
            self._show(change)

    # How it is done

    def _judge_all(self, keys: Sequence[SeriesKey]) -> Judged:
        suspects: list[Judgement] = []
        opened: list[RecordedChange] = []
        for key in keys:
            if (model := self._model(key.model)) is None and key.model != HOST:
                continue
            judgement = self._judged(key, model)
            if judgement.suspect_since is not None:
                suspects.append(judgement)
            standing = judgement.standing
            self._set(key, standing)
            self._end(judgement)
            if judgement.opened is not None:
                opened.append(self._open(judgement.opened))
            if judgement.opened is not None or judgement.ended:
                self._set(key, self._judged(key, model).standing)  # as it is after a restart
            elif standing.change is not None:
                self._outlive(standing.change)
        doubtful = [judgement for judgement in suspects if not self._is_explained(judgement)]
        confirming = max((judgement.confirming for judgement in doubtful), default=0)
        return Judged(suspicious=bool(doubtful), confirming=confirming, opened=tuple(opened))

    def _outlive(self, change: RecordedChange) -> None:
        """Think over what a change comes from that goes on after the host's, which explained it, is over."""
        over_at = self._attributing.outlived(change)
        if over_at is not None:
            points = self._points(change.key)
            own = [point for point in points if not change.started_at <= point.at < over_at]
            self._show(self._attributing.attribute_again(change, own))

    def _is_explained(self, judgement: Judgement) -> bool:
        """Tell whether a suspicion came up while a change of the same model, or of the host, was being confirmed."""
        since = judgement.suspect_since
        known = self.active(judgement.standing.key.model)
        return since is not None and any(change.worse and change.confirmed_at >= since for change in known)

    def _judged(self, key: SeriesKey, model: Model | None) -> Judgement:
        if key.metric == "output_drift" and model is not None:
            recorded = self._store.changes(key=key, limit=KNOWN_CHANGES)
            bound = drift_bound(model.spec.dtype)
            return judge_drift(key, model.spec.device, self._points(key), bound, changes=recorded)
        settings = settings_of(
            key,
            minimum_ratio=(self._config.regressions if model is None else model).minimum_change_ratio,
            false_alarms_per_run=self._config.regressions.false_alarms_per_run,
        )
        points, baseline = self._points(key), self._store.baseline(key)
        changes = self._store.changes(key=key, limit=KNOWN_CHANGES)
        return judge_series(
            key,
            device_of_host(key.scenario) if model is None else model.spec.device,
            points,
            settings,
            baseline=baseline,
            changes=changes,
            earlier=self._earlier(key, points, baseline, changes),
        )

    def _earlier(
        self,
        key: SeriesKey,
        points: Sequence[SeriesPoint],
        baseline: Baseline | None,
        changes: Sequence[RecordedChange],
    ) -> tuple[SeriesPoint, ...]:
        """Return the points of the level that a series is held against, where they are not among the newest."""
        at = baseline.at if baseline is not None else None
        worse = [change for change in changes if change.worse and change.state in ("active", "superseded")]
        if at is None and changes and changes[0].worse and changes[0].state == "active":
            at = min(change.started_at for change in worse)
        if at is None or not points or at > points[0].at:
            return ()
        return self._store.points(key, before=at, limit=LEVEL_RUNS)

    def _points(self, key: SeriesKey) -> tuple[SeriesPoint, ...]:
        return self._store.points(key, since=self._store.learned_since(key), limit=WINDOW)

    def _open(self, change: RecordedChange, paired: PredecessorResult | None = None) -> RecordedChange:
        """Keep a new change with its cause, and tell of it."""
        change = self._attributing.attribute(change, self._points(change.key), paired=paired)
        self._store.keep_change(change)
        if change.worse:
            self._tally.regressions[change.key] += 1
        extra = {"change": change.change_id, "model": change.key.model, "ratio": round(change.change_ratio, 4)}
        extra |= {"cause": change.cause, "why": change.evidence[0].text if change.evidence else ""}
        kind = "regression_confirmed" if change.worse else "improvement_confirmed"
        log.log(logging.WARNING if change.worse else logging.INFO, kind, extra=extra)
        if change.state == "active":
            self._show(change)
        for other in self._attributing.touched_by(change):
            self._show(self._attributing.attribute_again(other, self._points(other.key)))
        return change

    def _end(self, judgement: Judgement) -> None:
        for name, (state, at) in (judgement.ended or {}).items():
            self._store.amend_change(name, state=state, ended_at=at)
            log.info("change_ended", extra={"change": name, "state": state})

    def _is_measured_otherwise(self, run: Run) -> bool:
        """Tell whether a run was made in a way under which the figures before it do not compare."""
        if run.environment is None:
            return False
        now = {name: run.environment.stable.get(name) for name in ANEW}
        then = self._measured.get(run.model)
        self._measured[run.model] = now
        return then is not None and any(
            then[name] is not None and now[name] is not None and then[name] != now[name] for name in ANEW
        )

    def _learn_anew(self, run: Run) -> None:
        """Forget what was learned of a model that is called in another way from this run on."""
        for key in self._store.series(run.model):
            self._store.learn_anew(key, run.started_at)
            for change in self._store.changes(key=key, state="active"):
                note = "its device or its inputs became others, under which nothing of before compares"
                self._store.amend_change(change.change_id, state="superseded", ended_at=run.started_at, note=note)

    def _retire(self, run: Run) -> None:
        """End what was told of the host from where no model looks at it any more: no run would ever end it."""
        used = {self._looked_from.get(model.name) for model in self._config.models}
        for key in [key for key in self.series if key.model == HOST and key.scenario not in used]:
            for change in self._store.changes(key=key, state="active"):
                note = f"no model runs as {key.scenario} any more"
                self._store.amend_change(change.change_id, state="superseded", ended_at=run.started_at, note=note)
            self.series = {other: standing for other, standing in self.series.items() if other != key}

    def _show(self, change: RecordedChange) -> None:
        standing = self.series.get(change.key)
        if standing is not None:
            state = "regressed" if change.worse and change.state == "active" else standing.state
            self._set(change.key, replace(standing, change=change, state=state))

    def _set(self, key: SeriesKey, standing: SeriesStanding) -> None:
        # Other threads read the mapping: a new one is put in its place.
        self.series = {**self.series, key: standing}

    def _model(self, name: str) -> Model | None:
        return next((model for model in self._config.models if model.name == name), None)
