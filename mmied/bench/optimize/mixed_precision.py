"""Let a model compute in half precision, and give its callers float32 as before."""

import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from mmied.bench.optimize.calibration import as_inputs
from mmied.bench.optimize.difference import relative_difference
from mmied.bench.optimize.precision_support import best_dtype, unsupported_reason, warning_about
from mmied.bench.optimize.private_copy import private_copy
from mmied.bench.optimize.recipe import Recipe, attach, class_path
from mmied.bench.optimize.structure import map_tensors
from mmied.bench.precision import device_of
from mmied.bench.serving import as_served
from mmied.errors import ModelError

DTYPES = (torch.float16, torch.bfloat16)


class MixedPrecisionWrapper(nn.Module):
    """Calls a model in half precision: casts floating inputs, however nested, and floating outputs back to float32.

    With `use_auto_cast` the weights stay as they are and each operator chooses (the weights are cast in each call);
    without it the weights of `model` are cast once, in place. Raises ModelError where the device lacks the dtype.
    """

    def __init__(self, model: nn.Module, dtype: torch.dtype = torch.float16, use_auto_cast: bool = True) -> None:
        super().__init__()
        require_dtype(dtype, device_of(model))
        self.model = model if use_auto_cast else _cast(model, dtype)
        self.dtype = dtype
        self.use_auto_cast = use_auto_cast
        self.training = getattr(model, "training", False)  # frozen TorchScript has no mode

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if self.use_auto_cast:
            with torch.autocast(device_of(self.model).type, self.dtype):
                output = self.model(*args, **kwargs)
        else:
            given = {"args": list(args), "kwargs": kwargs}
            cast = map_tensors(lambda tensor: tensor.to(self.dtype) if tensor.is_floating_point() else tensor, given)
            output = self.model(*cast["args"], **cast["kwargs"])
        return map_tensors(lambda tensor: tensor.float() if tensor.dtype is self.dtype else tensor, output)


def _cast(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    with warnings.catch_warnings():
        # An exported graph holds a parameter under several names; torch looks at the gradient of one that it has cast.
        warnings.filterwarnings("ignore", message=".*\\.grad attribute of a Tensor that is not a leaf.*")
        return model.to(dtype)


class MixedPrecisionConverter:
    """`MixedPrecisionConverter(model, dtype=torch.bfloat16).convert_to_mixed_precision()` leaves `model` as it is.

    Without `dtype` it takes what the device has units for, and says so in `notes`. With `example_inputs` the result
    is called once, and refused where it cannot be: not every operator has every dtype on every device.
    """

    def __init__(
        self,
        model: nn.Module,
        dtype: torch.dtype | None = torch.float16,
        use_auto_cast: bool = True,
        *,
        example_inputs: Any = None,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise ModelError(f"a {type(model).__name__} is no torch.nn.Module, and has no precision to convert")
        self.model = model
        self.use_auto_cast = use_auto_cast
        self.example_inputs = example_inputs
        self.notes: tuple[str, ...] = ()
        device = device_of(model)
        if dtype is None:
            dtype, why = best_dtype(device)
            self.notes = (why,)
        require_dtype(dtype, device)
        self.dtype = dtype

    def convert_to_mixed_precision(self) -> nn.Module:
        """Return a private copy of the model, wrapped. Raises ModelError where nothing would change."""
        floating = [tensor for tensor in self.model.parameters() if tensor.is_floating_point()]
        affected = [tensor for tensor in floating if self._affects(tensor)]
        if not affected:
            held = ", ".join(sorted({str(tensor.dtype) for tensor in floating})) or "no floating parameters"
            untouched = ", which autocast leaves as they are" if self.use_auto_cast and floating else ""
            raise ModelError(f"mixed precision to {self.dtype} changed nothing: the model has {held}{untouched}")
        wrapped = MixedPrecisionWrapper(private_copy(self.model, "mixed precision"), self.dtype, self.use_auto_cast)
        self.notes = (*self.notes, *self._findings(wrapped))
        recipe = Recipe(
            kind="mixed precision",
            model=class_path(self.model),
            backend="autocast" if self.use_auto_cast else "cast",
            settings={"dtype": str(self.dtype).removeprefix("torch."), "use_auto_cast": self.use_auto_cast},
            changed={"tensors": len(affected), "parameters": sum(tensor.numel() for tensor in affected)},
            notes=self.notes,
        )
        return attach(wrapped, recipe)

    def _findings(self, wrapped: nn.Module) -> Iterator[str]:
        slow = warning_about(self.dtype, device_of(self.model))
        if slow is not None:
            yield slow
        if self.use_auto_cast:
            yield "autocast casts the weights in each call: use_auto_cast=False is quicker, where it is exact enough"
        if self.example_inputs is None:
            return
        example = as_inputs(self.example_inputs)
        try:
            with as_served(self.model), as_served(wrapped):
                difference = relative_difference(self.model, wrapped, example)
        except RuntimeError as error:
            raise ModelError(
                f"the model cannot be called in {self.dtype} on this device: {str(error)[:200]}"
            ) from error
        yield f"on example inputs its outputs are off by {difference:.2%} (relative L2)"

    def _affects(self, tensor: torch.Tensor) -> bool:
        if self.use_auto_cast:
            return tensor.dtype is not self.dtype and tensor.dtype is not torch.float64
        return tensor.dtype is not self.dtype


def require_dtype(dtype: torch.dtype, device: torch.device) -> None:
    """Raise ModelError where `dtype` is no half precision, or where the device cannot compute in it."""
    if dtype not in DTYPES:
        hint = " For 8 bits take quantize_model(model)." if dtype in (torch.int8, torch.qint8, torch.uint8) else ""
        raise ModelError(f"dtype: {dtype} is no half precision. Take torch.float16 or torch.bfloat16.{hint}")
    reason = unsupported_reason(dtype, device)
    if reason is not None:
        raise ModelError(f"dtype: {reason}. Take dtype=None for the best that this device has.")
