"""When a model is due follows from its last run alone, whatever the clock and the daemon went through."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmied.config import Cron, Every
from mmied.daemon.schedule import (
    CRON_SPLAY_SECONDS,
    FIRST_RETRY_SECONDS,
    LONGEST_BACKOFF_SECONDS,
    interval_seconds,
    missed_at,
    next_run_at,
    retry_seconds,
    share,
)

HOUR, DAY = 3600.0, 86_400.0
NOW = datetime(2027, 1, 15, 12, 0, tzinfo=UTC).timestamp()
QUARTER = Every(900.0)
AT_THREE = Cron("0 3 * * *")
TODAY_AT_THREE = NOW - 9 * HOUR
KEYS = st.text(min_size=1, max_size=12)
TIMES = st.floats(min_value=1e9, max_value=4e9)


def due(schedule: Every | Cron, *, now: float = NOW, last: float | None = None, failures: int = 0) -> float:
    return next_run_at(schedule, key="here/ranker", now=now, last_run_at=last, failures=failures)


# Intervals


def test_a_model_that_was_never_run_is_due_at_once() -> None:
    assert due(QUARTER) == NOW


@given(st.floats(min_value=1.0, max_value=30 * DAY), KEYS, TIMES, st.floats(min_value=0.0, max_value=1e9))
def test_the_next_run_is_half_to_one_and_a_half_intervals_after_the_last(
    interval: float, key: str, last: float, since: float
) -> None:
    at = next_run_at(Every(interval), key=key, now=last + since, last_run_at=last, failures=0)

    assert 0.5 * interval - 1e-3 <= at - last <= 1.5 * interval + 1e-3


@given(st.floats(min_value=1.0, max_value=DAY), TIMES, st.lists(st.floats(min_value=0, max_value=1e6), max_size=5))
def test_when_a_run_is_due_does_not_move_with_the_time_at_which_it_is_asked(
    interval: float, last: float, later: list[float]
) -> None:
    asked = {due(Every(interval), now=last + seconds, last=last) for seconds in (0.0, *later)}

    assert len(asked) == 1


@given(st.floats(min_value=60.0, max_value=DAY), KEYS, TIMES)
def test_runs_that_start_on_time_keep_to_their_slots(interval: float, key: str, first: float) -> None:
    slots = [first]
    for _ in range(4):
        slots.append(next_run_at(Every(interval), key=key, now=slots[-1], last_run_at=slots[-1]))

    assert [late - early for early, late in pairwise(slots[1:])] == pytest.approx([interval] * 3)


def test_slots_are_the_same_after_a_restart_and_differ_between_hosts_and_models() -> None:
    keys = [f"host-{host}/{model}" for host in range(50) for model in ("ranker", "vision")]
    slots = [next_run_at(QUARTER, key=key, now=NOW, last_run_at=NOW) % 900 for key in keys]
    again = [next_run_at(QUARTER, key=key, now=NOW + 5000, last_run_at=NOW + 4000) % 900 for key in keys]

    assert slots == pytest.approx(again)
    assert len({round(slot) for slot in slots}) > 80
    quarters = [sum(low <= slot < low + 225 for slot in slots) for low in (0, 225, 450, 675)]
    assert min(quarters) > 10  # spread over the whole interval


def test_a_run_that_comes_a_second_late_is_not_lost() -> None:
    at = due(QUARTER, last=NOW)

    assert due(QUARTER, now=at + 1.5, last=NOW) == at
    assert due(QUARTER, now=at + 5 * HOUR, last=NOW) == at


def test_a_clock_that_jumps_an_hour_forward_makes_one_run_due() -> None:
    at = due(QUARTER, now=NOW + HOUR, last=NOW)
    following = due(QUARTER, now=NOW + HOUR, last=NOW + HOUR)

    assert at <= NOW + HOUR
    assert following > NOW + HOUR


@pytest.mark.parametrize("schedule", [QUARTER, Cron("*/15 * * * *")])
def test_a_clock_that_is_set_back_an_hour_starves_nobody(schedule: Every | Cron) -> None:
    last, now = NOW, NOW - HOUR
    runs = []
    for second in range(0, 3600, 5):  # until the clock is where it was
        if due(schedule, now=now + second, last=last) <= now + second:
            last = now + second
            runs.append(second)

    assert 3 <= len(runs) <= 6
    assert runs[0] <= 900


def test_failures_in_a_row_back_off_exponentially_up_to_a_day() -> None:
    waits = [due(QUARTER, last=NOW, failures=failures) - NOW for failures in range(14)]

    assert waits[1] == waits[0], "one failure is tried again as planned"
    assert [wait - waits[0] for wait in waits[1:5]] == pytest.approx([0, 900, 2700, 6300])
    assert max(waits) <= LONGEST_BACKOFF_SECONDS + 900
    assert due(QUARTER, last=NOW, failures=100_000) == pytest.approx(NOW + waits[-1])


def test_an_interval_longer_than_a_day_is_not_shortened_by_failures() -> None:
    week = Every(7 * DAY)

    assert due(week, last=NOW, failures=9) == due(week, last=NOW)


# Cron


def test_a_cron_time_is_splayed_within_a_minute() -> None:
    ats = [next_run_at(AT_THREE, key=f"host-{host}", now=NOW, last_run_at=TODAY_AT_THREE) for host in range(50)]

    assert all(0 <= at - (TODAY_AT_THREE + DAY) <= CRON_SPLAY_SECONDS for at in ats)
    assert max(ats) - min(ats) > 30


def test_a_cron_time_is_in_utc() -> None:
    at = datetime.fromtimestamp(due(AT_THREE, last=TODAY_AT_THREE), UTC)

    assert (at.day, at.hour, at.minute) == (16, 3, 0)


def test_a_model_with_a_cron_schedule_that_was_never_run_waits_for_its_time() -> None:
    assert due(AT_THREE) == pytest.approx(TODAY_AT_THREE + DAY, abs=CRON_SPLAY_SECONDS)


def test_a_splayed_run_answers_its_cron_time() -> None:
    at = due(AT_THREE, now=TODAY_AT_THREE - HOUR, last=TODAY_AT_THREE - DAY)

    assert due(AT_THREE, now=at + 1, last=at) >= TODAY_AT_THREE + DAY


def test_a_cron_time_missed_by_less_than_an_hour_is_made_up_for() -> None:
    now = TODAY_AT_THREE + 0.9 * HOUR

    assert due(AT_THREE, now=now, last=TODAY_AT_THREE - DAY) <= now
    assert missed_at(AT_THREE, now=now, last_run_at=TODAY_AT_THREE - DAY) is None


def test_a_cron_time_missed_by_more_than_an_hour_is_told_and_not_made_up_for() -> None:
    now, last = TODAY_AT_THREE + 1.1 * HOUR, TODAY_AT_THREE - DAY

    assert due(AT_THREE, now=now, last=last) >= TODAY_AT_THREE + DAY
    assert missed_at(AT_THREE, now=now, last_run_at=last) == TODAY_AT_THREE


def test_of_many_cron_times_missed_it_is_the_first_that_is_told() -> None:
    assert missed_at(AT_THREE, now=NOW, last_run_at=TODAY_AT_THREE - 7 * DAY) == TODAY_AT_THREE - 6 * DAY


def test_nothing_is_missed_by_an_interval_or_by_a_model_that_was_never_run() -> None:
    assert missed_at(QUARTER, now=NOW, last_run_at=NOW - DAY) is None
    assert missed_at(AT_THREE, now=NOW, last_run_at=None) is None


def test_failures_pass_over_cron_times_up_to_a_day_and_these_are_not_missed() -> None:
    hourly = Cron("0 * * * *")
    last = NOW + 30
    ats = [due(hourly, now=last + 60, last=last, failures=failures) for failures in (0, 1, 2, 3, 50)]

    assert [round((at - NOW) / HOUR) for at in ats] == [1, 1, 2, 4, 24]
    assert missed_at(hourly, now=NOW + 5.5 * HOUR, last_run_at=last, failures=4) is None
    assert missed_at(hourly, now=NOW + 5.5 * HOUR, last_run_at=last, failures=0) == NOW + HOUR


def test_the_interval_of_a_cron_schedule_is_that_of_its_next_two_times() -> None:
    assert interval_seconds(QUARTER, NOW) == 900
    assert interval_seconds(AT_THREE, NOW) == DAY
    assert interval_seconds(Cron("*/5 * * * *"), NOW) == 300
    assert interval_seconds(Cron("0 3 1 * *"), NOW) == 28 * DAY  # of February 2027


# Refusals


def test_refusals_in_a_row_wait_longer_each_time_within_half_an_interval() -> None:
    waits = [retry_seconds(refusals=refusals, interval=900, key="here/ranker") for refusals in range(1, 60)]

    assert 0.75 * FIRST_RETRY_SECONDS <= waits[0] <= 1.25 * FIRST_RETRY_SECONDS
    assert waits[0] < waits[2] < waits[4]
    assert max(waits) <= 1.25 * 450
    assert min(waits[10:]) >= 0.75 * 450


def test_models_that_were_refused_together_do_not_come_back_together() -> None:
    waits = {round(retry_seconds(refusals=3, interval=900, key=f"here/model-{number}"), 1) for number in range(20)}

    assert len(waits) > 15


@given(KEYS)
def test_a_share_is_always_the_same_for_a_key(key: str) -> None:
    assert 0 <= share(key) <= 1
    assert share(key) == share(key)
