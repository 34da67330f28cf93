"""Tell on a terminal how far a long command has come; in a pipe, a line for each model."""

import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from typing import Self, TextIO

from mmied.records import Run

REDRAW_SECONDS = 0.2
BAR_CELLS = 20
_COUNTED = re.compile(r"([0-9]+)/([0-9]+) (.*)")


class Progress:
    """A line on standard error that is redrawn while a model is under way, and stays with what came of it."""

    def __init__(self, *, total: int, stream: TextIO | None = None) -> None:
        self._total = total
        self._stream = stream or sys.stderr
        self._done = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._halt()

    def begin(self, name: str, phase: Callable[[], str | None]) -> None:
        """Show `name` as under way; `phase` says where it is."""
        self._halt()
        if not self._stream.isatty():
            return
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._draw, args=(name, phase, self._stop), daemon=True)
        self._thread.start()

    def clear(self) -> None:
        """Take the living line away, and count the model as done."""
        self._halt()
        self._done += 1

    def end(self, run: Run) -> None:
        """Show what came of the model under way."""
        self.clear()
        self._stream.write(f"[{self._done}/{self._total}] {run.model}: {_outcome(run)}\n")
        self._stream.flush()

    def _halt(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self._stream.write("\r\x1b[K")

    def _draw(self, name: str, phase: Callable[[], str | None], stop: threading.Event) -> None:
        began = time.monotonic()
        while not stop.wait(REDRAW_SECONDS):
            seconds = time.monotonic() - began
            where = with_bar(phase() or "start")
            line = f"[{self._done + 1}/{self._total}] {name}: {where} ({seconds:.0f} s)"
            width = shutil.get_terminal_size().columns - 1  # a line that wraps could not be taken away again
            self._stream.write(f"\r\x1b[K{line[:width]}")
            self._stream.flush()


def with_bar(phase: str) -> str:
    """Return a phase with a bar before it where it is counted: "3/12 measure b8"."""
    match = _COUNTED.fullmatch(phase)
    if match is None:
        return phase
    ratio = min(1.0, int(match[1]) / max(1, int(match[2])))
    full = round(ratio * BAR_CELLS)
    return f"{'━' * full}{'─' * (BAR_CELLS - full)} {ratio:4.0%} {match[3]}"


def _outcome(run: Run) -> str:
    """Return the outcome of a run in a line: the medians of its scenarios, or what went wrong."""
    parts = []
    for result in run.results:
        name = result.workload.scenario
        if result.outcome != "succeeded":
            parts.append(f"{name} {result.outcome}: {result.message}")
        elif result.latency is not None and "0.5" in result.latency.quantiles:
            parts.append(f"{name} p50 {result.latency.quantiles['0.5'] * 1e3:.3g} ms")
        elif result.latency is not None:
            parts.append(f"{name} {result.latency.samples} samples, too few for a median")
        elif result.first_call_seconds is not None:
            parts.append(f"{name} ok, first call {result.first_call_seconds * 1e3:.3g} ms")
    same = {result.message for result in run.results} == {run.message}
    return f"{run.outcome}: {run.message}" if run.message is not None and (same or not parts) else ", ".join(parts)
