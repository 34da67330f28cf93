"""Read the history for a page, which is shown without it when it cannot be read."""

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from mmied.errors import HistoryError
from mmied.optimization import StandingVerdict
from mmied.records import Event, HardwareSample, HistoryPoint, Run
from mmied.regression import RecordedChange, SeriesKey, SeriesPoint

T = TypeVar("T")
P = ParamSpec("P")


class PageStore(Protocol):
    """What the pages read. Each method may raise HistoryError, and is called from several threads."""

    def run(self, run_id: str) -> Run | None:
        """Return a whole run, with its samples."""

    def last_runs(
        self, model: str | None = None, *, limit: int = 50, before: float | None = None, kind: str | None = None
    ) -> tuple[Run, ...]:
        """Return runs of a kind, or of all, without samples, newest first, that began before a Unix time."""

    def scenario_history(
        self, model: str, scenario: str, *, since: float = 0, limit: int = 5000
    ) -> tuple[HistoryPoint, ...]:
        """Return the runs of a scenario since a Unix time, oldest first."""

    def trials(self, model: str) -> tuple[StandingVerdict, ...]:
        """Return the last trial of each candidate optimization on a model."""

    def change(self, change_id: str) -> RecordedChange | None:
        """Return a change of a series."""

    def changes(
        self, *, model: str | None = None, worse: bool | None = None, since: float = 0.0, limit: int = 200
    ) -> tuple[RecordedChange, ...]:
        """Return the newest changes that began at or after a Unix time, newest first."""

    def points(
        self, key: SeriesKey, *, since: float = 0.0, before: float | None = None, limit: int = 500
    ) -> tuple[SeriesPoint, ...]:
        """Return the newest points of a series between two Unix times, oldest first."""

    def events(self, *, model: str | None = None, since: float = 0, limit: int = 200) -> tuple[Event, ...]:
        """Return rows of the change ledger since a Unix time."""

    def hardware_history(self, *, since: float, limit: int = 2000) -> tuple[HardwareSample, ...]:
        """Return samples of the host since a Unix time, oldest first."""


class Reader:
    """A PageStore for one page that gives nothing where it would raise; `trouble` then says what was wrong.

    After the first trouble nothing more is asked: a locked database would make the page wait for each part.
    """

    def __init__(self, store: PageStore) -> None:
        self._store = store
        self.trouble: str | None = None

    def run(self, run_id: str) -> Run | None:
        """Return a whole run, with its samples."""
        return self._read(None, self._store.run, run_id)

    def last_runs(self, model: str, *, limit: int, before: float | None, kind: str) -> tuple[Run, ...]:
        """Return runs without samples, newest first, that began before a Unix time."""
        return self._read((), self._store.last_runs, model, limit=limit, before=before, kind=kind)

    def scenario_history(self, model: str, scenario: str, *, since: float, limit: int) -> tuple[HistoryPoint, ...]:
        """Return the runs of a scenario since a Unix time, oldest first."""
        return self._read((), self._store.scenario_history, model, scenario, since=since, limit=limit)

    def trials(self, model: str) -> tuple[StandingVerdict, ...]:
        """Return the last trial of each candidate optimization on a model."""
        return self._read((), self._store.trials, model)

    def change(self, change_id: str) -> RecordedChange | None:
        """Return a change of a series."""
        return self._read(None, self._store.change, change_id)

    def changes(self, *, model: str | None = None, since: float, limit: int) -> tuple[RecordedChange, ...]:
        """Return the newest changes that began at or after a Unix time, newest first."""
        return self._read((), self._store.changes, model=model, since=since, limit=limit)

    def points(self, key: SeriesKey, *, since: float, before: float, limit: int) -> tuple[SeriesPoint, ...]:
        """Return the newest points of a series between two Unix times, oldest first."""
        return self._read((), self._store.points, key, since=since, before=before, limit=limit)

    def events(self, *, model: str | None = None, since: float, limit: int) -> tuple[Event, ...]:
        """Return rows of the change ledger since a Unix time, newest first."""
        found = self._read((), self._store.events, model=model, since=since, limit=limit)
        return tuple(sorted(found, key=lambda event: -event.at))

    def hardware_history(self, *, since: float) -> tuple[HardwareSample, ...]:
        """Return samples of the host since a Unix time, oldest first."""
        return self._read((), self._store.hardware_history, since=since)

    def _read(self, otherwise: T, query: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self.trouble is not None:
            return otherwise
        try:
            return query(*args, **kwargs)
        except HistoryError as error:
            self.trouble = str(error)
            return otherwise
