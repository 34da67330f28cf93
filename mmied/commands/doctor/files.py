"""Check the files: who can read configuration and models, write the state, and execute what is compiled."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from mmied.commands.doctor.finding import Finding, failed, ok, warning
from mmied.commands.doctor.host import Host, Reader, below_home
from mmied.config import Config, Model
from mmied.daemon.watch import model_files
from mmied.trust import unsafe_reason

UNIT_STATE = Path("/var/lib/mmied")  # the unit's StateDirectory=, which systemd makes and gives to its user
UNIT_CACHE = Path("/var/cache/mmied")
LEAST_FREE_BYTES = 200_000_000
NOBODY = 65534
CODE_KINDS = ("torchscript", "exported", "package", "pickle")


def check_config_file(path: Path, reader: Reader) -> Finding:
    """Look whether the service's user can read the configuration."""
    obstacle = reader.obstacle(path)
    if obstacle is None:
        return ok("configuration", str(path))
    return failed("configuration", f"{obstacle} keeps {reader.name} from reading {path}", _let_in(obstacle, reader))


def check_models(config: Config, host: Host, reader: Reader) -> list[Finding]:
    """Look whether the service's user can see, read and trust each model's files."""
    found = [finding for model in config.models for finding in _problems(model, host, reader)]
    if not found and config.models:
        return [ok("models", f"the files of all {len(config.models)} can be read")]
    return found


def _problems(model: Model, host: Host, reader: Reader) -> list[Finding]:
    found = []
    source = model.spec.source
    check = f"models.{model.name}"
    for path in model_files(source):
        if below_home(path.resolve()) and host.unit() is not None:
            advice = "Put models elsewhere, such as /srv/models. A link does not help."
            found.append(failed(check, f"{path} lies below a home folder, which the unit's ProtectHome= hides", advice))
            continue
        try:
            obstacle = reader.obstacle(path)
        except OSError as error:
            advice = "Correct the path in the configuration, or put the file there."
            found.append(failed(check, f"{path}: {error.strerror}", advice))
            continue
        if obstacle is not None:
            found.append(failed(check, f"{obstacle} keeps {reader.name} from {path}", _let_in(obstacle, reader)))
    if source.path is not None and source.kind in CODE_KINDS and source.trust is None:
        unsafe = unsafe_reason(Path(source.path), uid=NOBODY if reader.uid is None else reader.uid)
        if unsafe is not None and not found:
            message, _, advice = unsafe.partition(" Try ")
            found.append(failed(check, message, f"Try {advice}"))
    return found


def _let_in(place: Path, reader: Reader) -> str:
    what = f"chmod o+{'rx' if place.is_dir() else 'r'} {place}"
    if reader.uid is not None:
        return f"{what}, or give it to a group of {reader.name}."
    return f"{what}, or `useradd --system {reader.name}` and give it to that user's group."


def check_state(state: Path, host: Host, reader: Reader) -> Finding:
    """Look whether the state directory can be written, and is one user's: root's commands may have left files in it."""
    try:
        return _judge_state(state, host, reader)
    except PermissionError:
        return warning("state", f"{state} may not be looked at", "Ask root to run `mmied doctor`.")


def _judge_state(state: Path, host: Host, reader: Reader) -> Finding:
    if not state.exists():
        if state == UNIT_STATE and host.unit() is not None:
            return ok("state", f"{state}: systemd makes it at the first start")
        parent = next(parent for parent in state.parents if parent.exists())
        if os.access(parent, os.W_OK):
            return ok("state", f"{state}: made at the first start")
        return failed("state", f"{parent} cannot be written by {reader.name}", "Set `state` to another directory.")
    owner = state.stat().st_uid
    strangers = [path.name for path in sorted(state.resolve().iterdir()) if path.stat().st_uid != owner]
    if strangers:
        return failed(
            "state",
            f"{state}: {', '.join(strangers[:3])} belongs to another user than the directory, and cannot be written",
            f"Stop mmied, then: chown -R {owner} {state}",
        )
    if reader.uid not in (None, 0, owner) or (reader.uid is None and state.resolve().parent.name != "private"):
        advice = f"Let systemd do it (`state: {UNIT_STATE}`), or chown it to the user that runs mmied."
        return failed("state", f"{state} belongs to uid {owner}, not to {reader.name}", advice)
    return ok("state", str(state))


def check_disk(
    config: Config, *, free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
) -> Finding:
    """Look whether there is room for what history and artifacts may grow to."""
    place = next(path for path in (config.state, *config.state.parents) if path.exists())
    free, wanted = free_bytes(place), config.history.max_size_bytes + config.artifacts.max_size_bytes
    told = f"{free / 1e9:.1f} GB free at {place}, history and artifacts may take {wanted / 1e9:.1f} GB"
    advice = "Make room, or lower `history.max_size` and `artifacts.max_size`."
    if free < LEAST_FREE_BYTES:
        return failed("disk", told, advice)
    return ok("disk", told) if free >= wanted else warning("disk", told, advice)


def check_executable_places(state: Path, host: Host) -> Finding:
    """Look whether compiled kernels can be loaded from the folders that they are written to."""
    mounts = host.read("proc/self/mounts") or ""
    places = [UNIT_CACHE if host.unit() is not None else state / "cache", Path("/tmp")]
    closed = [str(place) for place in places if "noexec" in _mount_options(place, mounts)]
    if not closed:
        return ok("noexec", f"compiled kernels can be loaded from {' and '.join(map(str, places))}")
    return warning(
        "noexec",
        f"{' and '.join(closed)} is mounted noexec: models and candidates that compile may fail",
        "Mount it without, or point TORCHINDUCTOR_CACHE_DIR, TRITON_CACHE_DIR and TMPDIR elsewhere.",
    )


def _mount_options(path: Path, mounts: str) -> list[str]:
    """Return the options of the mount that holds `path`: the last of those with the longest mount point."""
    best: tuple[int, list[str]] = (0, [])
    for line in mounts.splitlines():
        fields = line.split(" ")
        point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]))
        if path.is_relative_to(point) and len(point.parts) >= best[0]:
            best = (len(point.parts), fields[3].split(","))
    return best[1]
