"""Lay the layers of a model out as the rows of a tree, with the share of each figure that a bar shows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mmied.formats import amount, seconds, size
from mmied.inspection import Layer, Layers

MOST_ROWS = 1_000  # of ten thousand layers a browser makes a slow page; the JSON has them all
OPEN_ROWS = 40  # a tree is opened as deep as so many rows show


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """One layer in its tree; shares are of the largest figure, None where there is none."""

    index: int
    layer: Layer
    name: str  # the last part: its parents stand above it
    depth: int
    parent: int | None
    parts: int
    open: bool
    hidden: bool
    shares: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a layer as a column of the tree."""

    name: str  # of the field of Layer
    title: str
    of: Callable[[Layer], float | None]  # what its bar is drawn of
    say: Callable[[float | None], str]
    colour: str
    hint: str = ""


FIGURES = (
    Figure("seconds", "Time", lambda it: it.seconds, seconds, "var(--p50)"),
    Figure("self_seconds", "Own time", lambda it: it.self_seconds, seconds, "var(--p50)", "Without its parts"),
    Figure(
        "device_seconds",
        "Kernels",
        lambda it: it.device_seconds,
        seconds,
        "var(--p50)",
        "Time of the kernels that it launched",
    ),
    Figure("flops", "FLOPs", lambda it: it.flops, amount, "var(--throughput)"),
    Figure("parameters", "Parameters", lambda it: it.parameters or None, amount, "var(--p95)"),
    Figure(
        "allocated_bytes",
        "Allocated",
        lambda it: it.allocated_bytes,
        size,
        "var(--memory)",
        "While it ran, freed again or not",
    ),
    Figure("kept_bytes", "Kept", lambda it: it.kept_bytes, size, "var(--memory)", "Still there when it ended"),
)


def layer_rows(layers: Layers) -> tuple[LayerRow, ...]:
    """Return the rows of `layers`, parts below what they are parts of; of very many the costliest."""
    rows = layers.layers
    kept = _kept(rows)
    children: dict[int | None, list[int]] = {}
    for index in sorted(kept):
        children.setdefault(rows[index].parent, []).append(index)
    depths = _depths(rows)
    deepest_open = _deepest_open([depths[index] for index in kept])
    largest = {it.name: max((it.of(layer) or 0.0 for layer in rows), default=0.0) for it in FIGURES}
    out: list[LayerRow] = []
    waiting = list(reversed(children.get(None, [])))
    while waiting:  # a chain of ten thousand layers is deeper than Python recurses
        index = waiting.pop()
        layer = rows[index]
        parts = children.get(index, [])
        waiting.extend(reversed(parts))
        out.append(
            LayerRow(
                index=index,
                layer=layer,
                name=_last(layer, rows),
                depth=depths[index],
                parent=layer.parent,
                parts=len(parts),
                open=depths[index] < deepest_open,
                hidden=depths[index] > deepest_open,
                shares={it.name: _share(it.of(layer), largest[it.name]) for it in FIGURES},
            )
        )
    return tuple(out)


def known_figures(layers: Layers) -> tuple[Figure, ...]:
    """Return the figures that any layer has."""
    return tuple(it for it in FIGURES if any(it.of(layer) is not None for layer in layers.layers))


def _kept(rows: Sequence[Layer]) -> set[int]:
    """Return the indexes to show: all of few, else the costliest with all that they are parts of."""
    if len(rows) <= MOST_ROWS:
        return set(range(len(rows)))
    kept: set[int] = set()
    for index in sorted(range(len(rows)), key=lambda index: (-(rows[index].seconds or 0.0), index)):
        line = list(_line(index, rows))
        if len(kept.union(line)) <= MOST_ROWS:
            kept.update(line)
        if len(kept) == MOST_ROWS:
            break
    return kept


def _line(index: int | None, rows: Sequence[Layer]) -> Iterable[int]:
    while index is not None:
        yield index
        index = rows[index].parent


def _depths(rows: Sequence[Layer]) -> list[int]:
    depths: list[int] = []
    for layer in rows:  # a part stands after what it is a part of
        depths.append(0 if layer.parent is None else depths[layer.parent] + 1)
    return depths


def _deepest_open(depths: Sequence[int]) -> int:
    """Return the deepest level to show at first: as many as OPEN_ROWS holds, the first two at least."""
    deepest = max(depths, default=0)
    for level in range(1, deepest + 1):
        if level > 1 and sum(depth <= level for depth in depths) > OPEN_ROWS:
            return level - 1
    return deepest


def _last(layer: Layer, rows: Sequence[Layer]) -> str:
    if layer.parent is None:
        return layer.name or "the model"
    above = rows[layer.parent].name
    return layer.name.removeprefix(f"{above}.") if above else layer.name


def _share(value: float | None, largest: float) -> float | None:
    return None if value is None else value / largest if largest else 0.0
