"""How large is a model in memory? Parameters and buffers, each tensor once, also where they are packed or constants."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from mmied.inspection import Sizes

Key = tuple[Any, ...]


def sizes_of(model: Any) -> Sizes | None:
    """Return the sizes of a module, scripted and exported ones included; None for what is not one, as packages are.

    A quantized module keeps its weights packed, and a frozen TorchScript module as constants of its graph, where
    weights and other constants look alike: both count as parameters that are not trainable.
    """
    if not isinstance(model, torch.nn.Module):
        return None
    parameters = _once(model.parameters())
    packed = _once(_packed(model), known=parameters)
    if isinstance(model, torch.jit.ScriptModule) and not parameters and not packed:
        packed = _once(_constants(model))
    buffers = _once(model.buffers(), known=parameters | packed)
    return Sizes(
        parameters=sum(tensor.numel() for tensor in (*parameters.values(), *packed.values())),
        trainable_parameters=sum(tensor.numel() for tensor in parameters.values() if tensor.requires_grad),
        parameter_bytes=sum(map(tensor_bytes, (*parameters.values(), *packed.values()))),
        buffer_bytes=sum(map(tensor_bytes, buffers.values())),
    )


def tensor_bytes(tensor: torch.Tensor) -> int:
    """Return the bytes of a tensor's elements; of a quantized one those of the tensors that it is made of."""
    if is_traceable_wrapper_subclass(tensor):
        names, _ = tensor.__tensor_flatten__()
        return sum(tensor_bytes(getattr(tensor, name)) for name in names)
    if tensor.layout is torch.sparse_coo:
        return tensor_bytes(tensor._indices()) + tensor_bytes(tensor._values())
    return tensor.numel() * tensor.element_size()


def _once(tensors: Iterable[torch.Tensor], known: dict[Key, torch.Tensor] | None = None) -> dict[Key, torch.Tensor]:
    """Return the tensors that are not `known`, each memory once: tied weights may be two objects after exporting."""
    found = {_key(tensor): tensor for tensor in tensors}
    return found if known is None else {key: tensor for key, tensor in found.items() if key not in known}


def _key(tensor: torch.Tensor) -> Key:
    plain = tensor.layout is torch.strided and not is_traceable_wrapper_subclass(tensor) and not tensor.is_meta
    if not plain or tensor.numel() == 0:
        return (id(tensor),)
    return (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype)


def _packed(model: torch.nn.Module) -> Iterator[torch.Tensor]:
    """Yield the weights and biases that quantized modules keep in objects of their own."""
    for module in model.modules():
        yield from _unpack(getattr(module, "_packed_params", None))
        for packed in getattr(module, "_all_weight_values", None) or ():  # of recurrent ones
            yield from _unpack(packed.param)


def _unpack(packed: Any) -> Iterator[torch.Tensor]:
    todo = [packed]
    while todo:
        found = todo.pop()
        if isinstance(found, torch.Tensor):
            yield found
        elif isinstance(found, tuple | list):
            todo += found
        elif isinstance(found, torch.ScriptObject):
            method = next((name for name in ("unpack", "__getstate__") if hasattr(found, name)), None)
            if method is not None:
                todo.append(getattr(found, method)())


def _constants(model: torch.jit.ScriptModule) -> Iterator[torch.Tensor]:
    graph: Any = model.inlined_graph  # held while its nodes are looked at: they die with it
    for node in graph.findAllNodes("prim::Constant"):
        if node.hasAttribute("value") and node.kindOf("value") == "t":
            tensor = node.t("value")
            if tensor.is_floating_point() and tensor.numel() > 1:
                yield tensor
