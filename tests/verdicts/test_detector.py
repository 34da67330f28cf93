"""A shift of the level is confirmed, and nothing else is; what happens around it is told as it is."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from mmied.codec import from_json, to_json
from mmied.verdicts.detector import DetectorSettings, Level, Point, State, accept, advance, judge, restore, start

SETTINGS = DetectorSettings()
PLAIN = DetectorSettings(scale="plain")


def noise(count: int, *, seed: int = 0, deviation: float = 0.01, level: float = 0.0) -> list[float]:
    draw = random.Random(seed)
    return [level + draw.gauss(0, deviation) for _ in range(count)]


def points(values: Sequence[float], *, every: float = 600.0) -> list[Point]:
    return [Point(at=index * every, value=value) for index, value in enumerate(values)]


def followed(fed: Sequence[Point], settings: DetectorSettings = SETTINGS) -> list[State]:
    states, state = [], start()
    for point in fed:
        state = advance(state, point, settings)
        states.append(state)
    return states


def test_a_shift_is_confirmed_with_where_it_began_and_by_how_much() -> None:
    fed = points(noise(60) + noise(4, seed=1, level=math.log(1.10)))

    state = judge(fed, SETTINGS)

    (shift,) = state.shifts
    assert state.status == "regressed"
    assert shift.first_index == 60
    assert shift.first_at == fed[60].at
    assert shift.confirmed_at <= fed[63].at
    assert shift.after / shift.before - 1 == pytest.approx(0.10, abs=0.03)
    assert shift.ratio is not None and shift.lower is not None and shift.upper is not None
    assert shift.lower < 0.10 < shift.upper
    assert shift.worse
    assert shift.sureness >= 0.999


def test_one_suspicious_run_is_told_at_once_and_proves_nothing() -> None:
    state = judge(points([*noise(60), 0.2]), SETTINGS)

    assert state.status == "suspect"
    assert state.suspect_since == 60 * 600.0
    assert state.suspect_ratio == pytest.approx(math.expm1(0.2), abs=0.03)
    assert state.shifts == ()


def test_confirming_runs_may_come_minutes_later() -> None:
    fed = points([*noise(60), 0.1])
    for minutes in (1, 2, 3):
        fed.append(Point(at=fed[60].at + 60 * minutes, value=0.1 + 0.002 * minutes))

    assert judge(fed, SETTINGS).shifts[0].first_at == fed[60].at


def test_runs_within_seconds_of_each_other_may_have_met_the_same_burst() -> None:
    exposed = DetectorSettings(least_seconds=60.0)
    fed = points([*noise(60), 0.5])
    fed += [replace(fed[60], at=fed[60].at + 8, value=0.51), replace(fed[60], at=fed[60].at + 68, value=0.49)]

    assert judge(fed[:-1], SETTINGS).shifts
    assert judge(fed[:-1], exposed).status == "suspect"
    assert judge(fed, exposed).shifts[0].first_at == fed[60].at
    over = [*fed[:-1], replace(fed[-1], value=0.0)]
    assert not judge(over, exposed).shifts


def test_a_return_to_normal_before_confirmation_is_no_change() -> None:
    state = judge(points([*noise(60), 0.1, *noise(10, seed=1)]), SETTINGS)

    assert (state.status, state.shifts, state.suspect_since) == ("stable", (), None)


def test_an_improvement_is_found_too_and_becomes_the_baseline() -> None:
    state = judge(points(noise(60) + noise(20, seed=1, level=-0.1)), SETTINGS)

    assert state.status == "stable"
    assert not state.shifts[0].worse
    assert state.baseline is not None
    assert state.baseline.value == pytest.approx(math.exp(-0.1), rel=0.02)


def test_which_direction_is_worse_is_the_metrics_to_say() -> None:
    state = judge(points(noise(60) + noise(5, seed=1, level=-0.1)), replace(SETTINGS, better="higher"))

    assert state.status == "regressed"
    assert state.shifts[0].worse


def test_a_regression_stays_until_the_old_level_is_back() -> None:
    states = followed(points(noise(60) + noise(200, seed=1, level=0.1) + noise(30, seed=2)))

    assert {state.status for state in states[70:258]} == {"regressed"}
    assert "recovered" in {state.status for state in states[260:270]}
    assert states[-1].status == "stable"
    assert len(states[-1].shifts) == 2


def test_an_accepted_level_is_the_new_normal() -> None:
    state = judge(points(noise(60) + noise(20, seed=1, level=0.1)), SETTINGS)

    accepted = accept(state)
    later = advance(accepted, Point(at=81 * 600.0, value=0.1), SETTINGS)

    assert later.status == "stable"
    assert later.baseline is not None
    assert later.baseline.value == pytest.approx(math.exp(0.1), rel=0.02)


def test_a_given_baseline_overrides_the_learned_one() -> None:
    state = judge(points(noise(30)), SETTINGS, baseline=Level(value=math.exp(-0.1)))

    assert state.status == "regressed"
    assert len(state.shifts) == 1
    assert state.change_ratio == pytest.approx(math.expm1(0.1), abs=0.02)


def test_a_given_baseline_that_is_met_is_no_alarm() -> None:
    assert judge(points(noise(30)), SETTINGS, baseline=Level(value=1.0)).status == "stable"


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_has_no_shift(seed: int) -> None:
    assert judge(points(noise(300, seed=seed)), SETTINGS).shifts == ()


@pytest.mark.parametrize("slope", [0.0002, 0.0005, 0.001])
def test_drift_is_no_step(slope: float) -> None:
    values = [value + slope * max(0, index - 60) for index, value in enumerate(noise(300))]

    assert judge(points(values), SETTINGS).shifts == ()


def test_single_spikes_are_no_shift() -> None:
    values = [value + (0.5 if index % 23 == 22 else 0.0) for index, value in enumerate(noise(300))]

    assert judge(points(values), SETTINGS).shifts == ()


def test_a_daily_cycle_is_no_shift() -> None:
    values = [value + 0.03 * math.sin(2 * math.pi * index / 48) for index, value in enumerate(noise(300))]

    assert judge(points(values), SETTINGS).shifts == ()


def test_a_noisy_hour_that_says_so_is_no_shift() -> None:
    fed = points(noise(100))
    loud = noise(6, seed=3, deviation=0.1)
    for index, value in enumerate(loud, 60):
        fed[index] = replace(fed[index], value=value, uncertainty=0.1)

    assert judge(fed, SETTINGS).shifts == ()


def test_a_bimodal_series_is_no_row_of_shifts() -> None:
    draw = random.Random(0)
    values = [value + draw.choice((0.0, 0.3)) for value in noise(200)]

    assert judge(points(values), SETTINGS).shifts == ()


def test_a_shift_that_the_references_share_is_the_hosts() -> None:
    draw = random.Random(0)
    fed = []
    for index in range(100):
        host = 0.2 * (index >= 60) + draw.gauss(0, 0.05)
        references = {name: host + draw.gauss(0, 0.005) for name in ("compute", "memory")}
        fed.append(Point(at=float(index), value=host + draw.gauss(0, 0.005), references=references))

    assert judge(fed, SETTINGS).shifts == ()


def test_a_change_while_learning_is_no_alarm_and_the_newer_level_is_learned() -> None:
    before = judge(points(noise(6) + noise(60, seed=1, level=0.2)), SETTINGS)
    after = judge(points(noise(6) + noise(60, seed=1, level=0.2) + noise(4, seed=2, level=0.3)), SETTINGS)

    assert before.level is not None
    assert before.level.value == pytest.approx(math.exp(0.2), rel=0.02)
    assert [shift.first_index for shift in after.shifts] == [66]


def test_a_change_soon_after_learning_is_found() -> None:
    state = judge(points(noise(20) + noise(6, seed=1, level=0.2)), SETTINGS)

    assert [shift.first_index for shift in state.shifts] == [20]
    assert state.status == "regressed"


def test_a_hundred_changes_are_found_and_few_of_them_kept() -> None:
    values = [value + 0.1 * (index // 20 % 2) for index, value in enumerate(noise(2020))]

    states = followed(points(values), replace(SETTINGS, window=60))

    confirmed = {state.shifts[-1].first_index for state in states if state.shifts}
    assert sum(index % 20 == 0 for index in confirmed) >= 95
    assert len(confirmed) <= 105
    assert len(states[-1].shifts) <= 20


def test_a_stored_state_goes_on_as_if_it_had_never_been_away() -> None:
    fed = points(noise(60) + noise(10, seed=1, level=0.1))
    state = judge(fed[:61], SETTINGS)

    woken = from_json(State, to_json(state))
    for point in fed[61:]:
        woken = advance(woken, point, SETTINGS)

    assert woken == judge(fed, SETTINGS)


def test_the_last_window_alone_gives_the_same_answer() -> None:
    fed = points([*noise(400), 0.1])

    whole, last = judge(fed, SETTINGS), judge(fed[-SETTINGS.window - 1 :], SETTINGS)

    assert last.points == whole.points
    assert (last.status, last.evidence, last.level) == (whole.status, whole.evidence, whole.level)


def test_the_state_is_rebuilt_from_stored_points_and_shifts() -> None:
    fed = points(noise(200) + noise(100, seed=1, level=0.1))
    state = judge(fed, SETTINGS)

    rebuilt = restore(state.points, state.shifts, SETTINGS)

    assert rebuilt.status == state.status == "regressed"
    assert (rebuilt.level, rebuilt.evidence) == (state.level, state.evidence)
    assert advance(rebuilt, Point(at=1e6, value=0.1), SETTINGS).status == "regressed"


def test_a_regression_out_of_sight_is_not_confirmed_again() -> None:
    fed = points(noise(121, level=0.1))

    state = restore(fed[:-1], (), SETTINGS, baseline=Level(value=1.0, at=-1e6))

    assert state.status == "regressed"
    assert advance(state, fed[-1], SETTINGS).shifts == ()


def test_a_baseline_that_is_set_now_is_judged_by_the_next_run() -> None:
    fed = points(noise(61, level=0.1))

    state = restore(fed[:-1], (), SETTINGS, baseline=Level(value=1.0, at=fed[-2].at + 1))

    assert state.status == "stable"
    assert advance(state, fed[-1], SETTINGS).status == "regressed"
