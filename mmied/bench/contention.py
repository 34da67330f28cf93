"""Tell how long our threads were kept from the CPUs, around each call and around each block of calls."""

import os
import time
from pathlib import Path


class WaitMeter:
    """Reads the run delay of each thread of this process: time in which it was ready and had no CPU.

    It is the second field of `/proc/self/task/*/schedstat`, in nanoseconds. The files are kept open: a read costs
    about a microsecond a thread.
    """

    def __init__(self, tasks: Path = Path("/proc/self/task")) -> None:
        self._tasks = tasks
        self._descriptors: list[int] = []
        self.refresh()

    @property
    def supported(self) -> bool:
        """Whether the kernel tells (CONFIG_SCHED_INFO)."""
        return bool(self._descriptors)

    def refresh(self) -> None:
        """Look for threads that came since: thread pools start with the first call that needs them."""
        self.close()
        for task in sorted(self._tasks.iterdir(), key=lambda path: int(path.name)):
            try:
                self._descriptors.append(os.open(task / "schedstat", os.O_RDONLY | os.O_CLOEXEC))
            except OSError:
                continue  # ended meanwhile, or a kernel without schedstat

    def read_nanoseconds(self) -> list[int]:
        """Return each thread's run delay so far, in the same order until the next refresh."""
        return [_second_field(descriptor) for descriptor in self._descriptors]

    def close(self) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = []


def _second_field(descriptor: int) -> int:
    try:
        return int(os.pread(descriptor, 64, 0).split(None, 2)[1])
    except (OSError, IndexError):
        return 0  # the thread has ended


class Neighbours:
    """Tells how many of the CPUs that we may use everything else on the host kept busy since it was last asked.

    The kernel counts in ticks of 10 ms: the answer is good for a second, not for a call.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._stat = proc / "stat"
        self._names = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        self._ticks = os.sysconf("SC_CLK_TCK")
        self._last = self._read()

    def busy_cpus_since_last(self) -> float:
        now = self._read()
        (at, busy, own), self._last = self._last, now
        elapsed = now[0] - at
        return max(0.0, (now[1] - busy) - (now[2] - own)) / elapsed if elapsed > 0 else 0.0

    def _read(self) -> tuple[float, float, float]:
        ticks = 0
        for line in self._stat.read_text().splitlines():
            name, *fields = line.split()
            if name in self._names:  # user nice system idle iowait irq softirq steal …
                ticks += sum(map(int, fields[0:3])) + sum(map(int, fields[5:7]))
        return time.perf_counter(), ticks / self._ticks, time.process_time()


class Theft:
    """Tells whether the hypervisor or a cgroup's quota took CPU time since it was last asked.

    Both are counted for the whole machine or group and coarsely: they serve to mark a block of calls, not one call.
    """

    def __init__(self, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> None:
        self._stat = proc / "stat"
        self._throttle = [path for path in _throttle_files(proc / "self/cgroup", cgroups) if path.exists()]
        self._last = self._read()

    def since_last(self) -> bool:
        now = self._read()
        stolen, self._last = now != self._last, now
        return stolen

    def _read(self) -> tuple[int, ...]:
        with self._stat.open() as file:
            fields = file.readline().split()  # cpu user nice system idle iowait irq softirq steal …
        return (int(fields[8]) if len(fields) > 8 else 0, *(_throttled(path) for path in self._throttle))


def _throttle_files(own: Path, cgroups: Path) -> list[Path]:
    """Return the cpu.stat files of our own cgroup, of version 2 and of version 1."""
    found = []
    for line in own.read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            found += [cgroups / group.lstrip("/") / "cpu.stat", cgroups / "unified" / group.lstrip("/") / "cpu.stat"]
        elif "cpu" in controllers.split(","):
            found += [cgroups / name / group.lstrip("/") / "cpu.stat" for name in ("cpu", "cpu,cpuacct")]
    return found


def _throttled(path: Path) -> int:
    for line in path.read_text().splitlines():
        name, _, value = line.partition(" ")
        if name in ("throttled_usec", "throttled_time"):
            return int(value)
    return 0
