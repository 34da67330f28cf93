"""Quantize weights ahead and activations on the fly: no calibration data needed."""

from typing import Any

import torch
from torch import nn

from mmied.bench.optimize.calibration import as_inputs
from mmied.bench.optimize.export import Inputs, detach
from mmied.bench.optimize.quantization.config import QuantizationConfig
from mmied.bench.optimize.quantization.quantizer import Quantizer


class DynamicQuantizer(Quantizer):
    """`DynamicQuantizer(model).optimize()`.

    With `example_inputs` (a tensor, a tuple of positional inputs, a mapping of keyword inputs, or both in a pair) the
    model can be exported, and the quicker backends take part. Does `weight_only` quantization too, by configuration.
    """

    quantization_type = "dynamic"

    def __init__(
        self, model: nn.Module, config: QuantizationConfig | None = None, *, example_inputs: Any = None
    ) -> None:
        super().__init__(model, config)
        self.example_inputs = example_inputs

    @classmethod
    def _types(cls) -> tuple[str, ...]:
        return ("dynamic", "weight_only")

    def _examples(self, model: nn.Module) -> list[Inputs]:
        if self.example_inputs is None:
            return []
        with torch.no_grad():
            return [detach(as_inputs(self.example_inputs))]
