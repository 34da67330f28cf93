"""Run the shell blocks of a page as a reader would: one command after another, in one folder, servers beside them."""

import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

SERVERS = re.compile(r"^(make .*\brun\b|\S*mmied (run|demo)\b|prometheus )")
VERDICTS = re.compile(r"--threshold|mmied doctor")  # these answer 1 where the host is too busy, or lacks something
HEALTHY_SECONDS = 60.0
LONGEST_SECONDS = 180.0


class Reader:
    """Types what a page says into a shell, with `substitutions` for what this host has otherwise.

    A daemon goes on in the background until another one is started, as whoever reads would end the first with Ctrl-C.
    """

    def __init__(self, folder: Path, substitutions: Mapping[str, str], *, ports: Mapping[str, int]) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.typed: list[str] = []
        self._substitutions = substitutions
        self._ports = ports  # of "mmied" and "prometheus"
        self._served: dict[str, subprocess.Popen[bytes]] = {}
        environ = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        self._environ = environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            # What mmied needs, for a virtual environment that has mmied alone
            "PYTHONPATH": sysconfig.get_path("purelib"),
        }

    def adapt(self, text: str) -> str:
        """Return a text of the page with the substitutions made."""
        for said, meant in self._substitutions.items():
            text = text.replace(said, meant)
        return text

    def type(self, block: str) -> None:
        """Run each command of a block; AssertionError with what it said where one fails."""
        for line in block.replace("\\\n", " ").splitlines():
            command = self.adapt(re.sub(r"\s+#.*", "", line)).strip()
            if not command or command.startswith("#"):
                continue
            self.typed.append(command)
            if SERVERS.match(command) and " -n " not in command:
                self._serve(command)
            else:
                self._run(command)

    def close(self) -> None:
        """End what was started and goes on."""
        for name in list(self._served):
            self._end(name)

    def _run(self, command: str) -> None:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
        )
        said = done.stdout + done.stderr
        assert done.returncode in ((0, 1) if VERDICTS.search(command) else (0,)), (
            f"{command}: {done.returncode}\n{said}"
        )
        assert "Traceback" not in said, f"{command}\n{said}"
        self.said.append(said)

    def _serve(self, command: str) -> None:
        name = "prometheus" if command.startswith("prometheus") else "mmied"
        self._end(name)
        log = self.folder / f"{name}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=self.folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self._served[name] = process
        deadline = time.monotonic() + HEALTHY_SECONDS
        while not _is_healthy(self._ports[name]):
            assert process.poll() is None, f"{command}: {process.returncode}\n{log.read_text()}"
            assert time.monotonic() < deadline, f"{command}: not healthy after {HEALTHY_SECONDS:g} s\n{log.read_text()}"
            time.sleep(0.1)

    def _end(self, name: str) -> None:
        process = self._served.pop(name, None)
        if process is None:
            return
        os.killpg(process.pid, signal.SIGINT)  # Ctrl-C
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise AssertionError(f"{name}: not gone 15 s after Ctrl-C") from None


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/healthy", timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False
