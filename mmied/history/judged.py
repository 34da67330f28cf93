"""What the history knows of regressions: series, changes, baselines."""

from typing import Any

from mmied.history import baselines, changes, series
from mmied.history.access import Access
from mmied.regression import Baseline, ChangeState, RecordedChange, SeriesKey, SeriesPoint


class Judged(Access):
    """The part of a Store that judges and commands read and write. Points come in with `Store.record`."""

    # Series

    def series(self, model: str | None = None) -> tuple[SeriesKey, ...]:
        """Return the series that have points, of one model (HOST: the host's own) or of all, by name."""
        with self._read("read which series there are") as connection:
            return series.read_series(connection, self.host, model)

    def points(
        self, key: SeriesKey, *, since: float = 0.0, before: float | None = None, limit: int = 500
    ) -> tuple[SeriesPoint, ...]:
        """Return the newest `limit` points from `since` on and before `before` (Unix times), oldest first.

        Those of the same moment are in the order of their runs' ids, so that the order is the same at each reading.
        """
        with self._read(f"read the points of {key.model}, {key.scenario}, {key.metric}") as connection:
            return series.read_series_points(connection, self.host, key, since=since, before=before, limit=limit)

    # Changes

    def keep_change(self, change: RecordedChange) -> None:
        """Keep the change, whole, in the place of an earlier state of it.

        Others may have changed the earlier state meanwhile (acknowledged it): to change some fields use `amend_change`.
        """
        with self._write(f"keep the change {change.change_id}") as connection:
            changes.put_change(connection, self.host, change)

    def amend_change(self, change_id: str, **fields: Any) -> RecordedChange | None:
        """Give some fields of a change other values, the rest as it is in the history; None where it is not there."""
        with self._write(f"amend the change {change_id}") as connection:
            return changes.amend_change(connection, self.host, change_id, fields)

    def change(self, change_id: str) -> RecordedChange | None:
        """Return the change of that id, or None."""
        with self._read(f"read the change {change_id}") as connection:
            return changes.read_change(connection, self.host, change_id)

    def changes(
        self,
        *,
        model: str | None = None,
        key: SeriesKey | None = None,
        state: ChangeState | None = None,
        worse: bool | None = None,
        since: float = 0.0,
        limit: int = 200,
    ) -> tuple[RecordedChange, ...]:
        """Return the newest changes that began at or after `since` (a Unix time), newest first."""
        with self._read("read changes") as connection:
            return changes.read_changes(
                connection, self.host, model=model, key=key, state=state, worse=worse, since=since, limit=limit
            )

    # Baselines

    def baseline(self, key: SeriesKey) -> Baseline | None:
        """Return what the series is held against by somebody's word: accepted or pinned; learned ones are not kept."""
        with self._read(f"read the baseline of {key.model}, {key.scenario}, {key.metric}") as connection:
            return baselines.read_baseline(connection, self.host, key)

    def baselines(self, model: str | None = None) -> tuple[Baseline, ...]:
        """Return the accepted and pinned baselines of one model or of all, by series."""
        with self._read("read baselines") as connection:
            return baselines.read_baselines(connection, self.host, model)

    def put_baseline(self, baseline: Baseline) -> None:
        """Keep the baseline, in the place of the one before."""
        with self._write(f"keep the baseline of {baseline.key.model}") as connection:
            baselines.put_baseline(connection, self.host, baseline)

    def drop_baseline(self, key: SeriesKey) -> bool:
        """Forget the baseline of a series; return whether there was one."""
        with self._write(f"forget the baseline of {key.model}") as connection:
            return baselines.drop_baseline(connection, self.host, key)

    def learn_anew(self, key: SeriesKey, at: float) -> bool:
        """Have the series judged by its points from `at` on (a Unix time) alone; return whether a baseline went."""
        with self._write(f"have {key.model} learned anew") as connection:
            baselines.put_reset(connection, self.host, key, at)
            return baselines.drop_baseline(connection, self.host, key)

    def learned_since(self, key: SeriesKey) -> float:
        """Return from when on the points of a series may be judged: 0 unless it was to be learned anew."""
        with self._read(f"read since when {key.model} is learned") as connection:
            return baselines.read_reset(connection, self.host, key)
