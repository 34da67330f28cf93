"""The ways to quantize, in the order in which "auto" asks them: maintained ones first."""

from mmied.bench.optimize.quantization.backend import Backend
from mmied.bench.optimize.quantization.backends import legacy, onnxruntime, openvino, pt2e, torchao

BACKENDS: tuple[Backend, ...] = (
    *openvino.BACKENDS,
    *onnxruntime.BACKENDS,
    *torchao.BACKENDS,
    *legacy.BACKENDS,
    *pt2e.BACKENDS,
)
