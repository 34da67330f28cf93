"""Inspections with their files, as the pages are tested with."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from mmied.codec import to_json
from mmied.history.artifacts import FLAME_FILE, INSPECTION_FILE, TRACE_FILE, Artifacts
from mmied.inspection import (
    Flops,
    Inspection,
    Layer,
    Layers,
    MemoryTimeline,
    Operator,
    Operators,
)
from mmied.records import Findings, Workload
from mmied.reports.frames import FlameGraph, Frame

B8 = Workload(scenario="b8", batch_size=8)
FINDINGS = Findings(
    scenario="b8",
    flops=3e8,
    flops_coverage_ratio=0.95,
    operator_seconds={"matmul": 0.004, "elementwise": 0.0004},
    layer_seconds={"blocks.1.linear": 0.002, "blocks.0.linear": 0.0019},
    failures={"attention": "the model has <no> such module"},
)


def make_layers(slower: float = 1.0, **changes: Any) -> Layers:
    """A model of two blocks, the second of which takes `slower` times as long."""
    layers = [Layer(name="", kind="Ranker", parent=None, calls=1, seconds=0.006, self_seconds=0.0002, flops=3e8)]
    for block, times in enumerate((1.0, slower)):
        seconds = 0.002 * times
        place = len(layers)
        layers.append(
            Layer(name=f"blocks.{block}", kind="Block", parent=0, calls=1, seconds=1.1 * seconds, self_seconds=1e-5)
        )
        layers.append(
            Layer(
                name=f"blocks.{block}.linear",
                kind="Linear",
                parent=place,
                calls=1,
                seconds=seconds,
                self_seconds=seconds,
                flops=1.5e8,
                parameters=262_656,
                output="8×512",
            )
        )
    whole = Layers(layers=tuple(layers), source="events", calls=40, call_seconds=0.0071, bare_call_seconds=0.0060)
    return replace(whole, **changes)


def make_operators(slower: float = 1.0) -> Operators:
    matmul = Operator(
        name="aten::addmm",
        category="matmul",
        calls=2,
        seconds=0.004,
        self_seconds=0.004 * slower,
        shapes="8×512, 512×512",
    )
    relu = Operator(name="aten::relu", category="elementwise", calls=2, seconds=0.0004, self_seconds=0.0004)
    return Operators(
        operators=(matmul, relu),
        category_seconds={"matmul": 0.004 * slower, "elementwise": 0.0004},
        calls=40,
        call_seconds=0.0071,
        bare_call_seconds=0.0060,
    )


def make_inspection(slower: float = 1.0, **changes: Any) -> Inspection:
    whole = Inspection(
        workload=B8,
        layers=make_layers(slower),
        operators=make_operators(slower),
        flops=Flops(flops=3e8, coverage_ratio=0.95, by_operator={"aten::addmm": 3e8}, by_layer={"": 3e8}),
        timelines=(
            MemoryTimeline(
                space="host",
                at_seconds=(0.0, 0.002, 0.005),
                allocated_bytes=(0, 65_536, 16_384),
                peak_bytes=65_536,
                average_bytes=30_000,
                peak_at_seconds=0.002,
                allocations=3,
                frees=3,
                traffic_bytes=90_000,
                peak_operator="aten::addmm",
                peak_layer="blocks.1.linear",
            ),
        ),
        pass_seconds={"layers": 1.2, "operators": 0.9},
    )
    return replace(whole, **changes)


def make_flame(slower: float = 1.0, at: float = 100.0) -> FlameGraph:
    frames = (
        Frame(name="ranker", category="other", self_seconds=0.0, parent=None),
        Frame(name="blocks.1.linear (Linear)", category="module", self_seconds=0.1, parent=0, calls=40),
        Frame(name="aten::addmm", category="matmul", self_seconds=0.2 * slower, parent=1, calls=40),
    )
    return FlameGraph(model="ranker", profiler="torch", device="cpu", batch_size=8, calls=40, at=at, frames=frames)


def keep_look(artifacts: Artifacts, run_id: str, folder: Path, *, slower: float = 1.0, at: float = 100.0) -> None:
    """Keep the files of an inspection as its run would have left them in `folder`."""
    folder.mkdir(parents=True)
    (folder / INSPECTION_FILE).write_text(to_json(make_inspection(slower)))
    (folder / FLAME_FILE).write_text(to_json(make_flame(slower, at)))
    (folder / TRACE_FILE).write_bytes(b"\x1f\x8b trace")
    artifacts.keep(run_id, "ranker", folder)
