"""What does a run cost around its measured part?

Each demonstration model is run by `run_job` with the scenarios of the demonstration. The worker writes down each
phase as it reaches it; the times of these writes divide the run.
"""

import argparse
import itertools
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from demo_models import write_demo
from figures import Figure, at_most, report
from host import describe_host

from mmied.codec import from_json
from mmied.commands.table import format_table
from mmied.config import Config, Model
from mmied.daemon.jobs import make_job, new_run_id, worker_limits
from mmied.daemon.launch import run_job
from mmied.errors import MmiedError
from mmied.history.store import Store
from mmied.records import Run

AROUND_SECONDS = 3.0
REPEATS = 3
LOOK_SECONDS = 0.002
# What the parts are called, in their order. "measure" is the first call, warming up and the timed calls.
PARTS = ("spawn", "import", "load", "measure", "memory", "outputs", "write and exit", "record")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took: seconds by part, and bytes."""

    run: Run
    seconds: Mapping[str, float]
    written_bytes: int
    recorded_bytes: int

    @property
    def around_seconds(self) -> float:
        """All but the measured part."""
        return sum(self.seconds.values()) - self.seconds["measure"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="each model once")
    options = parser.parse_args()
    describe_host()
    costs = []
    with tempfile.TemporaryDirectory(prefix="mmied-run-cost-") as name:
        config = write_demo(Path(name))
        config.state.mkdir()
        store = Store.open(config.state / "history.sqlite", host=socket.gethostname())
        for model in config.models:
            found = [run_once(model, config, store) for _ in range(1 if options.quick else REPEATS)]
            costs.append(sorted(found, key=lambda cost: cost.around_seconds)[len(found) // 2])
        store.close()
    rows = [
        (cost.run.model, str(len(cost.run.results)), *(f"{cost.seconds[part]:.2f}" for part in PARTS)) for cost in costs
    ]
    print(format_table(("model", "scenarios", *(f"{part} s" for part in PARTS)), rows))
    return report([figure for cost in costs for figure in tell(cost)])


def run_once(model: Model, config: Config, store: Store) -> Cost:
    """Run a model in a worker and record it, timing all of it."""
    run_id = new_run_id(time.time())
    folder = config.state / "runs" / run_id
    marks: list[tuple[float, str]] = []
    done = threading.Event()
    watcher = threading.Thread(target=note_phases, args=(folder, marks, done))
    watcher.start()
    began = time.time()
    run = run_job(
        make_job(model, config, run_id=run_id, last=None),
        folder=folder,
        limits=worker_limits(config),
        host=socket.gethostname(),
        stop=threading.Event(),
        environ=os.environ,
        cache=config.state / "cache",
    )
    ended = time.time()
    done.set()
    watcher.join()
    if run.outcome != "succeeded":
        raise MmiedError(f"{model.name}: the run {run.outcome}: {run.message}\n{run.log_tail}")
    written_bytes = sum(path.stat().st_size for path in folder.iterdir())
    size_before = store.size_bytes()
    recording = time.time()
    store.record(run)
    recorded_seconds = time.time() - recording
    seconds = seconds_by_part([(began, "spawn"), *marks, (ended, "end")])
    return Cost(run, seconds | {"record": recorded_seconds}, written_bytes, store.size_bytes() - size_before)


def note_phases(folder: Path, marks: list[tuple[float, str]], done: threading.Event) -> None:
    """Note when the worker wrote which phase, until `done`: the body of a thread.

    It looks at the file's time of change alone, and reads it only when that is new.
    """
    last = 0
    while not done.wait(LOOK_SECONDS):
        for path in (folder / "run.json.part", folder / "run.json"):
            try:
                changed = path.stat().st_mtime_ns
                if changed > last:
                    last = changed
                    marks.append((changed / 1e9, from_json(Run, path.read_bytes()).phase or ""))
            except (OSError, MmiedError):
                continue  # not there yet, or renamed meanwhile


def seconds_by_part(marks: list[tuple[float, str]]) -> dict[str, float]:
    """Add up the seconds from each mark to the next by the part that the mark begins."""
    names = {"warmup": "measure", "golden": "outputs", "done": "write and exit"}
    seconds = dict.fromkeys(PARTS, 0.0)
    for (at, phase), (following, _) in itertools.pairwise(marks):
        word = phase.partition(" ")[0]
        seconds[names.get(word, word)] += following - at
    return seconds


def tell(cost: Cost) -> list[Figure]:
    """Return the lines of one model's run."""
    name, run = cost.run.model, cost.run
    return [
        at_most(f"{name}: around the measured part", cost.around_seconds, AROUND_SECONDS, "{:.2f} s"),
        Figure(what="  measured part", shown=f"{cost.seconds['measure']:.2f} s"),
        Figure(what="  CPU time of the whole run", shown=f"{run.cpu_seconds or 0:.2f} s"),
        Figure(what="  the worker's peak memory", shown=f"{(run.worker_peak_bytes or 0) / 1e6:.0f} MB"),
        Figure(what="  files of the run, removed when it is recorded", shown=f"{cost.written_bytes / 1e3:.0f} kB"),
        Figure(what="  growth of the history", shown=f"{cost.recorded_bytes / 1e3:.0f} kB"),
    ]


if __name__ == "__main__":
    sys.exit(main())
