"""Weights, and where the kind says so activations, of 8 or 4 bits, by each of the library's backends."""

from dataclasses import replace
from typing import Any, cast

from torch import nn

from mmied.bench.candidates.aot_package import packaged
from mmied.bench.candidates.compilation import compiled
from mmied.bench.candidates.graphs import as_module, examples
from mmied.bench.optimize.graph_model import GraphModel
from mmied.bench.optimize.package_model import to_package
from mmied.bench.optimize.quantization import DynamicQuantizer, QuantizationConfig, StaticQuantizer
from mmied.bench.optimize.quantization.backend import Request
from mmied.bench.optimize.quantization.choosing import fitting_backends
from mmied.bench.optimize.recipe import recipe_of
from mmied.bench.trial.context import Applied, Context
from mmied.bench.trial.protocol import NotApplicable

OTHER_RUNTIMES = ("onnxruntime", "openvino")


def apply(
    model: Any, context: Context, *, kind: str, backend: str, bits: int = 8, lower: str | None = None
) -> nn.Module | Applied:
    """Quantize by `backend`, and lower what comes out with "compile" or into a "package".

    Raises NotApplicable where the backend says that the model is not for it, and ModelError where calibration data
    does not do or nothing was changed.
    """
    module = _module(model, context, backend)
    config = QuantizationConfig(quantization_type=kind, bits=bits, backend=backend)
    calls = examples(context)
    reasons: list[str] = []
    if not list(fitting_backends(Request(model=module, config=config, examples=calls), reasons)):
        raise NotApplicable("; ".join(reasons))
    quantizer = (
        StaticQuantizer(module, config, context.calibration)
        if kind == "static"
        else DynamicQuantizer(module, config, example_inputs=calls[0])
    )
    quantized = quantizer.optimize()
    recipe = recipe_of(quantized)
    assert recipe is not None
    if lower is None:
        return quantized
    graph = quantized if isinstance(quantized, GraphModel) else None
    if lower == "package":
        package = to_package(cast(GraphModel, graph).exported(), cast(GraphModel, graph).facts(), context.device)
        changed = {**recipe.changed, "bytes": len(package.package)}
        return packaged(package, replace(recipe, backend=f"{backend}, inductor", changed=changed))
    applied = compiled(quantized, context, freezing=True, part=graph.graph if graph is not None else None)
    return replace(
        applied,
        changed={**recipe.changed, **applied.changed},
        notes=(*recipe.notes, *applied.notes),
        lock_in=(*applied.lock_in, *recipe.packages),
    )


def _module(model: Any, context: Context, backend: str) -> nn.Module:
    try:
        return as_module(model, context)
    except NotApplicable:
        if backend not in OTHER_RUNTIMES:
            raise
        return model  # type: ignore[no-any-return]  # theirs are importers of TorchScript too, that know other models
