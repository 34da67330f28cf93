"""Read how much of the time tasks wait for CPU, memory and disks: PSI, or the run queue where it is off."""

import errno
from pathlib import Path
from typing import Any

RESOURCES = ("cpu", "memory", "io")


def read_pressure(proc: Path) -> dict[str, Any]:
    """Return the HardwareSample fields on pressure that `proc` (/proc) gives.

    PSI's percentages become ratios and its microseconds seconds. Where the kernel has no PSI or it was not
    switched on (`psi=1`), only `runnable` is returned: tasks running or ready, the reader itself among them.
    Raises OSError, ValueError or LookupError when the files cannot be read or are not what they should be.
    """
    waiting_seconds, stalled_seconds, waiting_ratio, stalled_ratio = {}, {}, {}, {}
    try:
        for resource in RESOURCES:
            lines = _parse((proc / "pressure" / resource).read_text())
            waiting_seconds[resource] = lines["some"]["total"] / 1e6
            waiting_ratio[resource] = lines["some"]["avg10"] / 100
            if "full" in lines:  # Linux before 5.13 has none for the CPU
                stalled_seconds[resource] = lines["full"]["total"] / 1e6
                stalled_ratio[resource] = lines["full"]["avg10"] / 100
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EOPNOTSUPP):
            raise
        return {"runnable": _read_runnable(proc)}
    return {
        "pressure_waiting_seconds_total": waiting_seconds,
        "pressure_stalled_seconds_total": stalled_seconds,
        "pressure_waiting_ratio": waiting_ratio,
        "pressure_stalled_ratio": stalled_ratio,
    }


def _parse(text: str) -> dict[str, dict[str, float]]:
    """Turn "some avg10=0.12 avg60=… avg300=… total=34" and its like into {"some": {"avg10": 0.12, …}, …}."""
    lines = {}
    for line in text.splitlines():
        name, *pairs = line.split()
        lines[name] = {key: float(value) for key, _, value in (pair.partition("=") for pair in pairs)}
    if "some" not in lines:
        raise ValueError(f"not a pressure file: {text[:80]!r}")
    return lines


def _read_runnable(proc: Path) -> int:
    return int((proc / "loadavg").read_text().split()[3].partition("/")[0])
