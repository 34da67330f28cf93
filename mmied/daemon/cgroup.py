"""Give workers a memory limit and a low weight by cgroup version 2, where the daemon's was delegated to it.

systemd delegates with `Delegate=yes`. A group that has children may hold no processes itself, so that the daemon
moves into a child first. Where any of this is refused, the workers live with their rlimits.
"""

import os
from pathlib import Path

CPU_WEIGHT = 20  # against 100 of every other service: the default `nice` says the same to a kernel without weights


class WorkerGroup:
    """The cgroup that workers run in, one after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kills = self._oom_kills()

    @classmethod
    def create(cls, *, proc: Path = Path("/proc"), root: Path = Path("/sys/fs/cgroup")) -> "WorkerGroup | None":
        """Make the group below the daemon's own; None where that cannot be done."""
        try:
            own = next(line[3:] for line in (proc / "self/cgroup").read_text().splitlines() if line.startswith("0::"))
            parent = root / own.lstrip("/")
            # A service's own group, and no user's session, whose shell would be in the way and in the group.
            if not own.endswith(".service") or "memory" not in (parent / "cgroup.controllers").read_text().split():
                return None
            (parent / "daemon").mkdir(exist_ok=True)
            (parent / "daemon" / "cgroup.procs").write_text(str(os.getpid()))
            (parent / "cgroup.subtree_control").write_text("+memory +cpu")
            (parent / "workers").mkdir(exist_ok=True)
            (parent / "workers" / "cpu.weight").write_text(str(CPU_WEIGHT))
            return cls(parent / "workers")
        except (OSError, StopIteration):
            return None

    def add(self, pid: int, memory_bytes: int | None) -> None:
        """Move a process that was just started into the group."""
        self._kills = self._oom_kills()
        try:
            (self._path / "memory.max").write_text("max" if memory_bytes is None else str(memory_bytes))
            (self._path / "cgroup.procs").write_text(str(pid))
            (self._path / "memory.swap.max").write_text("0")  # last: a kernel without swap accounting has no such file
        except OSError:
            return  # it keeps its rlimit; a run without a cgroup is better than none

    def oom_killed(self) -> bool:
        """Tell whether the kernel killed a process of the group for its memory since the last `add`."""
        return self._oom_kills() > self._kills

    def _oom_kills(self) -> int:
        try:
            lines = (self._path / "memory.events").read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
