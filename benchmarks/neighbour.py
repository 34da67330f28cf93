"""What does a model server on the same host lose to the daemon: at the default budget, and while a run is under way?

The server is asked in turn as fast as it answers, which tells its throughput, and at random times of half that rate,
which tells its latency. First runs follow each other with pauses, and the seconds of the runs are held against the
pauses. Then the daemon comes at its default budget, which pays for a run of the served model once in some minutes: that
long the server is watched with the daemon, its start and first run included, and half as long without it before and
after (ABBA). Seconds in which others used the host are left out.
"""

import argparse
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from daemon_process import free_port, running_daemon
from demo_models import model_named, write_demo
from figures import Figure, report
from host import QUIET_CPUS, describe_host, others_seconds
from served_model import Client, Slice, served

from mmied.config import Budget, Config, load_config
from mmied.daemon.budget import DAEMON_CPUS
from mmied.daemon.jobs import make_job, new_run_id, worker_limits
from mmied.daemon.launch import run_job
from mmied.errors import MmiedError
from mmied.records import Run
from mmied.stats import quantile
from mmied.trust import digest_file

SHIFT_RATIO = 0.01
SLICE_SECONDS = 1.0
LOAD_RATIO = 0.5
PAUSE_SECONDS = 6.0
RUNS = 8
LONGEST_CYCLE_SECONDS = 400.0
QUICK_CYCLE_SECONDS = 40.0

# Budget and admission are the defaults. The daemon's first run comes at once, the next not while it is watched.
CONFIG = """\
state: {state}
http: {{listen: "127.0.0.1:{port}"}}
schedule: {{profile: 1h, inspect: never}}
models:
  - name: small-transformer
    source: {{torchscript: {path}, trust: "{digest}"}}
    inputs: [{{shape: [batch, 64], dtype: int64, range: [0, 10000]}}]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What the server gave over some slices; latencies are those under half its load."""

    throughput: float  # requests a second, asked as fast as it answers
    median_seconds: float
    p99_seconds: float
    samples: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one run in 40 s: more than the default budget gives")
    options = parser.parse_args()
    describe_host()
    with tempfile.TemporaryDirectory(prefix="mmied-neighbour-") as name:
        folder = Path(name)
        path = Path(str(model_named(write_demo(folder), "small-transformer").spec.source.path))
        config = write_config(folder, path)
        with served(path) as client:
            full = client.ask_closed(5.0)
            rate = LOAD_RATIO * len(full.latencies_seconds) / full.seconds
            pauses, during, runs = while_running(client, config, folder, rate, runs=2 if options.quick else RUNS)
            cycle = QUICK_CYCLE_SECONDS if options.quick else min(LONGEST_CYCLE_SECONDS, budget_cycle_seconds(runs))
            beside = beside_daemon(client, config, rate, cycle)
    return report([*tell_apart(pauses, during, runs, cycle), *beside])


def write_config(folder: Path, path: Path) -> Config:
    """Write the configuration of a daemon that profiles the served model, and load it."""
    config_path = folder / "mmied.yaml"
    config_path.write_text(
        CONFIG.format(state=folder / "neighbour", port=free_port(), path=path, digest=digest_file(path))
    )
    return load_config(config_path)


def run_now(config: Config, folder: Path) -> Run:
    """Run the model as the daemon would. Raises MmiedError when that does not succeed."""
    model = config.models[0]
    run_id = new_run_id(time.time())
    run = run_job(
        make_job(model, config, run_id=run_id, last=None),
        folder=folder / "runs" / run_id,
        limits=worker_limits(config),
        host=socket.gethostname(),
        stop=threading.Event(),
        environ=os.environ,
        cache=folder / "cache",
    )
    if run.outcome != "succeeded":
        raise MmiedError(f"{model.name}: the run {run.outcome}: {run.message}\n{run.log_tail}")
    return run


def budget_cycle_seconds(runs: Sequence[Run]) -> float:
    """Return the time in which the default budget pays for one such run and for the daemon itself."""
    rate = Budget().cpu_ratio * (os.cpu_count() or 1) - DAEMON_CPUS
    return sum(run.cpu_seconds or 0.0 for run in runs) / len(runs) / rate


def ask_for(client: Client, rate: float, seconds: float) -> list[Slice]:
    """Ask in slices, closed and open in turn, for about `seconds`; return those in which nobody else was busy."""
    slices = []
    began = time.monotonic()
    before = others_seconds()
    closed = True
    while time.monotonic() - began < seconds:
        found = client.ask_closed(SLICE_SECONDS) if closed else client.ask_open(SLICE_SECONDS, rate)
        after = others_seconds()
        if after - before <= QUIET_CPUS * found.seconds:
            slices.append(found)
        before, closed = after, not closed
    return slices


def while_running(
    client: Client, config: Config, folder: Path, rate: float, *, runs: int
) -> tuple[list[Slice], list[Slice], list[Run]]:
    """Ask during pauses and during runs, in turn; return the slices of either, and the runs."""
    pauses: list[Slice] = []
    during: list[Slice] = []
    done: list[Run] = []
    for _ in range(runs):
        pauses += ask_for(client, rate, PAUSE_SECONDS)
        running = threading.Thread(target=lambda: done.append(run_now(config, folder)))
        running.start()
        slices: list[Slice] = []
        while running.is_alive():
            slices += ask_for(client, rate, 2 * SLICE_SECONDS)
        running.join()
        during += [one for one in slices if one.began_at + one.seconds <= done[-1].ended_at]
    return pauses, during, done


def beside_daemon(client: Client, config: Config, rate: float, cycle: float) -> list[Figure]:
    """Ask for half a cycle without the daemon, a whole one with it, and half a one without it."""
    first = ask_for(client, rate, cycle / 2)
    with running_daemon(config.path, config.http.port) as daemon:
        beside = ask_for(client, rate, cycle)
        spent = sum(psutil.Process(daemon.pid).cpu_times()[:4])  # workers that ended included
        model = daemon.status()["models"][0]
    last = ask_for(client, rate, cycle / 2)
    without, beside_it = summarize([*first, *last]), summarize(beside)
    shift = beside_it.throughput / without.throughput - 1
    drift = summarize(last).throughput / summarize(first).throughput - 1
    ran = f"no run: {model['why']}" if model["last_run_id"] is None else "one run"
    share = spent / cycle / (os.cpu_count() or 1)
    kept = f"{len(first) + len(last)} s without, {len(beside)} s with the daemon"
    return [
        Figure(
            what=f"beside the daemon for {cycle:.0f} s, {ran}", shown=f"{spent:.1f} s of CPU, {share:.2%} of the host"
        ),
        Figure(what="  quiet seconds", shown=kept),
        Figure(
            what="  throughput with the daemon",
            shown=f"{shift:+.2%} ({without.throughput:.1f} /s without)",
            bar=f"≥ -{SHIFT_RATIO:.0%}",
            met=shift >= -SHIFT_RATIO,
        ),
        Figure(what="  drift of the throughput without it, end over beginning", shown=f"{drift:+.2%}"),
        *tell_latency(without, beside_it),
    ]


def tell_apart(pauses: Sequence[Slice], during: Sequence[Slice], runs: Sequence[Run], cycle: float) -> list[Figure]:
    """Return what is lost while a run is under way, and what that comes to at the default budget."""
    without, beside = summarize(pauses), summarize(during)
    shift = beside.throughput / without.throughput - 1
    seconds = sum(run.ended_at - run.started_at for run in runs) / len(runs)
    cpu_seconds = sum(run.cpu_seconds or 0.0 for run in runs) / len(runs)
    amortised = shift * seconds / cycle
    return [
        Figure(what=f"during {len(runs)} runs", shown=f"{seconds:.1f} s and {cpu_seconds:.1f} s of CPU each"),
        Figure(what="  quiet seconds", shown=f"{len(pauses)} s in pauses, {len(during)} s in runs"),
        Figure(what="  throughput", shown=f"{shift:+.1%} ({without.throughput:.1f} /s in pauses)"),
        *tell_latency(without, beside),
        Figure(
            what=f"  throughput, spread over a cycle of {cycle:.0f} s",
            shown=f"{amortised:+.2%}",
            bar=f"≥ -{SHIFT_RATIO:.0%}",
            met=amortised >= -SHIFT_RATIO,
        ),
    ]


def tell_latency(without: Service, beside: Service) -> list[Figure]:
    """Return the lines on latency at half load."""

    def both(before: float, after: float) -> str:
        return f"{before * 1e3:.2f} → {after * 1e3:.2f} ms ({after / before - 1:+.1%})"

    return [
        Figure(what="  median at half load", shown=both(without.median_seconds, beside.median_seconds)),
        Figure(
            what=f"  p99 at half load, of {without.samples} and {beside.samples}",
            shown=both(without.p99_seconds, beside.p99_seconds),
        ),
    ]


def summarize(slices: Sequence[Slice]) -> Service:
    """Add up slices. Raises MmiedError when others left no second of either kind undisturbed."""
    closed = [one for one in slices if one.closed]
    latencies = [latency for one in slices if not one.closed for latency in one.latencies_seconds]
    if not closed or not latencies:
        raise MmiedError("others kept the host busy all the time: nothing could be measured. Try again later.")
    return Service(
        throughput=sum(len(one.latencies_seconds) for one in closed) / sum(one.seconds for one in closed),
        median_seconds=quantile(latencies, 0.5),
        p99_seconds=quantile(latencies, 0.99),
        samples=len(latencies),
    )


if __name__ == "__main__":
    sys.exit(main())
