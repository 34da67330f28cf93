"""Take nested inputs and outputs apart into tensors, and put them together again, in a form that JSON can hold.

Runtimes other than torch take and give flat lists of tensors. What a model's callers know are mappings, sequences,
named tuples and dataclasses, and those have to come back from a file in a process that never saw the model.
"""

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import Any

import torch

from mmied.errors import ModelError

Structure = dict[str, Any]
_CONSTANTS = (type(None), bool, int, float, str)


def take_apart(value: Any, where: str = "value") -> tuple[list[torch.Tensor], Structure]:
    """Return the tensors of a nested value in order, and its structure. Raises ModelError for what neither can hold."""
    if isinstance(value, torch.Tensor):
        return [value], {"is": "tensor"}
    if isinstance(value, _CONSTANTS):
        return [], {"is": "constant", "value": value}
    # Before mappings, since the outputs of transformers are both.
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        return _named(parts, {"is": "dataclass", "class": _path(type(value), where)}, where)
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ModelError(f"{where}: a mapping whose keys are not all text cannot cross into another runtime")
        return _named(value, {"is": "mapping"}, where)
    if isinstance(value, tuple | list):
        kind = "named tuple" if hasattr(value, "_fields") else type(value).__name__
        if kind not in ("tuple", "list", "named tuple"):
            kind = "tuple" if isinstance(value, tuple) else "list"
        extra = {"class": _path(type(value), where)} if kind == "named tuple" else {}
        tensors: list[torch.Tensor] = []
        parts_: list[Structure] = []
        for index, part in enumerate(value):
            found, structure = take_apart(part, f"{where}[{index}]")
            tensors += found
            parts_.append(structure)
        return tensors, {"is": kind, "parts": parts_} | extra
    raise ModelError(
        f"{where}: a {type(value).__name__} cannot cross into another runtime. "
        "Give tensors, numbers and text, nested in lists, tuples, mappings and dataclasses."
    )


def put_together(structure: Structure, tensors: list[Any]) -> Any:
    """Return the nested value of `structure` with `tensors` in their places."""
    rest = iter(tensors)
    value = _build(structure, rest)
    if next(rest, None) is not None:
        raise ModelError("more tensors came back than the model's output has places for")
    return value


def map_tensors(change: Callable[[torch.Tensor], torch.Tensor], value: Any) -> Any:
    """Return a nested value with each tensor changed; what is no container stays the object that it is."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: map_tensors(change, getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
        return type(value)(**parts)
    if isinstance(value, Mapping):
        changed = {key: map_tensors(change, part) for key, part in value.items()}
        return changed if type(value) is dict else type(value)(changed)  # type: ignore[call-arg]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(map_tensors(change, part) for part in value))
    if isinstance(value, tuple | list):
        return type(value)(map_tensors(change, part) for part in value)
    return value


def _named(parts: Mapping[str, Any], head: Structure, where: str) -> tuple[list[torch.Tensor], Structure]:
    tensors: list[torch.Tensor] = []
    structures: dict[str, Structure] = {}
    for name, part in parts.items():
        found, structures[name] = take_apart(part, f"{where}.{name}")
        tensors += found
    return tensors, head | {"parts": structures}


def _build(structure: Structure, rest: Any) -> Any:
    match structure["is"]:
        case "tensor":
            try:
                return next(rest)
            except StopIteration:
                raise ModelError("fewer tensors came back than the model's output has places for") from None
        case "constant":
            return structure["value"]
        case "mapping":
            return {name: _build(part, rest) for name, part in structure["parts"].items()}
        case "dataclass":
            return _class(structure["class"])(**{name: _build(part, rest) for name, part in structure["parts"].items()})
        case "named tuple":
            return _class(structure["class"])(*(_build(part, rest) for part in structure["parts"]))
        case kind:
            parts = [_build(part, rest) for part in structure["parts"]]
            return tuple(parts) if kind == "tuple" else parts


def _path(cls: type, where: str) -> str:
    if "<locals>" in cls.__qualname__:
        raise ModelError(f"{where}: {cls.__qualname__} is defined inside a function. Move it to a module's top level.")
    return f"{cls.__module__}:{cls.__qualname__}"


def _class(path: str) -> Any:
    module, _, name = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ModelError(f"{path}: the model's output is of this class, which cannot be imported: {error}") from error
    return found
