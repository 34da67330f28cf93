"""A real daemon in a process of its own, and what a test asks of it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

SUPPORT = Path(__file__).parent


class Daemon:
    """`mmied run` on a configuration in `folder`; its state is in `folder`/state unless the configuration says else."""

    def __init__(self, folder: Path, models: list[dict[str, Any]], **settings: Any) -> None:
        self.folder = folder
        self.config_path = folder / "mmied.yaml"
        self.log_path = folder / "daemon.log"
        self.settings: dict[str, Any] = {
            "state": str(folder / "state"),
            "http": {"listen": "127.0.0.1:0"},
            "schedule": {"profile": "1h"},
            "budget": {"cpu_ratio": 1.0, "scenario_time": "200ms", "threads": 1, "nice": 0},
            # The tests' own host is busy with tests: what admission does has tests of its own.
            "admission": {"cpu_pressure": 1, "memory_pressure": 1, "io_pressure": 1},
            "hardware": {"interval": "1s"},
            "models": models,
        } | settings
        # Inspections would keep models from being measured: who wants one says so.
        self.settings["schedule"] = {"inspect": "never"} | self.settings["schedule"]
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self._starts = 0

    def write_config(self) -> None:
        self.config_path.write_text(yaml.safe_dump(self.settings, sort_keys=False))

    def start(self, *arguments: str, environ: dict[str, str] | None = None, wait: bool = True) -> "Daemon":
        self.write_config()
        self._starts = self.log.count("started version=") + 1
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mmied", "run", "--config", str(self.config_path), *arguments],
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONPATH": str(SUPPORT)} | (environ or {}),
            )
        if wait:
            self.url = self.wait_for(self._listening, "it listens")
        return self

    def _listening(self) -> str | None:
        starts = [line for line in self.log.splitlines() if "started version=" in line]
        if len(starts) < self._starts:
            return None
        return starts[-1].split("url=")[1].split()[0]

    @property
    def log(self) -> str:
        return self.log_path.read_text() if self.log_path.exists() else ""

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=10) as response:
            return str(response.read().decode())

    @property
    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.get("/api/status")))

    def model(self, name: str) -> dict[str, Any]:
        return next(model for model in self.status["models"] if model["name"] == name)

    def runs(self, name: str) -> list[dict[str, Any]]:
        """The runs of a model, newest first."""
        answer = json.loads(self.get(f"/api/runs?model={name}&limit=50"))
        return list(answer["runs"] if isinstance(answer, dict) else answer)

    def wait_for(self, condition: Callable[[], Any], what: str, seconds: float = 40.0) -> Any:
        """Return what `condition` gives once it is true; fail with the log when that takes too long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                found = condition()
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                found = None
            if found:
                return found
            if self.process is not None and self.process.poll() is not None:
                break
            time.sleep(0.1)
        code = None if self.process is None else self.process.poll()
        raise AssertionError(f"waited {seconds:g} s in vain until {what}; exit status {code}; log:\n{self.log[-5000:]}")

    def wait_for_state(self, name: str, *states: str) -> dict[str, Any]:
        def reached() -> dict[str, Any] | None:
            model = self.model(name)
            return model if model["state"] in states else None

        return dict(self.wait_for(reached, f"{name} is {' or '.join(states)}"))

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; return the exit status."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"not gone 15 s after SIGTERM; log:\n{self.log[-5000:]}") from None


def linear(name: str, fault: str = "none", **more: Any) -> dict[str, Any]:
    """The configuration of a tiny model that does `fault`."""
    return {
        "name": name,
        "source": {"factory": "faulty:Faulty", "arguments": {"fault": fault}},
        "inputs": [{"shape": ["batch", 4]}],
        "batch_sizes": [1],
    } | more


def mmied(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command line to its end."""
    environ = os.environ | {"PYTHONPATH": str(SUPPORT)} | options.pop("environ", {})
    return subprocess.run(
        [sys.executable, "-m", "mmied", *arguments], capture_output=True, text=True, env=environ, timeout=120, **options
    )
