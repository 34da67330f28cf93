"""Write a flame graph, or the difference of two, as one HTML file that works from a disk, without any network."""

import html
import json
import time
from pathlib import Path
from typing import Any

from mmied.reports.flame_difference import Difference, name_around
from mmied.reports.frames import FlameGraph, total_seconds
from mmied.reports.kinds import KINDS

TEMPLATE = Path(__file__).with_name("flame_page.html")
LARGEST = 10


def to_html(graph: FlameGraph, difference: Difference | None = None) -> str:
    """Return the page; with a `difference`, frames are coloured by it."""
    title = f"{graph.model}: {'difference of two flame graphs' if difference else 'flame graph'}"
    data = {
        "title": title,
        "facts": _facts(graph, difference),
        "notes": [*graph.notes, *(difference.notes if difference else ())],
        "calls": graph.calls,
        "kinds": [[kind.name, kind.colour] for kind in KINDS],
        "rows": _rows(graph, difference),
        "difference": difference is not None,
    } | _columns(graph, difference)
    # Inside a script element only "<" can end it.
    embedded = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    head, _, tail = TEMPLATE.read_text(encoding="utf-8").partition("{{data}}")
    return head.replace("{{title}}", html.escape(title)) + embedded + tail


def _columns(graph: FlameGraph, difference: Difference | None) -> dict[str, Any]:
    """Return the frames by columns, and each text once: a third of the size."""
    texts: dict[str, int] = {}
    kinds = [kind.name for kind in KINDS]
    frames = graph.frames
    return {
        "name": [texts.setdefault(frame.name, len(texts)) for frame in frames],
        "where": [texts.setdefault(frame.where, len(texts)) for frame in frames],
        "parent": [-1 if frame.parent is None else frame.parent for frame in frames],
        "kind": [kinds.index(frame.category if frame.category in kinds else "other") for frame in frames],
        "own": [float(f"{frame.self_seconds:.6g}") for frame in frames],
        "count": [frame.calls for frame in frames],
        "before": [None if seconds is None else float(f"{seconds:.6g}") for seconds in difference.before_seconds]
        if difference
        else None,
        "texts": list(texts),
    }


def _facts(graph: FlameGraph, difference: Difference | None) -> list[str]:
    facts = [
        graph.profiler,
        f"{graph.calls} {'call' if graph.calls == 1 else 'calls'}",
        f"batch size {graph.batch_size}",
        graph.device,
        "time of kernels" if graph.clock == "device" else "time of the calling thread",
        _day(graph.at),
    ]
    if graph.bare_call_seconds is not None:
        facts.insert(0, f"{format_seconds(graph.bare_call_seconds)} when not profiled")
    if graph.environment is not None:
        told = graph.environment.stable
        facts += [f"{key} {told[key]}" for key in ("torch", "threads") if told.get(key) is not None]
    if graph.revision is not None:
        facts.append(f"revision {graph.revision[:12]}")
    if difference is not None:
        facts.append(f"against {difference.before.model} of {_day(difference.before.at)}")
    return facts


def _rows(graph: FlameGraph, difference: Difference | None) -> list[list[Any]]:
    """Return the table's rows: frame, what is around it, seconds per call before (or None) and now."""
    if difference is not None:
        return [[row.name, row.within, row.before_seconds, row.after_seconds] for row in difference.largest]
    frames = graph.frames
    largest = sorted(range(len(frames)), key=lambda index: -frames[index].self_seconds)[:LARGEST]
    return [
        [frames[index].name, name_around(frames, index), None, frames[index].self_seconds / graph.calls]
        for index in largest
        if frames[index].self_seconds > 0
    ]


def format_seconds(seconds: float) -> str:
    """Return a duration with three digits and a fitting unit."""
    for scale, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))


def total_call_seconds(graph: FlameGraph) -> float:
    """Return the seconds that a call took, profiled."""
    return total_seconds(graph.frames)[0] / graph.calls
