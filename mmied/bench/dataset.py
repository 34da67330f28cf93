"""Feed a model with recorded samples: arrays of inputs, and labels to hold its outputs against.

A data set is one .npz or .safetensors file, or a folder that holds one. The array named labels, targets or y is the
labels, all others are inputs; each has the samples along its first dimension.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from mmied.bench.dataset_file import LABELS
from mmied.bench.inputs import place_inputs, read_arrays
from mmied.bench.models import Inputs, OpenedModel
from mmied.bench.parameters import parameters_of
from mmied.errors import ModelError
from mmied.records import ModelSpec


@dataclass(frozen=True, slots=True)
class Dataset:
    """Samples in the order of the file."""

    path: str
    inputs: Mapping[str, torch.Tensor]
    labels: torch.Tensor | None
    samples: int


def read_dataset(path: str) -> Dataset:
    """Return the samples of a .npz or .safetensors file. Raises ModelError where they are none."""
    arrays = read_arrays(path)
    lengths = {name: array.shape[0] if array.dim() else 0 for name, array in arrays.items()}
    if not arrays or 0 in lengths.values():
        empty = ", ".join(name for name, length in lengths.items() if not length) or "it"
        raise ModelError(f"{path}: holds no samples ({empty} is empty). Arrays need a leading dimension of samples.")
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ModelError(f"{path}: its arrays are not equally long: {told}. Each needs an entry for each sample.")
    found = [name for name in arrays if name.lower() in LABELS]
    if len(found) > 1:
        raise ModelError(f"{path}: has {' and '.join(found)}, and only one can be the labels. Leave the others out.")
    inputs = {name: array for name, array in arrays.items() if name not in found}
    if not inputs:
        raise ModelError(f"{path}: holds {found[0]} alone. Add the inputs that belong to them.")
    return Dataset(
        path=path,
        inputs=inputs,
        labels=arrays[found[0]] if found else None,
        samples=next(iter(lengths.values())),
    )


def fed_by(model: OpenedModel, dataset: Dataset, spec: ModelSpec) -> OpenedModel:
    """Return the model with inputs out of `dataset`, repeated where it has fewer samples than a batch."""

    def make(batch_size: int) -> Inputs:
        return take(model.call, dataset, torch.arange(batch_size) % dataset.samples, spec)

    return replace(model, make=make)


def take(call: Callable[..., Any], dataset: Dataset, rows: torch.Tensor, spec: ModelSpec) -> Inputs:
    """Return these samples as the inputs of `call`, on its device and in its dtype.

    They are passed by name where each is the name of a parameter of the model, else in the order of the file.
    """
    chosen = {name: place_inputs(array[rows].contiguous(), spec) for name, array in dataset.inputs.items()}
    if set(chosen) <= set(parameters_of(call).names):
        return (), chosen
    return tuple(chosen.values()), {}
