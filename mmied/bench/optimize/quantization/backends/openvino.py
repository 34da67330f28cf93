"""Quantize a model's OpenVINO form with NNCF, by calibration data."""

import contextlib
import io
import logging
import warnings
from math import prod
from typing import Any

import torch

from mmied.bench.optimize.export import FlatProgram, export_flat, flat_tensors
from mmied.bench.optimize.openvino_model import OpenVinoModel, import_openvino, to_bytes
from mmied.bench.optimize.quantization.backend import Backend, Quantized, Request
from mmied.bench.optimize.quantization.backends import onnxruntime
from mmied.bench.optimize.scripted import ScriptedCalls
from mmied.errors import ModelError

_INSTALL = "pip install 'mmied[openvino]'"


def _applicable(request: Request) -> str | None:
    if not request.config.per_channel:
        return "NNCF chooses scales by channel where a layer's kind has them, and takes no other wish"
    return onnxruntime.applicable(request)


def _apply(request: Request) -> Quantized:
    openvino = import_openvino()
    # NNCF draws progress bars on the standard output, and warns of what its own imports have deprecated.
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import nncf

        logging.getLogger("nncf").setLevel(logging.ERROR)
        exported: FlatProgram | ScriptedCalls
        if isinstance(request.model, torch.jit.ScriptModule):
            exported = ScriptedCalls(request.model, request.examples)
            graph = _convert(openvino, exported.model, example_input=tuple(exported.tensors))
        else:
            exported = export_flat(request.model, request.examples)
            graph = _convert(openvino, exported.program)
        samples = [[tensor.numpy() for tensor in flat_tensors(example)] for example in request.examples]
        # Without model_type: what it adds for transformers (SmoothQuant) was seen to cost two digits of fidelity.
        quantized = nncf.quantize(graph, nncf.Dataset(samples), subset_size=len(samples))
    weights = _integer_weights(quantized)
    xml, data = to_bytes(quantized)
    model = OpenVinoModel(xml, data, **exported.facts)
    return Quantized(
        model=model,
        changed={"tensors": len(weights), "parameters": sum(weights)},
        notes=(*exported.notes, "runs in OpenVINO on the CPU: for inference alone"),
    )


def _convert(openvino: Any, model: Any, **settings: Any) -> Any:
    try:
        return openvino.convert_model(model, **settings)
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()] or [""]
        raise ModelError(f"openvino.convert_model: {type(error).__name__}: {lines[-1][:300]}") from error


def _integer_weights(graph: Any) -> list[int]:
    """Return the elements of each weight that is kept as 8-bit integers."""
    return [
        prod(node.get_output_shape(0))
        for node in graph.get_ops()
        if node.get_type_name() == "Constant"
        and node.get_output_element_type(0).get_type_name() in ("i8", "u8")
        and len(node.get_output_shape(0)) > 1
    ]


BACKENDS = (
    Backend(
        name="openvino",
        types=("static",),
        needs={"openvino": _INSTALL, "nncf": _INSTALL},
        versions=("torch", "openvino", "nncf"),
        good_for="it is maintained, and was the quickest of its kind on a CPU when called as it is",
        applicable=_applicable,
        apply=_apply,
    ),
)
