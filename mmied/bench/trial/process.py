"""Start a process that serves a model to a trial, ask it, and make sense of it when it dies or hangs."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from mmied.bench.trial.protocol import JOB_FILE, LOG_FILE, Command, NotApplicable, Reply, ServeJob
from mmied.codec import from_json, to_json
from mmied.errors import MmiedError

LOG_TAIL_BYTES = 4 << 10
CLOSE_SECONDS = 2.0


class ServerLost(MmiedError):
    """A serving process crashed, hung, or said that it cannot; `outcome` is one of records.Outcome."""

    def __init__(self, message: str, *, outcome: str, reason: str | None = None, log_tail: str = "") -> None:
        self.outcome, self.reason, self.log_tail = outcome, reason, log_tail
        super().__init__(message)


class Server:
    """A serving process. It sleeps between commands, so that one of many computes at a time."""

    def __init__(self, job: ServeJob, folder: Path, environ: Mapping[str, str]) -> None:
        """Start the process, in `folder`, which is made. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        (folder / JOB_FILE).write_text(to_json(job))
        variables = dict(environ) | {
            "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),  # a compile that others paid for would seem free
            "TRITON_CACHE_DIR": str(folder / "triton"),
        }
        variables |= dict(job.candidate.environment) if job.candidate is not None else {}
        reading, writing = os.pipe()
        with (folder / LOG_FILE).open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mmied.bench.trial.server", str(folder), str(writing), str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=variables,
                pass_fds=(writing,),
                process_group=0,
            )
        os.close(writing)
        self._replies = os.fdopen(reading, "rb", buffering=0)
        self._buffer = b""

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def ask(self, command: Command, *, timeout_seconds: float) -> Reply:
        """Return the reply. Raises ServerLost where there is none, and NotApplicable."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(to_json(command).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._lost("it had ended before") from None
        reply = from_json(Reply, self._line(command, time.monotonic() + timeout_seconds, timeout_seconds))
        if reply.failure == "not_applicable":
            raise NotApplicable(reply.message)
        if reply.failure is not None:
            raise ServerLost(reply.message, outcome="failed", reason=reply.reason, log_tail=self.log_tail())
        return reply

    def close(self) -> None:
        """End the process and whatever it started."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(CLOSE_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            pass
        self._kill()
        self._process.wait()
        self._replies.close()

    def alive(self) -> bool:
        """Tell whether the process is there to be asked."""
        return self._process.poll() is None

    def log_tail(self) -> str:
        """Return the end of what the process printed."""
        data = (self.folder / LOG_FILE).read_bytes()
        return data[-LOG_TAIL_BYTES:].decode(errors="replace")

    def _line(self, command: Command, deadline: float, timeout_seconds: float) -> bytes:
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._replies], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self._kill()
                raise self._lost(f"no answer to “{command.do}” within {timeout_seconds:.0f} s", outcome="timed_out")
            chunk = self._replies.read(1 << 16)
            if not chunk:
                raise self._lost(f"during “{command.do}”")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _lost(self, when: str, *, outcome: str = "crashed") -> ServerLost:
        try:
            status = self._process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill()
            status = self._process.wait()
        if outcome == "timed_out":
            message = when
        elif status < 0:
            message = f"died of {signal.Signals(-status).name} {when}"
        else:
            message = f"exited with status {status} {when}"
        return ServerLost(message, outcome=outcome, reason="killed", log_tail=self.log_tail())

    def _kill(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
