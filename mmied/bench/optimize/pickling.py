"""Pickle modules that hold TorchScript or exported graphs, which pickle alone cannot."""

import io
import pickle
import types
import warnings
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves, tree_unflatten

PROTOCOL = 4  # torch.save's own 2 writes bytes as text: a graph's file within would take half as much again


class _Pickler(pickle.Pickler):
    """Writes a foreign graph in its own format, inside of the pickle."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, torch.jit.ScriptModule):
            return read_torchscript, (torchscript_bytes(obj), getattr(obj, "training", None))
        if isinstance(obj, torch.fx.GraphModule) and hasattr(obj, "_in_spec"):
            return read_exported, (exported_bytes(obj), keyword_names(obj))
        if hasattr(type(obj), "get_qconv"):
            return read_integer_convolution, (type(obj), obj.__getstate__())
        return NotImplemented


# What torch.save takes for a pickle module: it makes its own pickler out of this one.
_module: Any = types.ModuleType("mmied.bench.optimize.pickling")
_module.Pickler = _Pickler


def pickled(model: nn.Module) -> bytes:
    """Return a whole model as torch.save writes it."""
    buffer = io.BytesIO()
    torch.save(model, buffer, pickle_module=_module, pickle_protocol=PROTOCOL)
    return buffer.getvalue()


def torchscript_bytes(model: torch.jit.ScriptModule) -> bytes:
    """Return a TorchScript model as a file."""
    buffer = io.BytesIO()
    torch.jit.save(model, buffer)
    return buffer.getvalue()


def read_torchscript(data: bytes, training: bool | None) -> nn.Module:
    """Return the TorchScript model of a file, in the mode that it was in; a frozen one has none."""
    model: nn.Module = torch.jit.load(io.BytesIO(data))
    return model if training is None else model.train(training)


def read_integer_convolution(kind: type[nn.Module], state: Any) -> nn.Module:
    """Return a convolution of torch.ao, whose own way to come back from a pickle leaves it without its foundations."""
    module = kind.__new__(kind)
    nn.Module.__init__(module)
    module.__setstate__(state)
    return module


def exported_bytes(model: torch.fx.GraphModule) -> bytes:
    """Return the module of an exported program as a .pt2 file, with the weights and the dtype that it has by now.

    It takes the tensors of a call one by one: torch exports no module anew whose keyword inputs have free sizes.
    """
    nodes = [node for node in model.graph.nodes if node.op == "placeholder" and "val" in node.meta]
    floating = next((each.dtype for each in model.parameters() if each.is_floating_point()), torch.float32)
    values = []
    for node in nodes:
        wanted = node.meta["val"]
        sizes = [size if isinstance(size, int) else int(size.node.hint) for size in wanted.shape]
        dtype = floating if wanted.dtype.is_floating_point else wanted.dtype
        values.append(torch.zeros(sizes, dtype=dtype, device=wanted.device))
    free = tuple(
        {dim: torch.export.Dim.AUTO for dim, size in enumerate(node.meta["val"].shape) if not isinstance(size, int)}
        for node in nodes
    )
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(_OneByOne(model), tuple(values), dynamic_shapes=(free,))
        torch.export.save(program, buffer)
    return buffer.getvalue()


def keyword_names(model: torch.fx.GraphModule) -> list[str]:
    """Return the names of an exported graph's keyword inputs in its own order."""
    return list(tree_unflatten([None] * model._in_spec.num_leaves, model._in_spec)[1])


def read_exported(data: bytes, names: list[str]) -> nn.Module:
    """Return the module that `exported_bytes` wrote, to be called as it was before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Recalled(torch.export.load(io.BytesIO(data)).module(), names)


class Recalled(nn.Module):
    """Calls a graph that takes tensors one by one with positional and keyword inputs."""

    def __init__(self, graph: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.graph = graph
        self.names = names
        self.training = False

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.graph(*tree_leaves((args, {name: kwargs[name] for name in self.names})))


class _OneByOne(nn.Module):
    def __init__(self, model: torch.fx.GraphModule) -> None:
        super().__init__()
        self.model = model
        self.structure = model._in_spec

    def forward(self, *tensors: torch.Tensor) -> Any:
        args, kwargs = tree_unflatten(tensors, self.structure)
        return self.model(*args, **kwargs)
