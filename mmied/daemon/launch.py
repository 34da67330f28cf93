"""Run one job in a worker process, wait asleep, and end it when it must be ended.

The border is a folder: job.json in, run.json out, log.txt for what the worker prints. The worker's process group is
killed whole when its time is up, its memory limit is passed or the daemon stops.
"""

import contextlib
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

from mmied.codec import to_json
from mmied.daemon.cgroup import WorkerGroup
from mmied.daemon.outcome import End, Limits, account_for
from mmied.records import Job, Run

SLICE_SECONDS = 0.25  # between two looks at the worker's memory
LOG_LIMIT_BYTES = 1 << 20
LOG_TAIL_BYTES = 8 << 10
RUN_MARK = "MMIED_RUN_ID"  # in the environment of a worker and of all that it starts, whatever session they move to
# What a worker may see of the daemon's environment: where programs and libraries are, never what may be secret.
PASSED_ON = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "PYTHONPATH",
    "VIRTUAL_ENV",
)
PASSED_ON_PREFIXES = (
    "LC_",
    "OMP_",
    "KMP_",
    "GOMP_",
    "MKL_",
    "CUDA_",
    "NVIDIA_",
    "TORCH",
    "PYTORCH_",
    "TRITON_",
    "XDG_CACHE",
)


def run_job(
    job: Job,
    *,
    folder: Path,
    limits: Limits,
    host: str,
    stop: threading.Event,
    environ: Mapping[str, str],
    cache: Path,
    group: WorkerGroup | None = None,
    worker: Sequence[str] = ("mmied.bench.worker",),
) -> Run:
    """Run `job` in a worker and return what came of it; never raises for what the worker does.

    `worker` is the module to run, and what it wants to be told behind the folder. `folder` is the run's own, made
    here unless it is there. `stop` set from elsewhere ends the run; it is then recorded as refused.
    Raises OSError when the folder cannot be written or no process can be started.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.json").write_text(to_json(job))
    started_at = time.time()
    command = [sys.executable, "-m", worker[0], str(folder), *worker[1:]]
    try:
        end = _supervise(command, folder, limits, stop, _environment(environ, job, cache), group)
    finally:
        _kill_marked(job.run_id)
    return account_for(job, folder, end=end, limits=limits, host=host, started_at=started_at)


def _environment(environ: Mapping[str, str], job: Job, cache: Path) -> dict[str, str]:
    passed = {
        name: value for name, value in environ.items() if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)
    }
    defaults = {
        # Spinning OpenMP threads beside one busy neighbour turned 0.12 ms into 24 ms.
        "OMP_WAIT_POLICY": "PASSIVE",
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
        "TRITON_CACHE_DIR": str(cache / "triton"),
        "HF_HUB_OFFLINE": "1",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # as NVML counts, so that cuda:1 is GPU 1
        "KINETO_LOG_LEVEL": "6",
    }
    return defaults | passed | {RUN_MARK: job.run_id}


def _supervise(
    command: list[str],
    folder: Path,
    limits: Limits,
    stop: threading.Event,
    environment: dict[str, str],
    group: WorkerGroup | None,
) -> End:
    log_path = folder / "log.txt"
    began = time.monotonic()
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    watch = _Watch(log_path)
    try:
        _confine(process.pid, limits, group)
    except Exception:
        _kill_group(process.pid)
        process.wait()
        raise
    killed_for = None
    descriptor = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        while not poll.poll(SLICE_SECONDS * 1000):
            watch.look(process.pid)
            if stop.is_set():
                killed_for = "stop"
            elif time.monotonic() - began > limits.timeout_seconds:
                killed_for = "timeout"
            elif limits.memory_bytes is not None and watch.peak_bytes > limits.memory_bytes:
                killed_for = "memory"
            if killed_for is not None:
                _kill_group(process.pid)
                break
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        _kill_group(process.pid)  # Ctrl-C in a command: the worker is in a session of its own, and does not feel it
        process.wait()
        raise
    finally:
        os.close(descriptor)
    process.returncode = os.waitstatus_to_exitcode(status)  # so that Popen does not wait for it again
    _kill_group(process.pid)  # what it left behind in its session
    return End(
        status=process.returncode,
        killed_for=killed_for,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_bytes=max(watch.peak_bytes, usage.ru_maxrss * 1024),
        seconds=time.monotonic() - began,
        log_tail=watch.log_tail(),
        oom_killed=group is not None and group.oom_killed(),
    )


def _confine(pid: int, limits: Limits, group: WorkerGroup | None) -> None:
    """Set the worker's priority, CPUs and memory limit, before it has read its job; threads inherit them.

    RLIMIT_DATA and not RLIMIT_AS: CUDA and torch reserve address space by the dozen gigabytes that they never touch.
    Raises OSError, ValueError or psutil.Error for a limit that cannot be set.
    """
    try:
        process = psutil.Process(pid)
        process.nice(max(limits.nice, process.nice()))
        with contextlib.suppress(psutil.AccessDenied):  # some sandboxes; nice says nearly the same
            process.ionice(psutil.IOPRIO_CLASS_IDLE)
        process.rlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump of a large model fills the disk
        if limits.memory_bytes is not None:
            process.rlimit(resource.RLIMIT_DATA, (limits.memory_bytes, limits.memory_bytes))
        if limits.cpus is not None:
            process.cpu_affinity(list(limits.cpus))
        if group is not None:
            group.add(pid, limits.memory_bytes)
    except psutil.NoSuchProcess:
        return  # it ended already, which is told by its exit


class _Watch:
    """Follows a worker's memory and log from outside, so that a crash keeps both."""

    def __init__(self, log_path: Path) -> None:
        self._log_path = log_path
        self._kept = b""
        self.peak_bytes = 0

    def look(self, pid: int) -> None:
        self.peak_bytes = max(self.peak_bytes, sum(_resident_bytes(member) for member in _family(pid)))
        if self._log_path.stat().st_size > LOG_LIMIT_BYTES:
            self._kept = self._end_of_log()
            os.truncate(self._log_path, 0)  # it is opened for appending: what comes next starts over

    def log_tail(self) -> str:
        return (self._kept + self._end_of_log())[-LOG_TAIL_BYTES:].decode(errors="replace")

    def _end_of_log(self) -> bytes:
        with self._log_path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
            return file.read()


def _family(pid: int) -> Iterable[int]:
    """Yield a process and its descendants."""
    yield pid
    try:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                yield from _family(int(child))
    except OSError:
        return  # ended meanwhile


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _kill_marked(run_id: str) -> None:
    """Kill what a run left behind in sessions of its own."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_MARK) == run_id:
                process.kill()
        except psutil.Error:
            continue
