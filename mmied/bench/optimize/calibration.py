"""Read example calls from what a user has: a data loader, a list of batches, one call."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn

from mmied.bench.optimize.export import Inputs, flat_tensors
from mmied.errors import ModelError

MINIMUM_SAMPLES = 32  # below, the range of an activation is the range of a few accidents
ENOUGH_SAMPLES = 300  # more were not seen to change a scale that matters; NNCF stops there too


def as_inputs(batch: Any, most: int | None = None) -> Inputs:
    """Return one batch of a loader, or one example, as a call of a model.

    A mapping is keyword inputs; a pair of a tuple or list and a mapping is the whole call; another tuple or list is
    positional inputs, of which the model gets `most`: labelled data sets give the label last.
    """
    if isinstance(batch, Mapping):
        return (), dict(batch)
    if not isinstance(batch, tuple | list):
        return (batch,), {}
    if len(batch) == 2 and isinstance(batch[0], tuple | list) and isinstance(batch[1], Mapping):
        return tuple(batch[0]), dict(batch[1])
    return tuple(batch)[:most], {}


def places(model: nn.Module) -> int | None:
    """Return how many positional inputs a model's forward pass takes; None where it takes any, or does not tell."""
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return None
    return sum(each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) for each in parameters)


def read_calibration(
    loader: Iterable[Any] | None,
    model: nn.Module,
    *,
    to_inputs: Callable[[Any], Inputs] | None = None,
    minimum: int = MINIMUM_SAMPLES,
    enough: int = ENOUGH_SAMPLES,
) -> list[Inputs]:
    """Return the batches of `loader` that `model`, in evaluation mode, will be calibrated with, each tried on it.

    Raises ModelError where there is no loader, where it gives too little, or what the model does not take.
    """
    if loader is None:
        raise ModelError(
            "calibration_loader: static quantization chooses the scales of activations by real samples. "
            "Give a DataLoader, or a list of batches of what the model is served with."
        )
    calls: list[Inputs] = []
    samples = 0
    most = places(model)
    for index, batch in enumerate(loader):
        args, kwargs = to_inputs(batch) if to_inputs is not None else as_inputs(batch, most)
        samples += _check(model, (args, kwargs), f"calibration batch {index}")
        calls.append((args, kwargs))
        if samples >= enough:
            break
    if samples < minimum:
        raise ModelError(
            f"calibration_loader: gave {samples} samples, and {minimum} are the least that scales can be chosen by. "
            f"Give some hundreds of real ones; minimum_samples={max(samples, 1)} takes these all the same."
        )
    return calls


def _check(model: nn.Module, call: Inputs, where: str) -> int:
    """Return the number of samples of a call that the model takes. Raises ModelError for any other."""
    args, kwargs = call
    tensors = flat_tensors(call)
    if not tensors or not tensors[0].dim():
        raise ModelError(f"{where}: holds no tensor of samples. Say how a batch becomes inputs by to_inputs=….")
    for tensor in tensors:
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{where}: holds values that are not finite, which would spoil every scale")
    try:
        with torch.no_grad():
            model(*args, **kwargs)
    except Exception as error:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
        raise ModelError(
            f"{where}: the model does not take inputs of shape {shapes}: {type(error).__name__}: "
            f"{(str(error).splitlines() or [''])[0][:300]}. Say how a batch becomes inputs by to_inputs=…."
        ) from error
    return int(tensors[0].shape[0])
