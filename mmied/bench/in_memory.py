"""Take a module that is in memory for a model to serve, and leave the module as it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from mmied.bench.models import Inputs, OpenedModel, require_device
from mmied.bench.precision import copied, device_of, own_precision
from mmied.bench.profilers.sizes import sizes_of
from mmied.bench.serving import as_served
from mmied.errors import ModelError
from mmied.records import ModelSpec, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The model; `shared` is the module itself where others use the very same, None where the model is a copy."""

    model: OpenedModel
    shared: Any
    own_bytes: int


def spec_of(module: Any, *, name: str | None, device: str | None, threads: int | None) -> ModelSpec:
    """Return a module as a configuration would describe it. Raises ModelError where it cannot be served."""
    kind = type(module)
    if any(torch.nn.parameter.is_lazy(each) for each in getattr(module, "parameters", tuple)()):
        raise ModelError(
            f"{name or kind.__name__}: has parameters that its first call will make. Call it once, then measure it."
        )
    where = device or str(device_of(module))
    require_device(where)
    return ModelSpec(
        name=name or kind.__name__,
        source=Source(kind="factory", factory=f"{kind.__module__}:{kind.__qualname__}"),
        inputs=(),
        device=where,
        dtype=own_precision(module),
        threads=threads,
    )


def take_module(module: Any, make: Callable[[int], Inputs], device: str) -> Taken:
    """Return a module as a model on `device`; on another than its own it is a copy. Raises ModelError."""
    if _same_device(device_of(module), device):
        served = shared = module
    else:
        shared = None
        with as_served(module):
            served = copied(module, f"device {device}").to(device)
    sizes = sizes_of(served)
    model = OpenedModel(
        call=served,
        make=make,
        revision=None,
        artifact_bytes=None,
        parameters=sizes.parameters if sizes else None,
        digests={},
    )
    return Taken(model=model, shared=shared, own_bytes=sizes.parameter_bytes + sizes.buffer_bytes if sizes else 0)


def _same_device(own: torch.device, wanted: str) -> bool:
    """Tell whether a model on `own` is already where it is wanted: "cuda" is the current CUDA device."""
    other = torch.device(wanted)
    if own.type != other.type:
        return False
    return own.type == "cpu" or other.index is None or own.index == other.index
