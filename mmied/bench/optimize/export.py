"""Export a model as a graph of flat tensors whose batch size, and whatever else varies, stays free."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from mmied.bench.optimize.structure import Structure, map_tensors, put_together, take_apart
from mmied.errors import ModelError

Inputs = tuple[tuple[Any, ...], dict[str, Any]]


class FlatCalls(nn.Module):
    """Gives a model flat inputs and outputs, so that exporters meet no container that they have not heard of."""

    def __init__(self, model: nn.Module, inputs: Structure) -> None:
        super().__init__()
        self.model = model
        self.inputs = inputs

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given = put_together(self.inputs, list(tensors))
        return tuple(take_apart(self.model(*given["args"], **given["kwargs"]), "output")[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatProgram:
    """An exported model. `facts` are the keyword arguments of a FlatModel."""

    program: ExportedProgram
    example: tuple[torch.Tensor, ...]
    facts: Mapping[str, Any]
    notes: tuple[str, ...]


def export_flat(model: nn.Module, examples: Sequence[Inputs], *, strict: bool = False) -> FlatProgram:
    """Export `model`, which is in evaluation mode, by its example calls.

    Sizes that differ between the examples are left free, and the first dimension where all tensors share it.
    Raises ModelError where torch.export cannot follow the model.
    """
    notes: list[str] = []
    tensors, inputs = flatten_call(examples[0])
    if not tensors:
        raise ModelError("exporting: the example inputs hold no tensor")
    free = free_dimensions(tensors, [flatten_call(example)[0] for example in examples[1:]])
    if any(tensor.shape[0] == 1 for tensor, dims in zip(tensors, free, strict=True) if 0 in dims):
        # torch.export takes a size of one for a constant.
        tensors = [torch.cat([t, t]) if 0 in dims else t for t, dims in zip(tensors, free, strict=True)]
    flat = FlatCalls(model, inputs)
    flat.training = False
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs = output_structure(model, inputs, tensors)
        shapes = tuple(dict.fromkeys(dims, Dim.AUTO) for dims in free)
        try:
            program = torch.export.export(flat, tuple(tensors), dynamic_shapes=(shapes,), strict=strict)
        except Exception as error:
            raise ModelError(
                f"torch.export cannot follow {type(model).__name__}: {type(error).__name__}: {_first_line(error)}"
            ) from error
    sizes = _sizes(program)
    fixed = [i for i, (dims, row) in enumerate(zip(free, sizes, strict=True)) if 0 in dims and row[0] is not None]
    if fixed:
        notes.append(f"the batch size is fixed at {tensors[0].shape[0]}: the model's code depends on it")
    dtypes = [str(tensor.dtype).removeprefix("torch.") for tensor in tensors]
    facts = {"inputs": inputs, "outputs": outputs, "sizes": sizes, "dtypes": dtypes}
    return FlatProgram(program=program, example=tuple(tensors), facts=facts, notes=tuple(notes))


def flat_tensors(example: Inputs) -> list[torch.Tensor]:
    """Return the tensors of a call in the order in which an exported graph takes them."""
    return flatten_call(example)[0]


def flatten_call(example: Inputs) -> tuple[list[torch.Tensor], Structure]:
    """Return the tensors of a call, and the structure that they stood in."""
    return take_apart({"args": list(example[0]), "kwargs": dict(example[1])}, "inputs")


def free_dimensions(tensors: list[torch.Tensor], others: list[list[torch.Tensor]]) -> list[set[int]]:
    """Return for each tensor the dimensions that no exported graph should fix: the batch, and whatever varies."""
    batches = {tensor.shape[0] for tensor in tensors if tensor.dim()}
    free = [{0} if tensor.dim() and len(batches) == 1 else set() for tensor in tensors]
    for other in others:
        for dims, mine, theirs in zip(free, tensors, other, strict=True):
            dims |= {d for d in range(min(mine.dim(), theirs.dim())) if mine.shape[d] != theirs.shape[d]}
    return free


def output_structure(model: nn.Module, inputs: Structure, tensors: list[torch.Tensor]) -> Structure:
    """Return the structure of what a model gives. Raises ModelError where it refuses the inputs."""
    given = put_together(inputs, [tensor.clone() for tensor in tensors])
    try:
        output = model(*given["args"], **given["kwargs"])
    except Exception as error:
        raise ModelError(
            f"{type(model).__name__} refuses the example inputs (batch {tensors[0].shape[:1]}): "
            f"{type(error).__name__}: {_first_line(error)}"
        ) from error
    found, structure = take_apart(output, "output")
    if not found:
        raise ModelError(f"{type(model).__name__}: its output holds no tensor")
    return structure


def _sizes(program: ExportedProgram) -> list[list[int | None]]:
    names = set(program.graph_signature.user_inputs)
    return input_sizes(node for node in program.graph.nodes if node.op == "placeholder" and node.name in names)


def input_sizes(placeholders: Iterable[torch.fx.Node]) -> list[list[int | None]]:
    """Return the sizes that a graph's inputs have to have; None where any is taken."""
    return [[size if isinstance(size, int) else None for size in node.meta["val"].shape] for node in placeholders]


def zeros_for(sizes: Sequence[Sequence[int | None]], dtypes: Sequence[str]) -> tuple[torch.Tensor, ...]:
    """Return tensors that fit an exported graph's inputs; of two where the size is free."""
    return tuple(
        torch.zeros([2 if size is None else size for size in row], dtype=getattr(torch, dtype))
        for row, dtype in zip(sizes, dtypes, strict=True)
    )


def detach(value: Any) -> Any:
    """Return a nested value whose tensors are no part of anybody's autograd graph."""
    return map_tensors(lambda tensor: tensor.detach(), value)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
