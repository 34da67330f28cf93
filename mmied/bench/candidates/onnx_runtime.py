"""The model as ONNX Runtime runs it, in float32."""

from typing import Any

from torch import nn

from mmied.bench.candidates.graphs import as_module, exported, operators
from mmied.bench.optimize.onnx_model import OnnxModel, to_onnx
from mmied.bench.optimize.recipe import Recipe, attach
from mmied.bench.trial.context import Context
from mmied.bench.trial.protocol import NotApplicable
from mmied.errors import ModelError

PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime")


def apply(model: Any, context: Context) -> nn.Module:
    """Export the model to ONNX. The proof is the operators that ONNX Runtime got."""
    program = exported(as_module(model, context), context)
    try:
        file = to_onnx(program)
    except ModelError as error:
        raise NotApplicable(f"the model has no form in ONNX: {error}") from error
    recipe = Recipe(
        kind="ONNX Runtime",
        backend="onnxruntime",
        settings={"precision": "float32"},
        changed={"operators": operators(program), "bytes": len(file)},
        packages=PACKAGES,
        notes=(*program.notes, "runs in ONNX Runtime on the CPU: for inference alone"),
    )
    return attach(OnnxModel(file, **program.facts), recipe)
