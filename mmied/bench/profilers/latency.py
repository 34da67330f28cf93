"""How long does a call take? Warm calls, timed one by one beside reference work, until the quantiles are supported."""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mmied.bench.recording import Recorder
from mmied.bench.timing import Call, Timer, WarmUp, warm_up, warm_up_exactly
from mmied.catalog import QUANTILES
from mmied.records import Iterations
from mmied.stats import is_contended, required_samples

WANTED_SAMPLES = required_samples(QUANTILES[-1])
MINIMUM_SECONDS = 0.5  # 459 calls of a small model pass in a tenth of a second: one hiccup would be the whole sample
BLOCK_SECONDS = 0.025
SETTLE_BELOW_SECONDS = 0.02  # reference work drives a short model's weights out of the cache: one call brings them back
REFERENCE_RATIO = 0.1  # share of the measuring time that reference work may take
REFERENCE_ROUNDS = 5  # at least so many, for a median


@dataclass(frozen=True, slots=True)
class LatencyPass:
    """What the pass observed. `seconds` is the whole pass after warm-up, reference work included."""

    warm_up: WarmUp
    iterations: Iterations
    references: Mapping[str, Iterations]
    seconds: float


def profile(
    call: Call,
    *,
    timer: Timer,
    several_threads: bool,
    references: Mapping[str, Callable[[], Any]],
    was_disturbed: Callable[[], bool],
    others_cpus: Callable[[], float],
    limit_seconds: float,
    gap_seconds: float = 0.0,
    num_runs: int | None = None,
    warmup_runs: int | None = None,
) -> LatencyPass:
    """Time `call` for at most about `limit_seconds` after warming up, or `num_runs` times however long that takes.

    `warmup_runs` warms up with so many calls, instead of until the call is steady.
    With `gap_seconds` the caller sleeps before each call, as a quiet service does. `was_disturbed` tells whether
    something other than the scheduler took the CPU or device away since it was last asked; it is asked once a block.
    `others_cpus` tells how many CPUs others kept busy since it was last asked.
    """
    timer.refresh()
    if warmup_runs is None:
        warmed = warm_up(call, timer, limit_seconds=limit_seconds)
    else:
        warmed = warm_up_exactly(call, timer, warmup_runs)
    timer.refresh()
    calls = Recorder(several_threads)
    beside = {name: Recorder(several_threads) for name in references}
    for work in references.values():
        work()
    clean = 0
    elapsed = 0.0
    reference_seconds = 0.0

    def wanted() -> bool:
        if num_runs is not None:
            return len(calls.wall) < num_runs
        return elapsed < limit_seconds and (clean < WANTED_SAMPLES or elapsed < MINIMUM_SECONDS)

    def run_references() -> float:
        started = time.perf_counter()
        for name, work in references.items():
            beside[name].add(timer.time(work))
        if was_disturbed():
            for recorder in beside.values():
                recorder.mark_disturbed(len(recorder.wall) - 1)
        return time.perf_counter() - started

    gc.collect()
    gc.disable()  # a collection of the harness's own garbage is not the model's latency
    try:
        was_disturbed()
        others_cpus()
        began = time.perf_counter()
        while wanted():
            if gap_seconds == 0 and warmed.iterations and warmed.call_seconds < SETTLE_BELOW_SECONDS:
                call()
            first = len(calls.wall)
            clean_here = 0
            opened = time.perf_counter()
            while time.perf_counter() - opened < BLOCK_SECONDS and len(calls.wall) != num_runs:
                if gap_seconds:
                    time.sleep(gap_seconds)
                timed = timer.time(call)
                calls.add(timed)
                clean_here += not is_contended(timed.wall_seconds, timed.wait_total_seconds)
            if was_disturbed():
                calls.mark_disturbed(first)
            else:
                clean += clean_here
            elapsed = time.perf_counter() - began
            if reference_seconds < REFERENCE_RATIO * elapsed:
                reference_seconds += run_references()
        seconds = time.perf_counter() - began
        busy_cpus = others_cpus()
        while references and min(len(recorder.wall) for recorder in beside.values()) < REFERENCE_ROUNDS:
            run_references()  # a slow model leaves few gaps for them
    finally:
        gc.enable()
    return LatencyPass(
        warm_up=warmed,
        iterations=calls.iterations(busy_cpus),
        references={name: recorder.iterations(busy_cpus) for name, recorder in beside.items()},
        seconds=seconds,
    )
