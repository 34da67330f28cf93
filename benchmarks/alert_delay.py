"""How long is it from the end of the first slow run to the message, by the daemon itself and by Prometheus?

A real daemon with the default confirmation profiles a model every 15 seconds, whose file is replaced by a slower one.
A real Prometheus and a real Alertmanager, with the generated rules and the shipped configuration but for their waits,
which are told apart: they are a choice. With a schedule of 15 minutes the runs that confirm come as soon, so that the
delay from the first slow run is computed from how many runs it took.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from alertmanager_server import alerting
from daemon_process import Daemon
from figures import Figure, report
from host import describe_host
from prometheus_server import scraping
from receivers import Receiver, receiver
from slower_model import deploy, remember

from mmied.alerting import Settings, prometheus_rules
from mmied.daemon.confirming import PAUSE_SECONDS

SCHEDULE_SECONDS = 15.0
FAST, SLOW = 20, 40  # rounds through the layer
GROUP_WAIT_SECONDS = 1.0  # of Alertmanager here; the shipped configuration has 10 s for the pager
SHIPPED_SECONDS = 10.0 + 15.0  # that, and the time between two scrapes, at most
LIMIT_SECONDS = 300.0
LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Trial:
    """Seconds from the end of the first slow run, and the slow runs until it was confirmed."""

    own: float
    by_prometheus: float
    confirmed: float
    runs: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=5)
    options = parser.parse_args()
    describe_host()
    trials = []
    for number in range(options.trials):
        with tempfile.TemporaryDirectory(prefix="mmied-alert-") as name:
            trials.append(run_trial(Path(name)))
        print(f"trial {number + 1}: {trials[-1]}", flush=True)
    own = median(trial.own for trial in trials)
    other = median(trial.by_prometheus for trial in trials)
    confirmed = median(trial.confirmed for trial in trials)
    runs = median(trial.runs for trial in trials)
    at_15_minutes = own + PAUSE_SECONDS * max(0.0, runs - 2)
    rows = [
        Figure(what="slow runs until it is confirmed, median", shown=f"{runs:g}"),
        Figure(what="first slow run's end to the confirmation", shown=f"{confirmed:.0f} s"),
        Figure(what="… to the webhook of `notify`", shown=f"{own:.0f} s"),
        Figure(what="… to Alertmanager's webhook, scraped each second, group_wait 1 s", shown=f"{other:.0f} s"),
        Figure(what="… with the shipped waits, at most", shown=f"{other - GROUP_WAIT_SECONDS + SHIPPED_SECONDS:.0f} s"),
        Figure(what="to `notify` with a schedule of 15 minutes, computed", shown=f"{at_15_minutes:.0f} s"),
        Figure(what="and from the deployment: the file is profiled at once", shown="a run's time more"),
    ]
    return report(rows)


def run_trial(folder: Path) -> Trial:
    """Make a model slower, and tell when who was told."""
    path = folder / "deep.pt"
    deploy(path, FAST)
    model = {"name": "deep", "source": {"torchscript": str(path)}, "inputs": [{"shape": ["batch", 64]}]}
    with receiver() as own, receiver() as pagers:
        budget = {"cpu_ratio": 1.0, "scenario_time": "1s", "threads": 1}
        daemon = Daemon(folder, [model], schedule={"profile": "1h"}, budget=budget, notify=[{"webhook": own.url}])
        try:
            daemon.start()
            daemon.wait_for_state("deep", "healthy")
            daemon.stop()
            remember(folder / "state", "deep", interval_seconds=SCHEDULE_SECONDS)
            daemon.settings["schedule"]["profile"] = f"{SCHEDULE_SECONDS:.0f}s"
            daemon.start()
            rules = yaml.safe_load(prometheus_rules(Settings()))
            target = daemon.url.removeprefix("http://")
            with alerting(folder, pagers.url, group_wait=f"{GROUP_WAIT_SECONDS:.0f}s") as manager:
                address = manager.url.removeprefix("http://")
                with scraping(folder, target, rules, alertmanager=address) as prometheus:
                    prometheus.wait_for('mmied_baseline_latency_seconds{model="deep"}', 120)
                    return watch(daemon, path, own, pagers)
        finally:
            daemon.stop()


def watch(daemon: Daemon, path: Path, own: Receiver, pagers: Receiver) -> Trial:
    """Deploy the slow file, and wait until both receivers were told of its median."""
    before = {run["revision"] for run in daemon.runs("deep")}
    deploy(path, SLOW)
    told: dict[str, float] = {}
    deadline = time.monotonic() + LIMIT_SECONDS
    while len(told) < 2:
        if time.monotonic() > deadline:
            raise RuntimeError(f"nobody was told within {LIMIT_SECONDS:.0f} s:\n{daemon.log[-2000:]}")
        for name, by in (("own", own), ("pagers", pagers)):
            if name not in told and any(_is_of_the_median(alert) for alert in by.alerts):
                told[name] = time.time()
        time.sleep(LOOK_SECONDS)
    series = next(each for each in daemon.model("deep")["series"] if each["key"]["metric"] == "latency_p50")
    confirmed_at = series["change"]["confirmed_at"]
    slow = [run for run in daemon.runs("deep") if run["revision"] not in before and run["kind"] == "profile"]
    first = min(run["ended_at"] for run in slow)
    needed = [run for run in slow if run["started_at"] <= confirmed_at]
    confirmed = max(run["ended_at"] for run in needed)
    return Trial(told["own"] - first, told["pagers"] - first, confirmed - first, len(needed))


def _is_of_the_median(alert: Mapping[str, Mapping[str, str]]) -> bool:
    return alert["labels"].get("metric") == "latency_p50"


if __name__ == "__main__":
    sys.exit(main())
