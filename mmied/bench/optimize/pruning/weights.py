"""Find the weights of a model that can be pruned, each tensor once with all its owners."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import nn

from mmied.bench.optimize.pruning.config import PruningConfig


@dataclass(frozen=True, slots=True)
class Weight:
    """A parameter and the places that hold it: tied layers share one."""

    name: str  # of the first owner: "encoder.linear1.weight"
    parameter: nn.Parameter
    owners: tuple[tuple[nn.Module, str], ...]


def prunable(model: nn.Module, config: PruningConfig) -> list[Weight]:
    """Return the weights that the configuration asks for.

    Of its own it takes no vectors, which are biases and scales, and no embeddings, whose rows are words.
    """
    found: dict[int, Weight] = {}
    for name, owner, leaf, parameter in _parameters(model):
        if not any(fnmatchcase(leaf, pattern) for pattern in config.pruning_dims):
            continue
        if config.modules:
            if not any(fnmatchcase(name, pattern) for pattern in config.modules):
                continue
        elif parameter.dim() < 2 or isinstance(owner, nn.Embedding | nn.EmbeddingBag):
            continue
        if not parameter.is_floating_point():
            continue
        known = found.get(id(parameter))
        owners = (*known.owners, (owner, leaf)) if known else ((owner, leaf),)
        found[id(parameter)] = Weight(known.name if known else f"{name}.{leaf}".lstrip("."), parameter, owners)
    return list(found.values())


def sparsity(tensors: list[torch.Tensor]) -> float:
    """Return the share of zeros; 0 for no tensors."""
    elements = sum(tensor.numel() for tensor in tensors)
    return sum(int((tensor == 0).sum()) for tensor in tensors) / elements if elements else 0.0


def _parameters(model: nn.Module) -> Iterator[tuple[str, nn.Module, str, nn.Parameter]]:
    for name, module in model.named_modules():
        for leaf, parameter in module.named_parameters(recurse=False):
            yield name, module, leaf, parameter
