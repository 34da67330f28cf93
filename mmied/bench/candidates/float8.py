"""Products of linear layers in float8, scaled by row, compiled: for devices with units for it."""

from dataclasses import replace
from typing import Any

import torch

from mmied.bench.candidates.compilation import compiled
from mmied.bench.candidates.torchao_layers import quantize
from mmied.bench.trial.context import Applied, Context
from mmied.bench.trial.protocol import NotApplicable

CAPABILITY = (8, 9)  # Ada; what is older has no such units


def apply(model: Any, context: Context) -> Applied:
    """Cast the model to bfloat16, its linear layers to float8 with scales found in each call."""
    if torch.cuda.get_device_capability(torch.device(context.device)) < CAPABILITY:
        raise NotApplicable("float8 products need a device of compute capability 8.9 or later")

    def settings() -> Any:
        from torchao.quantization import Float8DynamicActivationFloat8WeightConfig, PerRow

        return Float8DynamicActivationFloat8WeightConfig(granularity=PerRow())

    half, changed = quantize(model, settings, multiple=16)
    applied = compiled(half, context)
    return replace(applied, changed={**changed, **applied.changed}, lock_in=(*applied.lock_in, "torchao"))
