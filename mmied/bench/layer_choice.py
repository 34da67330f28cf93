"""Find the layers that somebody asks for by the names that people give to parts of models."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmied.errors import MmiedError
from mmied.inspection import Layer, Layers


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerProfile:
    """The layers that a name stands for. Sums leave out a layer that is part of another one here."""

    name: str
    layers: tuple[Layer, ...]
    seconds: float | None
    share: float | None  # of the whole call
    parameters: int
    flops: float | None
    allocated_bytes: int | None
    calls: float


def choose_layers(found: Layers, names: Sequence[str] | None) -> Mapping[str, LayerProfile]:
    """Return what each of `names` stands for, by that name; without names each layer by its own.

    A name is the dotted path of a layer; else it stands for each layer whose path or class holds it, capitals or not:
    "attention" for `self_attn` of the class MultiheadAttention too. Raises MmiedError where it stands for none.
    """
    if names is None:
        return {layer.name: _sum(found, layer.name, [index]) for index, layer in enumerate(found.layers)}
    chosen = {name: _matching(found.layers, name) for name in names}
    missing = [name for name, indexes in chosen.items() if not indexes]
    if missing:
        raise MmiedError(" ".join(_missing(found.layers, name) for name in missing))
    return {name: _sum(found, name, indexes) for name, indexes in chosen.items()}


def _matching(layers: Sequence[Layer], name: str) -> list[int]:
    exact = [index for index, layer in enumerate(layers) if name == layer.name or name in layer.shared_as]
    if exact:
        return exact
    word = name.lower()
    return [
        index
        for index, layer in enumerate(layers)
        if layer.parent is not None and word and (word in layer.name.lower() or word in layer.kind.lower())
    ]


def _sum(found: Layers, name: str, indexes: Sequence[int]) -> LayerProfile:
    layers = found.layers
    chosen = set(indexes)
    outermost = [layers[index] for index in indexes if not chosen & set(_ancestors(layers, index))]
    seconds = _total([layer.seconds for layer in outermost])
    whole = layers[0].seconds or found.call_seconds
    return LayerProfile(
        name=name,
        layers=tuple(layers[index] for index in indexes),
        seconds=seconds,
        share=seconds / whole if seconds is not None and whole else None,
        parameters=sum(layer.parameters for layer in outermost),
        flops=_total([layer.flops for layer in outermost]),
        allocated_bytes=_whole(_total([layer.allocated_bytes for layer in outermost])),
        calls=sum(layer.calls for layer in outermost),
    )


def _ancestors(layers: Sequence[Layer], index: int) -> list[int]:
    found = []
    parent = layers[index].parent
    while parent is not None:
        found.append(parent)
        parent = layers[parent].parent
    return found


def _total(figures: Sequence[float | int | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None


def _whole(figure: float | None) -> int | None:
    return None if figure is None else int(figure)


def _missing(layers: Sequence[Layer], name: str) -> str:
    words = sorted({layer.name for layer in layers if layer.name} | {layer.kind for layer in layers})
    parts = {part for layer in layers for part in layer.name.split(".") if part}
    near = difflib.get_close_matches(name, [*words, *parts], n=3, cutoff=0.5) or words[:5]
    return f'layer_names: no layer is called "{name}" or is of such a class. Near are {", ".join(near)}.'
