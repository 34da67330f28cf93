"""Batch norms folded into the convolutions before them: the same arithmetic with fewer passes over the images."""

from typing import Any

from torch import nn

from mmied.bench.candidates.channels_last import ChannelsLast, require_convolutions
from mmied.bench.candidates.half_precision import cast, count_casts
from mmied.bench.optimize.recipe import Recipe, attach
from mmied.bench.trial.context import Context
from mmied.bench.trial.protocol import NotApplicable

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def apply(model: nn.Module, context: Context, *, dtype: str | None = None) -> nn.Module:
    """Fold, and with a `dtype` cast what comes out and lay it out channels last. The proof is the norms that went."""
    norms = _norms(model)
    if not norms:
        raise NotApplicable("the model has no batch norm")
    changed = {} if dtype is None else count_casts(model, dtype)
    from torch.fx.experimental.optimization import fuse

    try:
        fused: Any = fuse(model)
    except Exception as error:
        lines = str(error).splitlines() or [""]
        raise NotApplicable(f"torch.fx cannot follow the model: {type(error).__name__}: {lines[0][:300]}") from error
    gone = norms - _norms(fused)
    if not gone:
        raise NotApplicable(f"none of the model's {norms} batch norms follows a convolution directly")
    changed["norms"] = gone
    if dtype is not None:
        changed["convolutions"] = require_convolutions(fused, context)
        fused = cast(ChannelsLast(fused), dtype)
    recipe = Recipe(kind="convolution fusion", backend="torch.fx", settings={"dtype": dtype}, changed=changed)
    return attach(fused, recipe)


def _norms(model: nn.Module) -> int:
    return sum(isinstance(module, NORMS) for module in model.modules())
