"""Who is interrupted while a worker runs leaves nothing of it behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

SUPPORT = Path(__file__).parents[1] / "support"
SCRIPT = """
import os, signal, sys, threading
from pathlib import Path
from mmied.daemon.launch import run_job
from mmied.daemon.outcome import Limits
from mmied.records import Job, ModelSpec, Source

signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell runs in the background ignores it
spec = ModelSpec(name="m", source=Source(kind="factory", factory="a:b"), inputs=())
job = Job(run_id=f"interrupted-{os.getpid()}", kind="check", model=spec, workloads=(), scenario_seconds=1.0)
run_job(
    job,
    folder=Path(sys.argv[1]),
    limits=Limits(timeout_seconds=60, memory_bytes=None, nice=5),
    host="here",
    stop=threading.Event(),
    environ=os.environ,
    cache=Path(sys.argv[1]) / "cache",
    worker=("sleeper",),
)
"""


def test_an_interrupt_kills_the_worker_and_what_it_started(tmp_path: Path) -> None:
    environ = os.environ | {"PYTHONPATH": str(SUPPORT)}
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], env=environ, stderr=subprocess.PIPE, text=True
    ) as process:
        ends = time.monotonic() + 20
        while not (tmp_path / "pids").exists():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < ends, "the worker never came up"
            time.sleep(0.02)
        worker, grandchild = map(int, (tmp_path / "pids").read_text().split())
        assert psutil.pid_exists(worker)
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=20)[1]

    assert "KeyboardInterrupt" in told
    assert not running(worker)
    assert not running(grandchild), "though it moved to a session of its own"


def running(pid: int) -> bool:
    """Tell whether a process is there and not merely waiting to be buried."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
