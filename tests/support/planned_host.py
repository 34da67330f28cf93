"""A host on which time passes, to make plans for."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from builders import HARDWARE, NOW, make_run, refused

from mmied.config import Config, Model
from mmied.daemon.admission import Pressure
from mmied.daemon.planner import Moment, Planner, PutOff, Start
from mmied.daemon.standing import Standing, advance
from mmied.records import Run

QUIET = Pressure(cpu_waiting=0.0, memory_waiting=0.0, io_stalled=0.0)
BUSY = Pressure(cpu_waiting=0.9, memory_waiting=0.0, io_stalled=0.0)
HOUR = 3600.0


@dataclass
class Purse:
    """A budget that is set by hand: what it holds, and what a run of each model costs."""

    level: float = 1e9
    costs: dict[str, float] = field(default_factory=dict)

    def poverty(self, model: Model, standings: object, kind: str = "profile") -> str | None:
        return None if self.level >= self.costs.get(model.name, 1.0) else f"{model.name} is too dear"


@dataclass
class Host:
    """A host on which time passes, and whose runs end as soon as they start."""

    config: Config
    purse: Purse = field(default_factory=Purse)
    pressure: Pressure | None = QUIET
    standings: dict[str, Standing] = field(default_factory=dict)
    planner: Planner = field(default_factory=lambda: Planner("here"))
    now: float = NOW
    busy_devices: tuple[str, ...] = ()
    artifact_bytes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.standings = {model.name: Standing() for model in self.config.models} | self.standings

    def decide(self) -> list[Start | PutOff]:
        return self.planner.decide(
            Moment(
                now=self.now,
                monotonic=self.now - NOW + 1000,
                config=self.config,
                standings=self.standings,
                accounts=self.purse,  # type: ignore[arg-type]
                sample=HARDWARE,
                pressure=self.pressure,
                artifact_bytes=self.artifact_bytes,
                busy_devices=self.busy_devices,
            )
        )

    def step(self) -> list[Start | PutOff]:
        """Decide, and take in what comes of it."""
        actions = self.decide()
        for action in actions:
            if isinstance(action, Start):
                self.take_in(make_run(model=action.model.name, kind=action.kind))
                self.purse.level -= self.purse.costs.get(action.model.name, 0.0)
            else:
                self.take_in(refused(model=action.model.name, reason=action.against.reason, kind=action.kind))
        return actions

    def take_in(self, run: Run) -> None:
        run = replace(run, started_at=self.now, ended_at=self.now)
        self.standings[run.model] = advance(self.standings[run.model], run)

    def steps(self, seconds: float, *, every: float = 1.0) -> list[tuple[float, Start | PutOff]]:
        """Let time pass; return what was done, and when since the beginning."""
        done = []
        until = self.now + seconds
        while self.now < until:
            done += [(self.now - NOW, action) for action in self.step()]
            self.now += every
        return done


def starts(actions: Iterable[Start | PutOff]) -> list[str]:
    return [action.model.name for action in actions if isinstance(action, Start)]


def reasons(actions: Iterable[Start | PutOff]) -> list[tuple[str, str]]:
    return [(action.model.name, action.against.reason) for action in actions if isinstance(action, PutOff)]
