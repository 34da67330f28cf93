"""Of the runs that are due the right one starts, and each that does not is told why and when it is tried again."""

from itertools import pairwise

import pytest
from builders import NOW, failed, make_config, make_model, make_run, orphaned, refused, stand
from planned_host import BUSY, HOUR, QUIET, Host, Purse, reasons, starts

from mmied import catalog
from mmied.config import Cron, Every
from mmied.daemon.planner import Planner, PutOff, Start

# Whose turn it is


def test_one_run_starts_at_a_time_on_a_device_and_devices_do_not_wait_for_each_other() -> None:
    config = make_config(make_model("a"), make_model("b"), make_model("c", device="cuda"))

    assert sorted(starts(Host(config).decide())) == ["a", "c"]


def test_a_device_that_is_busy_is_left_alone_under_both_of_its_names() -> None:
    config = make_config(make_model("a"), make_model("c", device="cuda"), make_model("d", device="cuda:0"))

    assert starts(Host(config, busy_devices=("cuda:0",)).decide()) == ["a"]
    assert starts(Host(config, busy_devices=("cpu", "cuda:0")).decide()) == []


def test_every_model_of_the_first_round_is_run_once() -> None:
    names = [f"model-{number}" for number in range(10)]
    host = Host(make_config(*(make_model(name) for name in names)))
    done = host.steps(20)

    assert starts(action for _, action in done) == names


def test_whoever_is_late_by_the_most_of_its_intervals_comes_first() -> None:
    daily, quarterly = make_model("daily", schedule=Every(86_400.0)), make_model("quarterly")
    long_ago = make_run(started_at=NOW - 4 * 86_400)
    host = Host(make_config(daily, quarterly), standings={"daily": stand(long_ago), "quarterly": stand(long_ago)})

    assert starts(host.decide()) == ["quarterly"]


def test_a_model_that_was_never_run_is_not_starved_by_others_that_are_always_late() -> None:
    greedy = make_model("greedy", schedule=Every(1.0))
    host = Host(make_config(greedy, make_model("new")), standings={"greedy": stand(make_run(1))})

    assert starts(host.decide()) == ["new"]


def test_a_changed_file_goes_before_all_others_and_need_not_be_due() -> None:
    host = Host(
        make_config(make_model("late"), make_model("changed")),
        standings={"late": stand(make_run(1)), "changed": stand(make_run(1000))},
    )
    host.planner.hurry("changed")

    (start,) = host.decide()
    assert isinstance(start, Start)
    assert (start.model.name, start.lag_seconds) == ("changed", 0.0)
    assert starts(host.decide()) == ["late"], "a change is profiled once"


def test_a_changed_file_does_not_wait_for_an_earlier_refusal() -> None:
    host = Host(make_config(make_model("a")), pressure=BUSY)
    host.step()
    host.pressure = QUIET
    assert starts(host.step()) == []

    host.planner.hurry("a")
    assert starts(host.step()) == ["a"]


def test_a_start_tells_how_late_it_is() -> None:
    host = Host(make_config(make_model("a")), standings={"a": stand(make_run(990))})

    (start,) = host.decide()
    assert isinstance(start, Start)
    due_at = host.planner.next_run_at(start.model, host.standings["a"], now=NOW, monotonic=1000)
    assert due_at is not None
    assert start.lag_seconds == NOW - due_at
    assert 6 * 900 < start.lag_seconds < 10 * 900


# What the host and the budget say


def test_a_busy_host_puts_off_with_a_known_reason() -> None:
    actions = Host(make_config(make_model("a"), make_model("b")), pressure=BUSY).decide()

    assert reasons(actions) == [("a", "busy_cpu"), ("b", "busy_cpu")]
    assert all(reason in catalog.SKIP_REASONS for _, reason in reasons(actions))


def test_a_host_that_was_not_looked_at_for_long_enough_is_looked_at_a_little_longer() -> None:
    host = Host(make_config(make_model("a")), pressure=None)
    assert host.decide() == []

    host.pressure = QUIET
    assert starts(host.decide()) == ["a"]


def test_a_run_that_needs_more_memory_than_is_free_lets_others_go_first() -> None:
    config = make_config(make_model("large"), make_model("small"))
    actions = Host(config, artifact_bytes={"large": 31_900_000_000}).decide()

    assert reasons(actions) == [("large", "low_memory")]
    assert starts(actions) == ["small"]


def test_the_memory_that_a_run_needs_is_what_the_last_success_took() -> None:
    host = Host(make_config(make_model("a")), standings={"a": stand(make_run(1, worker_peak_bytes=33_000_000_000))})
    assert reasons(host.decide()) == [("a", "low_memory")]

    host.standings = {"a": stand(make_run(1, worker_peak_bytes=31_000_000_000))}
    host.planner.forgive(["a"])
    host.artifact_bytes = {"a": 500_000_000_000}
    assert starts(host.decide()) == ["a"]


def test_refusals_are_tried_again_less_and_less_often_within_half_an_interval() -> None:
    host = Host(make_config(make_model("a")), pressure=BUSY)
    tried = [at for at, action in host.steps(2 * HOUR) if isinstance(action, PutOff)]
    gaps = [late - early for early, late in pairwise(tried)]

    assert gaps[0] <= 20
    assert gaps[-1] > 10 * gaps[0]
    assert max(gaps) <= 1.25 * 450 + 1
    assert len(tried) < 30


def test_a_refused_run_starts_soon_after_the_host_is_quiet_again() -> None:
    host = Host(make_config(make_model("a")), pressure=BUSY)
    host.steps(30)
    host.pressure = QUIET

    assert starts(action for _, action in host.steps(60)) == ["a"]


def test_force_after_overrules_admission_after_so_many_refusals_by_it_and_says_so() -> None:
    host = Host(make_config(make_model("a"), admission={"force_after": 3}), pressure=BUSY)
    done = host.steps(600)

    assert [isinstance(action, Start) for _, action in done[:4]] == [False, False, False, True]
    last = done[3][1]
    assert isinstance(last, Start)
    assert last.forced
    assert len(done) == 4, "after a run it counts from the beginning"


def test_a_run_that_admission_is_not_against_is_not_forced() -> None:
    turned_away = stand(*(refused(number) for number in (1, 2, 3)))
    host = Host(make_config(make_model("a"), admission={"force_after": 3}), standings={"a": turned_away})

    (start,) = host.decide()
    assert isinstance(start, Start)
    assert not start.forced


def test_runs_that_the_budget_or_the_calendar_put_off_do_not_count_towards_force_after() -> None:
    put_off = stand(*(refused(number, reason) for number, reason in enumerate(["budget", "misfire", "paused"] * 9)))
    host = Host(make_config(make_model("a"), admission={"force_after": 1}), standings={"a": put_off}, pressure=BUSY)

    assert reasons(host.decide()) == [("a", "busy_cpu")]


def test_a_run_that_cannot_be_afforded_is_put_off_once_for_each_wait() -> None:
    host = Host(make_config(make_model("a")), purse=Purse(0.0, {"a": 100.0}))
    done = host.steps(120)

    assert {reason for _, reason in reasons(action for _, action in done)} == {"budget"}
    assert len(done) <= 4


def test_what_comes_after_the_first_that_cannot_be_afforded_does_not_eat_what_it_saves_for() -> None:
    config = make_config(make_model("dear"), make_model("cheap"))
    host = Host(config, purse=Purse(50.0, {"dear": 100.0, "cheap": 1.0}))

    assert reasons(host.step()) == [("dear", "budget")]
    assert host.step() == []


def test_a_run_starts_as_soon_as_it_can_be_afforded() -> None:
    host = Host(make_config(make_model("a")), purse=Purse(0.0, {"a": 100.0}))
    host.steps(1000)  # by now it is put off for minutes at a time
    host.purse.level = 100.0

    assert starts(host.step()) == ["a"]


def test_a_budget_that_is_too_small_slows_all_down_and_starves_neither_dear_nor_cheap_models() -> None:
    cheap = [make_model(f"cheap-{number}", schedule=Every(30.0)) for number in range(3)]
    config = make_config(make_model("dear", schedule=Every(300.0)), *cheap)
    ran = {model.name: stand(make_run(1000)) for model in config.models}
    host = Host(config, standings=ran, purse=Purse(0.0, {"dear": 60.0} | {model.name: 5.0 for model in cheap}))
    turns: list[str] = []
    for _ in range(3600):
        host.purse.level += 0.4  # a seventh of what is asked for
        turns += starts(host.step())
        host.now += 4

    assert turns.count("dear") >= 4, "planned were 48"
    assert all(turns.count(model.name) >= 480 / 7 for model in cheap), "planned were 480"


def test_a_budget_that_is_spent_for_one_device_does_not_hold_up_the_other() -> None:
    config = make_config(make_model("dear"), make_model("on-gpu", device="cuda:0"))

    assert starts(Host(config, purse=Purse(5.0, {"dear": 10.0})).decide()) == ["on-gpu"]


# Who is not run


def test_a_model_in_quarantine_is_not_run_and_has_no_next_run() -> None:
    model = make_model("a")
    host = Host(make_config(model), standings={"a": stand(orphaned(1), orphaned(2))})

    assert host.decide() == []
    assert host.planner.next_run_at(model, host.standings["a"], now=NOW, monotonic=0) is None


def test_a_failing_model_is_run_less_and_less_often() -> None:
    host = Host(make_config(make_model("a", schedule=Every(60.0))))
    ran = []
    while host.now < NOW + 2 * HOUR:
        if starts(host.decide()):
            ran.append(host.now)
            host.take_in(failed(model="a"))
        host.now += 1
    gaps = [late - early for early, late in pairwise(ran)]

    assert 5 <= len(ran) <= 8
    assert gaps[-1] > 1000


def test_a_missed_cron_time_is_told_once_and_not_made_up_for() -> None:
    host = Host(
        make_config(make_model("a", schedule=Cron("0 3 * * *"))),
        standings={"a": stand(make_run(started_at=NOW - 86_400))},
    )
    assert NOW % 86_400 == 8 * HOUR
    done = host.steps(600)

    assert reasons(action for _, action in done) == [("a", "misfire")]
    (put_off,) = [action for _, action in done]
    assert isinstance(put_off, PutOff)
    assert "2027-01-15 03:00 UTC" in put_off.against.message


def test_a_missed_cron_time_is_not_told_again_by_a_daemon_that_restarts() -> None:
    host = Host(
        make_config(make_model("a", schedule=Cron("0 3 * * *"))),
        standings={"a": stand(make_run(started_at=NOW - 86_400))},
    )
    host.step()
    host.planner = Planner("here")

    assert host.steps(10) == []


# What is shown


def test_the_next_run_is_the_end_of_a_wait_or_the_time_that_it_is_due() -> None:
    model = make_model("a")
    host = Host(make_config(model), standings={"a": stand(make_run(1000))})
    standing = host.standings["a"]
    due = host.planner.next_run_at(model, standing, now=NOW, monotonic=50.0)
    assert due is not None
    assert NOW < due <= NOW + 1.5 * 900

    host.planner.hold("a", until=50.0 + 5000, why="the disk is full")
    assert host.planner.next_run_at(model, standing, now=NOW, monotonic=50.0) == NOW + 5000
    assert host.planner.why("a") == "the disk is full"
    wait = host.planner.wait("a", 50.0)
    assert wait is not None
    assert wait.why == "the disk is full"
    assert host.planner.wait("a", 6000.0) is None


def test_a_reload_forgives_waits_and_forgets_models_that_are_gone() -> None:
    host = Host(make_config(make_model("a"), make_model("b")), pressure=BUSY)
    host.planner.hurry("b")
    host.step()
    host.planner.forgive(["a"])

    assert host.planner.wait("a", 1000.0) is None
    host.pressure = QUIET
    assert starts(host.decide()) == ["a"], "b is not hurried any more"


@pytest.mark.parametrize("held", [True, False])
def test_a_model_that_is_held_does_not_run_even_with_money(held: bool) -> None:
    host = Host(make_config(make_model("a")))
    if held:
        host.planner.hold("a", until=1e9, why="the history cannot be written")

    assert starts(host.decide()) == ([] if held else ["a"])
