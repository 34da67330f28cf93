"""A systemd that was really booted, in namespaces on a throw-away layer over this host, and what a test asks of it."""

import contextlib
import os
import signal
import subprocess
import sys
import sysconfig
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parents[1] / "deploy/boot.sh"
HOMES = ("/home", "/root", "/run/user")  # what ProtectHome= hides
TARGET = "mmied-test.target"
# What a machine starts that has hardware, users and a network, and this one has none of.
NEEDLESS = (
    "modprobe@.service",  # the kernel is this host's
    "systemd-udevd.service",
    "systemd-udev-trigger.service",
    "systemd-timesyncd.service",
    "systemd-networkd.service",
    "systemd-resolved.service",
    "systemd-sysctl.service",
    "systemd-modules-load.service",
    "systemd-random-seed.service",
    "systemd-update-utmp.service",
    "systemd-remount-fs.service",
    "systemd-binfmt.service",
    "systemd-pstore.service",
    "systemd-firstboot.service",
    "systemd-machine-id-commit.service",
    "systemd-logind.service",
    "systemd-user-sessions.service",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
)


class Machine:
    """The booted machine; its namespaces are those of the process `pid`."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid, self._log = pid, log

    def run(self, *command: str, check: bool = True, seconds: float = 60.0) -> str:
        """Run a command on the machine and return what it prints."""
        done = subprocess.run(
            ["nsenter", "--target", str(self.pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", *command],
            capture_output=True,
            text=True,
            timeout=seconds,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
        if check and done.returncode != 0:
            said = f"{done.stdout}{done.stderr}\n{self.log[-6000:]}"
            raise AssertionError(f"{command} ended with {done.returncode}:\n{said}")
        return done.stdout

    def show(self, name: str, unit: str = "mmied.service") -> str:
        """Return a property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).strip()

    @property
    def log(self) -> str:
        """What mmied wrote to the journal, with systemd's own words about it."""
        journal = self.run("journalctl", "--no-pager", "--output=short-monotonic", "--unit=mmied", check=False)
        return journal or self.boot_log

    @property
    def boot_log(self) -> str:
        """What systemd itself wrote."""
        return self._log.read_text(errors="replace")

    def wait_for(self, condition: Callable[[], Any], what: str, seconds: float = 40.0) -> Any:
        """Return what `condition` gives once it is true; fail with the log when that takes too long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"waited {seconds:g} s in vain until {what}; log:\n{self.log[-6000:]}")


@contextlib.contextmanager
def booted(stage: Path, folder: Path, places: dict[Path, str]) -> Iterator[Machine]:
    """Boot with `stage` laid over this host's files and each of `places` seen at a path; leave nothing behind."""
    units = stage / "etc/systemd/system"
    units.mkdir(parents=True, exist_ok=True)
    (units / TARGET).write_text("[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n")
    for name in NEEDLESS:
        (units / name).symlink_to("/dev/null")
    mount, log = folder / "mount", folder / "boot.log"
    mount.mkdir()
    with own_cgroups() as join, log.open("wb") as output:
        unshare = subprocess.Popen(
            ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--fork", "--kill-child"]
            + ["--propagation", "private", "bash", str(SCRIPT), str(stage), str(mount), TARGET]
            + [f"{source}:{place}" for source, place in places.items()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=join,
            start_new_session=True,
        )
        try:
            machine = Machine(_child_of(unshare, log), log)
            machine.wait_for(lambda: _is_up(machine), "the machine is up")
            yield machine
        finally:
            # With a PID namespace's first process go all that are in it. It is reaped by unshare, which then ends.
            children = _children_of(unshare)
            for pid in children:
                os.kill(pid, signal.SIGKILL)
            if not children:
                unshare.kill()
            unshare.wait()


def _child_of(process: "subprocess.Popen[bytes]", log: Path) -> int:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        found = _children_of(process)
        if found:
            return found[0]
        time.sleep(0.02)
    raise AssertionError(f"no machine was started:\n{log.read_text(errors='replace')}")


def _children_of(process: "subprocess.Popen[bytes]") -> list[int]:
    if process.poll() is not None:
        return []
    return [int(child) for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def _is_up(machine: Machine) -> bool:
    try:
        if "systemd" not in Path(f"/proc/{machine.pid}/comm").read_text():
            return False
    except FileNotFoundError:
        raise AssertionError(f"the machine is gone:\n{machine.boot_log}") from None
    return machine.run("systemctl", "is-active", TARGET, check=False).strip() == "active"


@contextlib.contextmanager
def own_cgroups() -> Iterator[Callable[[], None]]:
    """Make a group below ours in each hierarchy; yield what moves a process into them; take them away at the end."""
    name = f"mmied-boot-{uuid.uuid4().hex[:8]}"
    groups = [parent / name for parent in _own_groups()]
    for group in groups:
        group.mkdir()
        for file in ("cpuset.cpus", "cpuset.mems"):  # version 1 lets nobody in before these are said
            if (group / file).exists() and not (group / file).read_text().strip():
                (group / file).write_text((group.parent / file).read_text())

    def join() -> None:
        for group in groups:
            (group / "cgroup.procs").write_text("0")

    try:
        yield join
    finally:
        for group in groups:
            _remove(group)


def _own_groups() -> Iterator[Path]:
    """Yield our group in each hierarchy that is mounted."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for _, place, kind, options, *_ in mounts:
            wanted = kind == "cgroup" and controllers and set(controllers.split(",")) <= set(options.split(","))
            if wanted or (kind == "cgroup2" and not controllers):
                yield Path(place) / path.lstrip("/")
                break


def _remove(group: Path) -> None:
    """Remove a group and those below it once the kernel has let go of their last processes."""
    deadline = time.monotonic() + 10
    for folder, _, _ in os.walk(group, topdown=False):
        while True:
            try:
                Path(folder).rmdir()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


def stage_interpreter(stage: Path) -> dict[Path, str]:
    """Put this interpreter and its packages at /opt/mmied, as an installation has them; return what to bind where.

    The interpreter may live in a home folder, which the unit hides: it is then seen at /opt/python.
    """
    base = Path(sys.base_prefix)
    place = "/opt/python" if str(base).startswith(HOMES) else str(base)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    bin_folder = stage / "opt/mmied/bin"
    bin_folder.mkdir(parents=True)
    (stage / "opt/mmied/pyvenv.cfg").write_text(f"home = {place}/bin\n")
    (bin_folder / "python3").symlink_to(f"{place}/bin/{version}")
    script = bin_folder / "mmied"
    script.write_text("#!/opt/mmied/bin/python3\nimport sys\nfrom mmied.cli import main\nsys.exit(main())\n")
    script.chmod(0o755)
    binds = {Path(sysconfig.get_paths()["purelib"]): f"/opt/mmied/lib/{version}/site-packages"}
    return binds if place == str(base) else binds | {base: place}
