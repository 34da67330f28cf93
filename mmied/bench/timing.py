"""Time calls one by one, and know of each what kept it waiting.

The loop is the same on CPU and CUDA; only how one call is timed differs. What is done around a call to learn of its
contention lies outside the timed region.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

import torch

from mmied.bench.contention import WaitMeter
from mmied.bench.recording import Timed
from mmied.stats import agree

Call = Callable[[], Any]

WINDOW_SECONDS = 0.02  # shorter windows see the timer's own noise
WINDOW_CALLS = 5
WINDOW_LIMIT_SECONDS = 0.5  # a slow model's window holds fewer calls: five would cost more than the measurement
STEADY_RATIO = 0.05


class CpuTimer:
    """Times a call on the CPU."""

    def __init__(self, waits: WaitMeter) -> None:
        self._waits = waits
        self._reading_nanoseconds = self._cost_of_reading()

    def _cost_of_reading(self) -> int:
        costs = []
        for _ in range(20):
            started = time.perf_counter_ns()
            self._waits.read_nanoseconds()
            time.thread_time_ns()
            costs.append(time.perf_counter_ns() - started)
        return int(median(costs))

    def refresh(self) -> None:
        """Take in threads that the first calls started."""
        self._waits.refresh()
        self._reading_nanoseconds = self._cost_of_reading()

    def time(self, call: Call) -> Timed:
        read, clock, own = self._waits.read_nanoseconds, time.perf_counter_ns, time.thread_time_ns
        before = clock()
        waits = read()
        computed = own()
        started = clock()
        call()
        ended = clock()
        computed = own() - computed
        waits_after = read()
        after = clock()
        # Reading takes microseconds; when it took longer, we were off the CPU outside the timed region, and what
        # the calling thread waited then is no part of the call.
        outside = max(0, (started - before) + (after - ended) - 2 * self._reading_nanoseconds)
        delays = [late - early for early, late in zip(waits, waits_after, strict=True)]
        wall = ended - started
        if delays and outside > self._reading_nanoseconds:
            delays[0] = max(0, delays[0] - outside)  # the calling thread is the process's first
        total = min(sum(delays), max(0, wall - min(computed, wall)))
        worst = min(max(delays, default=0), total)
        return Timed(wall / 1e9, worst / 1e9, total / 1e9)


class CudaTimer:
    """Times a call on a CUDA device by events on its stream, synchronized before and after."""

    def __init__(self, waits: WaitMeter, device: torch.device) -> None:
        self._cpu = CpuTimer(waits)
        self._device = device
        self._start = torch.cuda.Event(enable_timing=True)
        self._end = torch.cuda.Event(enable_timing=True)

    def refresh(self) -> None:
        self._cpu.refresh()

    def time(self, call: Call) -> Timed:
        torch.cuda.synchronize(self._device)

        def between_events() -> None:
            self._start.record()
            call()
            self._end.record()
            self._end.synchronize()

        host = self._cpu.time(between_events)
        device_seconds = self._start.elapsed_time(self._end) / 1e3
        return Timed(host.wall_seconds, host.wait_seconds, host.wait_total_seconds, device_seconds)


class Timer(Protocol):
    """What times calls; `refresh` takes in threads that the first calls started."""

    def refresh(self) -> None: ...

    def time(self, call: Call) -> Timed: ...


def timer_on(device: str, waits: WaitMeter) -> Timer:
    """Return the timer for calls on a device."""
    return CudaTimer(waits, torch.device(device)) if device.startswith("cuda") else CpuTimer(waits)


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How warming up went; `call_seconds` is what a call took at its end.

    `settled` is None where there were too few calls to tell.
    """

    seconds: float
    iterations: int
    settled: bool | None
    call_seconds: float


def warm_up(call: Call, timer: Timer, *, limit_seconds: float) -> WarmUp:
    """Call until two windows of calls in a row have medians within STEADY_RATIO, or the limit is spent.

    Counting calls would not do: TorchScript's first two are slow, oneDNN caches by shape, a clock takes its time.
    """
    began = time.perf_counter()
    iterations = 0
    previous = None
    while True:
        window: list[float] = []
        opened = time.perf_counter()
        lasted = 0.0
        while (len(window) < WINDOW_CALLS or lasted < WINDOW_SECONDS) and lasted < WINDOW_LIMIT_SECONDS:
            window.append(timer.time(call).clean_seconds)
            lasted = time.perf_counter() - opened
        iterations += len(window)
        centre = median(window)
        settled = previous is not None and agree(centre, previous, STEADY_RATIO)
        spent = time.perf_counter() - began
        if settled or spent > limit_seconds:
            return WarmUp(spent, iterations, settled, centre)
        previous = centre


def warm_up_exactly(call: Call, timer: Timer, calls: int) -> WarmUp:
    """Call so many times, as somebody asked for, and tell whether that was enough."""
    began = time.perf_counter()
    taken = [timer.time(call).clean_seconds for _ in range(calls)]
    spent = time.perf_counter() - began
    if calls < 2 * WINDOW_CALLS:
        return WarmUp(spent, calls, None, taken[-1] if taken else 0.0)
    previous, last = median(taken[-2 * WINDOW_CALLS : -WINDOW_CALLS]), median(taken[-WINDOW_CALLS:])
    return WarmUp(spent, calls, agree(previous, last, STEADY_RATIO), last)
