"""Images with their channels innermost, as convolutions of most libraries like them."""

from typing import Any

import torch
from torch import nn

from mmied.bench.optimize.recipe import Recipe, attach
from mmied.bench.optimize.structure import map_tensors
from mmied.bench.trial.context import Context
from mmied.bench.trial.protocol import NotApplicable


class ChannelsLast(nn.Module):
    """Calls a model whose weights are laid out channels last with inputs that are, too."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.training = model.training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        given = map_tensors(_laid_out, {"args": list(args), "kwargs": kwargs})
        return self.model(*given["args"], **given["kwargs"])


def _laid_out(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


def apply(model: Any, context: Context) -> nn.Module:
    """Lay out the weights of convolutions, and with each call its images, channels last."""
    count = require_convolutions(model, context)
    return attach(ChannelsLast(model), Recipe(kind="channels last", backend="torch", changed={"convolutions": count}))


def require_convolutions(model: Any, context: Context) -> int:
    """Return how many convolutions over images a model has. Raises NotApplicable where it has none, or no images."""
    count = sum(isinstance(module, nn.Conv2d | nn.ConvTranspose2d) for module in model.modules())
    if not count:
        raise NotApplicable("the model has no convolution over images")
    args, kwargs = context.make(context.batch_sizes[0])
    tensors = torch.utils._pytree.tree_leaves((args, kwargs))
    if not any(isinstance(leaf, torch.Tensor) and leaf.dim() == 4 for leaf in tensors):
        raise NotApplicable("none of the model's inputs is a batch of images")
    return count
