"""Collect what was seen of timed calls."""

from dataclasses import dataclass, field

from mmied.records import Iterations


@dataclass(frozen=True, slots=True)
class Timed:
    """One call: seconds on the wall clock, between device events, and waited by the worst-off and by all threads."""

    wall_seconds: float
    wait_seconds: float
    wait_total_seconds: float
    device_seconds: float | None = None

    @property
    def clean_seconds(self) -> float:
        """The best single estimate of what the call takes alone: what warm-up goes by."""
        return self.device_seconds if self.device_seconds is not None else self.wall_seconds - self.wait_seconds


@dataclass(slots=True)
class Recorder:
    """Collects timed calls in the order in which they ran."""

    several_threads: bool
    wall: list[float] = field(default_factory=list)
    wait: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)
    device: list[float] = field(default_factory=list)
    disturbed: list[int] = field(default_factory=list)

    def add(self, timed: Timed) -> None:
        self.wall.append(timed.wall_seconds)
        self.wait.append(timed.wait_seconds)
        self.total.append(timed.wait_total_seconds)
        if timed.device_seconds is not None:
            self.device.append(timed.device_seconds)

    def add_all(self, others: "Recorder") -> None:
        """Add what another one collected after this."""
        first = len(self.wall)
        self.wall += others.wall
        self.wait += others.wait
        self.total += others.total
        self.device += others.device
        self.disturbed += [first + index for index in others.disturbed]

    def mark_disturbed(self, first: int) -> None:
        """Mark all calls from index `first` on."""
        self.disturbed += range(first, len(self.wall))

    def iterations(self, others_cpus: float | None = None) -> Iterations:
        return Iterations(
            wall_seconds=tuple(self.wall),
            wait_seconds=tuple(self.wait),
            wait_total_seconds=tuple(self.total) if self.several_threads else None,
            disturbed=tuple(self.disturbed),
            others_cpus=others_cpus,
            device_seconds=tuple(self.device) or None,
        )
