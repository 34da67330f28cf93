"""The part of a host that mmied looks at: who its user would be, and where the kernel's and systemd's files are."""

import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SERVICE_USER = "mmied"  # the unit's User=
UNIT_FOLDERS = ("etc/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")
HOMES = ("/home", "/root", "/run/user")  # what ProtectHome= hides


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Where to look. Tests point it at folders of their own."""

    root: Path = Path("/")
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def proc(self) -> Path:
        return self.root / "proc"

    @property
    def sys(self) -> Path:
        return self.root / "sys"

    def read(self, path: str) -> str | None:
        """Return a file's text without blanks around it, or None where it cannot be read."""
        try:
            return (self.root / path).read_text(errors="replace").strip()
        except OSError:
            return None

    def unit(self) -> str | None:
        """Return the unit of the service with its drop-ins, or None where it is not installed."""
        folders = [self.root / folder for folder in UNIT_FOLDERS]
        unit = next((found for folder in folders if (found := folder / "mmied.service").exists()), None)
        if unit is None:
            return None
        drop_ins = [path for folder in folders for path in sorted((folder / "mmied.service.d").glob("*.conf"))]
        return "\n".join(path.read_text(errors="replace") for path in (unit, *drop_ins))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who is to read configuration and models: `uid` is None for the unit's dynamic user, who is in no group."""

    name: str
    uid: int | None
    groups: frozenset[int] = frozenset()

    def obstacle(self, path: Path) -> Path | None:
        """Return the file or folder on the way to `path` whose mode keeps this user from reading; None if none does.

        Access control lists are not looked at. Raises OSError for what is not there.
        """
        if self.uid == 0:
            path.stat()
            return None
        target = path.resolve(strict=True)
        for place in (*reversed(target.parents), target):
            status = place.stat()
            needed = 0o4 if stat.S_ISREG(status.st_mode) else 0o5 if place == target else 0o1
            if status.st_uid == self.uid:
                needed <<= 6
            elif status.st_gid in self.groups:
                needed <<= 3
            if status.st_mode & needed != needed:
                return place
        return None


def reader_on(host: Host) -> Reader:
    """Return the unit's user where root asks on a host with the unit, else who asks."""
    if os.geteuid() != 0 or host.unit() is None:
        groups = frozenset({os.getegid(), *os.getgroups()})
        return Reader(name=pwd.getpwuid(os.geteuid()).pw_name, uid=os.geteuid(), groups=groups)
    try:
        entry = pwd.getpwnam(SERVICE_USER)
    except KeyError:
        return Reader(name=SERVICE_USER, uid=None)
    return Reader(name=SERVICE_USER, uid=entry.pw_uid, groups=frozenset(os.getgrouplist(SERVICE_USER, entry.pw_gid)))


def below_home(path: Path) -> bool:
    """Tell whether the unit's ProtectHome= hides a path."""
    return any(path.is_relative_to(home) for home in HOMES)
