"""Read from an event tree how a call passes through a model's modules: which ran, when, and what fell into each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mmied.bench.profilers.events import below, on_device
from mmied.bench.profilers.locator import Locator, Node, Step, may_run, runs_operator
from mmied.bench.profilers.scripted import Hierarchies

# What calling a module costs the profiler, in events, and that in the caller: it looks the module up before the event
# begins. Seen with 1,000 ReLU modules: 0.6 µs between them, where an event takes 0.2 µs and the loop 0.1 µs.
CALLING_EVENTS = 2
# What an operator of a scripted module inside an eager one costs, about: the profiler writes out where in the script it
# is. Judged on one mixed model; times inside such models are rough.
SCRIPTED_EVENTS = 3


@dataclass(slots=True)
class Passage:
    """One call of one part. Events and bytes are its own, time holds that of the passages below it."""

    part: int
    parent: int | None
    key: str
    nanoseconds: int = 0
    events: int = 0
    device_nanoseconds: int = 0
    allocated_bytes: int = 0
    freed_bytes: int = 0  # of what was allocated below, and freed while this was the innermost around both
    last: int | None = None  # the passage below whose next operator may belong to the same call


def read_passages(
    calls: Iterable[Any], locator: Locator, hierarchies: Hierarchies, *, space: str = "cpu"
) -> list[list[Passage]]:
    """Return the passages of each profiled call, outer before inner; the first is the whole call.

    Of allocations those of `space` count: cpu or cuda.
    """
    return [_passages(entry, locator, hierarchies, space) for entry in calls]


def _passages(entry: Any, locator: Locator, hierarchies: Hierarchies, space: str) -> list[Passage]:
    passages = [Passage(0, None, "", nanoseconds=entry.duration_time_ns)]
    blocks: dict[int, tuple[int, int]] = {}  # address → passage that allocated it, bytes
    # An event, the passage that it falls into, and whether what is below it is settled: the parts of an operator
    # belong where it does.
    todo: list[tuple[Any, int, bool]] = [
        (child, 0, False) for child in reversed(below(entry, entry.tag.name)) if not _drops_output(child)
    ]
    while todo:
        event, at, settled = todo.pop()
        tag = event.tag.name
        here, cost = at, 1
        match tag:
            case "Kineto" if on_device(event):
                passages[at].device_nanoseconds += event.duration_time_ns
                continue
            case "Allocation":
                if event.typed[1].device.type == space:
                    _account(passages, blocks, at, event.typed[1])
                continue
            case "PyCall" if not settled:
                part = locator.module(event)
                if part is not None and not (part == 0 and at == 0):
                    here = _enter(passages, at, ((part, ""),), event.duration_time_ns)
                    passages[at].events += CALLING_EVENTS
                    cost = 0
                elif (nodes := locator.graph(event, passages[at].part)) is not None:
                    passages[at].events += 1
                    todo += reversed(_run_graph(event, at, nodes, passages, locator))
                    continue
            case "TorchOp":
                if event.correlation_id in hierarchies:
                    cost = SCRIPTED_EVENTS
                    steps = None if settled else locator.scripted(event, passages[at].part, hierarchies)
                    if steps is not None:
                        here, settled = _enter(passages, at, steps, event.duration_time_ns), True
                locator.look(event.name, passages[here].part)
        passages[here].events += cost
        todo += [(child, here, settled) for child in reversed(below(event, tag))]
    return passages


def _enter(passages: list[Passage], at: int, steps: Sequence[Step], nanoseconds: int) -> int:
    """Return the passage that the steps lead to, new or the one that was entered last, and add the time to all."""
    for part, key in steps:
        last = passages[at].last
        if key and last is not None and passages[last].part == part and passages[last].key == key:
            at = last
        else:
            passages.append(Passage(part, at, key))
            passages[at].last = len(passages) - 1 if key else None
            at = len(passages) - 1
        passages[at].nanoseconds += nanoseconds
    passages[at].last = None  # an operator of its own ends the calls below
    return at


def _run_graph(
    forward: Any, at: int, nodes: Sequence[Node], passages: list[Passage], locator: Locator
) -> list[tuple[Any, int, bool]]:
    """Return the events of an exported program's `forward` with the passages of the nodes that they run."""
    calls = [child for child in forward.children if runs_operator(child)]
    matched = len(calls) == len(nodes) and all(
        may_run(call, node) for call, (node, _) in zip(calls, nodes, strict=True)
    )
    if not matched:
        locator.learned.unmatched = True
        return [(child, at, False) for child in forward.children]
    following = iter(nodes)
    placed: list[tuple[Any, int, bool]] = []
    for child in forward.children:
        if runs_operator(child):
            _, steps = next(following)
            placed.append((child, _enter(passages, at, steps, child.duration_time_ns), True))
        else:
            placed.append((child, at, False))
    return placed


def _drops_output(event: Any) -> bool:
    """Tell whether an event of the profiled call itself frees what the model returned, which a caller would keep."""
    return bool(event.tag.name == "Allocation" and event.typed[1].alloc_size < 0)


def _account(passages: list[Passage], blocks: dict[int, tuple[int, int]], at: int, allocation: Any) -> None:
    size = allocation.alloc_size
    if size > 0:
        passages[at].allocated_bytes += size
        blocks[allocation.ptr] = (at, size)
    elif allocation.ptr in blocks:
        taken, size = blocks.pop(allocation.ptr)
        passages[_around(passages, at, taken)].freed_bytes += size


def _around(passages: Sequence[Passage], one: int, other: int) -> int:
    """Return the innermost passage that holds both."""
    while one != other:
        if one > other:  # a passage stands behind the one around it
            one, other = other, one
        other = passages[other].parent or 0
    return one
