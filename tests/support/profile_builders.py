"""Make profiles, inspections and comparisons as profiling on demand gives them: of a small text classifier, healthy."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from builders import make_iterations, make_result

from mmied.inspection import (
    Allocation,
    Attention,
    Flops,
    Inspection,
    Kernel,
    Layer,
    Layers,
    MemoryTimeline,
    Operator,
    Operators,
    Sizes,
    Transfer,
    Usage,
)
from mmied.profiles import Accuracy, ComparisonReport, Knee, PairedRatio, Profile, Variant
from mmied.records import Environment, Iterations, Memory, Workload, WorkloadResult
from mmied.stats import summarize

B1 = Workload(scenario="b1", batch_size=1)
B8 = Workload(scenario="b8", batch_size=8)
B32 = Workload(scenario="b32", batch_size=32)
MEGABYTE = 1_000_000
BLOCKS = 4  # encoder blocks of the classifier
BLOCK = (  # what a block is made of: name, class, share of the block's time, parameters
    ("self_attn", "MultiheadAttention", 0.40, 263_168),
    ("linear1", "Linear", 0.25, 131_584),
    ("linear2", "Linear", 0.25, 131_328),
    ("norm1", "LayerNorm", 0.05, 512),
    ("norm2", "LayerNorm", 0.05, 512),
)
OPERATORS = (  # name, category, share of the time, calls, shapes
    ("aten::addmm", "matmul", 0.52, 17, "512×256, 256×1024"),
    ("aten::_scaled_dot_product_flash_attention_for_cpu", "attention", 0.24, 4, "8×4×64×64, 8×4×64×64"),
    ("aten::native_layer_norm", "normalisation", 0.08, 8, "8×64×256"),
    ("aten::relu", "elementwise", 0.06, 4, "8×64×1024"),
    ("aten::copy_", "memory", 0.05, 12, "8×64×256"),
    ("aten::add", "elementwise", 0.03, 8, "8×64×256"),
    ("aten::embedding", "memory", 0.02, 1, "10000×256, 8×64"),
)


def make_calls(median: float = 0.02, samples: int = 500, *, tail: float = 1.1, waiting: int = 0) -> Iterations:
    """Calls around `median` of which two in a hundred take `tail` times as long; `waiting` of them waited for a CPU."""
    calls = make_iterations(median, samples, waiting=waiting)
    walls = tuple(wall * (tail if index % 50 == 49 else 1) for index, wall in enumerate(calls.wall_seconds))
    return replace(calls, wall_seconds=walls)


def make_workload_result(
    workload: Workload = B8, *, median: float = 0.02, calls: Iterations | None = None, **changes: Any
) -> WorkloadResult:
    """A workload that was measured in quiet: 500 calls of 20 ms and a first one that took three times as long."""
    calls = calls or make_calls(median)
    memory = Memory(space="host", peak_bytes=60 * MEGABYTE, average_bytes=52 * MEGABYTE, activation_bytes=12 * MEGABYTE)
    measured: dict[str, Any] = {
        "iterations": calls,
        "latency": summarize(calls),
        "settled": True,
        "first_call_seconds": 3 * median,
        "memory": (memory,),
    }
    return make_result(workload, median=median, **measured | changes)


def make_sweep(*points: tuple[int, float], **changes: Any) -> tuple[WorkloadResult, ...]:
    """A result for each batch size and its median latency in seconds."""
    return tuple(
        make_workload_result(Workload(scenario=f"b{size}", batch_size=size), median=median, **changes)
        for size, median in points
    )


def make_layers(*, blocks: int = BLOCKS, call_seconds: float = 0.02, **changes: Any) -> Layers:
    """The classifier: an embedding, encoder blocks that share nine tenths of the time, a head."""
    layers = [Layer(name="", kind="TextClassifier", parent=None, calls=1, seconds=call_seconds, output="8×5")]
    layers.append(_layer("embedding", "Embedding", 0, 0.03 * call_seconds, 2_560_000))
    layers.append(Layer(name="encoder", kind="TransformerEncoder", parent=0, calls=1, seconds=0.92 * call_seconds))
    for number in range(blocks):
        seconds = 0.9 * call_seconds / blocks
        parent = len(layers)
        name = f"encoder.layers.{number}"
        layers.append(_layer(name, "TransformerEncoderLayer", 2, seconds, 527_104, flops=67e6))
        layers += [
            _layer(f"{name}.{part}", kind, parent, share * seconds, parameters, flops=share * 67e6)
            for part, kind, share, parameters in BLOCK
        ]
    layers.append(_layer("head", "Linear", 0, 0.02 * call_seconds, 1_285))
    parameters = 2_561_285 + blocks * 527_104
    whole = {"parameters": parameters, "trainable_parameters": parameters, "parameter_bytes": 4 * parameters}
    layers[0] = replace(layers[0], flops=blocks * 67e6, self_seconds=0.03 * call_seconds, **whole)
    layers[2] = replace(layers[2], flops=blocks * 67e6, self_seconds=0.02 * call_seconds, parameters=blocks * 527_104)
    return replace(Layers(layers=tuple(layers), source="events", calls=20, call_seconds=1.05 * call_seconds), **changes)


def _layer(name: str, kind: str, parent: int, seconds: float, parameters: int, flops: float | None = None) -> Layer:
    return Layer(
        name=name,
        kind=kind,
        parent=parent,
        calls=1,
        seconds=seconds,
        self_seconds=0.02 * seconds if kind == "TransformerEncoderLayer" else seconds,
        parameters=parameters,
        trainable_parameters=parameters,
        parameter_bytes=4 * parameters,
        flops=flops,
        allocated_bytes=2 * MEGABYTE,
        kept_bytes=MEGABYTE // 2,
        output="8×64×256",
    )


def make_operators(
    rows: Sequence[tuple[str, str, float, float, str]] = OPERATORS, *, call_seconds: float = 0.02, **changes: Any
) -> Operators:
    """Operators of one call by (name, category, share of the time, calls, shapes)."""
    operators = tuple(
        Operator(
            name=name,
            category=category,
            calls=calls,
            seconds=share * call_seconds,
            self_seconds=share * call_seconds,
            allocated_bytes=MEGABYTE,
            shapes=shapes,
        )
        for name, category, share, calls, shapes in rows
    )
    categories: dict[str, float] = {}
    for operator in operators:
        categories[operator.category] = categories.get(operator.category, 0.0) + operator.self_seconds
    return replace(
        Operators(operators=operators, category_seconds=categories, calls=20, call_seconds=1.05 * call_seconds),
        **changes,
    )


def make_timeline(*, peak: int = 12 * MEGABYTE, call_seconds: float = 0.02, **changes: Any) -> MemoryTimeline:
    """Memory that climbs and falls with every block, its peak in the middle."""
    steps = 80
    levels = [
        peak * (0.25 + 0.35 * (index % 20) / 20 + 0.3 * math.sin(math.pi * index / steps)) for index in range(steps)
    ]
    top = max(range(steps), key=levels.__getitem__)
    levels[top], levels[0], levels[-1] = peak, 0, 0
    at = tuple(call_seconds * index / (steps - 1) for index in range(steps))
    largest = Allocation(
        at_seconds=at[top],
        bytes=peak // 3,
        operator="aten::addmm",
        layer="encoder.layers.1.linear1",
        freed_at_seconds=at[top + 5],
    )
    whole = MemoryTimeline(
        space="host",
        at_seconds=at,
        allocated_bytes=tuple(int(level) for level in levels),
        peak_bytes=peak,
        average_bytes=int(sum(levels) / steps),
        peak_at_seconds=at[top],
        allocations=64,
        frees=62,
        traffic_bytes=4 * peak,
        peak_operator="aten::addmm",
        peak_layer="encoder.layers.1.linear1",
        largest=(largest,),
    )
    return replace(whole, **changes)


def make_usage(*, samples: int = 60, process_cpus: float = 1.9, **changes: Any) -> Usage:
    """Half a minute of a process that keeps two of eight CPUs busy and does not touch the disk."""
    whole = Usage(
        interval_seconds=0.5,
        duration_seconds=0.5 * samples,
        at_seconds=tuple(0.5 * index for index in range(samples)),
        process_cpus=tuple(process_cpus + 0.05 * math.sin(index) for index in range(samples)),
        host_cpu_ratio=tuple(0.3 + 0.02 * math.cos(index) for index in range(samples)),
        resident_bytes=tuple(300 * MEGABYTE + 100_000 * index for index in range(samples)),
        read_bytes_per_second=(0.0,) * samples,
        written_bytes_per_second=(0.0,) * samples,
        network_bytes_per_second=tuple(20_000.0 + 1_000 * (index % 7) for index in range(samples)),
        cpus=8,
    )
    return replace(whole, **changes)


def make_attention(layer: str = "encoder.layers.0.self_attn", *, heads: int = 4, tokens: int = 12) -> Attention:
    """Heads that look at the own token, at the one before it, at the first, and everywhere; rows sum to 1."""

    def row(head: int, query: int) -> tuple[float, ...]:
        centre = (query, max(query - 1, 0), 0, query)[head % 4]
        width = 50.0 if head % 4 == 3 else 1.0
        scores = [math.exp(-abs(key - centre) / width) for key in range(tokens)]
        return tuple(score / sum(scores) for score in scores)

    return Attention(
        layer=layer,
        weights=tuple(tuple(row(head, query) for query in range(tokens)) for head in range(heads)),
    )


def make_flops(layers: Layers | None = None, **changes: Any) -> Flops:
    """Products of 268 million operations, all of them counted but the softmax."""
    rows = (layers or make_layers()).layers
    whole = Flops(
        flops=268e6,
        coverage_ratio=0.94,
        by_operator={"aten::addmm": 251e6, "aten::_scaled_dot_product_flash_attention_for_cpu": 17e6},
        by_layer={layer.name: layer.flops for layer in rows if layer.flops is not None},
        uncounted=("aten::_softmax",),
    )
    return replace(whole, **changes)


def make_inspection(workload: Workload = B8, **changes: Any) -> Inspection:
    """What every deep pass gave of the classifier."""
    whole = Inspection(
        workload=workload,
        layers=make_layers(),
        operators=make_operators(),
        flops=make_flops(),
        timelines=(make_timeline(),),
        usage=make_usage(),
        attentions=(make_attention(),),
        pass_seconds={"layers": 2.1, "operators": 1.8, "flops": 0.2, "memory": 0.4, "usage": 3.0, "attention": 0.1},
    )
    return replace(whole, **changes)


def make_environment(**stable: str | int | float | bool | None) -> Environment:
    """A host of eight CPUs without any of the flags that make 16-bit products quick."""
    facts: dict[str, str | int | float | bool | None] = {
        "cpu": "Some CPU @ 2.00GHz",
        "cpus": 8,
        "cpu_flags": "avx2 avx512f",
        "memory_bytes": 32_000 * MEGABYTE,
        "wait_policy": "PASSIVE",
        "torch": "2.13.0+cpu",
    }
    return Environment(fingerprint="f1", stable=facts | stable, momentary={"load1": 0.4})


def make_profile(name: str = "classifier", **changes: Any) -> Profile:
    """A model that is served well: two threads on a quiet host, a sweep that stops paying at 8, nothing odd inside."""
    layers = make_layers()
    root = layers.layers[0]
    whole = Profile(
        mmied_version="0.1.0",
        model=name,
        host="here",
        device="cpu",
        precision="float32",
        threads=2,
        at=1_800_000_000.0,
        format="torchscript",
        revision="5eed" * 16,
        artifact_bytes=root.parameter_bytes + 40_000,
        load_seconds=0.2,
        sizes=Sizes(
            parameters=root.parameters,
            trainable_parameters=root.trainable_parameters,
            parameter_bytes=root.parameter_bytes,
            buffer_bytes=2_048,
        ),
        environment=make_environment(),
        results=(make_workload_result(B8),),
        inspection=make_inspection(),
    )
    return replace(whole, **changes)


def bare_profile(name: str = "classifier", **changes: Any) -> Profile:
    """A profile that only says which model it is of: nothing was measured."""
    nothing: dict[str, Any] = {
        "results": (),
        "inspection": None,
        "environment": None,
        "sizes": None,
        "artifact_bytes": None,
        "load_seconds": None,
    }
    return make_profile(name, **nothing | changes)


def sweep_profile(name: str = "classifier", **changes: Any) -> Profile:
    """The classifier over six batch sizes: from 8 on a larger batch only takes longer."""
    results = make_sweep((1, 0.006), (2, 0.0075), (4, 0.011), (8, 0.018), (16, 0.035), (32, 0.072))
    knee = Knee(
        batch_size=8,
        throughput_samples_per_second=8 / 0.018,
        latency_seconds=0.018,
        best_batch_size=16,
        best_throughput_samples_per_second=16 / 0.035,
    )
    return make_profile(name, **{"results": results, "knees": (knee,), **changes})


def cuda_profile(name: str = "classifier", **changes: Any) -> Profile:
    """The classifier on a GPU, where kernels and copies are seen."""
    operators = make_operators(
        call_seconds=0.004,
        kernels=(
            Kernel(name="ampere_sgemm_128x64_tn", category="matmul", calls=17, seconds=0.002),
            Kernel(name="flash_fwd_kernel", category="attention", calls=4, seconds=0.001),
        ),
        transfers=(Transfer(direction="host_to_device", calls=1, bytes=4_096, seconds=0.00001),),
    )
    memory = Memory(
        space="device",
        peak_bytes=120 * MEGABYTE,
        activation_bytes=40 * MEGABYTE,
        fragmentation_ratio=0.02,
        cache_slack_ratio=0.1,
    )
    environment = make_environment(gpu="NVIDIA Some", gpu_memory_bytes=24_000 * MEGABYTE)
    whole: dict[str, Any] = {
        "device": "cuda:0",
        "environment": environment,
        "results": (make_workload_result(B8, median=0.004, memory=(memory,)),),
        "inspection": make_inspection(operators=operators, timelines=(make_timeline(space="device"),)),
    }
    return make_profile(name, **whole | changes)


def make_comparison(**changes: Any) -> ComparisonReport:
    """The classifier, a quantized one that is twice as quick, a smaller one that errs more, and one that failed."""
    original = make_profile("original")
    quantized = make_profile(
        "quantized",
        artifact_bytes=5_000_000,
        results=(make_workload_result(B1, median=0.004), make_workload_result(B8, median=0.01)),
    )
    small = make_profile("distilled", artifact_bytes=8_000_000, results=(make_workload_result(B8, median=0.013),))
    whole = ComparisonReport(
        mmied_version="0.1.0",
        host="here",
        device="cpu",
        at=1_800_000_000.0,
        dataset="reviews.npz",
        variants=(
            Variant(name="original", profile=original, accuracy=_accuracy(0.921)),
            Variant(name="quantized", profile=quantized, accuracy=_accuracy(0.917)),
            Variant(name="distilled", profile=small, accuracy=_accuracy(0.874)),
            Variant(name="pruned", profile=None, failure="pruned.pt is not a model that can be opened"),
        ),
        ratios=(
            _ratio("quantized", 1, 1.52),
            _ratio("quantized", 8, 1.98),
            _ratio("distilled", 8, 1.49),
        ),
    )
    return replace(whole, **changes)


def _accuracy(value: float) -> Accuracy:
    return Accuracy(metric="accuracy", value=value, lower=value - 0.012, upper=value + 0.011, samples=2000)


def _ratio(variant: str, batch_size: int, speedup: float) -> PairedRatio:
    return PairedRatio(
        variant=variant,
        batch_size=batch_size,
        pairs=60,
        speedup_ratio=speedup,
        lower=0.96 * speedup,
        upper=1.03 * speedup,
        control_lower=0.985,
        control_upper=1.012,
    )
