"""Exchange a model's linear weights for torchao's, after a cast to bfloat16 in which its CUDA kernels compute."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from mmied.bench.optimize.mixed_precision import MixedPrecisionWrapper
from mmied.bench.optimize.quantization.backends.torchao import quiet
from mmied.bench.trial.protocol import NotApplicable
from mmied.errors import ModelError


def quantize(model: nn.Module, settings: Callable[[], Any], *, multiple: int) -> tuple[nn.Module, dict[str, int]]:
    """Return the model in bfloat16 with its linear layers quantized, and how many there were.

    Layers whose sizes are no multiples of `multiple` stay as they are: the kernels refuse them. Raises NotApplicable
    without any other, and where torchao has no kernel here; ModelError where it changed nothing.
    """
    linears = {
        name: module
        for name, module in model.named_modules()
        if type(module) is nn.Linear and not module.in_features % multiple and not module.out_features % multiple
    }
    if not linears:
        raise NotApplicable(f"the model has no linear layer whose sizes are multiples of {multiple}")
    wrapped = MixedPrecisionWrapper(model, torch.bfloat16, use_auto_cast=False)
    with quiet():
        from torchao.quantization import quantize_

        try:
            quantize_(model, settings(), lambda module, name: name in linears)
        except (ImportError, NotImplementedError, AssertionError) as error:
            lines = str(error).splitlines() or [""]
            raise NotApplicable(f"torchao has no kernel for it here: {lines[0][:300]}") from error
    changed = [linear for linear in linears.values() if type(linear.weight.data) is not torch.Tensor]
    if not changed:
        raise ModelError("torchao changed none of the linear layers")
    return wrapped, {"modules": len(changed)}
