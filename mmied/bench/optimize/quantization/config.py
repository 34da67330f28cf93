"""What to quantize, how, and with what."""

from dataclasses import dataclass

import torch

from mmied.errors import ModelError

TYPES = ("dynamic", "static", "weight_only")
BITS = {"dynamic": (8,), "static": (8,), "weight_only": (8, 4)}
_SIGNED = (torch.qint8, torch.int8)


@dataclass(frozen=True, kw_only=True)
class QuantizationConfig:
    """Settings of a quantizer; contradictions are refused at once.

    - `dynamic`: weights are integers, activations are quantized within each layer and float between layers.
    - `static`: weights and activations are integers, by scales that calibration data gave.
    - `weight_only`: weights are integers and are made float again in each call: smaller, not quicker.
    """

    quantization_type: str = "dynamic"
    dtype: torch.dtype = torch.qint8  # of the kept weights
    bits: int = 8  # how many of them a weight uses
    quantize_weights: bool = True
    quantize_activations: bool | None = None  # None: as the type does
    per_channel: bool = True  # a scale for each output channel, or one for the whole tensor
    backend: str = "auto"
    modules: tuple[str, ...] = ()  # shell patterns of submodule names; none: all that the backend knows

    def __post_init__(self) -> None:
        kind = self.quantization_type
        if kind not in TYPES:
            raise ModelError(f"quantization_type: {kind!r} is not known. Take one of {', '.join(TYPES)}.")
        if self.bits not in BITS[kind]:
            known = " or ".join(map(str, BITS[kind]))
            hint = " 4 bits go with quantization_type='weight_only'." if self.bits == 4 else ""
            raise ModelError(f"bits: {self.bits} is not supported by {kind} quantization, which takes {known}.{hint}")
        if self.dtype not in _SIGNED:
            raise ModelError(f"dtype: {self.dtype}: weights are kept as torch.qint8.{_instead(self.dtype)}")
        if not self.quantize_weights:
            raise ModelError("quantize_weights: False leaves nothing to quantize: every type quantizes the weights")
        if kind == "static" and self.quantize_activations is False:
            raise ModelError(
                "quantize_activations: False contradicts quantization_type='static', which gives activations fixed "
                "scales. Take 'dynamic' to keep them float between layers."
            )
        if kind == "weight_only" and self.quantize_activations:
            raise ModelError("quantize_activations: True contradicts quantization_type='weight_only'")
        if isinstance(self.modules, str):
            raise ModelError(f"modules: write a tuple of names, ({self.modules!r},), not one text")
        object.__setattr__(self, "modules", tuple(self.modules))

    def settings(self) -> dict[str, object]:
        """Return the settings as JSON can hold them."""
        return {
            "quantization_type": self.quantization_type,
            "bits": self.bits,
            "per_channel": self.per_channel,
            "modules": list(self.modules),
        }


def _instead(dtype: torch.dtype) -> str:
    if dtype in (torch.float16, torch.bfloat16):
        return f" For {dtype} take MixedPrecisionConverter(model, dtype={dtype})."
    if dtype in (torch.quint8, torch.uint8):
        return " Unsigned integers are for activations, and the backends choose them."
    return ""
