"""Choose which weights become zero, and hold them there while a model is tuned."""

from collections.abc import Sequence

import torch
from torch.nn.utils import prune

from mmied.bench.optimize.pruning.config import PruningConfig
from mmied.bench.optimize.pruning.weights import Weight


def choose_masks(weights: Sequence[torch.Tensor], amount: float, config: PruningConfig) -> list[torch.Tensor]:
    """Return a mask of ones and zeros for each weight, with the share `amount` of zeros.

    Weights that are zero already count first, so that each step goes on where the last ended.
    """
    if config.method == "random":
        generator = torch.Generator().manual_seed(config.seed)
        # The same numbers in each step; what the last step took is zero, and stays below all others.
        scores = [torch.rand(w.shape, generator=generator).to(w.device) * (w != 0) for w in weights]
    elif config.method == "structured":
        return [_rows(weight, amount) for weight in weights]
    else:
        scores = [weight.abs() for weight in weights]
    if config.global_:
        joined = _smallest(torch.cat([score.flatten() for score in scores]), amount)
        parts = joined.split([score.numel() for score in scores])
        return [part.view_as(score) for part, score in zip(parts, scores, strict=True)]
    return [_smallest(score.flatten(), amount).view_as(score) for score in scores]


def hold(weight: Weight, mask: torch.Tensor) -> None:
    """Keep the masked elements of a weight at zero, in all its owners, until `release`."""
    for owner, leaf in weight.owners:
        prune.custom_from_mask(owner, leaf, mask.to(weight.parameter))


def release(weight: Weight) -> None:
    """Make the zeros the parameter's own, and the owners plain modules again."""
    for owner, leaf in weight.owners:
        prune.remove(owner, leaf)


def current(weight: Weight) -> torch.Tensor:
    """Return a weight as its owners use it, with the mask that it has by now."""
    owner, leaf = weight.owners[0]
    mask: torch.Tensor | None = getattr(owner, f"{leaf}_mask", None)
    return weight.parameter.detach() if mask is None else weight.parameter.detach() * mask


def _smallest(scores: torch.Tensor, amount: float) -> torch.Tensor:
    mask = torch.ones_like(scores)
    count = round(amount * scores.numel())
    if count:
        mask[torch.topk(scores, count, largest=False, sorted=False).indices] = 0
    return mask


def _rows(weight: torch.Tensor, amount: float) -> torch.Tensor:
    """Return a mask that takes whole output channels, those with the smallest L2 norm."""
    kept = _smallest(weight.flatten(1).norm(dim=1), amount)
    return kept.view(-1, *[1] * (weight.dim() - 1)).expand_as(weight).clone()
