"""Follow up on runs that were recorded: events, judgement, confirming runs, comparisons of files, explanations."""

import logging
from collections.abc import Callable, Mapping, Sequence

from mmied.config import Config
from mmied.daemon.confirming import Confirming
from mmied.daemon.explaining import evidence_runs, explain_changes, inspected_since, wants_inspection
from mmied.daemon.happenings import Happenings
from mmied.daemon.judging import Judging
from mmied.daemon.planner import Planner
from mmied.daemon.predecessors import Predecessors
from mmied.daemon.standing import Standing
from mmied.daemon.tally import Tally
from mmied.errors import HistoryError
from mmied.history.artifacts import Artifacts
from mmied.history.store import Store
from mmied.records import Event, Run
from mmied.regression import PredecessorResult, SeriesKey, SeriesPoint, SeriesStanding

log = logging.getLogger(__name__)


class Regressions:
    """What follows from runs. Nothing that goes wrong here keeps a run from being recorded."""

    def __init__(
        self,
        config: Config,
        store: Store,
        *,
        tally: Tally,
        planner: Planner,
        artifacts: Artifacts,
        predecessors: Predecessors,
        standings: Mapping[str, Standing],
    ) -> None:
        self._config, self._store, self._planner = config, store, planner
        self._artifacts, self._predecessors = artifacts, predecessors
        self._confirming = Confirming()
        self._happenings = Happenings(standings)
        self._compared: dict[str, str] = {}  # by model: the revision that was, or is to be, held against the one before
        self._judging = Judging(config, store, tally, standings)
        for model in config.models:
            standing = standings.get(model.name, Standing())
            compared = standing.comparisons.last_run
            if compared is not None and compared.revision is not None:
                self._compared[model.name] = compared.revision
            if standing.last_success is not None:
                self._compare(standing.last_success)
            self._explain(model.name)
        self._protect()

    @property
    def series(self) -> Mapping[SeriesKey, SeriesStanding]:
        """How each series stands."""
        return self._judging.series

    def take_config(self, config: Config) -> None:
        """Go on with a new configuration."""
        self._config = config
        names = {model.name for model in config.models}
        self._confirming.forget(names)
        self._judging.take_config(config)
        self._protect()

    def events_of(self, run: Run) -> tuple[Event, ...]:
        """Return what a run shows to have changed on the host, or about its model, since the run before."""
        return self._happenings.events_of(run)

    def recorded(self, run: Run, points: Sequence[SeriesPoint], monotonic: float) -> None:
        """Take in a run that is in the history by now, with its points."""
        if run.outcome == "refused" or all(model.name != run.model for model in self._config.models):
            return
        if run.kind == "profile":
            judged = self._judging.judge(run, points)
            self._confirming.judged(
                run.model,
                monotonic,
                suspicious=judged.suspicious,
                made=judged.confirming,
                most=self._config.regressions.confirm_runs,
            )
            if run.outcome == "succeeded":
                self._compare(run)
            self._explain(run.model)
        elif run.kind == "inspect":
            if points:  # accuracy: another run tells nothing more of it, so that none is asked for
                self._judging.judge(run, points)
            self._explain(run.model)
        elif run.kind == "compare":
            self._done_with_predecessor(run.model)
        self._protect()

    def take_comparison(self, run: Run, result: PredecessorResult) -> None:
        """Take in what a changed file was found to be beside the one before."""
        judged = self._judging.take_comparison(run, result)
        if judged.opened:
            self._explain(result.model)
        self._protect()

    def ask(self, monotonic: float, affords: Callable[[str], bool]) -> None:
        """Have confirming runs done that are due and that the budget affords."""
        self._confirming.ask(monotonic, affords, self._planner.confirm)

    def _compare(self, run: Run) -> None:
        """Have the file of a run held against the one before it, once, where that is kept."""
        if run.revision is None or self._compared.get(run.model) == run.revision:
            return
        if self._predecessors.before(run.model, run.revision) is not None:
            self._compared[run.model] = run.revision
            self._planner.hurry(run.model, ("compare",))

    def _done_with_predecessor(self, name: str) -> None:
        """Let the file before go when room is wanted: it had its turn, whatever came of it."""
        predecessor = self._predecessors.before(name, self._compared.get(name))
        if predecessor is not None:
            self._predecessors.mark_compared(predecessor)

    def _explain(self, name: str) -> None:
        """Explain a model's regressions from its inspections, or have it inspected for that at once."""
        open_changes = [change for change in self._judging.active(name) if wants_inspection(change)]
        open_changes = [change for change in open_changes if change.inspection_after is None]
        if not open_changes:
            return
        try:
            explained = explain_changes(open_changes, self._store, self._artifacts)
            self._judging.show(explained)
            done = {change.change_id for change in explained}
            wanted = [change for change in open_changes if change.change_id not in done]
            model = next(model for model in self._config.models if model.name == name)
            if model.inspect is not None and any(not inspected_since(change, self._store) for change in wanted):
                self._planner.explain(name)
        except HistoryError as error:
            log.error("regression_not_explained", extra={"model": name, "error": str(error)})

    def _protect(self) -> None:
        """Keep the inspections that active regressions rest on from being pruned."""
        changes = [standing.change for standing in self.series.values() if standing.change is not None]
        self._artifacts.evidence = evidence_runs(changes)
