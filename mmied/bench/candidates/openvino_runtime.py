"""The model as OpenVINO runs it, in float32 or, where one says so, in bfloat16."""

import warnings
from typing import Any

from torch import nn

from mmied.bench.candidates.graphs import as_module, exported, operators
from mmied.bench.optimize.openvino_model import OpenVinoModel, import_openvino, to_bytes
from mmied.bench.optimize.recipe import Recipe, attach
from mmied.bench.trial.context import Context
from mmied.bench.trial.protocol import NotApplicable

WORDS = {"f32": "float32", "bf16": "bfloat16"}


def apply(model: Any, context: Context, *, precision: str) -> nn.Module:
    """Convert the model to OpenVINO. Left alone that would compute in bfloat16 for float32: `precision` is told it."""
    program = exported(as_module(model, context), context)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what its own importer does
            graph = import_openvino().convert_model(program.program)
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
        raise NotApplicable(f"the model has no form in OpenVINO: {type(error).__name__}: {lines[0][:300]}") from error
    xml, weights = to_bytes(graph)
    recipe = Recipe(
        kind="OpenVINO",
        backend="openvino",
        settings={"precision": WORDS[precision]},
        changed={"operators": operators(program), "bytes": len(xml) + len(weights)},
        packages=("torch", "openvino"),
        notes=(*program.notes, f"computes in {WORDS[precision]}; runs in OpenVINO on the CPU: for inference alone"),
    )
    return attach(OpenVinoModel(xml, weights, precision=precision, **program.facts), recipe)
