"""Check what models are run by: the interpreter, torch, and the compiler for torch.compile."""

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

from mmied.commands.doctor.finding import Finding, failed, ok, warning
from mmied.commands.doctor.host import Host, below_home

LEAST_VERSION = (3, 11)
IMPORT_SECONDS = 120.0  # from a cold disk, torch takes its time
ASK_TORCH = (
    "import json, time; began = time.monotonic(); import torch; "
    "print(json.dumps({'version': torch.__version__, 'cuda': torch.version.cuda, 'seconds': time.monotonic() - began}))"
)
OWN_HOME = Path(sys.base_prefix).resolve()
OWN_HEADERS = Path(sysconfig.get_paths()["include"])


def check_interpreter(host: Host, *, version: tuple[int, ...] = sys.version_info[:3], home: Path = OWN_HOME) -> Finding:
    """Judge the interpreter of `version` that lives in `home`."""
    name = ".".join(map(str, version))
    if version[:2] < LEAST_VERSION:
        return failed("python", f"{name} is too old", "Install Python 3.11 or newer, and mmied with it.")
    if below_home(home) and host.unit() is not None:
        return failed(
            "python",
            f"{home} lies below a home folder, which the unit's ProtectHome= hides: the service ends with 203/EXEC",
            "Run deploy/install.sh, which takes an interpreter that is elsewhere, such as /usr/bin/python3.",
        )
    return ok("python", f"{name} in {home}")


def check_torch(command: tuple[str, ...] = (sys.executable, "-c", ASK_TORCH)) -> Finding:
    """Import torch in a process of its own."""
    advice = "Install mmied with its dependencies: `pip install --force-reinstall mmied`, or deploy/install.sh."
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=IMPORT_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return failed("torch", f"cannot be imported: {error}", advice)
    if done.returncode != 0:
        why = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return failed("torch", f"cannot be imported: {why[-1]}", advice)
    told = json.loads(done.stdout.splitlines()[-1])
    build = f"for CUDA {told['cuda']}" if told["cuda"] else "for CPUs alone"
    return ok("torch", f"{told['version']}, {build}, imported in {told['seconds']:.1f} s")


def check_compiler(
    host: Host,
    *,
    find: Callable[[str], str | None] = shutil.which,
    headers: Path = OWN_HEADERS,
) -> Finding:
    """Look for what torch.compile and AOTInductor need on a CPU: a C++ compiler and Python's headers."""
    wanted = [name for name in (host.environ.get("CXX"), "g++", "clang++") if name]
    compiler = next((found for name in wanted if (found := find(name))), None)
    without = "models that call torch.compile fail on a CPU, and candidates that compile are not tried"
    if compiler is None:
        return warning("compiler", f"no C++ compiler: {without}", "Install one; Debian, Ubuntu: apt-get install g++")
    if not (headers / "Python.h").exists():
        return warning(
            "compiler",
            f"{headers}/Python.h is not there: {without}",
            "Install the headers of this Python; Debian, Ubuntu: apt-get install python3-dev",
        )
    return ok("compiler", compiler)
