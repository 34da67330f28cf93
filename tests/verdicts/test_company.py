"""What the host's reference work takes is comparable whatever model it was measured beside."""

import math

import pytest
from regressed import point

from mmied.regression import HOST, SeriesKey, SeriesPoint
from mmied.verdicts.company import in_company_of_one

COMPUTE = SeriesKey(HOST, "cpu", "reference_compute")


def taking_turns(*models: tuple[str, float], rounds: int = 20, slow_from: int = 10**9) -> list[SeriesPoint]:
    """Points of models in turn, beside which the same work takes so long; from a round on a third longer."""
    return [
        point(
            turn * len(models) + place,
            seconds * (1.33 if turn >= slow_from else 1.0),
            COMPUTE,
            fingerprint=name,
        )
        for turn in range(rounds)
        for place, (name, seconds) in enumerate(models)
    ]


def levels(points: tuple[SeriesPoint, ...]) -> set[float]:
    return {round(math.exp(each.value), 9) for each in points}


def test_one_model_is_its_own_measure() -> None:
    points = taking_turns(("a/2", 0.001))

    assert in_company_of_one(points) == ("a/2", tuple(points))


def test_models_beside_which_it_takes_longer_make_no_other_host() -> None:
    measure, points = in_company_of_one(taking_turns(("big/2", 0.0015), ("a/1", 0.001), ("b/4", 0.0005)))

    assert measure == "a/1"
    assert levels(points) == {0.001}
    assert len(points) == 60


def test_a_host_that_becomes_slow_shows_beside_each_of_them() -> None:
    _, points = in_company_of_one(taking_turns(("a/1", 0.001), ("big/2", 0.0015), slow_from=10))

    assert levels(points[:20]) == {0.001}
    assert levels(points[20:]) == {0.00133}


def test_the_measure_stays_the_same_while_models_take_turns() -> None:
    turns = taking_turns(("a/1", 0.001), ("b/1", 0.002))

    assert {in_company_of_one(turns[begin : begin + 21])[0] for begin in range(10)} == {"a/1"}


def test_a_model_that_is_new_says_nothing_before_it_is_known_how_it_compares() -> None:
    old = taking_turns(("b/1", 0.001))
    new = [point(20 + index, 0.003, COMPUTE, fingerprint="a/1") for index in range(2)]
    measure, points = in_company_of_one([*old, *new])

    assert measure == "b/1"
    assert points == tuple(old)


def test_what_nothing_is_fit_in_has_no_measure() -> None:
    points = [point(0, 0.001, COMPUTE, fit=False)]

    assert in_company_of_one(points) == ("", tuple(points))
    assert in_company_of_one([]) == ("", ())


@pytest.mark.parametrize("far", [100, 1000])
def test_runs_of_other_days_say_nothing_of_a_distance(far: int) -> None:
    old = taking_turns(("a/1", 0.001))
    late = [point(far + index, 0.003, COMPUTE, fingerprint="b/1") for index in range(4)]

    assert in_company_of_one([*old, *late])[1] == tuple(old)
