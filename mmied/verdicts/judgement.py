"""Judge one series on its newest points: how it stands, and which changes of it begin or end with the newest; pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from mmied import formats
from mmied.regression import (
    HOST,
    METRICS,
    Baseline,
    ChangeState,
    RecordedChange,
    SeriesKey,
    SeriesPoint,
    SeriesStanding,
)
from mmied.verdicts.change_records import change_of, shift_of
from mmied.verdicts.company import in_company_of_one
from mmied.verdicts.detector import advance, restore
from mmied.verdicts.series import DetectorSettings, Level, Point, Shift, State, Status

LEVEL_RUNS = 12  # of a level, the last ones, that tell what ran beside it


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the newest points of a series came to.

    `opened` begins with them; `ended` has the state and the time of changes that ended with them. While something
    worse is suspected, or that a regression is over, there is a `suspect_since`, and `confirming` is how many runs
    were made to confirm it.
    """

    standing: SeriesStanding
    opened: RecordedChange | None = None
    ended: Mapping[str, tuple[ChangeState, float]] | None = None
    suspect_since: float | None = None
    confirming: int = 0


def judge_series(
    key: SeriesKey,
    device: str,
    points: Sequence[SeriesPoint],
    settings: DetectorSettings,
    *,
    baseline: Baseline | None = None,
    changes: Sequence[RecordedChange] = (),
    earlier: Sequence[SeriesPoint] = (),
) -> Judgement:
    """Return the judgement on a series from its newest `points`, oldest first.

    `baseline` is one that was accepted or pinned, `changes` are those that were recorded of it, newest first. Where
    what the series is held against lies before the first of the points, `earlier` are points of then.
    """
    epoch, counted = in_company_of_one(points) if key.model == HOST else ("", tuple(points))
    if not counted:
        return Judgement(standing=SeriesStanding(key=key, device=device, state="learning", runs=0, why="no run yet"))
    return _Series(key, device, counted, settings, baseline, changes, earlier, epoch).judge()


class _Series:
    """What one judgement is made of. Figures are in the metric's unit, levels on the scale of what is judged."""

    def __init__(
        self,
        key: SeriesKey,
        device: str,
        points: Sequence[SeriesPoint],
        settings: DetectorSettings,
        baseline: Baseline | None,
        changes: Sequence[RecordedChange],
        earlier: Sequence[SeriesPoint],
        epoch: str,
    ) -> None:
        self.key, self.device, self.points, self.settings = key, device, points, settings
        self.baseline, self.changes, self.earlier, self.epoch = baseline, changes, earlier, epoch
        self.active = next((change for change in changes if change.state == "active"), None)
        self.factor = _factor(points)
        self.sign = 1 if METRICS[key.metric].better == "lower" else -1

    def judge(self) -> Judgement:
        state = self.follow()
        newest = self.points[-1]
        ended: dict[str, tuple[ChangeState, float]] = {}
        opened = None
        shift = state.shifts[-1] if state.shifts else None
        if shift is not None and shift.confirmed_at == newest.at:
            if self.baseline is not None:  # what was before it was set is no matter
                shift = replace(shift, first_at=max(shift.first_at, min(self.baseline.at, newest.at)))
            found = change_of(
                shift, self.key, self.device, self.points, factor=self.factor, plain=self.settings.scale == "plain"
            )
            if all(change.change_id != found.change_id for change in self.changes):
                opened = found
        active = self.active
        if opened is not None and opened.worse:
            if active is not None:
                ended[active.change_id] = ("superseded", opened.started_at)
            active = opened
        elif opened is not None:
            if active is not None and active.worse and self.still_worse(state):
                opened = replace(opened, state="superseded", ended_at=opened.confirmed_at)  # better, and not yet good
            else:
                if active is not None:
                    ended[active.change_id] = ("recovered" if active.worse else "superseded", opened.started_at)
                if active is not None and active.worse and not self.beyond(state):
                    opened = None  # it is back where it was
                active = opened
        if active is not None and active.worse and opened is None and state.status in ("stable", "recovered"):
            back_at = state.level.at if state.level is not None and state.level.at is not None else newest.at
            ended[active.change_id] = ("recovered", max(back_at, active.started_at))
            active = None
        since = state.suspect_since
        return Judgement(
            standing=self.standing(state, active),
            opened=opened,
            ended=ended,
            suspect_since=since if self.is_worth_runs(state) else None,
            confirming=0 if since is None else sum(point.confirming and point.at > since for point in self.points),
        )

    def still_worse(self, state: State) -> bool:
        """Tell whether a series that became better is still worse than its baseline by as much as matters."""
        ratio = state.change_ratio
        return state.status == "regressed" and (ratio is None or self.sign * ratio >= self.settings.minimum_ratio)

    def is_worth_runs(self, state: State) -> bool:
        """Tell whether what is suspected would begin an alarm, or end one."""
        worse = state.suspect_ratio is None or self.sign * state.suspect_ratio > 0
        return worse if state.status == "suspect" else state.status == "regressed" and not worse

    def follow(self) -> State:
        """Return the detector's state after the newest point."""
        fed = [detector_point(point, self.epoch) for point in self.points]
        level = self.held_against()
        state = restore(fed[:-1], self.shifts(), self.settings, baseline=level)
        status: Status = state.status
        if self.active is not None and self.active.worse:
            status = "regressed"
        elif status not in ("learning", "too_noisy", "suspect"):
            status = self.before_now()
        pinned = self.baseline is not None
        if level is not None:
            state = replace(state, baseline=level)
        return advance(replace(state, status=status, pinned=pinned), fed[-1], self.settings)

    def before_now(self) -> Status:
        """Return how a series stood that is in no regression."""
        return "recovered" if self.changes and self.changes[0].state == "recovered" else "stable"

    def held_against(self) -> Level | None:
        """Return the level that somebody set, or the last good one before a regression."""
        if self.baseline is not None:
            return self.level_of(self.baseline.figure, self.baseline.at)
        if self.active is None or not self.active.worse:
            return None
        first = self.first_of_chain()
        return self.level_of(first.before, first.last_good_at if first.last_good_at is not None else first.started_at)

    def level_of(self, figure: float, at: float) -> Level:
        """Return the level of a figure that was good until `at` (a Unix time), with what ran beside it then."""
        then = [point for point in (*self.earlier, *self.points) if point.fit and point.at <= at][-LEVEL_RUNS:]
        beside: dict[str, list[float]] = {}
        for point in then:
            companions = dict(point.references) | ({} if point.calm is None else {"calm": point.calm})
            for name, value in companions.items():
                beside.setdefault(name, []).append(value)
        factor = _factor(then) if then else self.factor
        return Level(value=figure * factor, at=at, references={name: fmean(each) for name, each in beside.items()})

    def shifts(self) -> list[Shift]:
        """Return where levels began among the points, as far as is recorded: changes, and returns from them."""
        since = self.points[0].at
        found = [self.as_shift(change) for change in self.changes if change.started_at >= since]
        for change in self.changes:
            if change.state == "recovered" and change.ended_at is not None and change.ended_at > change.started_at:
                there = self.as_shift(change)
                back = replace(there, before=there.after, after=there.before, worse=not there.worse)
                found.append(replace(back, first_at=change.ended_at, confirmed_at=change.ended_at))
        return sorted((shift for shift in found if shift.first_at >= since), key=lambda shift: shift.first_at)

    def as_shift(self, change: RecordedChange) -> Shift:
        return shift_of(change, self.points, factor=self.factor, plain=self.settings.scale == "plain")

    def first_of_chain(self) -> RecordedChange:
        """Return the regression from the last good level: those that followed it made worse what was bad."""
        assert self.active is not None
        first = self.active
        for change in self.changes[self.changes.index(first) + 1 :]:
            if not change.worse and change.ended_at == change.confirmed_at:
                continue  # better for a while, and not good
            if not change.worse or change.state != "superseded" or change.ended_at != first.started_at:
                break
            first = change
        return first

    def beyond(self, state: State) -> bool:
        """Tell whether a series is better than its baseline by as much as matters."""
        ratio = state.change_ratio
        return ratio is not None and -self.sign * ratio > self.settings.minimum_ratio

    def standing(self, state: State, active: RecordedChange | None) -> SeriesStanding:
        newest = self.points[-1]
        ratio = state.change_ratio
        if self.settings.scale == "plain" and state.level is not None and state.baseline is not None:
            ratio = state.level.value - state.baseline.value  # as in change_of
        least = [self.settings.minimum_ratio, *filter(None, [state.minimum_change_ratio])]
        judged = state.status not in ("learning", "too_noisy")
        return SeriesStanding(
            key=self.key,
            device=self.device,
            state="regressed" if active is not None and active.worse else state.status,
            runs=sum(point.fit for point in self.points),
            at=newest.at,
            figure=newest.figure,
            baseline=self.baseline or self.learned(state),
            change_ratio=None if ratio is None else self.sign * ratio,
            threshold_ratio=max(least) if judged else None,
            minimum_change_ratio=state.minimum_change_ratio,
            change=active,
            why=self.why(state, active),
        )

    def why(self, state: State, active: RecordedChange | None) -> str | None:
        if active is not None and active.worse:
            return f"worse by {formats.percent(active.change_ratio)} since {formats.clock(active.started_at)}"
        return state.why if state.status in ("learning", "suspect", "too_noisy") else None

    def learned(self, state: State) -> Baseline | None:
        if state.baseline is None or state.status == "learning":
            return None
        own = [point for point in self.points if point.fit]
        if self.active is not None and self.active.worse:
            own = [point for point in own if point.at < self.active.started_at]
        elif state.baseline.at is not None:
            own = [point for point in own if point.at >= state.baseline.at]
        return Baseline(
            key=self.key,
            figure=state.baseline.value / self.factor,
            at=own[0].at if own else state.baseline.at or self.points[0].at,
            source="learned",
            runs=len(own),
            run_id=own[-1].run_id if own else None,
        )


def detector_point(point: SeriesPoint, epoch: str) -> Point:
    """Return a point as the detector is fed it; where the `epoch` differs, it learns anew."""
    return Point(
        at=point.at,
        value=point.value,
        references=point.references,
        uncertainty=point.uncertainty,
        calm=point.calm,
        fit=point.fit,
        epoch=epoch,
    )


def _factor(points: Sequence[SeriesPoint]) -> float:
    """Return what is judged over what is published: the steadiest estimate lies a little below the median."""
    ratios = [math.exp(point.value) / point.figure for point in points if point.log and point.figure > 0]
    return median(ratios) if ratios else 1.0
