"""Let a model run in another precision than its own, and leave it as it is."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils._pytree import tree_map

from mmied.bench.inputs import DTYPES
from mmied.bench.precision_names import AUTOCAST, PRECISIONS, canonical_precision
from mmied.errors import ModelError

__all__ = ["PRECISIONS", "apply_precision", "canonical_precision", "cast_inputs", "own_precision"]


def own_precision(model: Any) -> str:
    """Return the precision that most of a model's floating parameters have; float32 for a model without any."""
    counts: dict[torch.dtype, int] = {}
    for tensor in model.parameters() if hasattr(model, "parameters") else ():
        if tensor.is_floating_point():
            counts[tensor.dtype] = counts.get(tensor.dtype, 0) + tensor.numel()
    dtype = max(counts, key=lambda each: counts[each]) if counts else torch.float32
    return next((name for name, known in DTYPES.items() if known is dtype), str(dtype).removeprefix("torch."))


def apply_precision(model: Any, precision: str) -> Callable[..., Any]:
    """Return what calls `model` in a precision, by any of its names; the model itself stays untouched.

    Casting to a dtype works on a deep copy, whose inputs have to be cast too (`cast_inputs`). Autocast shares the
    model's parameters, and enters its context in each call, as a service does. Raises ModelError.
    """
    name = canonical_precision(precision)
    if name.startswith(AUTOCAST):
        return _autocast(model, DTYPES[name.removeprefix(AUTOCAST)])
    if not isinstance(model, torch.nn.Module):
        raise ModelError(
            f"precision {name}: a {type(model).__name__} cannot be cast, as it is no torch.nn.Module. A compiled "
            "package has the precision that it was compiled in."
        )
    if name == own_precision(model):
        return model
    return copied(model, f"precision {name}").to(DTYPES[name])


def copied(model: torch.nn.Module, why: str) -> torch.nn.Module:
    """Return a deep copy of a model. Raises ModelError where it cannot be copied, saying what for it was wanted."""
    try:
        return copy.deepcopy(model)
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise ModelError(
            f"{why}: {type(model).__name__} cannot be copied: {error}. Cast the model yourself and measure that."
        ) from error


def cast_inputs(args: tuple[Any, ...], kwargs: Mapping[str, Any], precision: str) -> tuple[tuple[Any, ...], Any]:
    """Return inputs whose floating tensors are what a model cast to `precision` takes; for autocast as they are."""
    name = canonical_precision(precision)
    if name.startswith(AUTOCAST):
        return args, dict(kwargs)

    def cast(leaf: Any) -> Any:
        return leaf.to(DTYPES[name]) if isinstance(leaf, torch.Tensor) and leaf.is_floating_point() else leaf

    return tree_map(cast, args), tree_map(cast, dict(kwargs))


def _autocast(model: Any, dtype: torch.dtype) -> Callable[..., Any]:
    device = device_of(model)
    if isinstance(model, torch.jit.ScriptModule) or type(model).__call__ is not torch.nn.Module.__call__:
        return _autocast_call(model, device.type, dtype)
    # A shallow copy of the root alone: parameters and submodules are the model's, and so are all their names.
    own = type(model)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        with torch.autocast(device.type, dtype):
            return own.__call__(self, *args, **kwargs)

    kind = type(own.__name__, (own,), {"__call__": call, "__module__": own.__module__})
    shallow: Any = object.__new__(kind)  # copy.copy is refused by modules with parametrizations
    vars(shallow).update(vars(model))
    return shallow  # type: ignore[no-any-return]


def _autocast_call(model: Any, device: str, dtype: torch.dtype) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(device, dtype):
            return model(*args, **kwargs)

    call.__wrapped__ = model  # type: ignore[attr-defined]  # where the deep passes find the module
    return call


def device_of(model: Any) -> torch.device:
    """Return the device that a model's first parameter or buffer lies on; the CPU for a model without any."""
    for tensors in ("parameters", "buffers"):
        for tensor in getattr(model, tensors, tuple)():
            return tensor.device  # type: ignore[no-any-return]
    return torch.device("cpu")
