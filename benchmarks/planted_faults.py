"""Does the daemon find faults that were planted in real models, how soon, and does it name the right cause?

Each fault gets a daemon of its own with a model that meets it and one that does not. A neighbour comes and goes
beside it. When the models' series are stable the fault is planted, and the daemon has some runs to find it. The last
is no fault at all, for many runs.
"""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import yaml
from contention import BUSY_LOOP
from daemon_process import Daemon, free_port, running_daemon
from figures import Figure, report
from host import describe_host

from mmied.commands.table import format_table
from mmied.history.store import Store
from mmied.regression import RecordedChange

HERE = Path(__file__).parent
LEARNING_RUNS, LEARNING_SECONDS = 14, 600.0
FINDING_RUNS, FINDING_SECONDS = 14, 300.0
SETTLE_SECONDS = 20.0  # for the cause to be completed by what comes after the confirmation
FALSE_RUNS = 300
CAUSE_RATIO = 0.90
NEIGHBOUR = """\
import os, random, time
parent = os.getppid()
while os.getppid() == parent:
    until = time.monotonic() + random.uniform(1, 4)
    while time.monotonic() < until:
        pass
    time.sleep(random.uniform(4, 12))
"""
LIBRARY = "import torch\ndef prepared(x):\n    for _ in range({times}):\n        x = x + 0.0\n    return x\n"


@dataclass(slots=True)
class World:
    """A daemon on a folder; `victim` is the model that meets the fault."""

    folder: Path
    port: int
    settings: dict[str, object]
    environ: dict[str, str] = field(default_factory=dict)
    loops: list[subprocess.Popen[bytes]] = field(default_factory=list)
    restart: bool = False

    @property
    def config(self) -> Path:
        return self.folder / "mmied.yaml"

    def write(self, fault: str, name: str = "victim.pt") -> None:
        """Write a model's file in a process of its own."""
        subprocess.run([sys.executable, HERE / "faulty_models.py", fault, self.folder / name], check=True)

    def configure(self) -> None:
        """Write the configuration."""
        self.config.write_text(yaml.safe_dump(self.settings, sort_keys=False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is planted, and what the daemon is to say. Without causes it is to say nothing."""

    name: str
    plant: Callable[[World, Daemon], None]
    causes: Collection[str] = ()
    source: str = "script"  # script, weights or library
    threads: int = 1
    may_be_silent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the daemon said of a fault."""

    fault: Fault
    found: RecordedChange | None
    false_before: int
    wrong: tuple[RecordedChange, ...]  # of the other model, or with a cause that is none of the fault's
    runs: int
    seconds: float | None


def replaced(fault: str) -> Callable[[World, Daemon], None]:
    """Return the fault that another file is put in the place of the model's."""
    return lambda world, daemon: world.write(fault)


def fewer_threads(world: World, daemon: Daemon) -> None:
    world.settings["models"][0]["threads"] = 1  # type: ignore[index]
    world.configure()
    os.kill(daemon.pid, signal.SIGHUP)


def spinning(world: World, daemon: Daemon) -> None:
    world.environ["OMP_WAIT_POLICY"] = "ACTIVE"
    world.restart = True


def busy_neighbour(world: World, daemon: Daemon) -> None:
    world.loops += [subprocess.Popen([sys.executable, "-c", BUSY_LOOP]) for _ in range(os.cpu_count() or 1)]


def fewer_cpus(world: World, daemon: Daemon) -> None:
    world.settings["budget"]["cpus"] = "0"  # type: ignore[index]
    world.configure()
    os.kill(daemon.pid, signal.SIGHUP)


def new_library(world: World, daemon: Daemon) -> None:
    plant_library(world.folder / "library", "9.9.1", times=400)
    world.restart = True


def corrupted(world: World, daemon: Daemon) -> None:
    world.write("corrupted", "victim.safetensors")


FAULTS = (
    Fault(name="a slower layer", plant=replaced("slower-layer"), causes=("model",)),
    Fault(name="an upcast to float64", plant=replaced("upcast"), causes=("model",)),
    Fault(name="batch norm left in train mode", plant=replaced("train-mode"), causes=("model",)),
    Fault(name="a memory leak", plant=replaced("leak"), causes=("model",)),
    Fault(name="a doubled model", plant=replaced("doubled"), causes=("model",)),
    Fault(name="a corrupted weight", plant=corrupted, causes=("model",), source="weights"),
    Fault(name="fewer threads", plant=fewer_threads, causes=("environment",), threads=2),
    Fault(name="a spinning wait policy", plant=spinning, causes=("environment",), threads=2, may_be_silent=True),
    Fault(name="fewer CPUs", plant=fewer_cpus, causes=("environment", "host"), threads=2),
    Fault(name="a changed library", plant=new_library, causes=("environment",), source="library"),
    Fault(name="a busy neighbour", plant=busy_neighbour, causes=("contention", "host"), may_be_silent=True),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", nargs="*", metavar="WORDS", help="those whose name has one of these words")
    parser.add_argument("--false-runs", type=int, default=FALSE_RUNS, help="without any fault (default: %(default)s)")
    options = parser.parse_args()
    describe_host()
    chosen = [each for each in FAULTS if options.faults is None or any(word in each.name for word in options.faults)]
    rows, seen = [], []
    for fault in chosen:
        seen.append(try_fault(fault))
        rows.append(row_of(seen[-1]))
        print(format_table(("fault", "found", "runs", "seconds", "cause", "change", "others"), rows), "\n", flush=True)
    false, runs = nothing_at_all(options.false_runs) if options.false_runs else (0, 0)
    return report(judge(seen, false, runs))


def judge(seen: list[Seen], false: int, runs: int) -> list[Figure]:
    """Return the figures of all faults together."""
    due = [each for each in seen if not each.fault.may_be_silent]
    told = [each for each in seen if each.found is not None]
    right = [each for each in told if each.found and each.found.cause in each.fault.causes and not each.wrong]
    silent = [each for each in seen if each.found is None and each.fault.may_be_silent and not each.wrong]
    found = len([each for each in due if each.found is not None])
    figures = [Figure(what="faults found", shown=f"{found} of {len(due)}", bar=f"{len(due)}", met=found == len(due))]
    judged = len(told) + len(silent)
    share = (len(right) + len(silent)) / judged if judged else 0.0
    figures.append(
        Figure(
            what="cause right", shown=f"{share:.0%} of {judged}", bar=f"≥ {CAUSE_RATIO:.0%}", met=share >= CAUSE_RATIO
        )
    )
    before = sum(each.false_before for each in seen)
    figures.append(
        Figure(what=f"false alarms in {runs} runs without a fault", shown=str(false), bar="0", met=not false)
    )
    figures.append(Figure(what="false alarms before the faults", shown=str(before), bar="0", met=not before))
    delays = [each.seconds for each in told if each.seconds is not None]
    if delays:
        print(f"median delay {median(delays):.0f} s, {median(each.runs for each in told):.0f} runs")
    return figures


def row_of(seen: Seen) -> tuple[str, ...]:
    found = seen.found
    others = ", ".join(f"{each.key.model} {each.key.metric} {each.cause}" for each in seen.wrong[:3])
    if found is None:
        return (seen.fault.name, "silent", str(seen.runs), "–", "–", "–", others)
    size = f"{found.key.metric} {found.change_ratio:+.0%}"
    return (seen.fault.name, "found", str(seen.runs), f"{seen.seconds:.0f}", found.cause, size, others)


def try_fault(fault: Fault) -> Seen:
    """Plant a fault and see what the daemon says of it."""
    with world_for(fault) as world, neighbour(), contextlib.ExitStack() as stack:
        daemon = stack.enter_context(running_daemon(world.config, world.port, world.environ))
        learn(daemon)
        false_before = len(regressions(world))
        planted_at = time.time()
        before = runs_of(daemon, "victim")
        fault.plant(world, daemon)
        if world.restart:
            stack.close()
            daemon = stack.enter_context(running_daemon(world.config, world.port, world.environ))
        found, seconds = wait_for_regression(world, daemon, fault, planted_at, before)
        after = runs_of(daemon, "victim") - before
        time.sleep(SETTLE_SECONDS if found is not None else 0.0)
        changes = [change for change in regressions(world) if change.confirmed_at >= planted_at]
        if found is not None:
            found = next(change for change in changes if change.change_id == found.change_id)
        wrong = tuple(
            change
            for change in changes
            if change.part_of is None
            and (change.cause not in fault.causes or (change.key.model == "bystander" and "model" in fault.causes))
        )
        return Seen(fault=fault, found=found, false_before=false_before, wrong=wrong, runs=after, seconds=seconds)


def nothing_at_all(runs: int) -> tuple[int, int]:
    """Return the false alarms of a daemon on models that nobody touches, and the runs that it made."""
    with world_for(FAULTS[0]) as world, neighbour(), running_daemon(world.config, world.port, {}):
        while (made := recorded_runs(world)) < runs:
            print(f"  nothing at all: {made} of {runs} runs, {len(regressions(world))} regressions", flush=True)
            time.sleep(60)
        found = regressions(world)
        for change in found:
            print(f"  {change.change_id} {change.change_ratio:+.1%} {change.cause}")
        return len(found), made


@contextlib.contextmanager
def neighbour() -> Iterator[None]:
    """Keep a CPU busy now and then."""
    process = subprocess.Popen([sys.executable, "-c", NEIGHBOUR])
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def world_for(fault: Fault) -> Iterator[World]:
    """Make the folder of a fault's daemon."""
    with tempfile.TemporaryDirectory(prefix="mmied-faults-") as name:
        folder = Path(name)
        inputs = [{"shape": ["batch", 768]}]
        sources: Mapping[str, Mapping[str, object]] = {
            "script": {"torchscript": str(folder / "victim.pt")},
            "weights": {"factory": "faulty_models:network", "weights": str(folder / "victim.safetensors")},
            "library": {"factory": "faulty_models:on_library"},
        }
        victim = {
            "name": "victim",
            "source": sources[fault.source],
            "inputs": inputs,
            "batch_sizes": [8 if fault.threads == 1 else 64],  # so large that a second thread is worth having
            "threads": fault.threads,
        }
        bystander = {
            "name": "bystander", "source": {"torchscript": str(folder / "bystander.pt")}, "inputs": inputs,
            "batch_sizes": [8], "threads": 1,
        }  # fmt: skip
        port = free_port()
        settings: dict[str, object] = {
            "state": str(folder / "state"),
            "http": {"listen": f"127.0.0.1:{port}"},
            "schedule": {"profile": "12s", "inspect": "never"},
            "budget": {"cpu_ratio": 1.0, "scenario_time": "1s"},
            "admission": {"cpu_pressure": 1, "memory_pressure": 1, "io_pressure": 1},
            "models": [victim, bystander],
        }
        plant_library(folder / "library", "9.9.0", times=1)
        environ = {"PYTHONPATH": f"{HERE}{os.pathsep}{folder / 'library'}"}
        world = World(folder=folder, port=port, settings=settings, environ=environ)
        for script in ("victim.pt", "bystander.pt"):
            world.write("good", script)
        world.write("weights", "victim.safetensors")
        world.configure()
        try:
            yield world
        finally:
            for loop in world.loops:
                loop.kill()
                loop.wait()


def plant_library(folder: Path, version: str, *, times: int) -> None:
    """Install a library that the model calls, under the name of one whose version every run records."""
    info = folder / f"onnxruntime-{version}.dist-info"
    for old in folder.glob("*.dist-info"):
        (old / "METADATA").unlink()
        old.rmdir()
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: onnxruntime\nVersion: {version}\n")
    (folder / "planted_library.py").write_text(LIBRARY.format(times=times))


def learn(daemon: Daemon) -> None:
    """Wait until each model has runs enough, and a median latency that is judged."""
    deadline = time.monotonic() + LEARNING_SECONDS
    while time.monotonic() < deadline:
        series = [each for model in daemon.status()["models"] for each in model["series"]]
        medians = [each for each in series if each["key"]["metric"] == "latency_p50"]
        if len(medians) == 2 and all(
            each["runs"] >= LEARNING_RUNS and each["state"] in ("stable", "too_noisy") for each in medians
        ):
            return
        time.sleep(2)
    print("  (not stable within the time; the fault is planted all the same)", flush=True)


def wait_for_regression(
    world: World, daemon: Daemon, fault: Fault, since: float, before: int
) -> tuple[RecordedChange | None, float | None]:
    """Return the first regression that is the fault's, and how many seconds it took."""
    deadline = time.monotonic() + FINDING_SECONDS
    while time.monotonic() < deadline and runs_of(daemon, "victim") - before < FINDING_RUNS:
        for change in regressions(world):
            of_fault = change.key.model in ("victim", "") and change.part_of is None
            if of_fault and change.confirmed_at >= since:
                return change, change.confirmed_at - since
        time.sleep(2)
    return None, None


def regressions(world: World) -> list[RecordedChange]:
    """Return what the history says became worse, oldest first."""
    with contextlib.closing(open_history(world)) as store:
        return sorted(store.changes(worse=True), key=lambda change: change.confirmed_at)


def recorded_runs(world: World) -> int:
    """Return how many runs of both models are in the history."""
    with contextlib.closing(open_history(world)) as store:
        return len(store.last_runs(limit=100_000, kind="profile"))


def open_history(world: World) -> Store:
    return Store.open(world.folder / "state" / "history.sqlite", host=socket.gethostname())


def runs_of(daemon: Daemon, model: str) -> int:
    """Return how many runs of a model the detector looks at: as many as have been judged, up to its window."""
    found = next(each for each in daemon.status()["models"] if each["name"] == model)
    return max((each["runs"] for each in found["series"]), default=0)


if __name__ == "__main__":
    sys.exit(main())
