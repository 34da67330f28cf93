"""Tell in which module of a TorchScript program each operator ran, also for calls that were recorded without it."""

import gzip
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mmied.bench.profilers.events import walk

Hierarchies = Mapping[int, str]  # the scripted modules around an operator, by the operator's correlation


def read_hierarchies(trace_file: Path) -> Hierarchies:
    """Return what a trace made with `with_modules` tells: its file alone has it, not its events."""
    with gzip.open(trace_file, "rt") as file:
        events = json.load(file)["traceEvents"]
    told = (event["args"] for event in events if event.get("cat") == "cpu_op" and "args" in event)
    return {args["External id"]: args["Module Hierarchy"] for args in told if args.get("Module Hierarchy")}


def carry_over(hierarchies: Hierarchies, told: Any, calls: Iterable[Any]) -> Hierarchies | None:
    """Return the hierarchies of other calls than the one that was `told`, by the order in which operators ran.

    Telling modules doubles the time of a small program, so that its calls are timed without. None where a call ran
    other operators.
    """
    wanted = _operators(told)
    carried: dict[int, str] = {}
    for call in calls:
        operators = _operators(call)
        if [event.name for event in operators] != [event.name for event in wanted]:
            return None
        for event, like in zip(operators, wanted, strict=True):
            if like.correlation_id in hierarchies:
                carried[event.correlation_id] = hierarchies[like.correlation_id]
    return carried


def _operators(call: Any) -> list[Any]:
    return [event for event in walk(call.children) if event.tag.name == "TorchOp"]
