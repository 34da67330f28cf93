"""Do our figures agree with others' and with paper? Latency, FLOPs, peak memory, and the layers' sum.

Each model is opened in a process of its own. Latency is held against torch.utils.benchmark and, where it is installed,
against optimum-benchmark, in turn in one process; FLOPs against counts on paper (families.py); peak memory against the
kernel's high-water mark and a sampler of every 2 ms; the own times of layers against a call that nobody looks at.
"""

import argparse
import atexit
import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from families import BERT, FAMILIES, SEQUENCE, Family
from figures import Figure, report
from host import QUIET_CPUS, describe_host

from mmied.records import ModelSpec, Source, Workload

LATENCY_RATIO = 0.02
FLOPS_RATIO = 0.01
MEMORY_RATIO = 0.10
LAYERS_RATIO = 0.10
LATENCY_FAMILIES = ("mlp", "te256", "bert")
MEMORY_FAMILIES = ("te512", "bert", "gpt2", "resnet18", "resnet50")
MEMORY_BATCH = 16
BATCH = 8
SAMPLE_SECONDS = 0.002
SAMPLED_CALLS = 10
WARM_CALLS = 3
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
INSTALL = (
    "not installed. It needs older packages than mmied's: python -m venv V; "
    "V/bin/pip install -e . 'optimum-benchmark==0.6.*' 'transformers<5' 'datasets<4.4' 'accelerate<1.12'; "
    "V/bin/python benchmarks/agreement.py latency"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)} (default: all)")
    names = [one.name for one in FAMILIES]
    parser.add_argument("--models", nargs="+", choices=names, help="of the families (default: each section's own)")
    parser.add_argument("--rounds", type=int, default=9, help="of latency (default: 9)")
    parser.add_argument("--quick", action="store_true", help="small and short: to see whether it works")
    options = parser.parse_args()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"{', '.join(sorted(unknown))}: not one of {', '.join(SECTIONS)}")
    # As the launcher sets it: OpenMP reads it once, when the process begins.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")
    describe_host()
    figures: list[Figure] = []
    for name in options.sections or SECTIONS:
        figures += SECTIONS[name](options)
    return report(figures)


def alone(function: Callable[..., Any], *args: Any) -> Any:
    """Call `function` in a fresh process: memory is the process's, and so are torch's settings."""
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def chosen(options: argparse.Namespace, usual: Sequence[str]) -> Sequence[str]:
    """Return the models of a section: those that were asked for, or the usual ones; the first of them if quick."""
    return options.models or (usual[:1] if options.quick else usual)


def family(name: str) -> Family:
    return next(one for one in FAMILIES if one.name == name)


def opened(name: str) -> Any:
    """Return an open session on a family's model, with one thread: what it does has one order."""
    import torch

    from mmied.bench.session import Session

    torch.manual_seed(0)
    one = family(name)
    return Session.of_module(one.build(), one.make, name=name, threads=1)


def workload(batch: int) -> Workload:
    return Workload(scenario=f"b{batch}", batch_size=batch)


# Latency


def latency_figures(options: argparse.Namespace) -> list[Figure]:
    figures = []
    theirs = find_spec("optimum_benchmark") is not None
    for name in chosen(options, LATENCY_FAMILIES):
        seconds, times = (0.3, 3) if options.quick else (1.0, options.rounds)
        found = alone(time_in_turn, name, seconds, times, False)
        figures.append(_ratio_figure(f"latency {name} b1 / torch.utils.benchmark", found))
    if theirs:
        found = alone(time_in_turn, "bert", 1.0, 3 if options.quick else options.rounds, True)
        figures.append(_ratio_figure("latency bert b1 / optimum-benchmark", found))
    else:
        figures.append(Figure(what="latency / optimum-benchmark 0.6", shown=INSTALL))
    return figures


def time_in_turn(name: str, seconds: float, rounds: int, optimum: bool) -> list[tuple[float, float, float]]:
    """Return our median, theirs, and the CPUs that others kept busy, of each round; every other the other way round."""
    import torch

    torch.set_num_threads(1)  # theirs too: a session leaves the process's own setting as it found it
    session = opened(name)
    other = optimum_seconds(seconds) if optimum else torch_seconds(session, seconds)
    found = []
    for number in range(rounds):
        pair = {}
        for turn in (number % 2, 1 - number % 2):
            if turn:
                pair["theirs"] = other()
            else:
                result = session.measure(workload(1), limit_seconds=seconds)
                pair["ours"] = result.latency.quantiles["0.5"]
                pair["others_cpus"] = result.iterations.others_cpus or 0.0
        found.append((pair["ours"], pair["theirs"], pair["others_cpus"]))
    return found


def torch_seconds(session: Any, seconds: float) -> Callable[[], float]:
    import torch
    from torch.utils.benchmark import Timer

    args, kwargs = session.model.make(1)
    model = session.model.call
    timer = Timer("model(*args, **kwargs)", globals={"model": model, "args": args, "kwargs": kwargs}, num_threads=1)

    def measure() -> float:
        with torch.inference_mode():
            return timer.blocked_autorange(min_run_time=seconds).median

    return measure


def optimum_seconds(seconds: float) -> Callable[[], float]:
    """Return what runs optimum-benchmark, whole and in this process, on the same architecture."""
    from optimum_benchmark import Benchmark, BenchmarkConfig, InferenceConfig, InlineConfig, PyTorchConfig
    from transformers import BertConfig, BertModel

    folder = tempfile.mkdtemp(prefix="mmied-agreement-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    BertModel(BertConfig(**BERT)).save_pretrained(folder)  # what it makes without weights has to come from a hub
    config = BenchmarkConfig(
        name="bert",
        launcher=InlineConfig(),
        scenario=InferenceConfig(
            latency=True,
            memory=False,
            duration=max(1, round(seconds)),
            warmup_runs=10,
            input_shapes={"batch_size": 1, "sequence_length": SEQUENCE},
        ),
        # Threads are left as the process has them: its settings for them are mixed up with one another.
        backend=PyTorchConfig(model=folder, device="cpu", task="feature-extraction", library="transformers"),
    )
    return lambda: float(Benchmark.launch(config).forward.latency.p50)


def _ratio_figure(what: str, found: Sequence[tuple[float, float, float]]) -> Figure:
    quiet = [one for one in found if one[2] <= QUIET_CPUS]
    used = quiet or found
    ratio = median(ours / theirs for ours, theirs, _ in used)
    ours, theirs = median(one[0] for one in used), median(one[1] for one in used)
    spread = max(one[1] for one in used) / min(one[1] for one in used) - 1
    told = f"{len(quiet)} quiet of {len(found)} rounds, their spread {spread:.1%}"
    return Figure(
        what=what,
        shown=f"{ratio - 1:+.1%} ({ours * 1e3:.3f} ms, theirs {theirs * 1e3:.3f} ms; {told})",
        bar=f"within {LATENCY_RATIO:.0%}",
        met=abs(ratio - 1) <= LATENCY_RATIO if quiet else None,  # a disturbed host judges nobody
    )


# FLOPs


def flops_figures(options: argparse.Namespace) -> list[Figure]:
    figures = []
    for name in chosen(options, tuple(one.name for one in FAMILIES)):
        one = family(name)
        batch = 1 if one.name.startswith("resnet") else BATCH
        counted, coverage, uncounted = alone(count, one.name, batch)
        paper = one.flops(batch)
        figures.append(
            Figure(
                what=f"FLOPs {one.name} b{batch}",
                shown=f"{counted / paper - 1:+.2%} ({counted / 1e6:.1f} M, on paper {paper / 1e6:.1f} M)",
                bar=f"within {FLOPS_RATIO:.0%}",
                met=abs(counted / paper - 1) <= FLOPS_RATIO,
            )
        )
        figures.append(
            Figure(what="  coverage, and what is not counted", shown=f"{coverage:.0%}; {', '.join(uncounted) or 'all'}")
        )
    return figures


def count(name: str, batch: int) -> tuple[float, float, tuple[str, ...]]:
    import torch

    from mmied.bench.profilers import flops

    with torch.inference_mode():
        found = flops.profile(opened(name).target(workload(batch)))
    return found.flops, found.coverage_ratio or 0.0, found.uncounted[:4]


# Peak memory


def memory_figures(options: argparse.Namespace) -> list[Figure]:
    """Hold the published peak, above the bare runtime, against that of a process which only builds and calls the model;
    the timeline against a warm call for which the C library fetches each block from the kernel, so that what is
    resident is what lives.
    """
    figures = []
    for name in chosen(options, MEMORY_FAMILIES):
        whole = {what: alone(served_peak, name, what) for what in ("VmHWM", "sampler")}
        figures += _peak_figures(name, "memory pass", alone(published_peak, name), whole)
        with blocks_from_the_kernel():
            live = {what: alone(peak, name) for what, peak in (("VmHWM", high_water), ("sampler", sampled_peak))}
        figures += _peak_figures(name, "timeline", alone(timeline_peak, name), live)
    return figures


def _peak_figures(name: str, what: str, ours: int, theirs: Mapping[str, int]) -> list[Figure]:
    return [
        Figure(
            what=f"peak memory {name} b{MEMORY_BATCH}: {what} / {other}",
            shown=f"{ours / peak - 1:+.1%} ({ours / 1e6:.1f} MB, {other} {peak / 1e6:.1f} MB)",
            bar=f"within {MEMORY_RATIO:.0%}",
            met=abs(ours / peak - 1) <= MEMORY_RATIO,
        )
        for other, peak in theirs.items()
    ]


@contextmanager
def blocks_from_the_kernel() -> Iterator[None]:
    """Let the C library of processes that begin here map blocks from 64 KB on, and unmap them when they are freed."""
    os.environ["MALLOC_MMAP_THRESHOLD_"] = "65536"
    try:
        yield
    finally:
        del os.environ["MALLOC_MMAP_THRESHOLD_"]


def published_peak(name: str) -> int:
    """Return the peak that a worker would publish: of a model that it opened itself."""
    from mmied.bench.session import Session

    source = Source(kind="factory", factory="families:made", arguments={"name": name})
    with tempfile.TemporaryDirectory() as scratch:
        session = Session(ModelSpec(name=name, source=source, inputs=(), threads=1), scratch=Path(scratch))
        session.open()
        session.feed(family(name).make)
        result = session.measure(workload(MEMORY_BATCH), limit_seconds=1.0)
    return int(result.memory[0].peak_bytes)


def served_peak(name: str, witness: str) -> int:
    """Return what building a model and calling it takes above the bare runtime, by VmHWM or by a sampler."""
    import torch

    torch.set_num_threads(1)
    torch.mm(torch.ones(256, 256), torch.ones(256, 256))  # what the runtime fetches for its first product
    bare = _status_bytes("VmRSS")
    one = family(name)
    model = one.build()
    args, kwargs = one.make(MEMORY_BATCH)

    def call() -> None:
        with torch.inference_mode():
            model(*args, **kwargs)

    return (_raised_high_water(call) if witness == "VmHWM" else _seen_peak(call)) - bare


def timeline_peak(name: str) -> int:
    import torch

    from mmied.bench.profilers import memory_timeline

    with torch.inference_mode():
        (host,) = memory_timeline.profile(opened(name).target(workload(MEMORY_BATCH)))
    return host.peak_bytes


def high_water(name: str) -> int:
    """Return how far a warm call raises VmHWM. Nothing of ours measures."""
    call, before = _warm_call(name)
    return _raised_high_water(call) - before


def sampled_peak(name: str) -> int:
    """Return how far above what it was before a sampler sees the resident memory of warm calls."""
    call, before = _warm_call(name)
    return _seen_peak(call) - before


def _raised_high_water(call: Callable[[], Any]) -> int:
    Path("/proc/self/clear_refs").write_text("5")
    for _ in range(SAMPLED_CALLS):
        call()
    return _status_bytes("VmHWM")


def _seen_peak(call: Callable[[], Any]) -> int:
    """Return the highest resident memory that a sampler of every 2 ms sees."""
    seen: list[int] = []
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(SAMPLE_SECONDS):
            seen.append(int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES)

    thread = threading.Thread(target=sample)
    thread.start()
    for _ in range(SAMPLED_CALLS):
        call()
    stop.set()
    thread.join()
    return max(seen)


def _warm_call(name: str) -> tuple[Callable[[], Any], int]:
    """Return the call of a family's model after some calls, and the resident memory."""
    import ctypes

    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    one = family(name)
    model = one.build()
    args, kwargs = one.make(MEMORY_BATCH)

    def call() -> None:
        with torch.inference_mode():
            model(*args, **kwargs)

    for _ in range(WARM_CALLS):
        call()
    ctypes.CDLL(None).malloc_trim(0)
    return call, _status_bytes("VmRSS")


def _status_bytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


# Layers


def layers_figures(options: argparse.Namespace) -> list[Figure]:
    figures = []
    for name in chosen(options, tuple(one.name for one in FAMILIES)):
        one = family(name)
        batch = 1 if one.name.startswith("resnet") else BATCH
        whole, own, bare, ran, others = alone(sum_layers, one.name, batch)
        ratio = own / bare
        figures.append(
            Figure(
                what=f"layers {one.name} b{batch}: own times / a bare call",
                shown=f"{ratio - 1:+.1%} ({own * 1e3:.3f} ms of {ran} layers, whole {whole * 1e3:.3f} ms; "
                f"others {others:.2f} CPUs)",
                bar=f"within {LAYERS_RATIO:.0%}",
                met=abs(ratio - 1) <= LAYERS_RATIO if others <= QUIET_CPUS else None,
            )
        )
    return figures


def sum_layers(name: str, batch: int) -> tuple[float, float, float, int, float]:
    """Return the root's time, the sum of own times, a call timed here, the layers that ran, and others' CPUs."""
    import torch

    from mmied.bench.contention import Neighbours
    from mmied.bench.profilers import layers
    from mmied.bench.profilers.bare import typical

    session = opened(name)
    times: list[float] = []
    with torch.inference_mode():
        target = session.target(workload(batch))

        def time_calls() -> None:
            for _ in range(max(5, min(200, int(0.5 / target.call_seconds)))):
                began = time.perf_counter()
                target.model(*target.args, **target.kwargs)
                times.append(time.perf_counter() - began)

        neighbours = Neighbours()
        time_calls()
        found, _ = layers.profile(target)
        time_calls()
        others = neighbours.busy_cpus_since_last()
    ran = [layer for layer in found.layers if layer.self_seconds is not None]
    own = sum(layer.self_seconds or 0.0 for layer in ran)
    return found.layers[0].seconds or 0.0, own, typical(times), len(ran), others


SECTIONS: dict[str, Callable[[argparse.Namespace], list[Figure]]] = {
    "flops": flops_figures,
    "layers": layers_figures,
    "latency": latency_figures,
    "memory": memory_figures,
}

if __name__ == "__main__":
    sys.exit(main())
