"""How long a full HTML report takes to make, and how large it is.

The profile is made up: 50 layers, 200 operators, 5,000 calls in eight workloads, a memory timeline, what the hardware
did, attention of four layers and a flame graph of 2,000 frames. Each figure is the median of `--repeats` reports, each
made by a fresh interpreter, whose start and imports are told apart. Exits 1 when a bar is missed.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from figures import Figure, at_most, report

from mmied.codec import from_json, to_json
from mmied.inspection import (
    Attention,
    Flops,
    Inspection,
    Layer,
    Layers,
    MemoryTimeline,
    Operator,
    Operators,
    Sizes,
    Usage,
)
from mmied.profiles import Profile
from mmied.records import Environment, Iterations, Memory, Workload, WorkloadResult
from mmied.reports.frames import FlameGraph, Stacks
from mmied.reports.kinds import KINDS
from mmied.stats import summarize

LAYERS, OPERATORS, SAMPLES, FRAMES = 50, 200, 5_000, 2_000
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
MAKE_SECONDS, SIZE_MEGABYTES = 1.0, 6.0


def make_profile(seed: int = 1) -> Profile:
    """Return a profile of the size that the bar is for."""
    draw = random.Random(seed)
    results = tuple(_result(batch_size, draw) for batch_size in BATCH_SIZES)
    return Profile(
        mmied_version="0.1.0",
        model="synthetic",
        host="benchmark",
        device="cpu",
        precision="float32",
        threads=2,
        at=1.8e9,
        sizes=Sizes(
            parameters=110_000_000, trainable_parameters=110_000_000, parameter_bytes=440_000_000, buffer_bytes=4096
        ),
        environment=Environment(
            fingerprint="f" * 16,
            stable={f"fact_{number}": number for number in range(30)},
            momentary={"load1": 0.4},
        ),
        results=results,
        inspection=_inspection(results[3].workload, draw),
        usage=_usage(draw),
    )


def _result(batch_size: int, draw: random.Random) -> WorkloadResult:
    walls = tuple(0.004 * batch_size**0.8 * draw.lognormvariate(0, 0.05) for _ in range(SAMPLES // len(BATCH_SIZES)))
    waits = tuple(0.001 if draw.random() < 0.02 else 0.0 for _ in walls)
    calls = Iterations(wall_seconds=walls, wait_seconds=waits)
    return WorkloadResult(
        workload=Workload(scenario=f"b{batch_size}", batch_size=batch_size),
        outcome="succeeded",
        throughput_samples_per_second=batch_size / median(walls),
        latency=summarize(calls),
        iterations=calls,
        memory=(Memory(space="host", peak_bytes=500_000_000),),
    )


def _inspection(workload: Workload, draw: random.Random) -> Inspection:
    layers = [Layer(name="", kind="Model", parent=None, calls=1, seconds=0.1, parameters=110_000_000)]
    layers += [
        Layer(
            name=f"encoder.layer.{number // 6}.part{number % 6}",
            kind="Linear",
            parent=0,
            calls=1,
            seconds=draw.random() * 0.004,
            self_seconds=draw.random() * 0.003,
            flops=draw.random() * 1e9,
            parameters=draw.randrange(1_000_000),
            allocated_bytes=draw.randrange(10_000_000),
            output="8×128×768",
        )
        for number in range(LAYERS - 1)
    ]
    operators = tuple(
        Operator(
            name=f"aten::operator_{number}",
            category=KINDS[number % len(KINDS)].name,
            calls=1 + number % 24,
            seconds=0.001,
            self_seconds=draw.random() * 0.001,
            allocated_bytes=draw.randrange(1_000_000),
            shapes="8×128×768, 768×3072",
        )
        for number in range(OPERATORS)
    )
    steps = tuple(0.1 * step / 1_000 for step in range(1_000))
    held = tuple(draw.randrange(100_000_000) for _ in steps)
    return Inspection(
        workload=workload,
        layers=Layers(layers=tuple(layers), source="events", calls=20, call_seconds=0.1),
        operators=Operators(
            operators=operators,
            category_seconds={kind.name: draw.random() for kind in KINDS},
            calls=20,
            call_seconds=0.1,
        ),
        flops=Flops(flops=2.2e10, coverage_ratio=0.97, by_operator={"aten::addmm": 2.2e10}, by_layer={}),
        timelines=(
            MemoryTimeline(
                space="host",
                at_seconds=steps,
                allocated_bytes=held,
                peak_bytes=max(held),
                average_bytes=sum(held) // len(held),
                peak_at_seconds=steps[held.index(max(held))],
                allocations=2_000,
                frees=2_000,
                traffic_bytes=10**9,
            ),
        ),
        usage=_usage(draw),
        attentions=tuple(
            Attention(
                layer=f"encoder.layer.{number}.attention",
                weights=tuple(tuple(tuple(draw.random() for _ in range(32)) for _ in range(32)) for _ in range(8)),
            )
            for number in range(4)
        ),
    )


def _usage(draw: random.Random) -> Usage:
    samples = 300
    return Usage(
        interval_seconds=0.1,
        duration_seconds=0.1 * samples,
        at_seconds=tuple(0.1 * index for index in range(samples)),
        process_cpus=tuple(2 * draw.random() for _ in range(samples)),
        host_cpu_ratio=tuple(draw.random() for _ in range(samples)),
        resident_bytes=tuple(draw.randrange(10**9) for _ in range(samples)),
        read_bytes_per_second=(0.0,) * samples,
        written_bytes_per_second=(0.0,) * samples,
        network_bytes_per_second=tuple(1e6 * draw.random() for _ in range(samples)),
        cpus=2,
    )


def make_flames(seed: int = 1) -> FlameGraph:
    """Return a flame graph such as the recorded calls of a model of this size give."""
    draw = random.Random(seed)
    stacks = Stacks("synthetic")
    inner = [0]
    while len(inner) < FRAMES:
        parent = draw.choice(inner[-200:])
        kind = KINDS[len(inner) % len(KINDS)].name
        frame = stacks.enter(parent, f"aten::operator_{len(inner)}", kind, f"model.py:{len(inner)}")
        stacks.spend(frame, draw.random() * 0.001, calls=20)
        inner.append(frame)
    return FlameGraph(
        model="synthetic", profiler="torch", device="cpu", batch_size=8, calls=20, at=1.8e9, frames=stacks.frames()
    )


def make_once(profile_file: str, flames_file: str) -> None:
    """Print the seconds of importing, of making the report, and its bytes; what a fresh process spends."""
    began = time.perf_counter()
    from mmied.reports.profile_page import profile_html

    imported = time.perf_counter()
    with open(profile_file, encoding="utf-8") as profile, open(flames_file, encoding="utf-8") as flames:
        records = from_json(Profile, profile.read()), from_json(FlameGraph, flames.read())
    read = time.perf_counter()
    page = profile_html(*records)
    print(imported - began, read - imported, time.perf_counter() - read, len(page.encode()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="one report only")
    parser.add_argument("--once", nargs=2, metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        make_once(*options.once)
        return 0
    return measure(1 if options.quick else options.repeats)


def measure(repeats: int) -> int:
    """Make the report `repeats` times, each in a process of its own, and hold it against the bars."""

    with tempfile.TemporaryDirectory() as folder:
        profile, flames = Path(folder, "profile.json"), Path(folder, "flames.json")
        profile.write_text(to_json(make_profile()), encoding="utf-8")
        flames.write_text(to_json(make_flames()), encoding="utf-8")
        command = [sys.executable, __file__, "--once", str(profile), str(flames)]
        runs = [
            [float(word) for word in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()]
            for _ in range(repeats)
        ]
    importing, reading, making, size = (median(column) for column in zip(*runs, strict=True))
    of = f"a report of {LAYERS} layers, {OPERATORS} operators, {SAMPLES:,} samples"
    return report(
        [
            at_most(f"make {of}", making, MAKE_SECONDS, "{:.2f} s"),
            at_most("its size", size / 1e6, SIZE_MEGABYTES, "{:.2f} MB"),
            Figure(what="import what makes it", shown=f"{importing:.2f} s"),
            Figure(what="read its records", shown=f"{reading:.2f} s"),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
