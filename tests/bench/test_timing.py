"""Calls are timed one by one; warm-up ends when windows agree, or says that they never did."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mmied.bench import timing
from mmied.bench.contention import WaitMeter
from mmied.bench.profilers import latency
from mmied.bench.recording import Timed
from mmied.bench.timing import CpuTimer, warm_up


class FakeTimer:
    """Gives the latencies that it was told to, and lets the fake clock pass."""

    def __init__(self, seconds: Iterator[float], clock: "FakeClock") -> None:
        self._seconds, self._clock = seconds, clock

    def refresh(self) -> None:
        """Nothing to take in."""

    def time(self, call: Callable[[], Any]) -> Timed:
        call()
        wall = next(self._seconds)
        self._clock.now += wall
        return Timed(wall, 0.0, 0.0)


class FakeClock:
    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(timing, "time", clock)
    monkeypatch.setattr(latency, "time", clock)
    return clock


def forever(*seconds: float) -> Iterator[float]:
    """Yield these, and the last one for ever."""
    yield from seconds
    while True:
        yield seconds[-1]


def test_warm_up_outlasts_the_slow_first_calls(clock: FakeClock) -> None:
    timer = FakeTimer(forever(0.065, 0.013, 0.010, 0.008, 0.005, 0.003, 0.0014), clock)
    warmed = warm_up(lambda: None, timer, limit_seconds=5)  # type: ignore[arg-type]
    assert warmed.settled
    assert warmed.call_seconds == pytest.approx(0.0014)


def test_a_model_that_never_settles_says_so_in_bounded_time(clock: FakeClock) -> None:
    growing = (0.001 * 1.02**count for count in range(10_000))
    warmed = warm_up(lambda: None, FakeTimer(growing, clock), limit_seconds=3)  # type: ignore[arg-type]
    assert not warmed.settled
    assert 3 < warmed.seconds < 4


def test_a_slow_model_is_not_called_more_than_it_takes(clock: FakeClock) -> None:
    warmed = warm_up(lambda: None, FakeTimer(forever(2.0), clock), limit_seconds=5)  # type: ignore[arg-type]
    assert (warmed.iterations, warmed.settled) == (2, True)


def measure(clock: FakeClock, seconds: Iterator[float], **settings: Any) -> latency.LatencyPass:
    settings = {"limit_seconds": 5.0, "references": {}, "was_disturbed": lambda: False} | settings
    return latency.profile(
        lambda: None,
        timer=FakeTimer(seconds, clock),  # type: ignore[arg-type]
        several_threads=False,
        others_cpus=lambda: 0.0,
        **settings,
    )


def test_measuring_ends_when_the_quantiles_are_supported_and_half_a_second_has_passed(clock: FakeClock) -> None:
    quick = measure(clock, forever(0.0001))
    assert 0.5 <= quick.seconds < 0.6
    slow = measure(clock, forever(0.004))
    assert 459 <= len(slow.iterations.wall_seconds) < 470


def test_measuring_ends_when_its_time_is_spent(clock: FakeClock) -> None:
    passed = measure(clock, forever(0.1))
    assert 49 <= len(passed.iterations.wall_seconds) <= 51


def test_a_paced_call_is_preceded_by_its_gap(clock: FakeClock) -> None:
    passed = measure(clock, forever(0.001), gap_seconds=0.1)
    assert 45 <= len(passed.iterations.wall_seconds) <= 50


def test_reference_work_runs_between_the_calls_and_takes_a_tenth_of_the_time(clock: FakeClock) -> None:
    order: list[str] = []
    passed = measure(clock, forever(0.001), references={"compute": lambda: order.append("compute")})
    share = sum(passed.references["compute"].wall_seconds) / passed.seconds
    assert 0.02 < share < 0.2
    assert len(passed.references["compute"].wall_seconds) >= 5


def test_a_very_slow_model_still_gets_its_reference_figures(clock: FakeClock) -> None:
    passed = measure(clock, forever(4.0), references={"compute": lambda: None}, limit_seconds=5.0)
    assert len(passed.references["compute"].wall_seconds) >= 5


def test_calls_of_a_disturbed_block_are_marked_and_not_counted_as_clean(clock: FakeClock) -> None:
    answers = iter([False] + [True] * 10_000)
    passed = measure(clock, forever(0.001), was_disturbed=lambda: next(answers), limit_seconds=1.0)
    assert len(passed.iterations.disturbed) == len(passed.iterations.wall_seconds)
    assert passed.seconds >= 1.0, "it went on looking for clean calls"


def test_a_real_timer_times_a_sleep_and_finds_no_wait_in_it() -> None:
    timer = CpuTimer(WaitMeter())
    timed = timer.time(lambda: time.sleep(0.02))
    assert timed.wall_seconds >= 0.02
    assert timed.wait_seconds <= timed.wall_seconds
    assert timed.wait_total_seconds <= timed.wall_seconds


def test_calls_that_were_asked_for_are_made_exactly_whatever_the_time_limit(clock: FakeClock) -> None:
    passed = measure(clock, forever(0.1), num_runs=100, warmup_runs=3, limit_seconds=0.5)
    assert len(passed.iterations.wall_seconds) == 100
    assert (passed.warm_up.iterations, passed.warm_up.settled) == (3, None)
    assert len(measure(clock, forever(0.00001), num_runs=7, warmup_runs=0).iterations.wall_seconds) == 7


def test_a_number_of_warm_up_calls_tells_whether_it_was_enough(clock: FakeClock) -> None:
    growing = (0.001 * 1.1**count for count in range(10_000))
    assert measure(clock, growing, num_runs=1, warmup_runs=20).warm_up.settled is False
    assert measure(clock, forever(0.001), num_runs=1, warmup_runs=20).warm_up.settled is True
