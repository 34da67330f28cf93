"""Does the published latency stand while others keep the CPUs busy?

Each model is measured beside 0, 1, 2, 4 and again 0 busy loops, in one process, and held against the wall median of
the idle measurements of its own round. A round in which others used the host while it should have been idle is
dropped and taken again.
"""

import argparse
import contextlib
import itertools
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median

from demo_models import model_named, write_demo
from figures import Figure, report
from host import describe_host
from in_process import ask, measure, session_process, was_quiet

from mmied.commands.table import format_table
from mmied.records import LatencySummary, ModelSpec, Workload, WorkloadResult

LOOPS = (1, 2, 4)
JUDGED_LOOPS = 2
AGREE_RATIO = 0.10
ROUNDS = 3
TRIES = 5  # rounds at most, dropped ones included
MODELS = ("small-transformer", "medium-transformer")
WORKLOAD = Workload(scenario="b1", batch_size=1)
HEAD = ("model", "threads", "nice", "loops", "wall", "published", "normalised", "contended", "fit", "estimator")

# It ends by itself when the benchmark is killed.
BUSY_LOOP = """\
import os
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """How a model is measured."""

    model: str
    threads: int
    nice: int


@dataclass(frozen=True, slots=True)
class Round:
    """Results beside no loops, at the beginning and at the end, and beside some."""

    idle: tuple[WorkloadResult, WorkloadResult]
    beside: Mapping[int, WorkloadResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One result beside `loops` busy loops; the ratios are over the idle results of its round."""

    setting: Setting
    loops: int
    wall_ratio: float
    published_ratio: float
    normalised_ratio: float  # of the published figure over the reference work's median, to the same when idle
    contended_ratio: float
    estimator: str
    fit: bool


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each measurement at most (default: 3)")
    parser.add_argument("--quick", action="store_true", help="one short round, kept even on a busy host")
    options = parser.parse_args()
    describe_host()
    cells: list[Cell] = []
    with tempfile.TemporaryDirectory(prefix="mmied-contention-") as name:
        config = write_demo(Path(name))
        for model, threads, nice in itertools.product(MODELS, (1, 2), (0, 10)):
            spec = replace(model_named(config, model).spec, threads=threads)
            setting = Setting(model, threads, nice)
            found = measure_setting(spec, setting, Path(name), seconds=options.seconds, quick=options.quick)
            groups = itertools.groupby(found, key=lambda cell: cell.loops)
            print(format_table(HEAD, [row_of(list(group)) for _, group in groups]), flush=True)
            cells += found
    return report(judge(cells))


def measure_setting(spec: ModelSpec, setting: Setting, scratch: Path, *, seconds: float, quick: bool) -> list[Cell]:
    """Return the cells of all rounds that were kept, ordered by loops."""
    rounds: list[Round] = []
    wanted, tries = (1, 1) if quick else (ROUNDS, TRIES)
    with session_process(spec, nice=setting.nice, scratch=scratch) as pool:
        for _ in range(tries):
            found = measure_round(pool, min(seconds, 2.0) if quick else seconds)
            if quick or was_quiet(*found.idle):
                rounds.append(found)
            if len(rounds) == wanted:
                break
    cells = (make_cell(setting, one, loops) for loops in LOOPS for one in rounds)
    return [cell for cell in cells if cell is not None]


def measure_round(pool: ProcessPoolExecutor, seconds: float) -> Round:
    """Measure beside each number of loops, from none to most and back to none."""
    first = ask(pool, measure, WORKLOAD, seconds)
    beside = {}
    for loops in LOOPS:
        with busy_loops(loops):
            beside[loops] = ask(pool, measure, WORKLOAD, seconds)
    return Round((first, ask(pool, measure, WORKLOAD, seconds)), beside)


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Keep `count` processes busy until the block is left."""
    loops = [subprocess.Popen([sys.executable, "-c", BUSY_LOOP]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
        for loop in loops:
            loop.wait()


def make_cell(setting: Setting, one: Round, loops: int) -> Cell | None:
    """Hold the result beside `loops` loops against the idle ones; None where it had too few calls for a median."""
    result = one.beside[loops]
    latency = _latency(result)
    if "0.5" not in latency.quantiles:
        return None
    idle_wall = fmean(_latency(idle).wall_quantiles["0.5"] for idle in one.idle)
    idle_normal = fmean(_normalised(idle) for idle in one.idle)
    return Cell(
        setting=setting,
        loops=loops,
        wall_ratio=latency.wall_quantiles["0.5"] / idle_wall,
        published_ratio=latency.quantiles["0.5"] / idle_wall,
        normalised_ratio=_normalised(result) / idle_normal,
        contended_ratio=latency.contended_ratio,
        estimator=latency.estimator,
        fit=latency.fit,
    )


def _latency(result: WorkloadResult) -> LatencySummary:
    assert result.latency is not None
    return result.latency


def _normalised(result: WorkloadResult) -> float:
    return _latency(result).quantiles["0.5"] / result.reference_seconds["compute"]


def row_of(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Return the line of the cells that differ in their round alone: their medians, and from least to most."""
    setting = cells[0].setting
    published = sorted(cell.published_ratio for cell in cells)
    return (
        setting.model,
        str(setting.threads),
        str(setting.nice),
        str(cells[0].loops),
        f"{median(cell.wall_ratio for cell in cells):.2f}",
        f"{median(published):.2f} ({published[0]:.2f}–{published[-1]:.2f})",
        f"{median(cell.normalised_ratio for cell in cells):.2f}",
        f"{median(cell.contended_ratio for cell in cells):.0%}",
        f"{sum(cell.fit for cell in cells)} of {len(cells)}",
        ", ".join(sorted({cell.estimator for cell in cells})),
    )


def judge(cells: Sequence[Cell]) -> list[Figure]:
    """Return the lines that sum up: under two loops they have to be met."""
    figures = []
    for threads, loops in itertools.product((1, 2), LOOPS):
        here = [cell for cell in cells if cell.loops == loops and cell.setting.threads == threads]
        fit = [cell for cell in here if cell.fit]
        if not here:
            continue
        where = f"threads {threads}, {loops} loops"
        walls = [cell.wall_ratio for cell in here]
        figures.append(Figure(what=f"{where}: wall", shown=f"{median(walls):.2f} ({min(walls):.2f}–{max(walls):.2f})"))
        good = sum(abs(cell.published_ratio - 1) <= AGREE_RATIO for cell in fit)
        figures.append(
            Figure(
                what=f"{where}: published, fit, within {AGREE_RATIO:.0%} of idle",
                shown=f"{good} of {len(fit)}",
                bar="all" if loops == JUDGED_LOOPS else "",
                met=good == len(fit) if fit and loops == JUDGED_LOOPS else None,
            )
        )
        figures.append(Figure(what=f"{where}: not fit", shown=f"{len(here) - len(fit)} of {len(here)}"))
    return figures


if __name__ == "__main__":
    sys.exit(main())
