"""What the daemon's loop touches of the world outside; tests put in their own."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mmied.daemon.cgroup import WorkerGroup
from mmied.daemon.notifications import Notifications
from mmied.daemon.tally import CountingHandler
from mmied.records import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where the daemon lives; tests put in their own."""

    host: str
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    proc: Path = Path("/proc")
    group: WorkerGroup | None = None
    torch_version: str | None = None
    log_counter: CountingHandler = field(default_factory=CountingHandler)
    notifications: Notifications = field(default_factory=Notifications)
    alive: Callable[[], bool] = lambda: True  # whether the parts beside the loop still live
    ping: Callable[[], object] = lambda: None  # tells the service manager that the loop does
    recorded: Callable[[Run], object] = lambda run: None
