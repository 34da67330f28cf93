"""Every query of every dashboard is asked of a real Prometheus that scrapes a real daemon, and finds something."""

import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from daemon_process import Daemon, linear
from dashboard_queries import choose, faults_of
from dashboards import METRIC, Asked, asked_of, load
from optimizations import labelled, searched, trial
from prometheus_server import Prometheus, scraping

from mmied import catalog
from mmied.history.store import Store
from mmied.optimization import StandingVerdict

pytestmark = pytest.mark.prometheus
DASHBOARDS = load()
ASKED = {asked.where: asked for dashboard in DASHBOARDS.values() for asked in asked_of(dashboard)}
RULES = {
    "groups": [
        {
            "name": "test",
            "rules": [
                {"alert": "MmiedTest", "expr": 'mmied_profile_info{model="good"}'},
                {"alert": "MmiedOptimizationAvailable", "expr": 'mmied_candidate_verdict{verdict="helps"} == 1'},
            ],
        }
    ]
}

# What this host, or a daemon that is a minute old, need not have. All else has to be there.
RESERVED = {row.name for row in catalog.METRICS if row.reserved}
GPU = {row.name for row in catalog.METRICS if row.name.startswith("mmied_gpu_")} | {
    "mmied_profile_energy_joules",
    "mmied_profile_captured_seconds",
    "mmied_profile_memory_fragmentation_ratio",
}
SENSORS = {
    "mmied_host_temperature_celsius",
    "mmied_host_cpu_frequency_hertz",
    "mmied_host_disk_bytes_total",
    "mmied_host_pressure_waiting_seconds_total",
    "mmied_host_pressure_stalled_seconds_total",
}
LEARNT = {  # out of more runs than a test makes, or only while something is wrong
    *("mmied_baseline_latency_seconds", "mmied_baseline_runs", "mmied_baseline_timestamp_seconds"),
    *("mmied_regression_change_ratio", "mmied_regression_threshold_ratio", "mmied_regression_cause"),
    *("mmied_detector_minimum_change_ratio", "mmied_host_slow_ratio"),
    *("mmied_trend_ratio_per_week", "mmied_objective_time_left_seconds"),
}
NOTIFIED = {row.name for row in catalog.METRICS if row.name.startswith("mmied_notification")}  # nobody is to be told
MAY_LACK = RESERVED | GPU | SENSORS | LEARNT | NOTIFIED
MAY_BE_EMPTY = {  # what is shown where something happened, and here nothing did
    "mmied-model: Runs B",
    "mmied-model: Runs C",
    "mmied-fleet: annotation Deploys",
    "mmied-model: annotation Deploys",
    "mmied-optimizations: annotation Deploys",
    "mmied-fleet: annotation Regressions",
    "mmied-model: annotation Regressions",
    *(f"mmied-{name}: annotation Changes" for name in ("model", "host", "daemon")),
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that has profiled and inspected one model, failed at another, and knows verdicts on candidates."""
    folder = tmp_path_factory.mktemp("daemon")
    objectives = {"latency_p50": "1s", "throughput": "1/s", "peak_memory": "64GB"}
    models = [
        linear("good", batch_sizes=[1, 4], objectives=objectives, unit={"name": "tokens", "per_sample": 7}),
        linear("bad", "raise"),
    ]
    daemon = Daemon(folder, models, schedule={"profile": "1h", "inspect": "1h"})
    try:
        daemon.start()
        daemon.wait_for(lambda: inspected(daemon), "it was inspected", 90)
        daemon.wait_for_state("bad", "failing")
        revision = daemon.runs("good")[0]["revision"]
        daemon.stop()
        seed(folder / "state" / "history.sqlite", revision)
        models[0]["optimize"] = {"schedule": "24h", "budget": "60s"}
        daemon.settings["schedule"]["profile"] = "20s"
        daemon.start()
        daemon.wait_for(lambda: daemon.model("good")["drift_ratio"] is not None, "it ran twice", 90)
        yield daemon
    finally:
        daemon.stop()


def inspected(daemon: Daemon) -> bool:
    return (daemon.model("good")["inspection"] or {}).get("last_success_id") is not None


def seed(path: Path, revision: str | None) -> None:
    """Write a search of a minute ago with its verdicts into the history."""
    at = time.time() - 60
    trials = [
        labelled(trial("quicker", "helps", at=at)),
        trial("larger", "does_not_help", 0.8, at=at),
        trial("noisy", "cannot_tell", 1.05, at=at),
        trial("foreign", "not_tried", None, at=at),
    ]
    verdicts = [
        StandingVerdict(model="good", trial=each, revision=revision, environment=None, batch_sizes=(1, 4))
        for each in trials
    ]
    host = socket.gethostname()
    search = searched(
        model="good", host=host, started_at=at - 60, ended_at=at, began_at=at - 60, round_at=at - 60, left=()
    )
    store = Store.open(path, host=host)
    store.record(search, verdicts)
    store.close()


@pytest.fixture(scope="module")
def prometheus(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus with three scrapes of the daemon, so that there are rates."""
    with scraping(tmp_path_factory.mktemp("prometheus"), daemon.url.removeprefix("http://"), RULES) as prometheus:
        daemon.wait_for(
            lambda: prometheus.instant('count_over_time(up{job="mmied"}[1m]) >= 3'), "it was scraped thrice"
        )
        daemon.wait_for(lambda: prometheus.instant('ALERTS{alertname="MmiedOptimizationAvailable"}'), "an alert fires")
        for metric in ("scheduler_lag_seconds", "worker_memory_max_bytes", 'profile_samples{model="good"}'):
            daemon.wait_for(partial(prometheus.instant, f"mmied_{metric}"), f"{metric} is there after the restart")
        yield prometheus


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_each_query_is_answered(uid: str, prometheus: Prometheus) -> None:
    def may_be_empty(asked: Asked) -> bool:
        return asked.where in MAY_BE_EMPTY or bool(set(METRIC.findall(asked.expr)) & MAY_LACK)

    chosen = choose(DASHBOARDS[uid], prometheus)
    without = {name for name, value in chosen.items() if value == ""}
    assert without <= {"gpu"}, "these variables have no values"
    assert faults_of(DASHBOARDS[uid], prometheus, chosen, may_be_empty) == []


def test_exceptions_are_few_and_of_queries_that_there_are() -> None:
    assert set(ASKED) >= MAY_BE_EMPTY
    assert len(MAY_BE_EMPTY) < len(ASKED) / 20
    sure = [asked for asked in ASKED.values() if not set(METRIC.findall(asked.expr)) & MAY_LACK]
    assert len(sure) > len(ASKED) / 2
