"""Bring a model into a graph: what compilers and other runtimes are given, by each of its routes."""

from typing import Any

from torch import nn

from mmied.bench.models import Inputs
from mmied.bench.optimize.export import FlatProgram, export_flat
from mmied.bench.optimize.script_export import from_torchscript
from mmied.bench.trial.context import Context
from mmied.bench.trial.protocol import NotApplicable
from mmied.errors import ModelError


def examples(context: Context) -> list[Inputs]:
    """Return a call of each deployed batch size; of two samples at least, since one is taken for a constant."""
    return [context.make(size) for size in sorted({max(2, size) for size in context.batch_sizes})]


def as_module(model: Any, context: Context) -> nn.Module:
    """Return a module that torch.export and dynamo can follow: the model itself, or what TorchScript converts to.

    Raises NotApplicable where TorchScript cannot be converted.
    """
    if context.route != "torchscript":
        return model  # type: ignore[no-any-return]
    try:
        return from_torchscript(model, examples(context)[0])
    except ModelError as error:
        raise NotApplicable(str(error)) from error


def exported(module: nn.Module, context: Context) -> FlatProgram:
    """Return a module exported, with its batch size free. Raises NotApplicable where torch.export cannot follow it."""
    try:
        return export_flat(module, examples(context))
    except ModelError as error:
        raise NotApplicable(str(error)) from error


def operators(program: FlatProgram) -> int:
    """Return how many operators a graph has."""
    return sum(node.op == "call_function" for node in program.program.graph.nodes)
