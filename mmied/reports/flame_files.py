"""Write a flame graph in the formats that other tools read: folded stacks, speedscope, Chrome's trace events."""

import json
from collections.abc import Iterator

from mmied.reports.frames import FlameGraph, children_of, total_seconds

SPEEDSCOPE_SCHEMA = "https://www.speedscope.app/file-format-schema.json"  # a name that the format wants; not fetched
NANOSECONDS = 1e9


def to_folded(graph: FlameGraph) -> str:
    """Return a line `root;caller;callee N` for each frame with time of its own; N are nanoseconds over all calls."""
    paths: list[str] = []
    lines = []
    for frame in graph.frames:
        name = " ".join(frame.name.replace(";", ",").split())  # what the format itself is made of
        paths.append(name if frame.parent is None else f"{paths[frame.parent]};{name}")
        count = round(frame.self_seconds * NANOSECONDS)
        if count > 0:
            lines.append(f"{paths[-1]} {count}\n")
    return "".join(lines)


def to_speedscope(graph: FlameGraph) -> str:
    """Return the graph as a speedscope file with one evented profile: frames side by side, in seconds."""
    places: dict[tuple[str, str], int] = {}
    events = []
    for opens, index, at in _walk(graph):
        frame = graph.frames[index]
        place = places.setdefault((frame.name, frame.where), len(places))
        events.append({"type": "O" if opens else "C", "frame": place, "at": at})
    name = f"{graph.model} ({graph.profiler}, {graph.calls} calls)"
    profile = {
        "type": "evented",
        "name": name,
        "unit": "seconds",
        "startValue": 0,
        "endValue": events[-1]["at"],
        "events": events,
    }
    frames = [{"name": name} | ({"file": where} if where else {}) for name, where in places]
    return json.dumps(
        {
            "$schema": SPEEDSCOPE_SCHEMA,
            "name": name,
            "exporter": "mmied",
            "activeProfileIndex": 0,
            "shared": {"frames": frames},
            "profiles": [profile],
        },
        separators=(",", ":"),
    )


def to_chrome_trace(graph: FlameGraph) -> str:
    """Return the frames as trace events, merged and side by side: widths are true, the order in time is not."""
    totals = total_seconds(graph.frames)
    events: list[dict[str, object]] = [
        {"ph": "M", "pid": 1, "tid": 1, "name": "process_name", "args": {"name": f"mmied: {graph.model}"}},
        {"ph": "M", "pid": 1, "tid": 1, "name": "thread_name", "args": {"name": f"{graph.profiler}, merged"}},
    ]
    for opens, index, at in _walk(graph):
        if not opens:
            continue
        frame = graph.frames[index]
        events.append(
            {
                "ph": "X",
                "pid": 1,
                "tid": 1,
                "ts": at * 1e6,
                "dur": totals[index] * 1e6,
                "name": frame.name,
                "cat": frame.category,
                "args": {"where": frame.where, "self_seconds": frame.self_seconds, "calls": frame.calls},
            }
        )
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}, separators=(",", ":"))


def _walk(graph: FlameGraph) -> Iterator[tuple[bool, int, float]]:
    """Yield (opens, frame, seconds from the start) as the graph is read from left to right, properly nested."""
    totals = total_seconds(graph.frames)
    children = children_of(graph.frames)
    ends = [totals[0]] * len(totals)
    todo = [(True, 0, 0.0)]
    while todo:
        opens, index, at = todo.pop()
        yield opens, index, at
        if not opens:
            continue
        ends[index] = min(at + totals[index], ends[graph.frames[index].parent or 0])  # rounding opens no gap upwards
        todo.append((False, index, ends[index]))
        below = []
        for child in children[index]:
            below.append((True, child, min(at, ends[index])))
            at += totals[child]
        todo += reversed(below)
