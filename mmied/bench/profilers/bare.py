"""Time calls that nobody looks at, beside those that a profiler slows down; and choose what to believe of either."""

import time
from collections.abc import Sequence
from statistics import fmean

import torch

from mmied.bench.profilers.recorded import Target, profiled_call

BARE_SECONDS = 0.3
SLOW_SECONDS = 1.0  # a call that takes longer is not repeated for the sake of an average
MOST = 50


def calls_within(seconds: float, call_seconds: float) -> int:
    """Return how many calls fit, at most MOST, and at least three; two of a slow model, which show its noise."""
    fewest = 3 if call_seconds < SLOW_SECONDS else 2
    return max(fewest, min(MOST, int(seconds / max(call_seconds, 1e-9))))


def time_bare(target: Target) -> list[float]:
    """Return the host's time of each of a few calls; on CUDA it is the time to launch the work."""
    if target.call_seconds > SLOW_SECONDS:
        return [target.call_seconds]
    on_cuda = target.device.startswith("cuda")
    times = []
    for _ in range(calls_within(BARE_SECONDS, target.call_seconds)):
        began = time.perf_counter()
        profiled_call(target)
        times.append(time.perf_counter() - began)
        if on_cuda:
            torch.cuda.synchronize(target.device)
    return times


def faster_half(seconds: Sequence[float]) -> list[int]:
    """Return which calls were the faster half, at least two where there are two.

    What others took from the slower ones would be told as the model's.
    """
    order = sorted(range(len(seconds)), key=lambda index: seconds[index])
    return sorted(order[: max(2, (len(order) + 1) // 2)])


def typical(seconds: Sequence[float]) -> float:
    """Return the mean of the faster half."""
    return fmean(seconds[index] for index in faster_half(seconds))
