"""Walk the event tree that torch.profiler keeps: which events are of a profiled call, and which of the device."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from mmied.bench.profilers.recorded import ENTRY

_RUNTIME = re.compile(r"(?:cuda|cu|hip)[A-Z]")  # calls of the driver on the host; all else of Kineto is the device's


def walk(roots: Sequence[Any]) -> Iterator[Any]:
    """Return every event, callers first and in the order of time."""
    todo = list(reversed(roots))
    while todo:
        event = todo.pop()
        yield event
        todo += reversed(event.children)


def entries(roots: Sequence[Any]) -> Iterator[Any]:
    """Return the event of each profiled call."""
    todo = list(reversed(roots))
    while todo:
        event = todo.pop()
        if is_entry(event):
            yield event
        else:
            todo += reversed(event.children)


def is_entry(event: Any) -> bool:
    """Tell whether an event is a profiled call: the Python function of that name, or a range that bears it."""
    match event.tag.name:
        case "PyCall":
            return bool(event.name.endswith(f": {ENTRY}"))
        case "TorchOp":
            return bool(event.name == ENTRY)
    return False


def on_device(event: Any) -> bool:
    """Tell whether an event is a kernel, a copy or a fill on the device."""
    return event.tag.name == "Kineto" and _RUNTIME.match(event.name) is None


def is_range(event: Any) -> bool:
    """Tell whether an event is a range that the program marks with `record_function`, and no operator."""
    return bool(event.tag.name == "TorchOp" and event.typed[1].scope.name == "USER_SCOPE")


def below(event: Any, tag: str) -> list[Any]:
    """Return the events that run within an event. Its tag is given since to read it costs as much as all the rest.

    Not so: a range that Python opens, which outlasts the function that opens it; and the image of a range on the
    device, which bears its name and is no work.
    """
    children: list[Any] = event.children
    match tag:
        case "PyCCall":
            taken = event.duration_time_ns
            return [child for child in children if not (is_range(child) and child.duration_time_ns > taken)]
        case "TorchOp" if is_range(event):
            return [child for child in children if not (on_device(child) and child.name == event.name)]
    return children
