"""Record with pyinstrument: whole Python stacks, a sample a millisecond."""

import importlib.util
import math
from pathlib import Path

from mmied.bench.profilers.recorded import (
    ENTRY,
    Recorded,
    Target,
    built_in,
    is_passage,
    place,
    profiled_call,
    python_name,
)
from mmied.errors import ModelError
from mmied.reports.frames import Stacks

INTERVAL_SECONDS = 0.001  # slows small models by a tenth
SAMPLING_SECONDS = 1.0  # at least: a thousand samples


def require() -> None:
    """Raise ModelError when the package is missing."""
    if importlib.util.find_spec("pyinstrument") is None:
        raise ModelError("--profiler pyinstrument: the package is missing. `pip install pyinstrument`.")


def record(target: Target, *, calls: int, folder: Path) -> Recorded:
    """Sample `calls` calls, or as many more as SAMPLING_SECONDS takes; `folder` is not used."""
    require()
    from pyinstrument import Profiler  # optional: only for those who have it

    calls = max(calls, math.ceil(SAMPLING_SECONDS / target.call_seconds))
    profiler = Profiler(interval=INTERVAL_SECONDS, async_mode="disabled")
    profiler.start()
    for _ in range(calls):
        profiled_call(target)
    session = profiler.stop()
    stacks = Stacks(target.name)
    for identifiers, seconds in session.frame_records:
        _add(stacks, identifiers, seconds)
    return Recorded(frames=stacks.frames(), calls=calls)


def _add(stacks: Stacks, identifiers: list[str], seconds: float) -> None:
    """Add a sample whose frames are “function NUL file NUL line”, then attributes, each after a \\x01."""
    told = [identifier.split("\x01") for identifier in identifiers]
    frames = [(head.split("\x00"), attributes) for head, *attributes in told]
    entries = [index for index, (head, _) in enumerate(frames) if head[0] == ENTRY]
    if not entries:
        return  # between two calls
    index = 0
    for (function, file, line), attributes in frames[entries[0] + 1 :]:
        if file == "<built-in>":
            index = stacks.enter(index, *built_in(function))
        elif not is_passage(function, file):
            cls = next((each[1:] for each in attributes if each.startswith("c")), "")
            index = stacks.enter(index, python_name(function, file, cls), "python", place(file, int(line)))
    stacks.spend(index, seconds)
