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
    before = others_seconds()
    time.sleep(LOOK_SECONDS)
    busy = (others_seconds() - before) / LOOK_SECONDS
    print(f"others keep {busy:.2f} CPUs busy" + (": NOT QUIET, figures are disturbed" if busy > QUIET_CPUS else ""))


def others_seconds() -> float:
    """Return the CPU seconds so far of everything on the host but this process and its descendants.

    The kernel counts in ticks of 10 ms: a difference is good for a second, not for less.
    """
    host = psutil.cpu_times()
    own = psutil.Process()
    spent = sum(_spent_seconds(process) for process in (own, *own.children(recursive=True)))
    return float(host.user + host.nice + host.system + host.irq + host.softirq - spent)


def _spent_seconds(process: psutil.Process) -> float:
    try:
        return float(sum(process.cpu_times()[:4]))  # its own, and those of its children that ended
    except psutil.NoSuchProcess:
        return 0.0
