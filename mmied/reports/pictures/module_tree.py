"""Fold a model's modules until they fit into a picture: blocks that repeat become one, cheap insides stay closed."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mmied.inspection import Layer, Layers


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One module, or `times` alike ones in a row; figures are of all of them together, their parts' included.

    `inside` is how many modules it holds that are not among `parts`.
    """

    name: str  # "encoder.layers.0–11" for twelve in a row
    label: str  # the name without that of what it is a part of
    kind: str
    times: int
    seconds: float | None
    self_seconds: float | None
    flops: float | None
    parameters: int
    output: str
    inside: int
    parts: tuple["Module", ...] = ()


@dataclass(slots=True)
class _Group:
    """Modules alike in a row: their indexes among the layers, and where among the groups their parts are."""

    members: list[int]
    parts: list[int]


def fold(layers: Layers, most: int) -> Module | None:
    """Return the tree of modules with at most `most` of them; None where there are no layers.

    The costliest module is opened first, by time where it was measured, else by parameters. Where one has more parts
    than there is room for, its costliest parts are kept, and the others become one module of kind "".
    """
    if not layers.layers:
        return None
    rows = _with_containers(layers.layers)
    groups = _group_alike(rows)
    timed = any(layer.seconds for layer in rows)

    def cost(group: int) -> float:
        return sum((rows[index].seconds or 0.0) if timed else rows[index].parameters for index in groups[group].members)

    opened: dict[int, list[int]] = {}
    room = most - 1
    waiting = [(-cost(0), 0)]
    while waiting and room > 0:
        _, group = heapq.heappop(waiting)
        parts = groups[group].parts
        if not parts or (len(parts) > room and room < 2):
            continue
        kept = parts
        if len(parts) > room:
            costliest = sorted(parts, key=cost, reverse=True)[: room - 1]
            kept = sorted(costliest)
        opened[group] = kept
        room -= len(kept) + (len(kept) < len(parts))
        for part in kept:
            heapq.heappush(waiting, (-cost(part), part))
    return _module(rows, groups, opened, 0, "")


def _with_containers(rows: Sequence[Layer]) -> Sequence[Layer]:
    """Give modules that only hold others, and are never called, the time and the arithmetic of their parts."""
    filled = list(rows)
    times: list[list[float]] = [[] for _ in rows]
    counts: list[list[float]] = [[] for _ in rows]
    for index in range(len(rows) - 1, -1, -1):  # parts come after their whole
        layer = rows[index]
        if layer.seconds is None and times[index]:
            layer = replace(layer, seconds=sum(times[index]), self_seconds=0.0)
        if layer.flops is None and counts[index]:
            layer = replace(layer, flops=sum(counts[index]))
        filled[index] = layer
        if layer.parent is not None:
            times[layer.parent] += [] if layer.seconds is None else [layer.seconds]
            counts[layer.parent] += [] if layer.flops is None else [layer.flops]
    return filled


def _group_alike(rows: Sequence[Layer]) -> list[_Group]:
    """Join neighbours that are of one shape: class, parameters and parts alike. Group 0 is the model itself."""
    parts: list[list[int]] = [[] for _ in rows]
    for index, layer in enumerate(rows):
        if layer.parent is not None:
            parts[layer.parent].append(index)
    shapes: dict[tuple[object, ...], int] = {}
    shape_of = [0] * len(rows)
    for index in range(len(rows) - 1, -1, -1):  # parts come after their whole
        layer = rows[index]
        key = (layer.kind, layer.parameters, layer.calls > 0, tuple(shape_of[part] for part in parts[index]))
        shape_of[index] = shapes.setdefault(key, len(shapes) + 1)
    groups: list[_Group] = [_Group([0], [])]
    place = 0
    while place < len(groups):
        group = groups[place]
        # The parts of alike modules stand at the same places: they are joined across their wholes.
        for column in zip(*(parts[member] for member in group.members), strict=True):
            last = groups[group.parts[-1]] if group.parts else None
            if last is not None and shape_of[last.members[0]] == shape_of[column[0]]:
                last.members.extend(column)
            else:
                group.parts.append(len(groups))
                groups.append(_Group(list(column), []))
        place += 1
    return groups


def _module(
    rows: Sequence[Layer], groups: list[_Group], opened: dict[int, list[int]], place: int, within: str
) -> Module:
    group = groups[place]
    members = [rows[index] for index in group.members]
    first = members[0]
    name = _name([layer.name for layer in members])
    label = name.removeprefix(f"{within}.") if within else name
    whole = Module(
        name=name,
        label=label,
        kind=first.kind,
        times=len(members),
        seconds=_sum([layer.seconds for layer in members]),
        self_seconds=_sum([layer.self_seconds for layer in members]),
        flops=_sum([layer.flops for layer in members]),
        parameters=sum(layer.parameters for layer in members),
        output=first.output,
        inside=_inside(groups, place),
    )
    if place not in opened:
        return whole
    kept = opened[place]
    made = [_module(rows, groups, opened, part, name) for part in kept]
    left = [part for part in group.parts if part not in set(kept)]
    if left:
        made.append(_others(rows, groups, left))
    return replace(whole, parts=tuple(made), inside=0)


def _others(rows: Sequence[Layer], groups: list[_Group], left: Sequence[int]) -> Module:
    members = [rows[index] for part in left for index in groups[part].members]
    return Module(
        name="",
        label=f"{len(members):,} others",
        kind="",
        times=1,
        seconds=_sum([layer.seconds for layer in members]),
        self_seconds=_sum([layer.self_seconds for layer in members]),
        flops=_sum([layer.flops for layer in members]),
        parameters=sum(layer.parameters for layer in members),
        output="",
        inside=len(members) + sum(_inside(groups, part) for part in left),
    )


def _inside(groups: list[_Group], place: int) -> int:
    count, waiting = 0, list(groups[place].parts)
    while waiting:
        part = groups[waiting.pop()]
        count += len(part.members)
        waiting += part.parts
    return count


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _name(names: Sequence[str]) -> str:
    """Return the first name, with the last number of a row of siblings: layers.0–3."""
    first, last = names[0], names[-1]
    if first == last:
        return first
    firsts, lasts = first.split("."), last.split(".")
    if len(firsts) != len(lasts):
        return first
    return ".".join(one if one == other else f"{one}–{other}" for one, other in zip(firsts, lasts, strict=True))
