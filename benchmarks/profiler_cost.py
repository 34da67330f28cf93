"""What does each deep pass cost the call that it looks at, and is the latency pass free of all of them?

In one process per model the passes take turns, each beside a block of bare calls: the slow-down is the ratio of the
two, its median over rounds. The latency pass runs before any of them. To see that they would not matter even after,
it is measured, all passes are run, and it is measured again, against processes in which nothing ran in between.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from demo_models import model_named, write_demo
from figures import Figure, report
from host import describe_host
from in_process import ask, measure, opened_session, session_process, was_quiet

from mmied.commands.table import format_table
from mmied.records import InputSpec, ModelSpec, Source, Workload
from mmied.stats import latency_samples

if TYPE_CHECKING:
    from mmied.bench.profilers.recorded import Target

ROUNDS = 7
CALLS = 50
PROCESSES = 5  # with the passes, and as many without
UNTOUCHED_RATIO = 0.05  # between latency after the passes and after nothing
B8 = Workload(scenario="b8", batch_size=8)
TOKENS = (InputSpec(shape=("batch", 64), dtype="int64", range=(0, 10_000)),)
# The demonstration's transformers again, as modules: only those have layers to be seen by every profiler.
EAGER = {
    "small-eager": {"vocabulary": 10_000, "d_model": 256, "heads": 4, "layers": 2, "feed_forward": 512},
    "medium-eager": {"vocabulary": 30_000, "d_model": 512, "heads": 8, "layers": 6, "feed_forward": 2048},
}

DEPLOYED = ("feed-forward", "small-transformer", "medium-transformer")
MODELS = (*DEPLOYED, *EAGER)

Look = Callable[["Target", Path], list[float]]  # the seconds of calls while a pass looks at them


@dataclass(frozen=True, slots=True)
class Cost:
    """One round: how much slower a call was under each pass; None where a profiler is not there."""

    slow_downs: Mapping[str, float | None]
    bare_seconds: float


@dataclass(frozen=True, slots=True)
class Touch:
    """A latency before and after what was between, whether nobody else used the host, and the passes' seconds."""

    ratio: float
    quiet: bool
    pass_seconds: Mapping[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, few calls: to see whether it works")
    parser.add_argument("--models", nargs="+", metavar="NAME", choices=MODELS, help=", ".join(MODELS))
    options = parser.parse_args()
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # else every trace says on stderr that it begins and ends
    describe_host()
    figures: list[Figure] = []
    rows: dict[str, list[str]] = {}
    head = ["slow-down of a call, batch 8"]
    with tempfile.TemporaryDirectory(prefix="mmied-profiler-cost-") as name:
        scratch = Path(name)
        for spec in specs(scratch, options.models):
            with session_process(spec, nice=0, scratch=scratch) as pool:
                rounds = [
                    ask(pool, cost_of_each, turn, 5 if options.quick else CALLS)
                    for turn in range(1 if options.quick else ROUNDS)
                ]
            head.append(f"{spec.name} ({median(one.bare_seconds for one in rounds) * 1e3:.2f} ms)")
            for look in rounds[0].slow_downs:
                found = [one.slow_downs[look] for one in rounds]
                known = [ratio for ratio in found if ratio is not None]
                rows.setdefault(look, [look]).append(f"×{median(known):.2f}" if known else "not there")
            figures += untouched(spec, scratch, quick=options.quick)
    print(format_table(head, list(rows.values())))
    return report(figures)


def specs(scratch: Path, names: Sequence[str] | None) -> list[ModelSpec]:
    """Return the demonstration's models as they are deployed, and its transformers as modules; those of `names`."""
    config = write_demo(scratch)
    deployed = [model_named(config, name).spec for name in DEPLOYED]
    eager = [
        ModelSpec(
            name=name,
            source=Source(kind="factory", factory="mmied.bench.demo:TransformerEncoder", arguments=arguments),
            inputs=TOKENS,
        )
        for name, arguments in EAGER.items()
    ]
    found = {spec.name: replace(spec, threads=1) for spec in (*deployed, *eager)}
    return [found[name] for name in names or found]


def cost_of_each(turn: int, calls: int) -> Cost:
    """Run each pass beside bare calls, another one first in each turn. Runs in the process that has the model."""
    import torch

    from mmied.bench.profilers.bare import typical

    target = opened_session().target(B8)
    looks = looks_of(calls)
    order = [*looks]
    order = order[turn % len(order) :] + order[: turn % len(order)]
    slow_downs: dict[str, float | None] = {}
    bare: list[float] = []
    with torch.inference_mode(), tempfile.TemporaryDirectory(prefix="mmied-traces-") as name:
        looks["operators"](target, Path(name))  # the first use of Kineto costs more
        for look in order:
            before = clocked(target, calls)
            try:
                seconds = looks[look](target, Path(name))
            except NotThere:
                slow_downs[look] = None
                continue
            beside = typical(before + clocked(target, calls))
            bare.append(beside)
            slow_downs[look] = typical(seconds) / beside
    return Cost({look: slow_downs[look] for look in looks}, median(bare))


class NotThere(Exception):
    """A profiler is not installed, or may not look."""


def looks_of(calls: int) -> dict[str, Look]:
    """Return how each pass looks at calls: what records, without what it makes of the recording."""
    from mmied.bench.profilers import cprofile_stacks, py_spy_stacks, pyinstrument_stacks
    from mmied.bench.profilers.events import entries
    from mmied.bench.profilers.torch_trace import event_tree, trace
    from mmied.bench.profilers.usage import PROFILE_INTERVAL_SECONDS, Sampler
    from mmied.errors import ModelError

    def traced(**options: bool) -> Look:
        def look(target: "Target", folder: Path) -> list[float]:
            roots = event_tree(trace(target, calls, **options))
            return [event.duration_time_ns / 1e9 for event in entries(roots)]

        return look

    def sampled(target: "Target", folder: Path) -> list[float]:
        with Sampler(PROFILE_INTERVAL_SECONDS):
            return clocked(target, calls)

    def recorded(record: Any, require: Callable[[], None] = lambda: None) -> Look:
        def look(target: "Target", folder: Path) -> list[float]:
            seconds: list[float] = []
            try:
                require()
                record(replace(target, model=clock(target.model, seconds)), calls=calls, folder=folder)
            except ModelError as error:
                print(error, file=sys.stderr)
                raise NotThere from error
            return seconds

        return look

    return {
        "layers, flame graph (torch)": traced(),
        "layers' memory, memory timeline": traced(profile_memory=True),
        "operators": traced(with_stack=False, record_shapes=True),
        "usage sampler": sampled,
        "flame graph (cprofile)": recorded(cprofile_stacks.record),
        "flame graph (pyinstrument)": recorded(pyinstrument_stacks.record, pyinstrument_stacks.require),
        "flame graph (py-spy)": recorded(py_spy_stacks.record, py_spy_stacks.require),
    }


def clock(model: Callable[..., Any], seconds: list[float]) -> Callable[..., Any]:
    """Return the model as a function that notes what each call takes."""

    def call(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        answer = model(*args, **kwargs)
        seconds.append(time.perf_counter() - began)
        return answer

    return call


def clocked(target: "Target", calls: int) -> list[float]:
    """Return what each of some bare calls takes."""
    seconds: list[float] = []
    call = clock(target.model, seconds)
    for _ in range(calls):
        call(*target.args, **target.kwargs)
    return seconds


def untouched(spec: ModelSpec, scratch: Path, *, quick: bool) -> list[Figure]:
    """Return whether the latency pass finds the same after all passes as after none."""
    touches: dict[bool, list[Touch]] = {True: [], False: []}
    for number in range(2 if quick else 2 * PROCESSES):
        with_passes = number % 2 == 0
        with session_process(spec, nice=0, scratch=scratch) as pool:
            touches[with_passes].append(ask(pool, measure_around, with_passes, 0.3 if quick else 2.0))
    every = touches[True] + touches[False]
    after, control = (median(one.ratio for one in touches[passes]) for passes in (True, False))
    difference = after / control - 1
    quiet = sum(one.quiet for one in every)
    took = ", ".join(f"{name} {seconds:.1f}" for name, seconds in touches[True][-1].pass_seconds.items())
    return [
        Figure(
            what=f"{spec.name}: latency after all passes, against after nothing",
            shown=f"{difference:+.1%} ({quiet} of {len(every)} processes with a quiet host)",
            bar=f"within {UNTOUCHED_RATIO:.0%}",
            met=None if quick else abs(difference) <= UNTOUCHED_RATIO,
        ),
        Figure(what="  seconds that the passes took", shown=took),
    ]


def measure_around(with_passes: bool, seconds: float) -> Touch:
    """Measure latency, run all passes or none, and measure again. Runs in the process that has the model."""
    from mmied.bench.inspecting import inspect

    before = measure(B8, seconds)
    pass_seconds: Mapping[str, float] = {}
    if with_passes:
        found, _ = inspect(opened_session().target(B8), workload=B8)
        pass_seconds = found.pass_seconds
    after = measure(B8, seconds)
    assert before.iterations is not None and after.iterations is not None
    ratio = median(latency_samples(after.iterations)[0]) / median(latency_samples(before.iterations)[0])
    return Touch(ratio, was_quiet(before, after), pass_seconds)


if __name__ == "__main__":
    sys.exit(main())
