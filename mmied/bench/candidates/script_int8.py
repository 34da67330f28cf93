"""Linear layers of a TorchScript model with 8-bit weights, as torch itself quantizes a script."""

import warnings
from typing import Any

import torch
from torch import nn

from mmied.bench.optimize.recipe import Recipe, attach
from mmied.bench.trial.context import Context
from mmied.bench.trial.protocol import NotApplicable

NOTE = "torch has announced the removal of torch.ao.quantization: a later torch may not load this model"


def apply(model: Any, context: Context) -> nn.Module:
    """Quantize the products with weights. The proof is the operators that the script's graph has afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from torch.ao.quantization import per_channel_dynamic_qconfig
            from torch.ao.quantization.quantize_jit import quantize_dynamic_jit
        except ImportError as error:
            raise NotApplicable("this torch has removed torch.ao.quantization") from error
        quantized: torch.jit.ScriptModule = quantize_dynamic_jit(model, {"": per_channel_dynamic_qconfig})
    layers = str(quantized.inlined_graph).count("quantized::linear_dynamic")
    if not layers:
        raise NotApplicable("the script has no linear layer with weights of its own")
    recipe = Recipe(kind="dynamic quantization", backend="legacy", changed={"layers": layers}, notes=(NOTE,))
    return attach(quantized, recipe)
