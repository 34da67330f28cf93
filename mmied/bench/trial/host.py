"""Tell what this host and the user have, as far as candidates ask for it."""

from pathlib import Path

from mmied.bench.trial.needs import Host
from mmied.bench.trial.order import Data


def read_host(data: Data, *, proc: Path = Path("/proc")) -> Host:
    """Return what there is: the processor's flags, and data and functions of the user's own."""
    return Host(
        cpu_flags=_cpu_flags(proc),
        calibration=data.calibration is not None,
        fine_tune=data.fine_tune is not None,
    )


def _cpu_flags(proc: Path) -> frozenset[str]:
    try:
        lines = (proc / "cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return frozenset(flags.partition(":")[2].split())
