"""Start the real daemon as a process of its own, ask it things over HTTP, and stop it."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

START_SECONDS = 60.0
STOP_SECONDS = 15.0
ASK_AGAIN_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Daemon:
    """A daemon that is ready; `start_seconds` went by from its exec to its first 200 of /-/ready."""

    pid: int
    port: int
    start_seconds: float

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> bytes:
        """Return the body of a page. Raises RuntimeError for any answer but 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=dict(headers or {}))
            response = connection.getresponse()
            body = response.read()
        if response.status != 200:
            raise RuntimeError(f"GET {path}: {response.status} {body[:200]!r}")
        return body

    def status(self) -> dict[str, Any]:
        """Return /api/status."""
        found: dict[str, Any] = json.loads(self.get("/api/status"))
        return found

    def cpu_seconds(self) -> float:
        """Return the CPU time of the daemon's threads so far, to the nanosecond: /proc/PID/stat has ticks of 10 ms."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def resident_bytes(self) -> int:
        """Return the daemon's resident set size."""
        return int(psutil.Process(self.pid).memory_info().rss)


@contextlib.contextmanager
def running_daemon(config: Path, port: int, environ: Mapping[str, str] | None = None) -> Iterator[Daemon]:
    """Run `mmied run` on `config`, which listens on 127.0.0.1:`port`, until the block is left.

    `environ` is added to this process's own.

    Raises RuntimeError, with the end of its log, when it does not get ready.
    """
    log_path = config.with_suffix(".log")
    with log_path.open("ab") as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "mmied", "run", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **(environ or {})},
        )
    try:
        while not _is_ready(port):
            if process.poll() is not None or time.perf_counter() - began > START_SECONDS:
                tail = log_path.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"the daemon did not get ready:\n{tail}")
            time.sleep(ASK_AGAIN_SECONDS)
        yield Daemon(process.pid, port, time.perf_counter() - began)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port of the loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def _is_ready(port: int) -> bool:
    """Ask by a bare socket: a client that takes much CPU time would slow down the start that it times."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
