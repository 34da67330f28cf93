"""Expect of each candidate a speed-up, so that the most promising are tried first: by kind of model and by history."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mmied.inspection import Inspection, Layer
from mmied.optimization import Trial

ModelKind = Literal["convolutional", "transformer", "recurrent", "feed_forward", "unknown"]
Kind = Literal["convolutional", "transformer", "recurrent", "feed_forward"]

MEASURED_BATCHES = (1, 8, 32)
NEVER = 0.0  # tried, and it could not be: last of all
UNKNOWN = 1.0  # nothing measured says more than nothing
DOUBT = 0.8  # of what once failed for another reason than its speed: it may be mended since


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is known of a model before any candidate is tried on it.

    `modules` counts its modules by class; `seconds` are the operators' own, by category of reports.kinds.
    """

    modules: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    batch_sizes: tuple[int, ...] = (1,)
    device: str = "cpu"


# Speed-ups over eager float32 at batch sizes 1, 8 and 32, measured on one thread of a Xeon with AMX and no GPU:
# geometric means over feed-forward networks, four transformers, an LSTM and two ResNets. None was not measured there.
# fmt: off
MEASURED: Mapping[str, Mapping[Kind, tuple[float | None, float | None, float | None]]] = {
    "float32_as_bfloat16": {"feed_forward": (0.54, 1.32, 1.91), "transformer": (1.54, 1.82, 2.8), "recurrent": (1.06, 0.97, None), "convolutional": (0.95, 1.04, None)},
    "bfloat16": {"feed_forward": (0.65, 1.78, 2.6), "transformer": (1.86, 3.26, 3.7), "recurrent": (2.4, 2.1, None)},
    "bfloat16_autocast": {"feed_forward": (0.33, 0.75, 1.0), "transformer": (1.16, 2.4, 4.3)},
    "float16": {"feed_forward": (0.98, 1.64, 2.5), "transformer": (2.4, 4.6, None)},
    "channels_last": {"convolutional": (1.07, 1.21, None)},
    "bfloat16_channels_last": {"convolutional": (2.9, 3.98, None)},
    "conv_bn_fusion": {"convolutional": (1.08, 1.06, None)},
    "compile": {"feed_forward": (0.79, 0.89, 0.91), "transformer": (0.97, 1.01, 0.97)},
    "compile_freezing": {"feed_forward": (0.75, 1.34, 1.24), "transformer": (1.14, 1.08, 0.98), "recurrent": (1.07, 1.0, None), "convolutional": (1.65, 1.44, None)},
    "bfloat16_compile": {"feed_forward": (0.93, 2.1, 3.0), "transformer": (2.36, 3.63, 4.2), "convolutional": (5.78, 8.25, 8.0)},
    "aot_package": {"feed_forward": (1.01, 1.05, 0.91), "transformer": (1.22, 1.03, 0.99)},
    "legacy_int8_dynamic": {"feed_forward": (2.3, 3.9, 3.4), "transformer": (1.47, 1.35, None), "recurrent": (5.7, 2.5, None)},
    "legacy_int8_static": {"feed_forward": (2.3, 4.4, 3.9), "convolutional": (8.47, 10.6, 15.0)},
    "torchao_int8_dynamic_compile": {"feed_forward": (0.99, 2.3, 3.0), "transformer": (1.19, 1.47, 1.46)},
    "torchao_int8_weights_compile": {"feed_forward": (1.19, 1.27, 0.73), "transformer": (0.81, 0.7, 0.84)},
    "pt2e_int8_dynamic_compile": {"feed_forward": (1.01, 2.3, 3.2), "transformer": (2.11, 2.55, 2.8)},
    "pt2e_int8_static_compile": {"feed_forward": (0.91, 2.5, 3.6), "transformer": (2.63, 3.5, 2.3), "convolutional": (8.9, 12.7, 15.6)},
    "onnxruntime": {"feed_forward": (1.06, 1.88, 1.43), "transformer": (1.09, 0.8, 0.78), "recurrent": (1.15, 1.04, None), "convolutional": (1.84, 1.66, None)},
    "onnxruntime_int8_dynamic": {"feed_forward": (3.8, 7.0, 7.8), "transformer": (2.56, 2.46, 3.0), "recurrent": (1.23, 1.13, None)},
    "onnxruntime_int8_static": {"convolutional": (5.6, 5.0, None)},
    "openvino": {"feed_forward": (0.8, 1.71, 1.31), "transformer": (1.22, 1.19, 1.03), "recurrent": (1.04, 1.01, None), "convolutional": (1.67, 1.69, None)},
    "openvino_bfloat16": {"feed_forward": (1.13, 2.8, 3.8), "transformer": (3.06, 3.97, 5.5), "recurrent": (1.88, 2.3, None), "convolutional": (7.5, 9.2, None)},
    "openvino_int8_static": {"feed_forward": (1.87, 3.8, 5.5), "transformer": (3.53, 3.88, 4.6), "convolutional": (10.0, 14.96, 18.9)},
    "prune_structured_30": {"feed_forward": (1.81, 2.3, 1.99), "transformer": (1.29, 1.33, None), "convolutional": (2.1, 2.3, None)},
    "prune_unstructured_90": {"feed_forward": (1.01, 1.1, 1.0), "transformer": (0.96, 1.14, None)},
}
# What was not measured for itself behaves as what it is made of.
LIKE = {
    "float16_autocast": "bfloat16_autocast",
    "bfloat16_fused": "bfloat16_channels_last",
    "bfloat16_package": "bfloat16_compile",
    "compile_max_autotune": "compile_freezing",
    "pt2e_int8_dynamic_package": "pt2e_int8_dynamic_compile",
    "pt2e_int8_static_package": "pt2e_int8_static_compile",
    "script_int8_dynamic": "legacy_int8_dynamic",
    "prune_structured_30_untuned": "prune_structured_30",
}
# What costs seconds to try and may be all that is wrong; how much it gives is the host's own affair.
CHEAP: Mapping[str, float] = {
    "threads_all": 1.3, "wait_passive": 1.2, "threads_1": 1.05, "wait_active": 1.0, "attention_flash": 1.0,
    "attention_math": 0.9, "batch_size_x4": 1.0, "batch_size_x16": 1.0,
}
# For GPUs these are expectations from what others report, and none was measured by us: only their order matters.
CUDA: Mapping[str, float] = {
    "bfloat16": 1.8, "float16": 1.8, "bfloat16_compile": 2.2, "bfloat16_channels_last": 2.0, "compile_reduce_overhead": 1.6,
    "cuda_graphs": 1.5, "float32_as_tf32": 1.5, "tensorrt": 1.5, "float8": 1.4, "compile": 1.3, "compile_max_autotune": 1.35,
    "bfloat16_autocast": 1.3, "attention_flash": 1.2, "attention_cudnn": 1.15, "sparse_2_of_4": 1.1, "int4_weights": 1.1,
    "torchao_int8_weights_compile": 0.8,
}
# fmt: on

_CONVOLUTIONS = ("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")
_RECURRENT = ("LSTM", "GRU", "RNN", "LSTMCell", "GRUCell")


def facts_of(
    inspection: Inspection | None, *, batch_sizes: Iterable[int], device: str, modules: Mapping[str, int] | None = None
) -> ModelFacts:
    """Return what the last inspection tells of a model; without one what `modules` does."""
    layers = inspection.layers.layers if inspection is not None and inspection.layers is not None else ()
    operators = inspection.operators if inspection is not None else None
    return ModelFacts(
        modules=modules if modules is not None else _count(layers),
        seconds=dict(operators.category_seconds) if operators is not None else {},
        batch_sizes=tuple(batch_sizes),
        device=device,
    )


def kind_of(facts: ModelFacts) -> ModelKind:
    """Tell the kind of a model by its modules; where they tell nothing (a graph, a script), by its operators' time."""
    names = facts.modules
    if any("attention" in name.lower() or "transformer" in name.lower() for name in names):
        return "transformer"
    convolutions = sum(names.get(name, 0) for name in _CONVOLUTIONS)
    if convolutions > names.get("Linear", 0):
        return "convolutional"
    if any(names.get(name) for name in _RECURRENT):
        return "recurrent"
    if names.get("Linear"):
        return "feed_forward"
    total = sum(facts.seconds.values())
    if not total:
        return "unknown"
    if facts.seconds.get("attention", 0.0) > 0.02 * total:
        return "transformer"
    if facts.seconds.get("convolution", 0.0) > facts.seconds.get("matmul", 0.0):
        return "convolutional"
    return "feed_forward" if facts.seconds.get("matmul") else "unknown"


def promise(facts: ModelFacts, history: Sequence[Trial] = ()) -> dict[str, float]:
    """Return the speed-up to expect of candidates by name, at the deployed batch size where they do best.

    What was measured on this very model (`history`, the latest last) counts for more than what models of its kind
    showed. A candidate that is in neither is not named.
    """
    expected = _by_kind(facts)
    for trial in history:
        expected[trial.candidate] = _seen(trial, expected.get(trial.candidate, UNKNOWN))
    return expected


def _by_kind(facts: ModelFacts) -> dict[str, float]:
    if facts.device.startswith("cuda"):
        return dict(CUDA)
    kind = kind_of(facts)
    table = dict(MEASURED) | {name: MEASURED[other] for name, other in LIKE.items()}
    found = {name: _over_batches(by_kind, kind, facts.batch_sizes) for name, by_kind in table.items()}
    return dict(CHEAP) | {name: ratio for name, ratio in found.items() if ratio is not None}


def _over_batches(
    by_kind: Mapping[Kind, tuple[float | None, ...]], kind: ModelKind, batch_sizes: Sequence[int]
) -> float | None:
    """Return the best ratio over the batch sizes, each as at the nearest that was measured; of a kind that is not
    known, the least that any kind showed."""
    if kind == "unknown":
        all_kinds = [_over_batches({each: ratios}, each, batch_sizes) for each, ratios in by_kind.items()]
        return min((ratio for ratio in all_kinds if ratio is not None), default=None)
    ratios = by_kind.get(kind)
    if ratios is None:
        return None
    found = [ratio for size in batch_sizes if (ratio := _at(ratios, size)) is not None]
    return max(found, default=None)


def _at(ratios: Sequence[float | None], batch_size: int) -> float | None:
    known = [(size, ratio) for size, ratio in zip(MEASURED_BATCHES, ratios, strict=True) if ratio is not None]
    nearest = min(known, key=lambda each: abs(each[0] - batch_size), default=None)
    return None if nearest is None else nearest[1]


def _seen(trial: Trial, expected: float) -> float:
    """Return what to expect of a candidate after this trial of it."""
    best = max((ratio.speedup_ratio for ratio in trial.ratios), default=None)
    if trial.verdict == "helps" and best is not None:
        return best
    if trial.verdict == "not_tried":
        return NEVER  # it is asked again all the same: a library may be there by now
    if best is not None and not any(not guard.met for guard in trial.guards):
        return best if trial.verdict == "cannot_tell" else min(best, UNKNOWN)
    return min(expected, UNKNOWN) * DOUBT


def _count(layers: Sequence[Layer]) -> dict[str, int]:
    kinds = [layer.kind for layer in layers]
    return {kind: kinds.count(kind) for kind in kinds}
