"""List the modules that a model is made of, each once, in the order of its tree."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mmied.inspection import Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A module of a model. `module` is None where an exported program only remembers that there was one."""

    name: str
    kind: str
    parent: int | None
    module: Any
    shared_as: tuple[str, ...] = ()


def module_of(model: Any) -> torch.nn.Module | None:
    """Return the module that a callable is, is a method of, or says that it wraps; None where there is none."""
    for found in (model, getattr(model, "__self__", None), getattr(model, "__wrapped__", None)):
        if isinstance(found, torch.nn.Module):
            return found
    return None


def parts_of(model: Any) -> tuple[Part, ...]:
    """Return the parts of a model, itself first. What is no torch module is a single part.

    A module that stands under two names is one part with the first, and the second among `shared_as`; the names of
    what is below it are not repeated.
    """
    module = module_of(model)
    if module is None:
        return (Part(name="", kind=_kind(model), parent=None, module=model),)
    if is_exported(module):
        return _parts_of_exported(module)
    found: list[tuple[str, int | None, torch.nn.Module]] = []
    indexes: dict[int, int] = {}
    shared: dict[int, list[str]] = {}
    todo: list[tuple[str, int | None, torch.nn.Module]] = [("", None, module)]
    while todo:
        name, parent, part = todo.pop()
        if id(part) in indexes:
            shared.setdefault(indexes[id(part)], []).append(name)
            continue
        index = indexes[id(part)] = len(found)
        found.append((name, parent, part))
        below = [(f"{name}.{local}" if name else local, index, child) for local, child in _children(part)]
        todo += reversed(below)
    return tuple(
        Part(name=name, kind=_kind(part), parent=parent, module=part, shared_as=tuple(sorted(shared.get(index, ()))))
        for index, (name, parent, part) in enumerate(found)
    )


def layer_of(part: Part) -> Layer:
    """Return a part with what it holds. Parameters that it has more than once count once."""
    module = part.module
    parameters = (
        [one for one in module.parameters() if not torch.nn.parameter.is_lazy(one)]
        if isinstance(module, torch.nn.Module)
        else []
    )
    return Layer(
        name=part.name,
        kind=part.kind,
        parent=part.parent,
        parameters=sum(one.numel() for one in parameters),
        trainable_parameters=sum(one.numel() for one in parameters if one.requires_grad),
        parameter_bytes=sum(one.numel() * one.element_size() for one in parameters),
        shared_as=part.shared_as,
    )


def is_exported(module: Any) -> bool:
    """Tell whether a module is an exported program: a flat graph, whose nodes remember the modules they came from."""
    return isinstance(module, torch.fx.GraphModule) and any(
        node.meta.get("nn_module_stack") for node in module.graph.nodes
    )


def module_stack(node: Any) -> list[tuple[str, str, str]]:
    """Return the modules that a node of an exported program came from, outermost first: key, name and class.

    The key tells the calls of a module apart: the second has a suffix, "@1".
    """
    stack: Mapping[str, tuple[str, Any]] = node.meta.get("nn_module_stack") or {}
    return [
        (key, name.partition("@")[0], (cls if isinstance(cls, str) else cls.__qualname__).rpartition(".")[2])
        for key, (name, cls) in stack.items()
    ]


def _parts_of_exported(module: Any) -> tuple[Part, ...]:
    """Return the modules that the graph remembers, in the order in which they run, then those that never do."""
    kinds = {name: kind for node in module.graph.nodes for _, name, kind in module_stack(node)}
    kinds = {"": kinds.get("", _kind(module))} | kinds
    registered: dict[str, torch.nn.Module] = dict(module.named_modules())
    for name, part in registered.items():
        kinds.setdefault(name, _kind(part))
    below: dict[str, list[str]] = {}
    for name in kinds:
        if name:
            below.setdefault(next(outer for outer in _outer(name) if outer in kinds), []).append(name)
    parts: list[Part] = []
    todo: list[tuple[str, int | None]] = [("", None)]
    while todo:
        name, parent = todo.pop()
        todo += [(child, len(parts)) for child in reversed(below.get(name, []))]
        parts.append(Part(name=name, kind=kinds[name], parent=parent, module=registered.get(name)))
    return tuple(parts)


def _outer(name: str) -> Iterator[str]:
    while name:
        name = name.rpartition(".")[0]
        yield name


def _children(module: torch.nn.Module) -> Sequence[tuple[str, torch.nn.Module]]:
    # Not named_children: it leaves out the second name of a child that stands twice in one module.
    return [(local, child) for local, child in module._modules.items() if child is not None]


def _kind(module: Any) -> str:
    original = getattr(module, "original_name", None) if isinstance(module, torch.jit.ScriptModule) else None
    return str(original or type(module).__name__)
