"""A candidate is on the front where no other is as good in everything and better in something."""

from dataclasses import replace

import pytest
from searches import BASE_COST, make_search, make_trial, with_accuracy

from mmied.optimization import Guard
from mmied.verdicts.pareto import Point, front, points_of


def point(name: str | None, speedup: float, memory: int | None, loss: float, *, accepted: bool = True) -> Point:
    return Point(name=name, speedup_ratio=speedup, memory_bytes=memory, loss=loss, accepted=accepted)


BASE = point(None, 1.0, 100, 0.0)


def test_speed_memory_and_quality_each_keep_a_point_on_the_front() -> None:
    fast, small, outdone = point("fast", 3.0, 200, 0.01), point("small", 0.9, 40, 0.01), point("both", 0.8, 50, 0.02)
    assert front([BASE, fast, small, outdone]) == {None, "fast", "small"}


def test_one_that_breaks_a_guard_is_not_on_it_and_outdoes_nobody() -> None:
    wrong = point("wrong", 9.0, 1, -1.0, accepted=False)
    assert front([BASE, wrong, point("fast", 2.0, 100, 0.0)]) == {"fast"}


def test_equals_are_both_on_it() -> None:
    assert front([point("a", 2.0, None, 0.0), point("b", 2.0, None, 0.0)]) == {"a", "b"}


def test_the_loss_is_that_of_accuracy_where_there_are_labels() -> None:
    labelled = with_accuracy(make_trial("bfloat16"), (-0.02, -0.03, -0.01))
    search = make_search(labelled, make_trial("compile"))
    assert [(each.name, each.loss) for each in points_of(search, 8)] == [(None, 0.0), ("bfloat16", 0.02)]
    assert [each.loss for each in points_of(make_search(make_trial("compile")), 8)] == [0.0, 0.006]


def test_a_rising_error_is_a_loss_too() -> None:
    trial = with_accuracy(make_trial(), (0.3, 0.2, 0.4))
    assert trial.accuracy is not None
    trial = replace(trial, accuracy=replace(trial.accuracy, metric="mse"))
    assert points_of(make_search(trial), 8)[1].loss == pytest.approx(0.3)


def test_only_what_was_timed_is_a_point() -> None:
    broken = Guard(name="finite", met=False, shown="not all are")
    search = make_search(make_trial("timed", guards=(broken,)), make_trial("untimed", ratios=()))
    deployed, timed = points_of(search, 1)
    assert (deployed.memory_bytes, timed.accepted) == (BASE_COST.peak_bytes, False)
    assert points_of(search, 32) == ()
