"""What somebody has to be told: alarms, and the messages that are on their way, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

Severity = Literal["critical", "warning", "info"]
TargetKind = Literal["webhook", "alertmanager", "apprise"]
DEFAULT_RUNBOOKS = "docs/runbooks"  # where they lie in the source; give the address of your copy
SEVERE_CHANGE_RATIO = 0.5  # from which a regression is severe
FAILED_RUNS = 3  # in a row, that somebody is told of
TARGET_KINDS: tuple[TargetKind, ...] = ("webhook", "alertmanager", "apprise")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something that is wrong; `name` is that of Prometheus' alert of the same, `labels` tell it from others.

    `details` are what else is worth a field of its own, and may become known later: the cause, the figures.
    """

    name: str
    severity: Severity
    labels: Mapping[str, str]
    summary: str
    description: str
    started_at: float  # Unix time
    details: Mapping[str, str] = field(default_factory=dict)
    ended_at: float | None = None

    @property
    def fingerprint(self) -> str:
        """What stays the same from its start to its end."""
        text = "\n".join([self.name, *(f"{name}={self.labels[name]}" for name in sorted(self.labels))])
        return sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where messages go. The address may hold a secret: it is never shown; `digest` tells targets apart."""

    kind: TargetKind
    address: str | None = None
    file: str | None = None  # holds the address instead, and is read anew for each message

    @property
    def digest(self) -> str:
        return sha256(f"{self.kind}\n{self.address}\n{self.file}".encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Alarms that started or ended together, on their way to one target. It is tried again at `next_at`."""

    target: str  # its digest
    alarms: tuple[Alarm, ...]
    queued_at: float
    next_at: float
    attempts: int = 0

    @property
    def message_id(self) -> str:
        """The same for the same news, so that nothing is queued twice."""
        news = (f"{alarm.fingerprint} {alarm.started_at} {alarm.ended_at is None}" for alarm in self.alarms)
        return sha256("\n".join([self.target, *news]).encode()).hexdigest()[:16]
