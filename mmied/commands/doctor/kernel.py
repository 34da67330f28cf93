"""Check what the kernel tells and allows: waits, pressure, control groups, clocks, frequency, memory pages."""

from mmied.commands.doctor.finding import Finding, ok, warning
from mmied.commands.doctor.host import Host
from mmied.daemon.pressure import read_pressure

FAST_CLOCKS = {"tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "xen", "arch_sys_counter"}
CONTROLLERS = {"cpu", "memory"}
STEADY_GOVERNOR = "performance"


def check_pressure(host: Host) -> Finding:
    """Look whether admission can tell how busy the host is."""
    try:
        told = read_pressure(host.proc)
    except (OSError, ValueError, LookupError) as error:
        told, why = {}, f" ({error})"
    else:
        why = ""
    if "pressure_waiting_ratio" in told:
        return ok("pressure", "the kernel tells how long work waits (PSI)")
    return warning(
        "pressure",
        f"no PSI{why}: whether the host is too busy for a run is guessed from the run queue",
        "Boot with `psi=1` on the kernel's command line, where the kernel has CONFIG_PSI.",
    )


def check_waits(host: Host) -> Finding:
    """Look whether calls that waited for a CPU can be told from slow ones."""
    fields = (host.read("proc/self/schedstat") or "").split()
    if len(fields) == 3:
        return ok("schedstat", "the kernel tells how long threads wait for a CPU")
    return warning(
        "schedstat",
        "/proc/self/schedstat is not there: calls that waited for a CPU cannot be told from slow ones",
        "Use a kernel with CONFIG_SCHED_INFO, as all distributions' are; in a container, do not hide /proc.",
    )


def check_cgroups(host: Host) -> Finding:
    """Look whether workers can get a control group with a memory limit and a weight."""
    without = "workers are held by nice and rlimits alone"
    there = host.read("sys/fs/cgroup/cgroup.controllers")
    if there is None:
        return warning(
            "cgroups",
            f"version 1 or none: {without}",
            "Boot with `systemd.unified_cgroup_hierarchy=1`; newer distributions do by default.",
        )
    missing = CONTROLLERS - set(there.split())
    if missing:
        return warning(
            "cgroups",
            f"version 2 without the controllers {', '.join(sorted(missing))}: {without}",
            "Take `cgroup_disable=` and version 1 mounts of them out of the boot configuration.",
        )
    unit = host.unit()
    if unit is not None and "\nDelegate=" not in unit:
        return warning(
            "cgroups",
            f"version 2, but the unit delegates none to mmied: {without}",
            "Add `Delegate=cpu memory` to the unit (`systemctl edit mmied`).",
        )
    return ok("cgroups", "version 2 with cpu and memory" + ("" if unit is None else ", delegated by the unit"))


def check_clock(host: Host) -> Finding:
    """Look what the kernel counts time with."""
    clock = host.read("sys/devices/system/clocksource/clocksource0/current_clocksource")
    if clock is None or clock in FAST_CLOCKS:
        return ok("clock", clock or "not told")
    return warning(
        "clock",
        f"{clock}: reading the time takes a microsecond or more, which is added to each call",
        "Boot with `tsc=reliable` if the CPU's counter is; see `dmesg | grep -i clocksource`.",
    )


def check_governor(host: Host) -> Finding:
    """Look whether the CPUs' frequency follows their load."""
    files = (host.sys / "devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")
    found = {file.read_text().strip() for file in files}
    if not found - {STEADY_GOVERNOR}:
        return ok("frequency", STEADY_GOVERNOR if found else "not told, as on most virtual machines")
    return warning(
        "frequency",
        f"governor {', '.join(sorted(found))}: a quiet host runs slower at first, and figures spread",
        "For steadier figures, and if the host's owner agrees: cpupower frequency-set -g performance",
    )


def check_pages(host: Host) -> Finding:
    """Look whether the kernel stops programs to put memory together for huge pages."""
    defrag = host.read("sys/kernel/mm/transparent_hugepage/defrag") or ""
    if "[always]" not in defrag:
        return ok("huge pages", "programs are not stopped for them")
    return warning(
        "huge pages",
        "transparent_hugepage/defrag is `always`: a call may wait while the kernel puts memory together",
        "echo madvise > /sys/kernel/mm/transparent_hugepage/defrag, if the host's owner agrees.",
    )


def check_tracing(host: Host) -> Finding:
    """Look whether py-spy may read a worker's stacks."""
    scope = host.read("proc/sys/kernel/yama/ptrace_scope") or "0"
    if scope in ("0", "1"):
        return ok("tracing", f"py-spy may look into workers (ptrace_scope {scope})")
    return warning(
        "tracing",
        f"ptrace_scope is {scope}: `mmied flamegraph --profiler py-spy` works for root alone, or not at all",
        "sysctl kernel.yama.ptrace_scope=1, or use another profiler: torch is the default.",
    )
