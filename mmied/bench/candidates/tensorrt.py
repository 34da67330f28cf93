"""The model as TensorRT runs it, in float16 where that is quicker."""

from typing import Any

import torch

from mmied.bench.candidates.graphs import as_module, exported
from mmied.bench.optimize.graph_model import GraphModel
from mmied.bench.trial.context import Applied, Context
from mmied.bench.trial.protocol import NotApplicable
from mmied.errors import ModelError

LOCK_IN = ("this kind of GPU, for which the engines are built", "torch-tensorrt")


def apply(model: Any, context: Context) -> Applied:
    """Build engines for what TensorRT knows of the model. The proof is their number."""
    import torch_tensorrt

    program = exported(as_module(model, context), context)
    try:
        graph = torch_tensorrt.dynamo.compile(
            program.program, arg_inputs=program.example, enabled_precisions={torch.float32, torch.float16}
        )
    except Exception as error:
        lines = str(error).splitlines() or [""]
        raise NotApplicable(f"Torch-TensorRT cannot build it: {type(error).__name__}: {lines[0][:300]}") from error
    engines = sum("TensorRT" in type(module).__name__ for module in graph.modules())
    if not engines:
        raise ModelError("Torch-TensorRT built no engine: all of the model stayed torch")
    call = GraphModel(graph, **program.facts)
    return Applied(call=call, changed={"engines": engines}, notes=program.notes, lock_in=LOCK_IN)
