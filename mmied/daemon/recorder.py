"""Write runs and events to the history, and keep what cannot be written until it can."""

import logging
import shutil
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from mmied.catalog import QUANTILES
from mmied.daemon.points import points_to_record
from mmied.daemon.recovery import keep_for_later
from mmied.errors import HistoryError
from mmied.history.store import Store
from mmied.optimization import StandingVerdict
from mmied.records import Event, Run, WorkloadResult
from mmied.regression import SeriesPoint
from mmied.stats import required_samples, summarize

log = logging.getLogger(__name__)

_Waiting = tuple[Run, Path | None, tuple[StandingVerdict, ...]]

RETRY_SECONDS = 15.0
LONGEST_QUEUE = 1000  # runs; beyond it the oldest is given up, which its folder may still hold


class Recorder:
    """Stands between the loop and a history that may be full, locked or away."""

    def __init__(
        self,
        store: Store,
        *,
        judge: Callable[[Run, Sequence[SeriesPoint]], object] = lambda run, points: None,
        recorded: Callable[[Run], object] = lambda run: None,
        counted: Callable[[Event], object] = lambda event: None,
    ) -> None:
        """Have `judge` and then `recorded` called for each run that is in the history, `counted` for each event."""
        self._store = store
        self._judge, self._recorded, self._counted = judge, recorded, counted
        self._queue: deque[_Waiting] = deque(maxlen=LONGEST_QUEUE)
        self._retry_at = 0.0

    @property
    def waiting(self) -> int:
        """How many runs are not recorded yet."""
        return len(self._queue)

    def add(self, run: Run, folder: Path | None, monotonic: float, found: tuple[StandingVerdict, ...] = ()) -> None:
        """Record a run with the verdicts that it found, now or when it can be done; its folder is removed then."""
        self._queue.append((run, folder, found))
        self._retry_at = 0.0
        self.flush(monotonic)

    def flush(self, monotonic: float) -> None:
        """Record what waits, oldest first; after a failure not again for a while."""
        while self._queue and monotonic >= self._retry_at:
            run, folder, found = self._queue[0]
            try:
                points = points_to_record(run)
                self._store.record(run, found, points)
            except HistoryError as error:
                self._retry_at = monotonic + RETRY_SECONDS
                log.error("run_not_recorded", extra={"run_id": run.run_id, "error": str(error)})
                return
            self._queue.popleft()
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            self._judge_safely(run, points)
            self._recorded(run)

    def _judge_safely(self, run: Run, points: Sequence[SeriesPoint]) -> None:
        try:
            self._judge(run, points)
        except Exception:
            # A judge with a bug must not keep later runs from being recorded.
            log.exception("run_not_judged", extra={"run_id": run.run_id})

    def close(self, monotonic: float) -> None:
        """Try once more; what still cannot be recorded is left in the runs' folders for the next life."""
        self._retry_at = 0.0
        self.flush(monotonic)
        for run, folder, _ in self._queue:
            if folder is not None:
                keep_for_later(run, folder)

    def note(self, event: Event) -> None:
        """Add a row to the change ledger; one that cannot be written is logged."""
        try:
            self._store.record_event(event)
            self._counted(event)
        except HistoryError as error:
            log.error("event_not_recorded", extra={"kind": event.kind, "why": event.message, "error": str(error)})

    def with_pooled_quantiles(self, run: Run) -> Run:
        """Return the run with quantiles that its own samples do not support had from earlier runs beside its own."""
        if run.kind != "profile":
            return run
        return replace(run, results=tuple(self._pooled(run, result) for result in run.results))

    def _pooled(self, run: Run, result: WorkloadResult) -> WorkloadResult:
        if run.environment is None or result.iterations is None or result.latency is None:
            return result
        if len(result.latency.quantiles) == len(QUANTILES):
            return result
        wanted = required_samples(QUANTILES[-1])
        # Twice as many runs as it takes when all gave as many samples; all there are would fill the memory.
        runs = min(wanted, 1 + 2 * wanted // max(1, result.latency.samples))
        try:
            earlier = self._store.iterations(
                run.model, result.workload.scenario, run.environment.fingerprint, limit=runs
            )
        except HistoryError as error:
            log.error("history_unreadable", extra={"model": run.model, "error": str(error)})
            return result
        return replace(result, latency=summarize(result.iterations, earlier))
