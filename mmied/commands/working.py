"""Run a command's worker in a folder of its own, under a line that tells how far it has come."""

import contextlib
import fcntl
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mmied.bench.own_inputs import brings_inputs
from mmied.codec import from_json
from mmied.commands.progress import Progress
from mmied.config.input_text import INPUT_EXAMPLE
from mmied.daemon.jobs import new_run_id
from mmied.daemon.launch import run_job
from mmied.daemon.outcome import Limits
from mmied.errors import MmiedError
from mmied.records import Job, ModelSpec, Run, Workload

LOCK = "in-use"  # held while a command works in the folder: the kernel lets go of it, whatever ends the command


@contextlib.contextmanager
def working_folder(command: str) -> Iterator[Path]:
    """Give a folder that goes when the work is done; those of commands that were killed go first."""
    prefix = f"mmied-{command}-"
    _sweep(prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        with (folder / "draft").open("x") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / "draft").rename(folder / LOCK)  # nobody sees it unlocked
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(prefix: str) -> None:
    """Remove the folders of this user whose commands are no more.

    Others' are not even opened: anybody may put a pipe in the temporary folder, on which opening would hang.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*/{LOCK}"):
        with contextlib.suppress(OSError):  # in use, or gone meanwhile
            if left.parent.lstat().st_uid == os.geteuid():
                with left.open() as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(left.parent)


def run_worker(
    spec: ModelSpec,
    workloads: Sequence[Workload],
    folder: Path,
    *,
    worker: Sequence[str],
    limits: Limits,
    progress: Progress,
    name: str | None = None,
    seconds: float = 1.0,
) -> Run:
    """Run `worker` on a model and return what came of it; `name` is what the progress calls it."""
    job = Job(
        run_id=new_run_id(time.time()),
        kind="check",
        model=spec,
        workloads=tuple(workloads),
        scenario_seconds=seconds,
        memory_bytes=limits.memory_bytes,
    )
    progress.begin(name or spec.name, phase_of(folder))
    try:
        return run_job(
            job,
            folder=folder,
            limits=limits,
            host=socket.gethostname(),
            stop=threading.Event(),
            environ=os.environ,
            cache=folder / "cache",
            worker=worker,
        )
    finally:
        progress.clear()


def phase_of(folder: Path) -> Callable[[], str | None]:
    """Return what tells where the worker in `folder` is."""

    def phase() -> str | None:
        with contextlib.suppress(OSError, MmiedError):  # not there yet
            return from_json(Run, (folder / "run.json.part").read_bytes()).phase
        return None

    return phase


def require_success(run: Run) -> None:
    """Raise MmiedError with the worker's own sentence unless it succeeded; its log goes to standard error."""
    if run.outcome != "succeeded":
        sys.stderr.write(run.log_tail)
        raise MmiedError(f"{run.model}: {sentence_of(run)}")


def sentence_of(run: Run) -> str:
    """Return what went wrong with a run, its limits named as a command's options."""
    said = run.message or run.outcome
    return said.replace("`budget.run_timeout`", "--timeout").replace("`budget.worker_memory`", "--worker-memory")


def require_inputs(spec: ModelSpec) -> None:
    """Raise MmiedError for a model that neither tells its inputs nor was given any."""
    if not spec.inputs and not brings_inputs(spec.source):
        raise MmiedError(
            f"{spec.name}: a {spec.source.kind} model does not tell its inputs. Give one text an input, such as "
            f"{INPUT_EXAMPLE}, or recorded samples with --dataset samples.npz; file=samples.npz and "
            "factory=package.module:function are taken too."
        )


def require_writable(folder: Path, option: str) -> None:
    """Raise MmiedError for a folder that cannot be written, before the minutes are spent."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise unwritable(folder, option, error) from error


def unwritable(folder: Path, option: str, error: OSError) -> MmiedError:
    """Return the error that says so."""
    return MmiedError(f"{option}: {folder} cannot be written: {error.strerror}. Give another folder.")
