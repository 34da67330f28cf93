"""Does our median agree with torch.utils.benchmark, and what does the harness add around a call?

Both time the same call in the same process, in turn. They differ in what they do around it: torch.utils.benchmark
times blocks of calls and nothing else; we time each call, read the waits of our threads and run reference work.
A round in which others used the host is dropped and taken again.
"""

import argparse
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

from demo_models import model_named, write_demo
from figures import Figure, report
from host import describe_host
from in_process import ask, measure, opened_session, session_process, was_quiet

from mmied.records import Workload

AGREE_RATIO = 0.02
ROUNDS = 15
TRIES = 40  # rounds at most, dropped ones included
NOTHINGS = 3000
MODELS = ("small-transformer", "feed-forward")
WORKLOADS = (Workload(scenario="b1", batch_size=1), Workload(scenario="b8", batch_size=8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Median seconds of a call as either saw it, and what ours spent for each call outside the timed region."""

    ours_seconds: float
    theirs_seconds: float
    around_seconds: float  # reference work included
    contended_ratio: float
    quiet: bool


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each measurement (default: 1)")
    parser.add_argument("--quick", action="store_true", help="three short rounds")
    options = parser.parse_args()
    describe_host()
    figures = []
    with tempfile.TemporaryDirectory(prefix="mmied-harness-") as name:
        config = write_demo(Path(name))
        for model in MODELS:
            for threads in (1, 2):
                spec = replace(model_named(config, model).spec, threads=threads)
                with session_process(spec, nice=0, scratch=Path(name)) as pool:
                    for workload in WORKLOADS:
                        rounds = compare_often(pool, workload, seconds=options.seconds, quick=options.quick)
                        figures += tell(f"{model} {workload.scenario}, threads {threads}", rounds)
                    figures.append(tell_nothing(threads, ask(pool, seconds_around_nothing)))
    return report(figures)


def compare_often(pool: ProcessPoolExecutor, workload: Workload, *, seconds: float, quick: bool) -> list[Round]:
    """Return the rounds that were kept: with `quick` the first three, however they were."""
    if quick:
        return [ask(pool, compare, workload, 0.3, number) for number in range(3)]
    rounds: list[Round] = []
    for number in range(TRIES):
        found = ask(pool, compare, workload, seconds, number)
        if found.quiet:
            rounds.append(found)
        if len(rounds) == ROUNDS:
            break
    return rounds


def compare(workload: Workload, seconds: float, number: int) -> Round:
    """Measure by both, every other round the other way round. Runs in the process that has the model."""
    import torch
    from torch.utils.benchmark import Timer

    session = opened_session()
    args, kwargs = session.model.make(workload.batch_size)
    model = session.model.call

    def call() -> Any:
        return model(*args, **kwargs)

    theirs = 0.0
    timer = Timer("call()", globals={"call": call}, num_threads=session.threads)
    for turn in (number % 2, 1 - number % 2):
        if turn == 0:
            ours = measure(workload, seconds)
        else:
            with torch.inference_mode():
                theirs = timer.blocked_autorange(min_run_time=seconds).median
    assert ours.latency is not None and ours.iterations is not None and ours.measure_seconds is not None
    walls = ours.iterations.wall_seconds
    return Round(
        ours_seconds=ours.latency.quantiles["0.5"],
        theirs_seconds=theirs,
        around_seconds=(ours.measure_seconds - sum(walls)) / len(walls),
        contended_ratio=ours.latency.contended_ratio,
        quiet=was_quiet(ours),
    )


def seconds_around_nothing() -> float:
    """Return what timing a call that does nothing takes, less the time that it is told to have taken."""
    from mmied.bench.contention import WaitMeter
    from mmied.bench.timing import CpuTimer

    timer = CpuTimer(WaitMeter())

    def nothing() -> None:
        return None

    began = time.perf_counter()
    timed = [timer.time(nothing) for _ in range(NOTHINGS)]
    return (time.perf_counter() - began) / NOTHINGS - fmean(one.wall_seconds for one in timed)


def tell(what: str, rounds: list[Round]) -> list[Figure]:
    """Return the lines of one model, scenario and thread count."""
    if not rounds:
        return [Figure(what=what, shown="not measured: others used the host")]
    ratio = median(one.ours_seconds / one.theirs_seconds for one in rounds)
    ours, theirs = median(one.ours_seconds for one in rounds), median(one.theirs_seconds for one in rounds)
    spread = max(one.theirs_seconds for one in rounds) / min(one.theirs_seconds for one in rounds) - 1
    contended = median(one.contended_ratio for one in rounds)
    return [
        Figure(
            what=what,
            shown=f"{ratio - 1:+.1%} ({ours * 1e3:.3f} ms, torch {theirs * 1e3:.3f} ms)",
            bar=f"within {AGREE_RATIO:.0%}",
            met=abs(ratio - 1) <= AGREE_RATIO,
        ),
        Figure(
            what="  rounds, torch's spread over them, our contended calls",
            shown=f"{len(rounds)}, {spread:.1%}, {contended:.1%}",
        ),
        Figure(
            what="  around each call, reference work and settling included",
            shown=f"{median(one.around_seconds for one in rounds) * 1e6:.0f} µs",
        ),
    ]


def tell_nothing(threads: int, seconds: float) -> Figure:
    """Return the line of the harness alone."""
    return Figure(what=f"harness around a call, threads {threads}", shown=f"{seconds * 1e6:.1f} µs")


if __name__ == "__main__":
    sys.exit(main())
