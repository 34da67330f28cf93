"""Weights and arithmetic of 16 bits, alone or with channels last or compiled."""

from dataclasses import replace
from typing import Any

import torch
from torch import fx, nn

from mmied.bench.candidates.channels_last import ChannelsLast, require_convolutions
from mmied.bench.candidates.compilation import compiled
from mmied.bench.candidates.graphs import as_module
from mmied.bench.failures import brief
from mmied.bench.optimize.mixed_precision import MixedPrecisionWrapper
from mmied.bench.optimize.recipe import Recipe, attach
from mmied.bench.trial.context import Context
from mmied.bench.trial.protocol import NotApplicable

FACTORIES = (
    torch.ops.aten.zeros.default,
    torch.ops.aten.ones.default,
    torch.ops.aten.full.default,
    torch.ops.aten.empty.memory_format,
    torch.ops.aten.new_zeros.default,
)  # what names the dtype of a tensor that it makes from nothing


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
    wrapped = cast(model, dtype, autocast)
    refusal = _refusal(wrapped, context)
    if refusal is not None and context.route == "torchscript" and not autocast:
        # Tensors that a script makes itself stay what they were; in a graph they can be cast as well.
        wrapped = cast(as_module(model.to(torch.float32), context), dtype)
        refusal = _refusal(wrapped, context)
    if refusal is not None:
        raise NotApplicable(f"the model cannot be called in {dtype} here: {refusal}")
    recipe = Recipe(
        kind="half precision",
        backend="autocast" if autocast else "cast",
        settings={"dtype": dtype, "autocast": autocast, "channels_last": channels_last},
        changed=changed,
    )
    return attach(wrapped, recipe)


def cast(model: nn.Module, dtype: str, autocast: bool = False) -> nn.Module:
    """Return the model in half precision, its own weights cast in place: the process is the candidate's own."""
    wanted: torch.dtype = getattr(torch, dtype)
    if isinstance(model, fx.GraphModule) and not autocast:
        _cast_factories(model, wanted)
    return MixedPrecisionWrapper(model, wanted, autocast)


def _cast_factories(graph: fx.GraphModule, dtype: torch.dtype) -> None:
    """Let tensors that an exported graph makes itself (the first state of an LSTM) be of the weights' dtype, too."""
    for node in graph.graph.nodes:
        if node.target in FACTORIES and node.kwargs.get("dtype") is torch.float32:
            node.kwargs = node.kwargs | {"dtype": dtype}
    graph.recompile()


def _refusal(wrapped: nn.Module, context: Context) -> str | None:
    """Say why the model cannot be called; None where it can. Not every operator has every dtype on every device."""
    args, kwargs = context.make(context.batch_sizes[0])
    try:
        with torch.no_grad():
            wrapped(*args, **kwargs)
    except RuntimeError as error:
        return brief(error)
    return None


def count_casts(model: nn.Module, dtype: str) -> dict[str, int]:
    """Return the tensors and parameters that a cast changes. Raises NotApplicable where there are none."""
    wanted: torch.dtype = getattr(torch, dtype)
    floating = [tensor for tensor in model.parameters() if tensor.is_floating_point() and tensor.dtype is not wanted]
    if not floating:
        raise NotApplicable(f"the model's weights are {dtype} already, or it has none")
    return {"tensors": len(floating), "parameters": sum(tensor.numel() for tensor in floating)}
