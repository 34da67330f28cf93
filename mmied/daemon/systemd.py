"""Tell systemd how the daemon is: sd_notify's protocol in a few lines of socket code."""

import socket
from collections.abc import Mapping, MutableMapping

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
SEND_SECONDS = 1.0  # systemd reads at once; one that does not must not hold the daemon up


def take_environment(environ: MutableMapping[str, str]) -> dict[str, str]:
    """Move systemd's variables out of `environ`, so that no worker inherits them, and return them."""
    return {name: environ.pop(name) for name in VARIABLES if name in environ}


def notify(message: str, *, environ: Mapping[str, str]) -> bool:
    """Send `message` to the socket that `environ` names; False when there is none or nobody listens to it."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]  # the kernel's spelling of an abstract name
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.settimeout(SEND_SECONDS)
            channel.connect(address)
            channel.sendall(message.encode(errors="replace"))
    except OSError:
        return False
    return True


def ready(*, environ: Mapping[str, str]) -> bool:
    """Say that the daemon is up, or up again after a reload."""
    return notify("READY=1", environ=environ)


def reloading(*, environ: Mapping[str, str], monotonic_seconds: float) -> bool:
    """Say that a reload began at `monotonic_seconds` of CLOCK_MONOTONIC; `ready` ends it."""
    return notify(f"RELOADING=1\nMONOTONIC_USEC={round(monotonic_seconds * 1e6)}", environ=environ)


def stopping(*, environ: Mapping[str, str]) -> bool:
    """Say that the daemon is on its way out."""
    return notify("STOPPING=1", environ=environ)


def status(text: str, *, environ: Mapping[str, str]) -> bool:
    """Show `text` in `systemctl status`, on one line: a line break would begin another variable."""
    return notify("STATUS=" + " ".join(text.split()), environ=environ)


def watchdog(*, environ: Mapping[str, str]) -> bool:
    """Say that the daemon is alive, for another WatchdogSec."""
    return notify("WATCHDOG=1", environ=environ)


def watchdog_interval_seconds(environ: Mapping[str, str], pid: int) -> float | None:
    """Return how often to call `watchdog`: half of what systemd allows. None when it does not watch `pid`."""
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    allowed = environ.get("WATCHDOG_USEC", "")
    if not (allowed.isascii() and allowed.isdigit()) or int(allowed) == 0:
        return None
    return int(allowed) / 2e6
