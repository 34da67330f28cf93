"""Run after run of one series: a change begins once, ends once, and is held against the last good level."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from regressed import P50, point

from mmied.regression import RecordedChange, SeriesPoint, SeriesStanding
from mmied.verdicts.change_records import change_id, change_of, shift_of
from mmied.verdicts.judgement import judge_series
from mmied.verdicts.worthwhile import WINDOW, settings_of

SETTINGS = settings_of(P50, minimum_ratio=0.02, false_alarms_per_run=0.001)
LEARNED = 60  # runs


@dataclass
class Followed:
    """A series whose runs scatter by a percent and follow a host that does too."""

    points: list[SeriesPoint] = field(default_factory=list)
    changes: dict[str, RecordedChange] = field(default_factory=dict)
    standing: SeriesStanding | None = None
    suspected: bool = False

    def run(self, count: int, level: float, judged: bool = True) -> "Followed":
        for _ in range(count):
            number = len(self.points)
            scatter = random.Random(number)
            host = scatter.gauss(0, 0.01)
            value = math.log(level) + host + scatter.gauss(0, 0.01)
            references = {"compute": math.log(0.001) + host + scatter.gauss(0, 0.003)}
            self.points.append(point(number, math.exp(value), references=references))
            if judged:
                self.judge()
        return self

    def judge(self) -> None:
        newest = self.points[-WINDOW:]
        known = sorted(self.changes.values(), key=lambda change: -change.started_at)
        found = judge_series(P50, "cpu", newest, SETTINGS, changes=known)
        self.standing, self.suspected = found.standing, found.suspect_since is not None
        for name, (state, at) in (found.ended or {}).items():
            self.changes[name] = replace(self.changes[name], state=state, ended_at=at)
        if found.opened is not None:
            self.changes[found.opened.change_id] = found.opened

    @property
    def told(self) -> list[tuple[bool, str, float]]:
        """Worse, state and ratio of the changes, oldest first."""
        return [(each.worse, each.state, each.change_ratio) for each in self.changes.values()]


@pytest.fixture
def learned() -> Followed:
    return Followed().run(LEARNED, 0.01, judged=False)


def near(ratio: float) -> object:
    return pytest.approx(ratio, abs=0.025)


def test_noise_is_no_change(learned: Followed) -> None:
    learned.run(60, 0.01)

    assert learned.told == []
    assert learned.standing is not None
    assert learned.standing.state == "stable"


def test_a_regression_that_is_over_is_one_record(learned: Followed) -> None:
    assert learned.run(15, 0.012).run(15, 0.01).told == [(True, "recovered", near(0.2))]


def test_runs_are_wanted_to_confirm_what_begins_an_alarm_and_what_ends_one(learned: Followed) -> None:
    assert learned.run(1, 0.012).suspected
    assert not learned.run(15, 0.012).suspected
    assert learned.run(1, 0.01).suspected
    assert not learned.run(15, 0.01).suspected
    assert not learned.run(1, 0.008).suspected


def test_a_regression_that_is_half_undone_stays_one(learned: Followed) -> None:
    learned.run(15, 0.013).run(15, 0.0115)

    assert learned.told == [(True, "active", near(0.3)), (False, "superseded", near(-0.115))]
    assert learned.standing is not None
    assert learned.standing.state == "regressed"
    assert learned.standing.change_ratio == near(0.15)


def test_what_was_better_and_is_as_before_is_a_regression_from_the_better_level(learned: Followed) -> None:
    learned.run(20, 0.008).run(10, 0.01)

    assert learned.told == [(False, "superseded", near(-0.2)), (True, "active", near(0.25))]


@pytest.mark.parametrize("spike", [0.02, 0.005])
def test_one_run_far_out_is_no_change(learned: Followed, spike: float) -> None:
    learned.run(1, spike).run(10, 0.01)

    assert learned.told == []


def test_without_points_a_series_is_not_known() -> None:
    found = judge_series(P50, "cpu", [], SETTINGS)

    assert (found.standing.state, found.standing.runs, found.opened) == ("learning", 0, None)


def test_two_points_are_learned_from() -> None:
    found = judge_series(P50, "cpu", [point(0), point(1)], SETTINGS)

    assert (found.standing.state, found.standing.runs) == ("learning", 2)


def test_a_change_and_a_shift_are_two_forms_of_one_thing(learned: Followed) -> None:
    learned.run(10, 0.012)
    (change,) = learned.changes.values()
    shift = shift_of(change, learned.points, factor=0.97, plain=False)
    newest = [each for each in learned.points if each.at <= change.confirmed_at]
    back = change_of(shift, P50, "cpu", newest, factor=0.97, plain=False)

    assert (back.before, back.after) == pytest.approx((change.before, change.after))
    assert replace(back, before=change.before, after=change.after) == change


def test_ids_sort_by_time_and_need_no_quoting() -> None:
    host = replace(P50, model="", scenario="cuda:0", metric="reference_compute")
    make: Callable[[float], str] = lambda at: change_id(host, at)  # noqa: E731

    assert make(1_795_285_500.0) == "20261121T182500-host-cuda-0-reference_compute"
    assert make(1_795_285_500.0) < make(1_795_285_501.0)
