"""Decide which due run to start on a free device, and which to put off for how long."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from mmied.config import Config, Cron, Every, Model
from mmied.daemon import schedule
from mmied.daemon.accounts import Accounts
from mmied.daemon.admission import Pressure, Refusal, refusal
from mmied.daemon.jobs import Kind, device_of
from mmied.daemon.searches import SERVING_PROCESSES, is_open
from mmied.daemon.standing import Attempts, Standing
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
    searching: bool = False  # a search is under way on some device


@dataclass(frozen=True, slots=True)
class Start:
    """Start a run of `model` now; `forced` when admission was against it. It is `lag_seconds` late."""

    model: Model
    forced: bool
    lag_seconds: float
    kind: Kind = "profile"
    confirming: bool = False  # asked for because of a suspicion


@dataclass(frozen=True, slots=True)
class PutOff:
    """Record that a due run of `model` is not started."""

    model: Model
    against: Refusal
    kind: Kind = "profile"


@dataclass(frozen=True, slots=True)
class _Task:
    """What may be due of a model: one kind of job, its own schedule, and how it went so far."""

    model: Model
    kind: Kind
    schedule: Every | Cron
    attempts: Attempts

    @property
    def key(self) -> tuple[Kind, str]:
        return self.kind, self.model.name


@dataclass(slots=True)
class Wait:
    """What a job of a model waits for; `until` is on the monotonic clock."""

    until: float
    why: str
    saving: bool = False  # for a run that costs more than the budget holds: over as soon as it holds enough


class Planner:
    """Remembers who waits for what, and whose turn comes before all others."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._waits: dict[tuple[Kind, str], Wait] = {}
        self._urgent: set[tuple[Kind, str]] = set()
        self._confirming: set[str] = set()  # models whose urgent profile run is to confirm a suspicion
        self._explaining: set[str] = set()  # models whose urgent inspection is to explain a regression
        self._uninspected_since: dict[str, float] = {}  # Unix time at which a first inspection could have begun

    def hurry(self, name: str, kinds: Sequence[Kind] = ("profile", "inspect")) -> None:
        """Have jobs of a model done at once; an inspection comes after its profile run. A search has its own hour."""
        for kind in kinds:
            self._waits.pop((kind, name), None)
            self._urgent.add((kind, name))

    def confirm(self, name: str) -> None:
        """Have a model profiled at once to confirm a suspicion; one that is to be profiled at once anyway is enough."""
        if ("profile", name) not in self._urgent:
            self.hurry(name, ("profile",))
            self._confirming.add(name)

    def explain(self, name: str) -> None:
        """Have a model inspected at once, before what is merely due: it explains a regression."""
        if name not in self._explaining:
            self.hurry(name, ("inspect",))
            self._explaining.add(name)

    def hold(self, name: str, *, until: float, why: str, kind: Kind = "profile") -> None:
        """Let a model wait until `until` on the monotonic clock."""
        self._waits[kind, name] = Wait(until, why)

    def forgive(self, names: Collection[str]) -> None:
        """Forget what models wait for; those not in `names` altogether."""
        self._waits.clear()
        self._urgent = {(kind, name) for kind, name in self._urgent if name in names}
        self._confirming &= set(names)
        self._explaining &= set(names)
        self._uninspected_since = {name: at for name, at in self._uninspected_since.items() if name in names}

    def next_run_at(
        self, model: Model, standing: Standing, *, now: float, monotonic: float, kind: Kind = "profile"
    ) -> float | None:
        """Return the Unix time of the next try.

        None for a model in quarantine, and for a look inside or a search that is not wanted or waits for a run to
        succeed.
        """
        task = next((task for task in self._tasks(model, standing) if task.kind == kind), None)
        if task is None or not self._may(task, standing):
            return None
        due = now if task.key in self._urgent else self._due_at(task, now)
        wait = self.wait(model.name, monotonic, kind)
        return due if wait is None else max(due, now + wait.until - monotonic)

    def wait(self, name: str, monotonic: float, kind: Kind = "profile") -> Wait | None:
        """Return what a model waits for now, if anything."""
        wait = self._waits.get((kind, name))
        return wait if wait is not None and wait.until > monotonic else None

    def why(self, name: str, kind: Kind = "profile") -> str:
        """Return what a model was last told to wait for."""
        key = (kind, name)
        return self._waits[key].why if key in self._waits else "it is not known why"

    def decide(self, moment: Moment) -> list[Start | PutOff]:
        """Return what to do now: at most one start for each free device."""
        actions: list[Start | PutOff] = []
        devices = {device_of(model.spec.device) for model in moment.config.models}
        searching = moment.searching
        for device in sorted(devices - set(moment.busy_devices)):
            decided = self._decide_for(device, replace(moment, searching=searching))
            searching = searching or any(isinstance(each, Start) and each.kind == "optimize" for each in decided)
            actions += decided
        return actions

    def _decide_for(self, device: str, moment: Moment) -> list[Start | PutOff]:
        actions: list[Start | PutOff] = []
        due: list[tuple[int, float, _Task]] = []
        saving = False
        for model in moment.config.models:
            standing = moment.standings[model.name]
            if device_of(model.spec.device) != device:
                continue
            for task in self._tasks(model, standing):
                if not self._may(task, standing) or (task.kind == "optimize" and moment.searching):
                    continue
                actions += self._misfire(task, moment.now)
                late = moment.now - self._due_at(task, moment.now)
                if late >= 0 or task.key in self._urgent:
                    due.append((*self._rank(task, late, moment.now), task))
        for _, _, task in sorted(due, key=lambda row: row[:2], reverse=True):
            wait = self.wait(task.model.name, moment.monotonic, task.kind)
            if saving and task.kind != "optimize":
                continue  # those that come after it must not eat what it saves up for
            poverty = moment.accounts.poverty(task.model, moment.standings, task.kind)
            if poverty is not None:
                if wait is None:
                    actions.append(self._put_off(task, Refusal("budget", poverty), moment))
                saving = True
                continue
            if wait is not None and not wait.saving:
                continue
            if moment.pressure is None and moment.sample is not None:
                break  # look at the host a little longer
            against = self._against(task, moment)
            forced = against is not None and self._may_force(task, moment.config)
            if against is not None and not forced:
                actions.append(self._put_off(task, against, moment))
                continue
            late = 0.0 if task.key in self._urgent else moment.now - self._due_at(task, moment.now)
            self._urgent.discard(task.key)
            self._waits.pop(task.key, None)
            if task.kind == "inspect":
                self._uninspected_since.pop(task.model.name, None)
                self._explaining.discard(task.model.name)
            confirming = task.kind == "profile" and task.model.name in self._confirming
            if task.kind == "profile":
                self._confirming.discard(task.model.name)
            actions.append(Start(task.model, forced, max(0.0, late), task.kind, confirming))
            break
        return actions

    def _may(self, task: _Task, standing: Standing) -> bool:
        """Tell whether a job makes sense now.

        A model is looked into, or searched, where its last run came to a good end and none is asked for at once.
        """
        if task.attempts.quarantined or task.kind == "profile":
            return not task.attempts.quarantined
        asked = ("profile", task.model.name) in self._urgent
        return standing.last_success is not None and standing.failures == 0 and not (standing.quarantined or asked)

    def _rank(self, task: _Task, late: float, now: float) -> tuple[int, float]:
        """Return what sorts due tasks, the highest first.

        Changed files and suspicions first, then what holds a changed file against the one before and what explains a
        regression, then models never run, then whoever is late by the most of its intervals. Inspections come behind
        all of these until they are late by a whole interval, and go first then: where the budget is overdrawn, so
        that something is always due, they would never have their turn otherwise. A search comes behind all else,
        between whose runs it goes on; one that has begun before another, then the one that waits longest.
        """
        urgent = task.key in self._urgent
        if task.kind == "compare":
            return 2, -1.0
        if task.kind == "inspect" and task.model.name in self._explaining:
            return 2, -2.0
        if task.kind == "optimize":
            optimize, last = task.model.optimize, task.attempts.last_run
            if optimize is not None and is_open(task.attempts, optimize, now):
                return -1, 0.0
            return -2, now - (last.started_at if last is not None else 0.0)
        if task.kind == "inspect" and task.attempts.last_run is None:
            late = now - self._uninspected_since.setdefault(task.model.name, now)
        lateness = late / schedule.interval_seconds(task.schedule, now)
        if task.kind == "inspect":
            return (1, float("inf")) if lateness >= 1 else (0, float(urgent))
        return (2, 0.0) if urgent else (1, float("inf") if task.attempts.last_run is None else lateness)

    def _due_at(self, task: _Task, now: float) -> float:
        last = task.attempts.last_run
        optimize = task.model.optimize
        if task.kind == "compare":
            return now  # it is asked for, or there is none
        if task.kind == "optimize" and optimize is not None and is_open(task.attempts, optimize, now):
            return last.ended_at if last is not None and last.ended_at <= now else now
        return schedule.next_run_at(
            task.schedule,
            key=self._key(task),
            now=now,
            last_run_at=last.started_at if last is not None else None,
            failures=task.attempts.failures,
        )

    def _key(self, task: _Task) -> str:
        """Return what splays a task over its interval."""
        return f"{self._host}/{task.model.name}" + ("" if task.kind == "profile" else f"/{task.kind}")

    def _misfire(self, task: _Task, now: float) -> list[Start | PutOff]:
        if task.kind == "compare":
            return []
        attempts = task.attempts
        last = attempts.last_run.started_at if attempts.last_run is not None else None
        lost = schedule.missed_at(task.schedule, now=now, last_run_at=last, failures=attempts.failures)
        told = attempts.last_attempt
        # It is the first that is told once it is missed: whatever was tried since then came after it was.
        if lost is None or (told is not None and told.started_at > lost + schedule.MISFIRE_GRACE_SECONDS):
            return []
        when = datetime.fromtimestamp(lost, UTC)
        against = Refusal("misfire", f"the run of {when:%Y-%m-%d %H:%M} UTC was missed")
        return [PutOff(task.model, against, task.kind)]

    def _may_force(self, task: _Task, config: Config) -> bool:
        after = config.admission.force_after
        if task.kind == "optimize":
            return False  # nobody needs it at once, and it takes many minutes
        return after is not None and task.attempts.turned_away >= after

    def _against(self, task: _Task, moment: Moment) -> Refusal | None:
        name = task.model.name
        last = task.attempts.last_success or moment.standings[name].last_success
        needed = MEMORY_MARGIN_BYTES + 2 * moment.artifact_bytes.get(name, 0)
        if last is not None and last.worker_peak_bytes is not None:
            needed = last.worker_peak_bytes
        if task.kind == "optimize" and task.attempts.last_success is None:
            needed *= SERVING_PROCESSES
        if task.kind == "compare" and task.attempts.last_success is None:
            needed *= 2  # two models in one process
        return refusal(
            limits=moment.config.admission,
            sample=moment.sample,
            pressure=moment.pressure,
            device=device_of(task.model.spec.device),
            memory_needed_bytes=needed,
        )

    def _put_off(self, task: _Task, against: Refusal, moment: Moment) -> PutOff:
        seconds = schedule.retry_seconds(
            refusals=task.attempts.refusals + 1,
            interval=schedule.interval_seconds(task.schedule, moment.now),
            key=self._key(task),
        )
        saving = against.reason == "budget"
        self._waits[task.key] = Wait(moment.monotonic + seconds, against.message, saving)
        return PutOff(task.model, against, task.kind)

    def _tasks(self, model: Model, standing: Standing) -> list[_Task]:
        tasks = [_Task(model, "profile", model.schedule, standing)]
        if model.inspect is not None:
            tasks.append(_Task(model, "inspect", model.inspect, standing.inspections))
        if model.optimize is not None:
            tasks.append(_Task(model, "optimize", model.optimize.schedule, standing.searches))
        if ("compare", model.name) in self._urgent:  # it has no schedule
            tasks.append(_Task(model, "compare", model.schedule, standing.comparisons))
        return tasks
