"""A model file that became slower reaches the people: by Prometheus and Alertmanager, and by the daemon itself."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from alertmanager_server import alerting
from daemon_process import Daemon, mmied
from prometheus_server import Prometheus, scraping
from receivers import Receiver, receiver
from slower_model import deploy, remember

from mmied.alerting import Settings, prometheus_rules

pytestmark = [pytest.mark.prometheus, pytest.mark.alertmanager]
RUNBOOKS = "https://wiki.example.org/runbooks"
FAST, SLOW = 2, 80  # rounds through the layers: so much slower that no neighbour of the test hides it
SERIES = {"model": "deep", "scenario": "b1", "metric": "latency_p50"}
RUNS_TO_KNOW = 6  # a level that lasted less long is left with more doubt, and later


@pytest.fixture
def pagers() -> Iterator[Receiver]:
    """Those that Alertmanager tells."""
    with receiver() as found:
        yield found


@pytest.fixture
def own() -> Iterator[Receiver]:
    """Those that the daemon itself tells."""
    with receiver() as found:
        yield found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "deep.pt"
    deploy(path, FAST)
    return path


@pytest.fixture
def daemon(make_daemon: Callable[..., Daemon], path: Path, own: Receiver) -> Daemon:
    """One that knows how fast its model was, and profiles it as often as it can."""
    model = {"name": "deep", "source": {"torchscript": str(path)}, "inputs": [{"shape": ["batch", 64]}]}
    # What the file before says takes half a minute each time, and has tests of its own.
    settings = {"schedule": {"profile": "1s"}, "regressions": {"keep_previous": 0}}
    daemon = make_daemon([model], notify=[{"webhook": own.url}], runbooks=RUNBOOKS, **settings)
    daemon.write_config()
    once = mmied("run", "--once", "--config", str(daemon.config_path))
    assert once.returncode == 0, once.stderr
    remember(daemon.folder / "state", "deep", interval_seconds=60.0)
    return daemon.start()


@pytest.fixture
def prometheus(daemon: Daemon, pagers: Receiver, tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus with the generated rules, and an Alertmanager behind it."""
    rules = yaml.safe_load(prometheus_rules(Settings(runbooks=RUNBOOKS)))
    target = daemon.url.removeprefix("http://")
    with alerting(tmp_path, pagers.url, group_wait="1s") as manager:
        address = manager.url.removeprefix("http://")
        with scraping(tmp_path, target, rules, alertmanager=address) as prometheus:
            yield prometheus


def told(by: Receiver) -> list[dict[str, Any]]:
    """Return what somebody was told of the median latency, in order."""
    return [alert for alert in by.alerts if SERIES.items() <= alert["labels"].items()]


def ends(by: Receiver) -> bool:
    return any(alert["status"] == "resolved" for alert in told(by))


def test_a_slower_file_is_told_with_its_cause_and_the_fast_one_ends_that(
    daemon: Daemon, prometheus: Prometheus, pagers: Receiver, own: Receiver, path: Path
) -> None:
    prometheus.wait_for('mmied_baseline_latency_seconds{model="deep",quantile="0.5"}')
    before = {run["revision"] for run in daemon.runs("deep")}

    deploy(path, SLOW)
    daemon.wait_for(lambda: told(pagers) and told(own), "both are told", 120)
    daemon.wait_for(
        lambda: sum(run["revision"] not in before for run in daemon.runs("deep")) >= RUNS_TO_KNOW, "it lasts", 120
    )
    deploy(path, FAST)
    daemon.wait_for(lambda: ends(pagers) and ends(own), "both are told that it is over", 120)

    name = "MmiedModelRegressionSevere"
    for receiver_ in (pagers, own):
        assert [(alert["labels"]["alertname"], alert["status"]) for alert in told(receiver_)] == [
            (name, "firing"),
            (name, "resolved"),
        ]
        start, end = told(receiver_)
        assert start["labels"] == end["labels"]
        assert start["annotations"]["runbook_url"] == f"{RUNBOOKS}/{name}.md"
    said, ours = told(pagers)[0], told(own)[0]
    assert [at for at, message in pagers.posts if said in message["alerts"]] == ["/on-call"]
    assert said["labels"]["cause"] == ours["annotations"]["cause"] == "model"
    assert re.search(r"latency_p50 is \d+% worse .* It was \S+s before, and \S+s in the last run\.", described(said))
    assert re.search(
        r"median latency is \d+ % worse: \S+ µs → \S+ [µm]s\. Cause: model\. The model's file changed", described(ours)
    )
    assert re.fullmatch(r"[\d.]+ [µm]s [\d.]+ [µm]s", "{before} {after}".format(**ours["annotations"]))


def described(alert: dict[str, Any]) -> str:
    return str(alert["annotations"]["description"])
