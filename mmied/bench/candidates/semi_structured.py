"""Two of four neighbouring weights zero, which the tensor cores of newer GPUs skip."""

import torch
from torch import nn
from torch.nn.utils import prune

from mmied.bench.candidates.half_precision import cast
from mmied.bench.optimize.recipe import Recipe, attach
from mmied.bench.trial.context import Context
from mmied.bench.trial.protocol import NotApplicable

CAPABILITY = (8, 0)  # Ampere, the first whose tensor cores skip zeros
MULTIPLE = 64  # of both sizes of a weight: what the kernels of either library take in float16


def apply(model: nn.Module, context: Context) -> nn.Module:
    """Zero the smaller two of each four weights, train what is left, and pack it in float16."""
    if torch.cuda.get_device_capability(torch.device(context.device)) < CAPABILITY:
        raise NotApplicable("2:4 sparsity needs a device of compute capability 8.0 or later")
    if context.fine_tune is None:
        raise NotApplicable("needs a function that trains the pruned model: give `fine_tune`")
    linears = [module for module in model.modules() if type(module) is nn.Linear and _fits(module.weight)]
    if not linears:
        raise NotApplicable(f"the model has no linear layer whose sizes are multiples of {MULTIPLE}")
    for linear in linears:
        prune.custom_from_mask(linear, "weight", two_of_four(linear.weight))
    with torch.enable_grad():
        context.fine_tune(model)
    model.eval()
    for linear in linears:
        prune.remove(linear, "weight")
    half = cast(model, "float16")
    for linear in linears:
        linear.weight = nn.Parameter(
            torch.sparse.to_sparse_semi_structured(linear.weight.detach()), requires_grad=False
        )
    changed = {"modules": len(linears)}
    return attach(half, Recipe(kind="2:4 sparsity", backend="torch.sparse", changed=changed))


def two_of_four(weight: torch.Tensor) -> torch.Tensor:
    """Return a mask with ones at the larger two of each four weights of a row."""
    groups = weight.detach().abs().reshape(-1, 4)
    kept = groups.topk(2, dim=1).indices
    return torch.zeros_like(groups).scatter_(1, kept, 1.0).reshape(weight.shape)


def _fits(weight: torch.Tensor) -> bool:
    return not any(size % MULTIPLE for size in weight.shape)
