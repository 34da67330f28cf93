"""Quantize a model's ONNX form with ONNX Runtime: its kernels see packed attention projections too."""

import contextlib
import logging
import tempfile
from collections import Counter
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import torch

from mmied.bench.optimize.export import FlatProgram, export_flat, flat_tensors
from mmied.bench.optimize.onnx_model import OnnxModel, to_onnx
from mmied.bench.optimize.quantization.backend import Backend, Quantized, Request
from mmied.bench.optimize.scripted import ScriptedCalls

_INSTALL = "pip install 'mmied[onnx]'"
_NEEDS = {"onnx": _INSTALL, "onnxscript": _INSTALL, "onnxruntime": _INSTALL}


def applicable(request: Request) -> str | None:
    """Say why a runtime that takes exported float32 graphs on the CPU cannot take this model; None where it can."""
    if not request.examples:
        return "it needs example_inputs to export the model with"
    if request.config.modules:
        return "it cannot be limited to some modules: the exported graph has none"
    if any(tensor.is_cuda for tensor in request.model.parameters()):
        return "its integer kernels run on the CPU alone"
    if any(tensor.is_floating_point() and tensor.dtype is not torch.float32 for tensor in request.model.parameters()):
        return "the model is not float32"
    return None


class _Reader:
    """Gives calibration samples to ONNX Runtime, one batch a time."""

    def __init__(self, request: Request, names: list[str]) -> None:
        self._rest: Iterator[dict[str, Any]] = (
            {name: tensor.numpy() for name, tensor in self._named(example) if name in names}
            for example in request.examples
        )

    @staticmethod
    def _named(example: Any) -> list[tuple[str, torch.Tensor]]:
        return [(f"input_{index}", tensor.contiguous()) for index, tensor in enumerate(flat_tensors(example))]

    def get_next(self) -> dict[str, Any] | None:
        return next(self._rest, None)


def _apply(request: Request) -> Quantized:
    import onnx
    from onnxruntime import quantization as ort
    from onnxruntime.quantization.shape_inference import quant_pre_process

    exported: FlatProgram | ScriptedCalls
    if isinstance(request.model, torch.jit.ScriptModule):
        exported = ScriptedCalls(request.model, request.examples)
        floating = _unshared(exported.to_onnx())
    else:
        exported = export_flat(request.model, request.examples)
        floating = _unshared(to_onnx(exported))
    per_channel = request.config.per_channel
    with tempfile.TemporaryDirectory(prefix="mmied-onnx-") as folder, _quiet():
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(floating)
        if request.config.quantization_type == "dynamic":
            ort.quantize_dynamic(source, target, per_channel=per_channel, weight_type=ort.QuantType.QInt8)
        else:
            prepared = Path(folder) / "prepared.onnx"
            quant_pre_process(source, prepared, skip_symbolic_shape=True)
            names = [each.name for each in onnx.load(prepared).graph.input]
            ort.quantize_static(
                prepared,
                target,
                _Reader(request, names),
                per_channel=per_channel,
                weight_type=ort.QuantType.QInt8,
                activation_type=ort.QuantType.QUInt8,
                quant_format=ort.QuantFormat.QDQ,
                extra_options={"CalibMovingAverage": False},
            )
        quantized = target.read_bytes()
    weights = _integer_weights(onnx.load_from_string(quantized))
    model = OnnxModel(quantized, **exported.facts)
    return Quantized(
        model=model,
        changed={"tensors": len(weights), "parameters": sum(weights)},
        notes=(*exported.notes, "runs in ONNX Runtime on the CPU: for inference alone"),
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep ONNX Runtime's advice on its own steps out of the root logger, to which it writes."""

    def wanted(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR or "onnxruntime" not in record.pathname

    root = logging.getLogger()
    root.addFilter(wanted)
    try:
        yield
    finally:
        root.removeFilter(wanted)


def _unshared(onnx_file: bytes) -> bytes:
    """Return the file with an own weight for each Gemm.

    ONNX Runtime's quantizer transposes a Gemm's weight where it lies; a weight that two of them share (tied layers,
    or layers that are still equal) is turned twice, and the model is wrong without a word.
    """
    import onnx

    model = onnx.load_from_string(onnx_file)
    _constants_as_weights(model)
    uses = Counter(name for node in model.graph.node for name in node.input)
    weights = {each.name: each for each in model.graph.initializer}
    for index, node in enumerate(model.graph.node):
        if node.op_type != "Gemm" or node.input[1] not in weights or uses[node.input[1]] < 2:
            continue
        own = onnx.TensorProto()
        own.CopyFrom(weights[node.input[1]])
        own.name = f"{own.name}_of_node_{index}"
        model.graph.initializer.append(own)
        uses[node.input[1]] -= 1
        node.input[1] = own.name
    return bytes(model.SerializeToString())


def _constants_as_weights(model: Any) -> None:
    """Move tensors that are nodes, as the weights of frozen TorchScript are, to where the quantizer looks for them."""
    nodes = [node for node in model.graph.node if node.op_type == "Constant" and node.attribute[0].name == "value"]
    for node in nodes:
        weight = model.graph.initializer.add()
        weight.CopyFrom(node.attribute[0].t)
        weight.name = node.output[0]
        model.graph.node.remove(node)


def _integer_weights(model: Any) -> list[int]:
    """Return the elements of each weight that is kept as 8-bit integers; scales and zero points have one dimension."""
    from onnx import TensorProto

    kinds = (TensorProto.INT8, TensorProto.UINT8)
    return [prod(each.dims) for each in model.graph.initializer if each.data_type in kinds and len(each.dims) > 1]


BACKENDS = (
    Backend(
        name="onnxruntime",
        types=("dynamic", "static"),
        needs=_NEEDS,
        versions=("torch", "onnx", "onnxscript", "onnxruntime"),
        good_for="it is maintained, and was the quickest of its kind on a CPU when called as it is",
        applicable=applicable,
        apply=_apply,
    ),
)
