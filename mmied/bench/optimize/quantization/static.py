"""Quantize weights and activations ahead, by scales that calibration data gives."""

from collections.abc import Callable, Iterable
from typing import Any

from torch import nn

from mmied.bench.optimize.calibration import MINIMUM_SAMPLES, read_calibration
from mmied.bench.optimize.export import Inputs
from mmied.bench.optimize.quantization.config import QuantizationConfig
from mmied.bench.optimize.quantization.quantizer import Quantizer


class StaticQuantizer(Quantizer):
    """`StaticQuantizer(model, calibration_loader=loader).optimize()`, with a scale for each channel.

    `to_inputs` turns a batch of the loader into positional and keyword inputs, where the rule of as_inputs does not.
    """

    quantization_type = "static"

    def __init__(
        self,
        model: nn.Module,
        config: QuantizationConfig | None = None,
        calibration_loader: Iterable[Any] | None = None,
        *,
        to_inputs: Callable[[Any], Inputs] | None = None,
        minimum_samples: int = MINIMUM_SAMPLES,
    ) -> None:
        super().__init__(model, config)
        self.calibration_loader = calibration_loader
        self.to_inputs = to_inputs
        self.minimum_samples = minimum_samples

    def _examples(self, model: nn.Module) -> list[Inputs]:
        return read_calibration(self.calibration_loader, model, to_inputs=self.to_inputs, minimum=self.minimum_samples)
