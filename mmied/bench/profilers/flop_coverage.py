"""What share of the time goes to operators that are counted? From a trace of the model as it is served."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmied.bench.profilers.events import is_range, on_device
from mmied.bench.profilers.recorded import Target, cut
from mmied.bench.profilers.torch_trace import event_tree, trace
from mmied.reports.kinds import kind_of_operation

TRACE_SECONDS = 0.3
TRACE_CALLS = 20
MAX_UNCOUNTED = 8
UNCOUNTED_RATIO = 0.01  # of the time; less is not worth a reader's look
# Ranges that torch.compile marks: their own time is that of the kernels that it made.
_COMPILED = ("Torch-Compiled Region", "## Call CompiledFxGraph")


@dataclass(slots=True)
class _Node:
    """One operator of a trace. `counted` is the operator that its time belongs to: itself, or one above it."""

    name: str
    parent: int | None
    counted: str | None
    nanoseconds: int  # own
    leads: bool = False  # to a counted one


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Own nanoseconds of operators, by name: of those that are counted, and of the others."""

    counted: Mapping[str, int]
    others: Mapping[str, int]


def trace_operators(target: Target) -> Sequence[Any]:
    """Return the event trees of some calls. The first use of the profiler costs more and is thrown away."""
    calls = max(1, min(TRACE_CALLS, int(TRACE_SECONDS / target.call_seconds)))
    trace(target, 1, with_stack=False)
    return event_tree(trace(target, calls, with_stack=False))


def spent_by_operator(roots: Sequence[Any], counted: Collection[str]) -> Spent:
    """Return where the own time of operators went, the device's where kernels were seen and else the host's.

    What runs below a counted operator belongs to it. An operator that only leads to counted ones, as aten::linear
    does, computes nothing itself and is left out, and so is what moves memory.
    """
    nodes: list[_Node] = []
    kernels: dict[int, int] = defaultdict(int)  # nanoseconds of those that a node launched
    todo: list[tuple[Any, int | None]] = [(root, None) for root in reversed(roots)]
    while todo:
        event, parent = todo.pop()
        if _is_operator(event):
            above = nodes[parent].counted if parent is not None else None
            own = event.duration_time_ns - sum(c.duration_time_ns for c in event.children if c.tag.name == "TorchOp")
            nodes.append(
                _Node(event.name, parent, above or (event.name if event.name in counted else None), max(0, own))
            )
            parent = len(nodes) - 1
        elif on_device(event) and parent is not None:
            kernels[parent] += event.duration_time_ns
        todo += [(child, parent) for child in reversed(event.children)]
    if kernels:
        for index, node in enumerate(nodes):
            node.nanoseconds = kernels[index]
    for node in reversed(nodes):
        if node.parent is not None and (node.counted or node.leads):
            nodes[node.parent].leads = True
    spent: dict[bool, dict[str, int]] = {True: defaultdict(int), False: defaultdict(int)}
    for node in nodes:
        if node.counted:
            spent[True][node.counted] += node.nanoseconds
        elif not (node.leads and node.name.startswith("aten::")) and kind_of_operation(node.name) != "memory":
            spent[False][node.name] += node.nanoseconds
    return Spent(counted=dict(spent[True]), others=dict(spent[False]))


def _is_operator(event: Any) -> bool:
    """Tell whether an event is an operator, or compiled code, and no range that the program marks."""
    return event.tag.name == "TorchOp" and (not is_range(event) or event.name.startswith(_COMPILED))


def coverage_ratio(spent: Spent) -> float | None:
    """Return the share of the time that counted operators took; None where no operator took any."""
    counted, others = sum(spent.counted.values()), sum(spent.others.values())
    return counted / (counted + others) if counted + others else None


def costliest_uncounted(spent: Spent) -> tuple[str, ...]:
    """Return the names of the operators that are not counted and worth a look, costliest first."""
    floor = UNCOUNTED_RATIO * (sum(spent.counted.values()) + sum(spent.others.values()))
    names = sorted(spent.others, key=lambda name: -spent.others[name])
    return tuple(cut(name) for name in names if spent.others[name] > floor)[:MAX_UNCOUNTED]
