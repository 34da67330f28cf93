"""Weights and arithmetic of 16 bits, alone or with channels last or compiled."""

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from mmied.bench.candidates.channels_last import ChannelsLast, require_convolutions
from mmied.bench.candidates.compilation import compiled
from mmied.bench.candidates.graphs import as_module
from mmied.bench.optimize.mixed_precision import MixedPrecisionWrapper
from mmied.bench.optimize.recipe import Recipe, attach
from mmied.bench.trial.context import Context
from mmied.bench.trial.protocol import NotApplicable


def apply(
    model: nn.Module,
    context: Context,
    *,
    dtype: str,
    autocast: bool = False,
    channels_last: bool = False,
    freezing: bool = False,
) -> Any:
    """Cast the weights to `dtype`, or let autocast choose by operator; outputs come back as float32."""
    changed = count_casts(model, dtype)
    if channels_last:
        changed["convolutions"] = require_convolutions(model, context)
        model = ChannelsLast(model)
    if freezing:
        applied = compiled(cast(as_module(model, context), dtype, autocast), context, freezing=True)
        return replace(applied, changed={**changed, **applied.changed})
    recipe = Recipe(
        kind="half precision",
        backend="autocast" if autocast else "cast",
        settings={"dtype": dtype, "autocast": autocast, "channels_last": channels_last},
        changed=changed,
    )
    return attach(cast(model, dtype, autocast), recipe)


def cast(model: nn.Module, dtype: str, autocast: bool = False) -> nn.Module:
    """Return the model in half precision, its own weights cast in place: the process is the candidate's own."""
    return MixedPrecisionWrapper(model, getattr(torch, dtype), autocast)


def count_casts(model: nn.Module, dtype: str) -> dict[str, int]:
    """Return the tensors and parameters that a cast changes. Raises NotApplicable where there are none."""
    wanted: torch.dtype = getattr(torch, dtype)
    floating = [tensor for tensor in model.parameters() if tensor.is_floating_point() and tensor.dtype is not wanted]
    if not floating:
        raise NotApplicable(f"the model's weights are {dtype} already, or it has none")
    return {"tensors": len(floating), "parameters": sum(tensor.numel() for tensor in floating)}
