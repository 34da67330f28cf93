"""Tell on what host a benchmark runs, and whether others use it meanwhile."""

import os
import platform
import time
from importlib import metadata
from pathlib import Path

import psutil

LOOK_SECONDS = 2.0
QUIET_CPUS = 0.1  # what a resting host uses for itself


def describe_host() -> None:
    """Print the machine, and a warning when others keep it busy."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    print(
        f"{os.cpu_count()} CPUs, {cpu}, Linux {platform.release()}, Python {platform.python_version()}, "
        f"torch {metadata.version('torch')}"
    )
    busy = busy_cpus(LOOK_SECONDS)
    print(f"others keep {busy:.2f} CPUs busy" + (": NOT QUIET, figures are disturbed" if busy > QUIET_CPUS else ""))


def busy_cpus(seconds: float) -> float:
    """Return how many CPUs are busy while this process sleeps for `seconds`."""
    before = _busy_seconds()
    began = time.monotonic()
    time.sleep(seconds)
    return max(0.0, _busy_seconds() - before) / (time.monotonic() - began)


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)
