"""Time several calls in turn, so that whatever the host does meanwhile it does to all of them.

Each call runs in blocks, long enough for a median. A round is one block of each, in an order that the next round
turns round: what drifts through a round favours nobody over two. The first call is the baseline; a second stream of
its blocks runs as its own control, and says how far apart two equal models would seem.
"""

import gc
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from mmied.bench.recording import Recorder, Timed
from mmied.bench.rounds import order_of_round
from mmied.bench.timing import Call, Timer, warm_up
from mmied.records import Iterations
from mmied.stats import is_contended

BLOCK_SECONDS = 0.02  # shorter blocks see the caches change hands more than they see the model
BLOCK_CALLS = 500  # at most; a median of more is no better, and timing a call takes longer than so short a one
MINIMUM_ROUNDS = 20  # fewer pairs bear only a wide interval
SETTLE_BELOW_SECONDS = (
    0.02  # the block before drove a short model's weights out of the cache: one call brings them back
)


@dataclass(frozen=True, slots=True)
class Interleaved:
    """What was seen of the calls, by name. Blocks of the same index are of the same round: pairs.

    A block is the median of its clean calls; where none was clean, of wall time less wait. `control` is the
    baseline's second stream, whose calls are no part of `iterations`.
    """

    baseline: str
    iterations: Mapping[str, Iterations]
    blocks: Mapping[str, tuple[float, ...]]
    control: tuple[float, ...]
    block_calls: Mapping[str, int]
    rounds: int
    seconds: float
    complete: bool  # all asked-for calls were made before the limit


def interleave(
    calls: Mapping[str, Call],
    *,
    timer: Timer,
    several_threads: bool,
    num_runs: int,
    limit_seconds: float,
    was_disturbed: Callable[[], bool] = lambda: False,
    others_cpus: Callable[[], float] | None = None,
    block_seconds: float = BLOCK_SECONDS,
    reached: Callable[[int], None] = lambda rounds: None,
) -> Interleaved:
    """Warm all `calls` up, then make at least `num_runs` of each in at least MINIMUM_ROUNDS rounds.

    Ends after `limit_seconds` of rounds in any case, but not before the first. `was_disturbed` tells whether the CPU
    or the device was taken away since it was last asked; `others_cpus` how many CPUs others kept busy since.
    `reached` is told each round that is done. Raises whatever a call raises.
    """
    baseline = next(iter(calls))
    timer.refresh()
    warm_seconds = {
        name: max(warm_up(call, timer, limit_seconds=limit_seconds / len(calls)).call_seconds, 1e-9)
        for name, call in calls.items()
    }
    timer.refresh()
    block_calls = {
        name: min(BLOCK_CALLS, max(1, math.ceil(block_seconds / seconds))) for name, seconds in warm_seconds.items()
    }
    streams = [*calls, None]  # None: the control
    recorders = {name: Recorder(several_threads) for name in streams}
    blocks: dict[str | None, list[float]] = {name: [] for name in streams}
    rounds = 0
    gc.collect()
    gc.disable()  # a collection of the harness's own garbage is no call's time
    try:
        was_disturbed()
        if others_cpus is not None:
            others_cpus()
        began = time.perf_counter()
        elapsed = 0.0
        complete = False
        while not complete and (not rounds or elapsed < limit_seconds):
            for name in order_of_round(streams, rounds):
                own = name or baseline
                call = calls[own]
                if warm_seconds[own] < SETTLE_BELOW_SECONDS:
                    call()
                timed = [timer.time(call) for _ in range(block_calls[own])]
                recorder = recorders[name]
                first = len(recorder.wall)
                for each in timed:
                    recorder.add(each)
                if was_disturbed():
                    recorder.mark_disturbed(first)
                blocks[name].append(_typical(timed))
            rounds += 1
            reached(rounds)
            elapsed = time.perf_counter() - began
            complete = rounds >= MINIMUM_ROUNDS and all(len(recorders[name].wall) >= num_runs for name in calls)
        busy_cpus = others_cpus() if others_cpus is not None else None
    finally:
        gc.enable()
    return Interleaved(
        baseline=baseline,
        iterations={name: recorders[name].iterations(busy_cpus) for name in calls},
        blocks={name: tuple(blocks[name]) for name in calls},
        control=tuple(blocks[None]),
        block_calls=block_calls,
        rounds=rounds,
        seconds=elapsed,
        complete=complete,
    )


def _typical(timed: Sequence[Timed]) -> float:
    clean = [
        each.device_seconds if each.device_seconds is not None else each.wall_seconds
        for each in timed
        if not is_contended(each.wall_seconds, each.wait_total_seconds)
    ]
    return median(clean or [each.clean_seconds for each in timed])
