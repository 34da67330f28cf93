"""Turn the input data that somebody hands over into the arguments of a model's call."""

from collections.abc import Mapping
from typing import Any

import numpy
import torch
from torch.utils._pytree import tree_leaves, tree_map

from mmied.bench.models import Inputs
from mmied.bench.parameters import parameters_of
from mmied.errors import MmiedError


def as_call(input_data: Any, model: Any) -> Inputs:
    """Return positional and keyword arguments: a tuple is spread, a mapping is passed by keyword, the rest is one.

    A mapping is passed by keyword where the model's `forward` has parameters of all its names, or does not tell
    them; else it is the one argument of a model that takes a mapping. NumPy arrays become tensors.
    """
    data = tree_map(_tensor, dict(input_data) if isinstance(input_data, Mapping) else input_data)
    if isinstance(data, dict):
        return ((), data) if _takes_by_name(model, data) else ((data,), {})
    return (data, {}) if isinstance(data, tuple) else ((data,), {})


def samples_in(inputs: Inputs, what: str = "input_data") -> int:
    """Return the length of the first tensor's first dimension: the batch size. Raises MmiedError where there is none.

    Inputs without a tensor, and such as have none with a dimension, are one sample.
    """
    tensors = [leaf for leaf in tree_leaves(inputs) if isinstance(leaf, torch.Tensor) and leaf.dim()]
    if not tensors:
        return 1
    if tensors[0].shape[0] == 0:
        raise MmiedError(
            f"{what}: holds no samples: its first tensor has the shape {tuple(tensors[0].shape)}. "
            "Give at least one sample; the first dimension is the batch."
        )
    return int(tensors[0].shape[0])


def moved_inputs(inputs: Inputs, device: str) -> Inputs:
    """Return inputs whose tensors lie on `device`."""
    args, kwargs = tree_map(lambda leaf: leaf.to(device) if isinstance(leaf, torch.Tensor) else leaf, inputs)
    return args, kwargs


def _tensor(leaf: Any) -> Any:
    return torch.from_numpy(leaf) if isinstance(leaf, numpy.ndarray) and leaf.dtype != object else leaf


def _takes_by_name(model: Any, names: Mapping[Any, Any]) -> bool:
    if not all(isinstance(name, str) for name in names):
        return False
    known = parameters_of(model)
    return known.open or set(names) <= set(known.names)
