"""Record with py-spy, which samples from outside: Python's frames with the native ones between them."""

import ctypes
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from mmied.bench.profilers.recorded import ENTRY, Recorded, Target, cut, is_passage, place, profiled_call, python_name
from mmied.errors import ModelError
from mmied.reports.frames import Frame, Stacks
from mmied.reports.kinds import kind_of_operation

RATE_HERTZ = 200  # no cost could be measured at it
SAMPLING_SECONDS = 3  # at least: 600 samples
START_SECONDS = 60  # reading the symbols of torch's libraries takes some
_INTERPRETER = re.compile(r"_?Py[A-Z_]|0x[0-9a-f]+$|method_vectorcall|cfunction_|slot_tp_|object_vacall")
PR_SET_PTRACER, PR_SET_PTRACER_ANY = 0x59616D61, ctypes.c_ulong(-1)


def require() -> None:
    """Raise ModelError when py-spy is missing."""
    _program()


def record(target: Target, *, calls: int, folder: Path) -> Recorded:
    """Let py-spy sample this process for `calls` calls, or for SAMPLING_SECONDS where those are more.

    Raises ModelError where it may not, or sees nothing.
    """
    seconds = max(SAMPLING_SECONDS, math.ceil(calls * target.call_seconds))
    output = folder / "py-spy.json"
    # Where Yama lets only parents trace, a process may name who else does; elsewhere this is refused, harmlessly.
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)
    arguments = ["record", "--native", "--nolineno", "--full-filenames", "--format", "speedscope"]
    arguments += ["--rate", str(RATE_HERTZ), "--duration", str(seconds), "--pid", str(os.getpid())]
    with (folder / "py-spy.txt").open("w+") as told:
        spy = subprocess.Popen(
            [_program(), *arguments, "--output", str(output)], stdin=subprocess.DEVNULL, stdout=told, stderr=told
        )
        began, made = time.monotonic(), 0
        try:
            while spy.poll() is None and time.monotonic() - began < seconds + START_SECONDS:
                profiled_call(target)
                made += 1
            call_seconds = (time.monotonic() - began) / max(1, made)
        finally:
            if spy.poll() is None:
                spy.kill()
            spy.wait()
        told.seek(0)
        if spy.returncode != 0 or not output.exists():
            raise ModelError(_why(told.read()))
    frames, sampled_seconds = read_samples(output.read_text(), root=target.name)
    # The loop begins before the sampling does: as many calls count as fit into what was sampled.
    return Recorded(frames=frames, calls=max(1, round(sampled_seconds / call_seconds)))


def read_samples(text: str, *, root: str) -> tuple[tuple[Frame, ...], float]:
    """Return the frames below the profiled calls in a speedscope file of py-spy's, and the seconds that they cover.

    Raises ModelError where no sample fell into a call.
    """
    document = json.loads(text)
    known = document["shared"]["frames"]
    stacks = Stacks(root)
    sampled_seconds = 0.0
    for thread in document["profiles"]:
        for sample, seconds in zip(thread["samples"], thread["weights"], strict=True):
            names = [known[frame]["name"] for frame in sample]
            if ENTRY not in names:
                continue  # another thread, or between two calls
            index = 0
            for frame in sample[names.index(ENTRY) + 1 :]:
                index = _enter(stacks, index, known[frame])
            stacks.spend(index, seconds)
            sampled_seconds += seconds
    if not sampled_seconds:
        raise ModelError("--profiler py-spy: no sample fell into a call. Give more calls with --num-runs.")
    return stacks.frames(), sampled_seconds


def _enter(stacks: Stacks, parent: int, frame: dict[str, Any]) -> int:
    name, file = frame["name"], frame.get("file") or ""
    if file.endswith(".py"):
        # A method is told as “Class.method” by newer Pythons.
        if is_passage(name.rpartition(".")[2], file):
            return parent
        return stacks.enter(parent, cut(python_name(name, file)), "python", place(file, 0))
    if _INTERPRETER.match(name):
        return parent  # the interpreter's own frames between two of Python's
    return stacks.enter(parent, cut(name), kind_of_operation(name), place(file, 0))


def _program() -> str:
    beside = Path(sys.prefix) / "bin"
    found = shutil.which("py-spy", path=f"{beside}{os.pathsep}{os.environ.get('PATH', os.defpath)}")
    if found is None:
        raise ModelError("--profiler py-spy: the program is missing. `pip install py-spy`.")
    return found


def _why(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if any("ermission" in line or "not permitted" in line for line in lines):
        return (
            "--profiler py-spy: the kernel does not let it read this process (ptrace). Run as root, set "
            "`sysctl kernel.yama.ptrace_scope=1`, or give the container `--cap-add SYS_PTRACE`."
        )
    return f"--profiler py-spy: it gave up: {' '.join(lines)[-300:] or 'without a word'}"
