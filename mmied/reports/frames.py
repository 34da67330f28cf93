"""Flame graphs as records: frames in a tree, with the time that each of them took by itself.

The tree is kept flat, each frame with the index of its parent, which stands before it: a stack of ten thousand frames
is then no deeper than any other list, for us and for every reader of the JSON.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mmied.codec import from_json
from mmied.errors import MmiedError
from mmied.records import Environment

Clock = Literal["host", "device"]

VERSION = 1
SMALL = "(small)"
MAX_FRAMES = 5_000
SMALLEST_RATIO = 1e-4  # of the whole: a tenth of a pixel on a wide screen


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A function, module, operator or kernel below one path of callers.

    `self_seconds` is over all calls of the graph, without its children's. `calls` is 0 where the profiler samples and
    does not count. `where` is its source, as file:line.
    """

    name: str
    category: str  # a name of kinds.KINDS
    self_seconds: float
    parent: int | None  # index of the caller; None for the first frame alone
    calls: int = 0
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlameGraph:
    """Where the time of `calls` calls of a model went. On the device clock it is kernels' time, else the caller's."""

    version: Literal[1] = 1
    kind: Literal["flamegraph"] = "flamegraph"
    model: str
    profiler: str
    device: str
    batch_size: int
    calls: int
    at: float
    clock: Clock = "host"
    bare_call_seconds: float | None = None  # about what a warm call takes while nobody looks
    revision: str | None = None  # SHA-256 of the model's files
    environment: Environment | None = None
    notes: tuple[str, ...] = ()  # what a reader of the figures should know
    frames: tuple[Frame, ...]


class Stacks:
    """Grows a tree of frames; siblings of one name are one frame."""

    def __init__(self, root: str) -> None:
        self._frames = [Frame(name=root, category="other", self_seconds=0.0, parent=None)]
        self._seconds = [0.0]
        self._calls = [0]
        self._known: dict[tuple[int, str], int] = {}

    def enter(self, parent: int, name: str, category: str, where: str = "") -> int:
        """Return the index of the child of `parent` that has this name; 0 is the root."""
        key = (parent, name)
        if key not in self._known:
            self._known[key] = len(self._frames)
            self._frames.append(Frame(name=name, category=category, self_seconds=0.0, parent=parent, where=where))
            self._seconds.append(0.0)
            self._calls.append(0)
        return self._known[key]

    def spend(self, index: int, seconds: float, *, calls: int = 0) -> None:
        """Add to a frame's own time, and to how often it was called."""
        self._seconds[index] += seconds
        self._calls[index] += calls

    def frames(self) -> tuple[Frame, ...]:
        """Return what was grown."""
        grown = zip(self._frames, self._seconds, self._calls, strict=True)
        return tuple(replace(frame, self_seconds=seconds, calls=calls) for frame, seconds, calls in grown)


def total_seconds(frames: Sequence[Frame]) -> list[float]:
    """Return each frame's time with its children's, over all calls."""
    totals = [frame.self_seconds for frame in frames]
    for index in range(len(frames) - 1, 0, -1):
        parent = frames[index].parent
        assert parent is not None
        totals[parent] += totals[index]
    return totals


def children_of(frames: Sequence[Frame]) -> list[list[int]]:
    """Return the indexes of each frame's children, in their order."""
    children: list[list[int]] = [[] for _ in frames]
    for index, frame in enumerate(frames):
        if frame.parent is not None:
            children[frame.parent].append(index)
    return children


def merge_small(
    frames: Sequence[Frame], *, limit: int = MAX_FRAMES, smallest_ratio: float = SMALLEST_RATIO
) -> tuple[Frame, ...]:
    """Return the `limit` frames with the largest totals, and of them those of at least `smallest_ratio` of the whole.

    What goes is summed up under its caller as SMALL, so that every total stays as it was.
    """
    totals = total_seconds(frames)
    floor = smallest_ratio * totals[0]
    largest = sorted(range(len(frames)), key=lambda index: (-totals[index], index))[:limit]
    kept = {0} | {index for index in largest if totals[index] >= floor and totals[index] > 0}
    stacks = Stacks(frames[0].name)
    stacks.spend(0, frames[0].self_seconds, calls=frames[0].calls)
    places = {0: 0}
    for index, frame in enumerate(frames):
        if frame.parent not in places:  # the root, or below what is summed up
            continue
        parent = places[frame.parent]
        if index in kept:
            places[index] = stacks.enter(parent, frame.name, frame.category, frame.where)
            stacks.spend(places[index], frame.self_seconds, calls=frame.calls)
        elif totals[index] > 0:
            stacks.spend(stacks.enter(parent, SMALL, "other"), totals[index])
    return stacks.frames()


def read_flamegraph(text: str | bytes, name: str) -> FlameGraph:
    """Return the flame graph that `text` holds. Raises MmiedError, which calls the text `name`."""
    try:
        graph = from_json(FlameGraph, text)
    except MmiedError as error:
        hint = f"Give the .json that `mmied flamegraph` of this version (format {VERSION}) wrote."
        raise MmiedError(f"{name}: {error}. {hint}") from error
    if not _is_tree(graph):
        raise MmiedError(f"{name}: its frames make no tree. Was it edited? Profile again.")
    return graph


def _is_tree(graph: FlameGraph) -> bool:
    frames = graph.frames
    return (
        bool(frames)
        and graph.calls > 0
        and frames[0].parent is None
        and all(frame.parent is not None and 0 <= frame.parent < index for index, frame in enumerate(frames) if index)
        and all(math.isfinite(frame.self_seconds) and frame.self_seconds >= 0 for frame in frames)
    )
