"""Gather what is known beside a change, and keep what it comes from."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from mmied.config import Config
from mmied.errors import HistoryError
from mmied.history.store import Store
from mmied.records import Environment, Event
from mmied.regression import HOST, PredecessorResult, RecordedChange, SeriesPoint
from mmied.verdicts.causes import Circumstances, attribute, pair_of

log = logging.getLogger(__name__)

MOST_EVENTS = 20  # that a change carries
SAME_TIME_SECONDS = 3600.0  # by which two models that are hit at once may notice at different times
MOST_CHANGES = 500  # active ones that are looked through


class Attributing:
    """What a change comes from, as far as the history of this host tells."""

    def __init__(self, config: Config, store: Store) -> None:
        self._config, self._store = config, store

    def attribute(
        self, change: RecordedChange, points: Sequence[SeriesPoint], *, paired: PredecessorResult | None = None
    ) -> RecordedChange:
        """Return a change with its cause, its evidence and what it is a part of. Raises HistoryError."""
        events = self._events(change)
        active = self._store.changes(state="active", worse=change.worse, limit=MOST_CHANGES)
        others = [other for other in active if self._is_other_model(other, change)]
        batch_size = self._batch_size(change)
        cause, evidence = attribute(
            change,
            Circumstances(
                points=points,
                events=events,
                before=self._environment(change.last_good_run_id),
                after=self._environment(change.first_run_id),
                others=others,
                other_models=self._other_models(change),
                paired=paired,
                batch_size=batch_size,
            ),
        )
        if paired is None and change.paired is not None:  # decided in the same minutes, and not by what came later
            cause, evidence = change.cause, change.evidence
        whole = self._host_change(change, active) if cause == "host" or change.key.model == HOST else None
        ratio = pair_of(paired, batch_size) if paired is not None and paired.fit else None
        return replace(
            change,
            cause=cause,
            evidence=evidence,
            events=events,
            part_of=whole.change_id if whole is not None else None,
            paired=ratio if ratio is not None else change.paired,
        )

    def attribute_again(
        self, change: RecordedChange, points: Sequence[SeriesPoint], *, paired: PredecessorResult | None = None
    ) -> RecordedChange:
        """Think the cause of a kept change over, and keep what is thought now; return it. Raises HistoryError."""
        now = self.attribute(change, points, paired=paired)
        fields = {name: getattr(now, name) for name in ("cause", "evidence", "events", "part_of", "paired")}
        return self._store.amend_change(change.change_id, **fields) or now

    def touched_by(self, change: RecordedChange) -> list[RecordedChange]:
        """Return the active changes whose cause has to be thought over, now that `change` is known too."""
        active = self._store.changes(state="active", worse=change.worse, limit=MOST_CHANGES)
        return [
            other
            for other in active
            if change.worse
            and other.key.model not in (HOST, change.key.model)
            and other.device == change.device
            and other.part_of is None
            and _same_time(other, change)
            and (change.key.model == HOST or other.cause == "unknown")
        ]

    def outlived(self, change: RecordedChange) -> float | None:
        """Return when the change of the host ended (a Unix time) that an active one was a part of, and has outlived."""
        whole = self._store.change(change.part_of) if change.part_of is not None else None
        return whole.ended_at if whole is not None and whole.state != "active" else None

    def _events(self, change: RecordedChange) -> tuple[Event, ...]:
        since = change.last_good_at if change.last_good_at is not None else 0.0
        rows = self._store.events(since=since, until=change.started_at)
        own = [row for row in rows if row.at > since and row.model in (None, change.key.model)]
        return tuple(sorted(own[:MOST_EVENTS], key=lambda row: row.at))

    def _environment(self, run_id: str | None) -> Environment | None:
        try:
            run = self._store.run(run_id) if run_id is not None else None
        except HistoryError as error:  # one record that cannot be read: the rest of the evidence stands
            log.warning("environment_unreadable", extra={"run_id": run_id, "error": str(error)})
            return None
        return run.environment if run is not None else None

    def _is_other_model(self, other: RecordedChange, change: RecordedChange) -> bool:
        return (
            other.key.model not in (HOST, change.key.model)
            and other.device == change.device
            and _same_time(other, change)
        )

    def _other_models(self, change: RecordedChange) -> int:
        return sum(
            model.name != change.key.model and model.spec.device == change.device for model in self._config.models
        )

    def _batch_size(self, change: RecordedChange) -> int | None:
        return next(
            (
                workload.batch_size
                for model in self._config.models
                if model.name == change.key.model
                for workload in model.workloads
                if workload.scenario == change.key.scenario
            ),
            None,
        )

    def _host_change(self, change: RecordedChange, active: Sequence[RecordedChange]) -> RecordedChange | None:
        """Return the change of the host that a change is a part of: the first of those at the same time."""
        whole = [
            other
            for other in active
            if other.key.model == HOST
            and other.worse
            and other.device == change.device
            and other.part_of is None
            and other.change_id != change.change_id
            and _same_time(other, change)
        ]
        if change.key.model == HOST and change.part_of is None:
            # Its own parts lead to it; where it is the first it is a part of none.
            whole = [other for other in whole if other.confirmed_at <= change.confirmed_at]
        return min(whole, key=lambda other: (other.confirmed_at, other.change_id), default=None)


def _same_time(one: RecordedChange, other: RecordedChange) -> bool:
    """Tell whether two changes may have begun with the same thing: between the last good run and the first bad."""

    def began_before(first: RecordedChange, then: RecordedChange) -> bool:
        earliest = first.last_good_at if first.last_good_at is not None else first.started_at
        return earliest - SAME_TIME_SECONDS <= then.started_at

    return began_before(one, other) and began_before(other, one)
