"""The nouns of alerting: a recording, an alert, a group of them.

Expressions and texts hold `@job` and `@NAME` of thresholds, which settings fill in. Series are matched by all their
labels wherever both sides have the same, so that labels which Prometheus adds (a cluster, a region) do no harm.
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warning", "info", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A series that Prometheus computes; `name` is level:metric:operations."""

    name: str
    help: str
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What somebody is told, and when.

    `description` uses `$labels` and `$value` alone, so that Grafana can fill it too; `detail` may ask Prometheus for
    further figures and is added there.
    """

    name: str
    severity: Severity
    expression: str
    wait: str | None = None  # Prometheus' `for`; None where the daemon itself has confirmed it
    summary: str
    description: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rules that are evaluated together, in their order."""

    name: str
    help: str
    recordings: tuple[Recording, ...] = ()
    alerts: tuple[Alert, ...] = ()
