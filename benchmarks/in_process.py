"""Open a model in a process of its own, as a worker does, and measure it there as often as told.

The model is loaded once, and what is compared are calls: side by side, in one process.
"""

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from host import QUIET_CPUS

from mmied.records import ModelSpec, Workload, WorkloadResult

if TYPE_CHECKING:
    from mmied.bench.session import Session

PR_SET_PDEATHSIG = 1
P = ParamSpec("P")
T = TypeVar("T")

_opened: "list[Session]" = []  # in the process that measures: its session


@contextmanager
def session_process(spec: ModelSpec, *, nice: int, scratch: Path) -> Iterator[ProcessPoolExecutor]:
    """Run a process that has the model of `spec` open; what is submitted to it may ask for `opened_session`."""
    # As the launcher sets it: OpenMP reads it once, when the process begins.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(max_workers=1, mp_context=spawn, initializer=_open, initargs=(spec, nice, scratch))
    with pool:
        yield pool


def ask(pool: ProcessPoolExecutor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `function` in the process and return what it returns."""
    return pool.submit(function, *args, **kwargs).result()


def opened_session() -> "Session":
    """Return the session of the process that this is called in."""
    return _opened[0]


def measure(workload: Workload, seconds: float) -> WorkloadResult:
    """Measure one scenario for about `seconds`, as a run does."""
    return opened_session().measure(workload, limit_seconds=seconds)


def was_quiet(*results: WorkloadResult) -> bool:
    """Tell whether nobody else used the host while these were measured."""
    others = [result.iterations.others_cpus for result in results if result.iterations is not None]
    return all(cpus is not None and cpus <= QUIET_CPUS for cpus in others)


def _open(spec: ModelSpec, nice: int, scratch: Path) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a benchmark that is killed leaves nothing behind
    os.nice(nice)
    # Here and not above: the process that waits for the figures needs no torch.
    from mmied.bench.session import Session

    session = Session(spec, scratch=scratch)
    session.open()
    _opened.append(session)
