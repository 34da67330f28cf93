"""Decide which due run to start on a free device, and which to put off for how long."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from mmied.config import Config, Model
from mmied.daemon import schedule
from mmied.daemon.accounts import Accounts
from mmied.daemon.admission import Pressure, Refusal, refusal
from mmied.daemon.jobs import device_of
from mmied.daemon.standing import Standing
from mmied.records import HardwareSample

MEMORY_MARGIN_BYTES = 512 << 20  # an interpreter with torch, before any model


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a decision is made from."""

    now: float  # Unix time
    monotonic: float
    config: Config
    standings: Mapping[str, Standing]
    accounts: Accounts
    sample: HardwareSample | None
    pressure: Pressure | None  # None: the host was not looked at for long enough
    artifact_bytes: Mapping[str, int]
    busy_devices: Collection[str]


@dataclass(frozen=True, slots=True)
class Start:
    """Start a run of `model` now; `forced` when admission was against it. It is `lag_seconds` late."""

    model: Model
    forced: bool
    lag_seconds: float


@dataclass(frozen=True, slots=True)
class PutOff:
    """Record that a due run of `model` is not started."""

    model: Model
    against: Refusal


@dataclass(slots=True)
class Wait:
    """What a model waits for; `until` is on the monotonic clock."""

    until: float
    why: str
    saving: bool = False  # for a run that costs more than the budget holds: over as soon as it holds enough


class Planner:
    """Remembers who waits for what, and whose turn comes before all others."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._waits: dict[str, Wait] = {}
        self._urgent: set[str] = set()

    def hurry(self, name: str) -> None:
        """Have a model profiled at once."""
        self._waits.pop(name, None)
        self._urgent.add(name)

    def hold(self, name: str, *, until: float, why: str) -> None:
        """Let a model wait until `until` on the monotonic clock."""
        self._waits[name] = Wait(until, why)

    def forgive(self, names: Collection[str]) -> None:
        """Forget what models wait for; those not in `names` altogether."""
        self._waits.clear()
        self._urgent &= set(names)

    def next_run_at(self, model: Model, standing: Standing, *, now: float, monotonic: float) -> float | None:
        """Return the Unix time of the next try, or None for a model in quarantine."""
        if standing.quarantined:
            return None
        due = now if model.name in self._urgent else self._due_at(model, standing, now)
        wait = self.wait(model.name, monotonic)
        return due if wait is None else max(due, now + wait.until - monotonic)

    def wait(self, name: str, monotonic: float) -> Wait | None:
        """Return what a model waits for now, if anything."""
        wait = self._waits.get(name)
        return wait if wait is not None and wait.until > monotonic else None

    def why(self, name: str) -> str:
        """Return what a model was last told to wait for."""
        return self._waits[name].why if name in self._waits else "it is not known why"

    def decide(self, moment: Moment) -> list[Start | PutOff]:
        """Return what to do now: at most one start for each free device."""
        actions: list[Start | PutOff] = []
        devices = {device_of(model.spec.device) for model in moment.config.models}
        for device in sorted(devices - set(moment.busy_devices)):
            actions += self._decide_for(device, moment)
        return actions

    def _decide_for(self, device: str, moment: Moment) -> list[Start | PutOff]:
        actions: list[Start | PutOff] = []
        due: list[tuple[bool, float, Model]] = []
        for model in moment.config.models:
            standing = moment.standings[model.name]
            if device_of(model.spec.device) != device or standing.quarantined:
                continue
            actions += self._misfire(model, standing, moment.now)
            late = moment.now - self._due_at(model, standing, moment.now)
            urgent = model.name in self._urgent
            if late >= 0 or urgent:
                interval = schedule.interval_seconds(model.schedule, moment.now)
                due.append((urgent, float("inf") if standing.last_run is None else late / interval, model))
        # Changed files first, then those never run, then whoever is late by the most of its intervals.
        for urgent, _, model in sorted(due, key=lambda row: row[:2], reverse=True):
            standing = moment.standings[model.name]
            wait = self.wait(model.name, moment.monotonic)
            poverty = moment.accounts.poverty(model, moment.standings)
            if poverty is not None:
                if wait is None:
                    actions.append(self._put_off(model, standing, Refusal("budget", poverty), moment))
                break  # those that come after it must not eat what it saves up for
            if wait is not None and not wait.saving:
                continue
            if moment.pressure is None and moment.sample is not None:
                break  # look at the host a little longer
            against = self._against(model, standing, moment)
            forced = against is not None and self._may_force(standing, moment.config)
            if against is not None and not forced:
                actions.append(self._put_off(model, standing, against, moment))
                continue
            late = 0.0 if urgent else moment.now - self._due_at(model, standing, moment.now)
            self._urgent.discard(model.name)
            self._waits.pop(model.name, None)
            actions.append(Start(model, forced, max(0.0, late)))
            break
        return actions

    def _due_at(self, model: Model, standing: Standing, now: float) -> float:
        last = standing.last_run
        return schedule.next_run_at(
            model.schedule,
            key=f"{self._host}/{model.name}",
            now=now,
            last_run_at=last.started_at if last is not None else None,
            failures=standing.failures,
        )

    def _misfire(self, model: Model, standing: Standing, now: float) -> list[Start | PutOff]:
        last = standing.last_run.started_at if standing.last_run is not None else None
        lost = schedule.missed_at(model.schedule, now=now, last_run_at=last, failures=standing.failures)
        told = standing.last_attempt
        # It is the first that is told once it is missed: whatever was tried since then came after it was.
        if lost is None or (told is not None and told.started_at > lost + schedule.MISFIRE_GRACE_SECONDS):
            return []
        when = datetime.fromtimestamp(lost, UTC)
        return [PutOff(model, Refusal("misfire", f"the run of {when:%Y-%m-%d %H:%M} UTC was missed"))]

    def _may_force(self, standing: Standing, config: Config) -> bool:
        after = config.admission.force_after
        return after is not None and standing.turned_away >= after

    def _against(self, model: Model, standing: Standing, moment: Moment) -> Refusal | None:
        last = standing.last_success
        needed = MEMORY_MARGIN_BYTES + 2 * moment.artifact_bytes.get(model.name, 0)
        if last is not None and last.worker_peak_bytes is not None:
            needed = last.worker_peak_bytes
        return refusal(
            limits=moment.config.admission,
            sample=moment.sample,
            pressure=moment.pressure,
            device=device_of(model.spec.device),
            memory_needed_bytes=needed,
        )

    def _put_off(self, model: Model, standing: Standing, against: Refusal, moment: Moment) -> PutOff:
        seconds = schedule.retry_seconds(
            refusals=standing.refusals + 1,
            interval=schedule.interval_seconds(model.schedule, moment.now),
            key=f"{self._host}/{model.name}",
        )
        saving = against.reason == "budget"
        self._waits[model.name] = Wait(moment.monotonic + seconds, against.message, saving)
        return PutOff(model, against)
