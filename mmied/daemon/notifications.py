"""Count what came of messages about alarms."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Notifications:
    """Messages since the start, by kind of target; the notifier counts, the exporter reads."""

    sent: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
