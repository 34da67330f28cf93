"""Quantize an exported graph with torchao's PT2E for x86: integers with float operators around, for the compiler."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from mmied.bench.optimize.export import (
    FlatCalls,
    Inputs,
    export_flat,
    flat_tensors,
    flatten_call,
    input_sizes,
    output_structure,
)
from mmied.bench.optimize.graph_model import GraphModel
from mmied.bench.optimize.quantization.backend import Backend, Quantized, Request
from mmied.bench.optimize.quantization.backends.onnxruntime import applicable
from mmied.bench.optimize.quantization.backends.torchao import quiet
from mmied.errors import ModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Traced:
    """A graph to be quantized with calls for it, and what a FlatModel needs besides it."""

    graph: torch.fx.GraphModule
    calls: Sequence[Inputs]
    flattened: Callable[[nn.Module], nn.Module]
    facts: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def _applicable(request: Request) -> str | None:
    if not request.config.per_channel:
        return "its scales are by channel"
    if isinstance(request.model, torch.jit.ScriptModule):
        return "torch.export does not take TorchScript models"
    return applicable(request)


def _apply(request: Request) -> Quantized:
    try:
        traced = _trace(request)
        graph = _quantize(traced, request)
    except ValueError:
        # A module that is called twice (a shared ReLU) confuses its partitions, unless the graph was traced strictly.
        traced = _trace(request, strict=True)
        graph = _quantize(traced, request)
    weights = _integer_weights(graph)
    _drop_unused(graph)
    notes = (*traced.notes, "slower than float32 until torch.compile(model.graph) lowers its integer operators")
    return Quantized(
        model=GraphModel(traced.flattened(graph), **traced.facts),
        changed={"tensors": len(weights), "parameters": sum(weights)},
        notes=notes,
    )


def _trace(request: Request, *, strict: bool = False) -> _Traced:
    model = request.model
    if isinstance(model, torch.fx.GraphModule):
        return _exported_already(model, request.examples)
    exported = export_flat(model, request.examples, strict=strict)
    dynamic = request.config.quantization_type == "dynamic"
    calls = [exported.example] if dynamic else [tuple(flat_tensors(example)) for example in request.examples]
    return _Traced(
        graph=exported.program.module(),
        calls=[(call, {}) for call in calls],
        flattened=lambda graph: graph,
        facts=exported.facts,
        notes=exported.notes,
    )


def _exported_already(model: torch.fx.GraphModule, examples: Sequence[Inputs]) -> _Traced:
    """Take an exported graph as it is: exported once more, it would lose the sources that PT2E finds layers by."""
    tensors, inputs = flatten_call(examples[0])
    sizes = input_sizes(node for node in model.graph.nodes if node.op == "placeholder" and "val" in node.meta)
    if len(sizes) != len(tensors):
        raise ModelError(f"PT2E: the exported graph takes {len(sizes)} tensors, and the example has {len(tensors)}")
    facts = {
        "inputs": inputs,
        "outputs": output_structure(model, inputs, tensors),
        "sizes": sizes,
        "dtypes": [str(tensor.dtype).removeprefix("torch.") for tensor in tensors],
    }
    return _Traced(graph=model, calls=examples, flattened=lambda graph: FlatCalls(graph, inputs), facts=facts)


def _quantize(traced: _Traced, request: Request) -> torch.fx.GraphModule:
    with quiet(), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
        from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

        quantizer = x86.X86InductorQuantizer()
        dynamic = request.config.quantization_type == "dynamic"
        quantizer.set_global(x86.get_default_x86_inductor_quantization_config(is_dynamic=dynamic))
        prepared = prepare_pt2e(traced.graph, quantizer)
        try:
            for args, kwargs in traced.calls:
                prepared(*args, **kwargs)
            return cast(torch.fx.GraphModule, convert_pt2e(prepared))
        except (RuntimeError, AssertionError) as error:
            raise ModelError(f"PT2E: {type(error).__name__}: {str(error)[:300]}") from error


def _integer_weights(graph: torch.fx.GraphModule) -> list[int]:
    tensors = dict(graph.named_parameters()) | dict(graph.named_buffers())
    used = {str(node.target) for node in graph.graph.nodes if node.op == "get_attr"}
    return [
        tensor.numel()
        for name, tensor in tensors.items()
        if name in used and tensor.dtype in (torch.int8, torch.uint8) and tensor.dim() > 1
    ]


def _drop_unused(graph: torch.fx.GraphModule) -> None:
    """Delete the float weights, which the converted graph keeps beside the integers and reads no more."""
    used = {str(node.target) for node in graph.graph.nodes if node.op == "get_attr"}
    for name, _ in [*graph.named_parameters(), *graph.named_buffers()]:
        if name not in used:
            holder, _, leaf = name.rpartition(".")
            delattr(graph.get_submodule(holder), leaf)


BACKENDS = (
    Backend(
        name="pt2e",
        types=("dynamic", "static"),
        needs={"torchao.quantization.pt2e": "pip install 'mmied[quantization]'"},
        versions=("torch", "torchao"),
        good_for="it is maintained, and what torch.compile makes quick",
        applicable=_applicable,
        apply=_apply,
    ),
)
