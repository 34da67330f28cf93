"""Linear weights of 4 bits on a GPU, unpacked within the kernel: for models that wait for their weights."""

from dataclasses import replace
from typing import Any

from mmied.bench.candidates.compilation import compiled
from mmied.bench.candidates.torchao_layers import quantize
from mmied.bench.trial.context import Applied, Context

GROUP = 128  # weights that share a scale; smaller groups are more exact, and larger


def apply(model: Any, context: Context) -> Applied:
    """Cast the model to bfloat16 and keep its linear weights in groups of 4-bit integers."""

    def settings() -> Any:
        from torchao.quantization import Int4WeightOnlyConfig

        return Int4WeightOnlyConfig(group_size=GROUP)

    half, changed = quantize(model, settings, multiple=GROUP)
    applied = compiled(half, context)
    return replace(applied, changed={**changed, **applied.changed}, lock_in=(*applied.lock_in, "torchao"))
