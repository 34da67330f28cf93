"""A host for `mmied doctor` to look at: a folder with what the kernel and systemd would have there."""

from pathlib import Path

from mmied.commands.doctor.host import Host
from mmied.config import Config, load_config

UNIT = "usr/local/lib/systemd/system/mmied.service"
ALL_IS_WELL = {
    "proc/pressure/cpu": "some avg10=0.00 avg60=0.00 avg300=0.00 total=0",
    "proc/pressure/memory": "some avg10=0.00 avg60=0.00 avg300=0.00 total=0",
    "proc/pressure/io": "some avg10=0.00 avg60=0.00 avg300=0.00 total=0",
    "proc/self/schedstat": "1 2 3",
    "proc/self/mounts": "/dev/vda / ext4 rw,relatime 0 0",
    "proc/loadavg": "0.00 0.01 0.05 1/80 11206",
    "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance",
    "sys/kernel/mm/transparent_hugepage/defrag": "always defer defer+madvise [madvise] never",
    "proc/sys/kernel/yama/ptrace_scope": "1",
}


def make_host(folder: Path, **changed: str | None) -> Host:
    for name, text in (ALL_IS_WELL | {name.replace("__", "/"): text for name, text in changed.items()}).items():
        if text is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text + "\n")
    return Host(root=folder, environ={})


def with_unit(host: Host, *lines: str) -> Host:
    path = host.root / UNIT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("[Service]", *lines, "")))
    return host


def make_config(folder: Path, *models: str, **sections: str) -> Config:
    path = folder / "mmied.yaml"
    lines = [f"state: {folder / 'state'}", *(f"{name}: {text}" for name, text in sections.items())]
    path.write_text("\n".join((*lines, f"models: [{', '.join(models)}]")))
    return load_config(path)


def torchscript(path: Path, more: str = "") -> str:
    return f"{{name: m, source: {{torchscript: {path}{more}}}, inputs: [{{shape: [batch, 4]}}]}}"
