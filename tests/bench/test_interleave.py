"""Calls in turn see the same host: what drifts through a round favours none of them."""

import gc
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mmied.bench import interleave as module
from mmied.bench import timing
from mmied.bench.contention import WaitMeter
from mmied.bench.interleave import MINIMUM_ROUNDS, Interleaved, interleave
from mmied.bench.recording import Timed
from mmied.bench.rounds import order_of_round
from mmied.bench.timing import CpuTimer
from mmied.stats import paired_ratio


class FakeHost:
    """A clock, a timer and calls that take their time of the clock; `pace` slows all of them down as time goes by."""

    def __init__(self, pace: Callable[[float], float] = lambda now: 1.0) -> None:
        self.now = 0.0
        self.pace = pace
        self.wait = 0.0
        self.order: list[str] = []

    def perf_counter(self) -> float:
        return self.now

    def refresh(self) -> None:
        """Nothing to take in."""

    def time(self, call: Callable[[], Any]) -> Timed:
        began = self.now
        call()
        self.now += self.wait
        return Timed(self.now - began, self.wait, self.wait)

    def call(self, name: str, seconds: float) -> Callable[[], None]:
        def work() -> None:
            self.order.append(name)
            self.now += seconds * self.pace(self.now)

        return work


def run(host: FakeHost, monkeypatch: pytest.MonkeyPatch, calls: Mapping[str, float], **settings: Any) -> Interleaved:
    monkeypatch.setattr(timing, "time", host)
    monkeypatch.setattr(module, "time", host)
    return interleave(
        {name: host.call(name, seconds) for name, seconds in calls.items()},
        timer=host,  # type: ignore[arg-type]
        several_threads=False,
        **{"num_runs": 100, "limit_seconds": 1000.0, **settings},
    )


def test_every_second_round_is_the_one_before_backwards() -> None:
    assert [order_of_round(["a", "b"], index) for index in range(4)] == [
        ["a", "b"],
        ["b", "a"],
        ["b", "a"],
        ["a", "b"],
    ]


@pytest.mark.parametrize("streams", [["a", "b"], ["a", "b", "c"], ["a", "b", "c", None]])
def test_each_stream_comes_as_often_at_each_place(streams: list[str | None]) -> None:
    rounds = [order_of_round(streams, index) for index in range(2 * len(streams))]
    for place in range(len(streams)):
        assert set(Counter(order[place] for order in rounds).values()) == {2}


def test_as_many_calls_are_made_as_were_asked_for_in_blocks_of_equal_length(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = run(FakeHost(), monkeypatch, {"base": 0.001, "slow": 0.1}, num_runs=50)

    assert seen.complete
    assert seen.block_calls == {"base": 20, "slow": 1}
    assert len(seen.iterations["slow"].wall_seconds) == 50
    assert len(seen.iterations["base"].wall_seconds) == 50 * 20
    assert {len(blocks) for blocks in seen.blocks.values()} == {len(seen.control)} == {seen.rounds} == {50}


def test_few_calls_still_give_enough_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = run(FakeHost(), monkeypatch, {"base": 0.001, "other": 0.001}, num_runs=1)
    assert (seen.rounds, seen.complete) == (MINIMUM_ROUNDS, True)


def test_the_limit_ends_it_after_a_whole_round(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = run(FakeHost(), monkeypatch, {"base": 1.0, "other": 1.0}, limit_seconds=10)

    assert not seen.complete
    assert seen.rounds == 4, "three blocks a round: the fourth begins at 9 s"
    assert len(seen.blocks["other"]) == len(seen.control) == 4


def test_a_drifting_host_favours_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    slowing = FakeHost(pace=lambda now: 1 + now / 20)
    seen = run(slowing, monkeypatch, {"base": 0.012, "fast": 0.01, "same": 0.012}, num_runs=100)

    assert paired_ratio(seen.blocks["base"], seen.blocks["fast"])[0] == pytest.approx(1.2, rel=0.01)
    assert paired_ratio(seen.blocks["base"], seen.blocks["same"])[0] == pytest.approx(1.0, rel=0.01)
    assert paired_ratio(seen.blocks["base"], seen.control)[0] == pytest.approx(1.0, rel=0.01)


def test_a_contended_call_is_not_a_blocks_median(monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost()
    calls = iter(range(10**9))

    def timed(call: Callable[[], Any]) -> Timed:
        host.wait = 0.05 if next(calls) % 3 else 0.0  # two of three calls wait for a CPU
        return FakeHost.time(host, call)

    host.time = timed  # type: ignore[method-assign]
    seen = run(host, monkeypatch, {"base": 0.002}, num_runs=30)

    assert seen.blocks["base"] == pytest.approx([0.002] * seen.rounds)


def test_a_block_without_a_clean_call_is_told_by_wall_less_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost()
    host.wait = 0.05
    seen = run(host, monkeypatch, {"base": 0.002}, num_runs=30)

    assert seen.blocks["base"] == pytest.approx([0.002] * seen.rounds)
    assert seen.iterations["base"].wait_seconds[0] == 0.05


def test_calls_of_a_disturbed_block_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, False, True])  # asked once before, then after each block
    seen = run(FakeHost(), monkeypatch, {"base": 0.011}, was_disturbed=lambda: next(answers, False))

    assert seen.iterations["base"].disturbed == (), "the control's block was the second of the first round"
    answers = iter([False, True])
    seen = run(FakeHost(), monkeypatch, {"base": 0.011}, was_disturbed=lambda: next(answers, False))
    assert seen.iterations["base"].disturbed == (0, 1)


def test_the_collector_rests_meanwhile_and_works_again_after_a_failure() -> None:
    states: list[bool] = []

    def failing() -> None:
        states.append(gc.isenabled())
        if not states[-1]:
            raise RuntimeError("broke in the middle")

    with pytest.raises(RuntimeError, match="broke in the middle"):
        interleave({"base": failing}, timer=CpuTimer(WaitMeter()), several_threads=False, num_runs=1, limit_seconds=0.1)
    assert states[-1] is False
    assert gc.isenabled()


def test_a_real_timer_tells_two_sleeps_apart_and_not_a_sleep_from_itself() -> None:
    seen = interleave(
        {"base": lambda: time.sleep(0.004), "fast": lambda: time.sleep(0.002)},
        timer=CpuTimer(WaitMeter()),
        several_threads=False,
        num_runs=20,
        limit_seconds=20.0,
        block_seconds=0.004,
    )
    assert paired_ratio(seen.blocks["base"], seen.blocks["fast"])[1] > 1.2
