"""The daemon's loop: it alone reads the clock, and has the others decide what to start, keep and say."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import psutil

from mmied.codec import from_json
from mmied.config import Config, Cron, Every, Model
from mmied.daemon.accounts import Accounts
from mmied.daemon.hardware import Sampler
from mmied.daemon.jobs import Kind, device_of, make_job, new_run_id, refused_run
from mmied.daemon.outlook import Outlooks
from mmied.daemon.planner import Moment, Planner, PutOff, Start
from mmied.daemon.predecessors import Predecessors, take_result
from mmied.daemon.quiet import QuietPressure
from mmied.daemon.recall import recall
from mmied.daemon.recorder import Recorder
from mmied.daemon.recovery import keep_artifacts, recover_runs
from mmied.daemon.regressions import Regressions
from mmied.daemon.reloading import differences, needs_restart, with_restart_bound
from mmied.daemon.runners import Order, Runners
from mmied.daemon.searches import keep_search, options_of, renewed
from mmied.daemon.standing import Standing, advance, release
from mmied.daemon.surroundings import Surroundings
from mmied.daemon.tally import Tally
from mmied.daemon.view import Plan, View, make_plan, notices_of
from mmied.daemon.watch import FileWatch
from mmied.errors import HistoryError, MmiedError
from mmied.history.artifacts import INSPECTION_FILE, Artifacts
from mmied.history.store import Store
from mmied.inspection import Inspection
from mmied.optimization import SearchOptions
from mmied.records import Event, JournalEntry, Run
from mmied.regression import SeriesPoint

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
WATCH_SECONDS = 2.0  # between two looks at the models' files
CLOCK_JUMP_SECONDS = 2.0
UNWRITABLE_SECONDS = 15.0  # before another try to start a run that could not be journalled
STOP_SECONDS = 8.0  # of the 10 in which the daemon promises to be gone


@dataclass(frozen=True, slots=True)
class _ConfigState:
    loaded_at: float
    error: str | None = None
    notices: tuple[str, ...] = ()


class Service:
    """Starts due runs one at a time on each device, records what came of them, and shows what it knows."""

    def __init__(
        self,
        config: Config,
        store: Store,
        sampler: Sampler,
        surroundings: Surroundings,
        *,
        artifacts: Artifacts,
        load_config: Callable[[], Config],
    ) -> None:
        """Take up where the history ends. Raises HistoryError when it cannot be read or written."""
        self._config, self._store, self._sampler, self._at = config, store, sampler, surroundings
        self._artifacts = artifacts
        self._load_config = load_config
        self._now, self._monotonic = surroundings.clock(), surroundings.monotonic()
        self._started_at = self._now
        self._config_state = _ConfigState(loaded_at=self._now)
        self._stop, self._wake, self._reload = threading.Event(), threading.Event(), threading.Event()
        self._tally = Tally()
        runs = config.state / "runs"
        for run in recover_runs(store, runs, artifacts):
            self._tally.count(run)
        self._standings = recall(store, (model.name for model in config.models))
        self._verdicts = {model.name: store.trials(model.name) for model in config.models}
        self._accounts = Accounts(config, self._standings, store, now=self._now, monotonic=self._monotonic)
        self._planner = Planner(surroundings.host)
        self._predecessors = Predecessors(
            config.state / "predecessors",
            max_size_bytes=config.regressions.keep_previous_bytes,
            models={model.name for model in config.models},
        )
        self._runners = Runners(surroundings, runs, self._predecessors, ended=self._wake.set)
        self._regressions = Regressions(
            config,
            store,
            tally=self._tally,
            planner=self._planner,
            artifacts=artifacts,
            predecessors=self._predecessors,
            standings=self._standings,
        )
        self._outlooks = Outlooks(config, store, standings=self._standings, now=self._now)
        self._recorder = Recorder(
            store,
            judge=self._judge,
            recorded=surroundings.recorded,
            counted=lambda event: self._tally.events.update((event.kind,)),
        )
        self._quiet = QuietPressure(surroundings.proc)
        self._files = FileWatch()
        self._files.changed(config.models)
        self._watched_at = self._monotonic
        self._lag_seconds: float | None = None
        self._worker_peak_bytes: int | None = None
        for model in config.models:
            standing = self._standings[model.name]
            last, success = standing.last_run, standing.last_success
            changed = success is not None and not self._files.still_is(model.name, success.digests)
            if changed:  # while the daemon was down
                self._release(model.name)
            inspected = standing.inspections.last_run
            if changed:
                self._planner.hurry(model.name)
            elif last is not None and last.orphaned:
                self._planner.hurry(model.name, ("profile",))
            elif inspected is not None and inspected.orphaned:
                self._planner.hurry(model.name, ("inspect",))

    @property
    def predecessors(self) -> Predecessors:
        """The kept files of models, for the housekeeping."""
        return self._predecessors

    def run(self) -> None:
        """Loop until `request_stop`; then end the runs under way and record them."""
        while not self._stop.is_set():
            self.tick()
            self._wake.wait(TICK_SECONDS)
            self._wake.clear()
        self.close()

    def run_now(self, model: Model) -> Run | None:
        """Run one model here and now, whatever schedule, admission and budget say; None when asked to stop meanwhile.

        Raises HistoryError when the run cannot be journalled.
        """
        self._heed_clocks()
        self._start(Start(model, forced=False, lag_seconds=0.0))
        device = device_of(model.spec.device)
        running = self._runners.running.get(device)
        if running is None:
            raise HistoryError(f"{model.name} was not run: {self._planner.why(model.name)}")
        while running.thread.is_alive() and not self._stop.is_set():
            running.thread.join(TICK_SECONDS)
        if self._stop.is_set():
            return None
        self._collect()
        return self._standings[model.name].last_run

    def close(self) -> None:
        """End the runs under way, and record what can be recorded."""
        self._runners.end(STOP_SECONDS)
        self._collect()
        self._recorder.close(self._monotonic)

    def request_stop(self) -> None:
        """Ask the loop to end; for signal handlers."""
        self._stop.set()
        self._wake.set()

    def request_reload(self) -> None:
        """Ask the loop to read the configuration again; for signal handlers."""
        self._reload.set()
        self._wake.set()

    def tick(self) -> None:
        """Do what is due now. Nothing that goes wrong here ends the loop."""
        try:
            self._heed_clocks()
            if self._reload.is_set():
                self._reload.clear()
                self._take_config()
            self._collect()
            self._accounts.fill(self._monotonic)
            self._look_at_files()
            self._quiet.observe(self._monotonic, running=bool(self._runners.running))
            self._recorder.flush(self._monotonic)
            self._regressions.ask(self._monotonic, self._affords)
            self._dispatch()
        except Exception:
            log.exception("tick_failed")
        if self._at.alive():
            self._at.ping()

    # What changes

    def _heed_clocks(self) -> None:
        """Take the time, and tell of a wall clock that was set. The plan follows it: it is made from the last runs."""
        now, monotonic = self._at.clock(), self._at.monotonic()
        jump = (now - self._now) - (monotonic - self._monotonic)
        self._now, self._monotonic = now, monotonic
        if abs(jump) > CLOCK_JUMP_SECONDS:
            log.warning("clock_jumped", extra={"seconds": round(jump, 1)})
            message = f"the clock jumped by {jump:+.0f} s"
            self._recorder.note(Event(at=now, kind="host_changed", model=None, message=message))

    def _take_config(self) -> None:
        self._tally.reloads += 1
        try:
            fresh = self._load_config()
            unknown = {model.name for model in fresh.models} - self._standings.keys()
            recalled = recall(self._store, unknown)
            verdicts = {name: self._store.trials(name) for name in unknown}
        except MmiedError as error:
            self._tally.reload_failures += 1
            self._config_state = replace(self._config_state, error=str(error))
            log.error("config_refused", extra={"error": str(error)})
            return
        old = {model.name: model for model in self._config.models}
        names = {model.name for model in fresh.models}
        self._config_state = _ConfigState(loaded_at=self._now, notices=needs_restart(self._config, fresh))
        kept = {name: release(standing) for name, standing in self._standings.items() if name in names}
        self._standings = kept | recalled
        self._verdicts = {name: found for name, found in (self._verdicts | verdicts).items() if name in names}
        self._config = with_restart_bound(fresh, self._config)
        self._tally.forget(names)
        self._planner.forgive(names)
        for model in fresh.models:
            before = old.get(model.name)
            if before is None or (before.spec, before.workloads) != (model.spec, model.workloads):
                self._planner.hurry(model.name)
        self._store.max_size_bytes = fresh.history.max_size_bytes
        self._store.retention_seconds = fresh.history.retention_seconds
        self._artifacts.max_size_bytes = fresh.artifacts.max_size_bytes
        self._artifacts.retention_seconds = fresh.artifacts.retention_seconds
        self._artifacts.models = self._predecessors.models = names
        self._predecessors.max_size_bytes = fresh.regressions.keep_previous_bytes
        self._accounts = Accounts(
            self._config,
            self._standings,
            self._store,
            now=self._now,
            monotonic=self._monotonic,
            before=self._accounts,
        )
        self._regressions.take_config(self._config)
        self._outlooks.take_config(self._config, self._standings, now=self._now)
        message = "; ".join((f"{len(names)} models", *differences(old.values(), fresh.models)))
        self._recorder.note(Event(at=self._now, kind="config_reloaded", model=None, message=message))
        log.info("config_reloaded", extra={"path": str(fresh.path), "models": len(names)})

    def _look_at_files(self) -> None:
        if self._monotonic - self._watched_at < WATCH_SECONDS:
            return
        self._watched_at = self._monotonic
        for name in self._files.changed(self._config.models):
            log.info("model_file_changed", extra={"model": name})
            self._release(name)
            self._planner.hurry(name)

    def _release(self, name: str) -> None:
        """Give a model whose files changed a fresh start, and have that outlast a restart."""
        if self._standings[name].quarantined:
            message = "its file changed on disk, which ends its quarantine"
            self._recorder.note(Event(at=self._now, kind="model_changed", model=name, message=message))
        self._standings = {**self._standings, name: release(self._standings[name])}

    def _affords(self, name: str) -> bool:
        """Tell whether the budget holds another run of a model now."""
        model = next((model for model in self._config.models if model.name == name), None)
        return model is not None and self._accounts.poverty(model, self._standings) is None

    # What is started

    def _dispatch(self) -> None:
        moment = Moment(
            now=self._now,
            monotonic=self._monotonic,
            config=self._config,
            standings=self._standings,
            accounts=self._accounts,
            sample=self._sampler.latest,
            pressure=self._quiet.pressure(),
            artifact_bytes=self._files.sizes_bytes(),
            busy_devices=self._runners.running.keys(),
            searching=any(entry.job.kind == "optimize" for entry in self._runners.running.values()),
        )
        for action in self._planner.decide(moment):
            match action:
                case Start():
                    self._start(action)
                case PutOff(model, against, kind):
                    run = refused_run(model, against, host=self._at.host, now=self._now, kind=kind)
                    extra = {"model": model.name, "kind": kind, "reason": against.reason, "why": against.message}
                    log.info("run_refused", extra=extra)
                    self._take_in(run)
                    # Which scenarios were not run is known from the configuration: no rows for them.
                    self._recorder.add(replace(run, results=()), None, self._monotonic)

    def _start(self, start: Start) -> None:
        model, kind, run_id = start.model, start.kind, new_run_id(self._now)
        device = model.spec.device
        try:
            # Not known is not none: a baseline would be put in the place of another.
            golden = self._store.golden(model.name) if kind == "profile" else None
            # Before the worker starts: should the daemon die of it, this is known.
            self._store.begin(
                JournalEntry(run_id=run_id, model=model.name, kind=kind, device=device, started_at=self._now)
            )
        except HistoryError as error:
            log.error("run_not_started", extra={"model": model.name, "error": str(error)})
            self._planner.hold(model.name, until=self._monotonic + UNWRITABLE_SECONDS, why=str(error), kind=kind)
            return
        self._lag_seconds = start.lag_seconds
        last = self._standings[model.name].last_success
        job = make_job(model, self._config, run_id=run_id, last=last, kind=kind, golden=golden)
        order: Order | None = None
        if kind == "optimize":
            order = self._search_options(model)
        elif kind == "compare":
            order = self._predecessors.before(model.name, last.revision if last is not None else None)
        extra: dict[str, object] = {"model": model.name, "kind": kind, "run_id": run_id, "forced": start.forced}
        log.info("run_started", extra=extra | ({"confirming": True} if start.confirming else {}))
        self._runners.start(job, start, self._config, order)

    def _search_options(self, model: Model) -> SearchOptions | None:
        if model.optimize is None:
            return None
        standing = self._standings[model.name]
        return options_of(
            model,
            model.optimize,
            self._config,
            standing.searches,
            self._verdicts.get(model.name, ()),
            last_success=standing.last_success,
            inspection=self._last_inspection(standing),
            now=self._now,
        )

    def _last_inspection(self, standing: Standing) -> Inspection | None:
        """Return what the last inspection saw, which tells the kind of a model; None where it is not here."""
        last = standing.inspections.last_success
        path = self._artifacts.file(last.run_id, INSPECTION_FILE) if last is not None else None
        try:
            return from_json(Inspection, path.read_bytes()) if path is not None else None
        except (OSError, MmiedError) as error:
            log.warning("inspection_unreadable", extra={"model": last.model if last else "", "error": str(error)})
            return None

    # What came of it

    def _collect(self) -> None:
        for run, folder in self._runners.collect():
            self._accounts.spend(run)
            self._worker_peak_bytes = run.worker_peak_bytes or self._worker_peak_bytes
            well = run.outcome in ("succeeded", "refused")
            extra: dict[str, object] = {"model": run.model, "kind": run.kind, "run_id": run.run_id}
            extra |= {"outcome": run.outcome, "why": run.message}
            log.log(logging.INFO if well else logging.WARNING, "run_ended", extra=extra)
            run = keep_artifacts(self._recorder.with_pooled_quantiles(run), folder, self._artifacts)
            run, found = keep_search(run, folder)
            compared = take_result(run, folder)
            for event in self._regressions.events_of(run):
                self._recorder.note(event)
            self._take_in(run)
            if found and run.model in self._verdicts:
                self._verdicts = {**self._verdicts, run.model: renewed(self._verdicts[run.model], found)}
            self._recorder.add(run, folder, self._monotonic, found)
            if compared is not None:
                self._regressions.take_comparison(run, compared)

    def _judge(self, run: Run, points: Sequence[SeriesPoint]) -> None:
        """Say what a run that is in the history now means for the series that it belongs to."""
        self._regressions.recorded(run, points, self._monotonic)
        if run.kind == "profile":
            self._outlooks.recorded(run.model, self._standings.get(run.model), now=self._now)

    def _take_in(self, run: Run) -> None:
        """Count a run, and let it change where its model stands."""
        self._tally.count(run)
        standing = self._standings.get(run.model)
        if standing is None:
            return  # taken out of the configuration meanwhile
        before = standing.last_success
        changed = before is not None and before.revision and run.revision and before.revision != run.revision
        if run.kind == "profile" and changed and before is not None and before.revision and run.revision:
            message = f"revision {before.revision[:12]} became {run.revision[:12]}"
            self._recorder.note(Event(at=run.started_at, kind="model_changed", model=run.model, message=message))
        self._standings = {**self._standings, run.model: advance(standing, run)}

    # What it shows

    def view(self) -> View:
        """Return what is known now. Any thread may ask: what the loop changes, it changes by putting new in place."""
        now, monotonic = self._at.clock(), self._at.monotonic()
        config, standings = self._config, self._standings
        cpu, gpu = self._accounts.funds(standings, now)
        folders = {(entry.job.kind, entry.job.model.name): entry.folder for entry in self._runners.running.values()}

        def plan(model: Model, kind: Kind, due: Every | Cron) -> Plan:
            standing = standings.get(model.name, Standing())
            return make_plan(
                due,
                now=now,
                next_run_at=self._planner.next_run_at(model, standing, now=now, monotonic=monotonic, kind=kind),
                wait=self._planner.wait(model.name, monotonic, kind),
                folder=folders.get((kind, model.name)),
            )

        plans = {model.name: plan(model, "profile", model.schedule) for model in config.models}
        for model in config.models:
            if model.inspect is not None:
                inspection = plan(model, "inspect", model.inspect)
                plans[model.name] = replace(plans[model.name], inspection=inspection)
            if model.optimize is not None:
                search = plan(model, "optimize", model.optimize.schedule)
                plans[model.name] = replace(plans[model.name], search=search)
        return View(
            at=now,
            started_at=self._started_at,
            host=self._at.host,
            config=config,
            config_loaded_at=self._config_state.loaded_at,
            config_error=self._config_state.error,
            torch_version=self._at.torch_version,
            standings=standings,
            verdicts=self._verdicts,
            series=self._regressions.series,
            outlooks=self._outlooks.by_model,
            plans=plans,
            tally=self._tally,
            log_messages=dict(self._at.log_counter.counts),
            notifications=self._at.notifications,
            cpu=cpu,
            gpu=gpu,
            daemon_cpu_seconds=time.process_time(),
            daemon_memory_bytes=psutil.Process().memory_info().rss,
            worker_peak_bytes=self._worker_peak_bytes,
            lag_seconds=self._lag_seconds,
            hardware=self._sampler.latest,
            history=self._store,
            notices=notices_of(
                self._config_state.notices, self._sampler.notices, self._store.notice, self._recorder.waiting, cpu, gpu
            ),
        )
