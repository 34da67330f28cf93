"""How far are a changed model's outputs from the original's?"""

import math

import torch
from torch import nn

from mmied.bench.fidelity import output_tensors
from mmied.bench.optimize.export import Inputs, flatten_call
from mmied.bench.optimize.flat_model import FlatModel
from mmied.bench.optimize.structure import put_together
from mmied.errors import ModelError


def relative_difference(original: nn.Module, changed: nn.Module, example: Inputs) -> float:
    """Return the relative L2 distance of all floating outputs of one call together.

    Raises ModelError where the changed model gives other tensors than the original, or values that are not finite.
    """
    args, kwargs = example
    with torch.no_grad():
        before = list(output_tensors(original(*args, **kwargs)))
        after = list(output_tensors(changed(*args, **kwargs)))
    shapes = [[(path, tuple(tensor.shape)) for path, tensor in tensors] for tensors in (before, after)]
    if shapes[0] != shapes[1]:
        raise ModelError(f"the outputs have another form than the original's: {shapes[1]} instead of {shapes[0]}")
    distance = size = 0.0
    for (path, one), (_, other) in zip(before, after, strict=True):
        if not one.is_floating_point():
            continue
        finite = torch.isfinite(one)  # the original may mask by -infinity
        apart = (other.double() - one.double())[finite]
        if not bool(torch.isfinite(apart).all()):
            raise ModelError(f"{path}: the changed model gives values that are not finite, where the original's are")
        distance += float(apart.square().sum())
        size += float(one[finite].double().square().sum())
    return math.sqrt(distance / size) if size else math.sqrt(distance)


def check_another_batch(original: nn.Module, changed: FlatModel, example: Inputs) -> None:
    """Raise ModelError where a graph whose batch size is free does not work with one sample more.

    Exporters may write the example's sizes into a graph as constants, and not tell.
    """
    tensors, structure = flatten_call(example)
    if not all(row and row[0] is None for row in changed.sizes):
        return
    given = put_together(structure, [torch.cat([tensor, tensor[:1]]) for tensor in tensors])
    larger = tuple(given["args"]), given["kwargs"]
    try:
        with torch.no_grad():
            original(*larger[0], **larger[1])
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError):
        return  # the original does not take it either
    try:
        relative_difference(original, changed, larger)
    except Exception as error:
        lines = str(error).splitlines() or [""]
        raise ModelError(
            f"{changed.runtime}: does not work with another batch size than the example's: {lines[0][:300]}"
        ) from error
