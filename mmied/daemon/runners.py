"""Run jobs in workers, at most one at a time on each device, each watched by a thread of its own."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mmied.codec import to_json
from mmied.config import Config
from mmied.daemon.jobs import WORKERS, Kind, device_of, stillborn_run, worker_limits
from mmied.daemon.launch import run_job
from mmied.daemon.planner import Start
from mmied.daemon.predecessors import Predecessors, give_order
from mmied.daemon.surroundings import Surroundings
from mmied.optimization import OPTIONS_FILE, SearchOptions
from mmied.records import Job, Run
from mmied.regression import Predecessor

log = logging.getLogger(__name__)

Order = SearchOptions | Predecessor  # what a job of some kinds has in its folder beside itself


@dataclass(frozen=True, slots=True)
class Running:
    """A run under way on a device."""

    job: Job
    folder: Path
    thread: threading.Thread


class Runners:
    """The runs under way, and those that ended and were not collected yet. The daemon's loop alone calls it."""

    def __init__(
        self, surroundings: Surroundings, folder: Path, predecessors: Predecessors, *, ended: Callable[[], object]
    ) -> None:
        """Have `ended` called, in another thread, each time that a run is there to be collected."""
        self._at, self._folder, self._predecessors, self._ended = surroundings, folder, predecessors, ended
        self._stop = threading.Event()
        self._finished: queue.SimpleQueue[tuple[Run, Path]] = queue.SimpleQueue()
        self.running: Mapping[str, Running] = {}  # by device

    def start(self, job: Job, start: Start, config: Config, order: Order | None) -> None:
        """Begin a run on its device, which has to be free."""
        folder = self._folder / job.run_id
        thread = threading.Thread(
            target=self._execute, args=(job, folder, config, start, order), name=job.run_id, daemon=True
        )
        self.running = {**self.running, device_of(job.model.device): Running(job, folder, thread)}
        thread.start()

    def collect(self) -> Iterator[tuple[Run, Path]]:
        """Yield the runs that ended, with their folders; their devices are free by then."""
        while not self._finished.empty():
            run, folder = self._finished.get()
            self.running = {name: entry for name, entry in self.running.items() if entry.job.run_id != run.run_id}
            yield run, folder

    def end(self, within_seconds: float) -> None:
        """Kill the workers, and wait for what their runs came to."""
        self._stop.set()
        deadline = time.monotonic() + within_seconds
        for running in self.running.values():
            running.thread.join(max(0.1, deadline - time.monotonic()))

    def _execute(self, job: Job, folder: Path, config: Config, start: Start, order: Order | None) -> None:
        """Run a job in a worker: the body of a runner thread."""
        started_at = self._at.clock()
        kind = kind_of(job)
        try:
            if isinstance(order, Predecessor):
                give_order(order, folder)
            elif order is not None:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / OPTIONS_FILE).write_text(to_json(order))
            run = run_job(
                job,
                folder=folder,
                limits=worker_limits(config, kind),
                host=self._at.host,
                stop=self._stop,
                environ=self._at.environ,
                cache=config.state / "cache",
                group=self._at.group,
                worker=WORKERS[kind],
            )
        except Exception as error:
            # A runner that dies without a word would leave its device taken for ever.
            log.exception("run_not_started", extra={"model": job.model.name, "run_id": job.run_id})
            run = stillborn_run(job, error, host=self._at.host, started_at=started_at)
        self._finished.put((replace(run, forced=start.forced, confirming=start.confirming), folder))
        self._ended()
        if kind == "profile":
            # Behind the run's back: should the daemon stop meanwhile, the copy is lost and not the run.
            self._predecessors.keep(run, job.model.source)


def kind_of(job: Job) -> Kind:
    """Return the kind of job that the daemon plans: it checks none."""
    return job.kind if job.kind != "check" else "profile"
