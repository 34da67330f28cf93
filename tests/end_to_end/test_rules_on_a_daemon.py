"""A real Prometheus evaluates the shipped rules on a real daemon's series, without an error, and alerts."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from daemon_process import Daemon, linear
from prometheus_server import Prometheus, scraping

from mmied.alerting import GROUPS, Settings, prometheus_rules

pytestmark = pytest.mark.prometheus


@pytest.fixture
def daemon(make_daemon: Callable[..., Daemon]) -> Daemon:
    daemon = make_daemon([linear("good"), linear("bad", "raise")]).start()
    daemon.wait_for_state("good", "healthy")
    daemon.wait_for_state("bad", "failing")
    return daemon


@pytest.fixture
def prometheus(daemon: Daemon, tmp_path: Path) -> Iterator[Prometheus]:
    """One that is told of the first failure."""
    rules = yaml.safe_load(prometheus_rules(Settings(thresholds={"failed_runs": 1})))
    with scraping(tmp_path, daemon.url.removeprefix("http://"), rules) as prometheus:
        yield prometheus


def rules_of(prometheus: Prometheus) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{prometheus.url}/api/v1/rules", timeout=10) as response:
        return [rule for group in json.load(response)["data"]["groups"] for rule in group["rules"]]


def test_all_rules_are_evaluated_and_a_failing_model_is_told_of(daemon: Daemon, prometheus: Prometheus) -> None:
    def firing() -> dict[str, dict[str, Any]]:
        return {rule["name"]: alert for rule in rules_of(prometheus) for alert in rule.get("alerts", ())}

    daemon.wait_for(lambda: {"MmiedProfileFailing", "MmiedWatchdog"} <= set(firing()), "the failure is told")

    alert = firing()["MmiedProfileFailing"]
    assert alert["labels"]["model"] == "bad"
    assert alert["annotations"]["description"].startswith("bad b1 on 127.0.0.1:")
    assert alert["annotations"]["description"].endswith(
        "1 runs in a row failed; most often since the daemon's start: internal."
    )
    daemon.wait_for(lambda: all(rule["health"] == "ok" for rule in rules_of(prometheus)), "all were evaluated")
    assert len(rules_of(prometheus)) == sum(len(group.recordings) + len(group.alerts) for group in GROUPS)
    (age,) = prometheus.instant('instance_model_scenario:mmied_profile_age:intervals{model="good"}')
    assert 0 <= float(age["value"][1]) < 1
