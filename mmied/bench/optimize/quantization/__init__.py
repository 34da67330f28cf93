"""Quantize a model's weights, and its activations where calibration data is at hand."""

from mmied.bench.optimize.quantization.config import QuantizationConfig
from mmied.bench.optimize.quantization.dynamic import DynamicQuantizer
from mmied.bench.optimize.quantization.static import StaticQuantizer

__all__ = ["DynamicQuantizer", "QuantizationConfig", "StaticQuantizer"]
