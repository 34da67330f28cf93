"""Optimize a model in one call."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from mmied.bench.optimize.mixed_precision import MixedPrecisionConverter
from mmied.bench.optimize.pruning import ModelPruner, PruningConfig
from mmied.bench.optimize.quantization import DynamicQuantizer, QuantizationConfig, StaticQuantizer


def quantize_model(
    model: nn.Module,
    quantization_type: str = "dynamic",
    bits: int = 8,
    *,
    calibration_loader: Iterable[Any] | None = None,
    example_inputs: Any = None,
    **settings: Any,
) -> nn.Module:
    """Return a quantized copy of `model`; `settings` are those of QuantizationConfig. Raises ModelError."""
    config = QuantizationConfig(quantization_type=quantization_type, bits=bits, **settings)
    if quantization_type == "static":
        return StaticQuantizer(model, config, calibration_loader).optimize()
    return DynamicQuantizer(model, config, example_inputs=example_inputs).optimize()


def prune_model(
    model: nn.Module,
    method: str = "magnitude",
    amount: float = 0.3,
    *,
    example_inputs: Any = None,
    fine_tune: Callable[[nn.Module], Any] | None = None,
    **settings: Any,
) -> nn.Module:
    """Return a pruned copy of `model`; `settings` are those of PruningConfig. Raises ModelError."""
    config = PruningConfig(method=method, amount=amount, **settings)
    return ModelPruner(model, config, example_inputs, fine_tune).prune_model()


def convert_to_mixed_precision(
    model: nn.Module,
    dtype: torch.dtype | None = torch.float16,
    use_auto_cast: bool = True,
    *,
    example_inputs: Any = None,
) -> nn.Module:
    """Return a copy of `model` that computes in half precision and gives float32. Raises ModelError."""
    converter = MixedPrecisionConverter(model, dtype, use_auto_cast, example_inputs=example_inputs)
    return converter.convert_to_mixed_precision()
