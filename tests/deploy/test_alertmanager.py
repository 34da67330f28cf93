"""A real Alertmanager with the shipped configuration tells the right people, and of one cause only once."""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from receivers import Receiver, receiver
from rule_files import ALERTMANAGER_FILE, ALERTS, labels_of, read

pytestmark = pytest.mark.alertmanager
GROUP_WAIT = "2s"  # shorter than for people; long enough for a second alert to be inhibited by the first


class Alertmanager:
    """The API of a running Alertmanager."""

    def __init__(self, url: str) -> None:
        self.url = url

    def post(self, *alerts: dict[str, str]) -> None:
        body = json.dumps([{"labels": labels, "annotations": {"summary": "A test."}} for labels in alerts]).encode()
        request = urllib.request.Request(f"{self.url}/api/v2/alerts", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()

    def state(self, labels: dict[str, str]) -> str | None:
        """Return whether an alert is active or suppressed; None where it is not there."""
        filters = urllib.parse.urlencode({"filter": [f'{k}="{v}"' for k, v in labels.items()]}, doseq=True)
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts?{filters}", timeout=10) as response:
            found = [each for each in json.load(response) if each["labels"] == labels]
        return str(found[0]["status"]["state"]) if found else None


def until(condition: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    """Return what a condition gives once it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"waited in vain until {what}")


def labelled(alert: str, where: dict[str, str], **more: str) -> dict[str, str]:
    """Return the labels that an alert has there: those that promtool saw it with."""
    known = labels_of(alert)
    severity = ALERTS[alert]["labels"]["severity"]
    return {"alertname": alert, "severity": severity, **{k: v for k, v in (where | more).items() if k in known}}


def place(name: str) -> dict[str, str]:
    """Return labels that only one alert of all tests has."""
    return {label: f"{label} of {name}" for label in ("instance", "model", "scenario", "metric", "device", "candidate")}


@pytest.fixture(scope="module")
def told() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture(scope="module")
def manager(told: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    """The shipped configuration with addresses of ours, less patience, and nothing else changed."""
    folder = tmp_path_factory.mktemp("alertmanager")
    config = read(ALERTMANAGER_FILE)
    for route in (config["route"], *config["route"]["routes"]):
        route |= {"group_wait": GROUP_WAIT, "group_interval": GROUP_WAIT}
    for each in config["receivers"]:
        each["webhook_configs"][0]["url"] = told.url.replace("/hook", f"/{each['name']}")
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = shutil.which("prometheus-alertmanager")
    assert command is not None
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                command,
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=log,
            stderr=log,
        )
    manager = Alertmanager(f"http://127.0.0.1:{port}")
    try:
        until(lambda: manager.state({"alertname": "none"}) is None, "it answers")
        yield manager
    finally:
        process.terminate()
        process.wait(timeout=20)


INHIBITIONS = [
    ("MmiedModelRegressionSevere", "MmiedModelRegression", "model"),
    ("MmiedModelFleetRegression", "MmiedModelRegression", "model"),
    ("MmiedModelFleetRegression", "MmiedModelRegressionSevere", "unknown"),
    ("MmiedHostSlow", "MmiedModelRegression", "host"),
    ("MmiedHostSlow", "MmiedModelRegressionSevere", "host"),
    ("MmiedDown", "MmiedHostSlow", ""),
    ("MmiedDown", "MmiedConfigReloadFailed", ""),
    ("MmiedModelQuarantined", "MmiedProfileStale", ""),
    ("MmiedProfileFailing", "MmiedProfileStale", ""),
]


def test_amtool_finds_no_fault() -> None:
    done = subprocess.run(["amtool", "check-config", ALERTMANAGER_FILE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_goes_to_who_has_to_know(alert: str) -> None:
    severity = ALERTS[alert]["labels"]["severity"]
    asked = ["amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER_FILE}"]
    done = subprocess.run([*asked, f"alertname={alert}", f"severity={severity}"], capture_output=True, text=True)

    expected = {"critical": "on-call", "none": "dead-man-switch"}.get(severity, "team")
    assert done.stdout.strip() == expected, done.stderr


def test_the_configuration_speaks_of_alerts_and_labels_that_there_are() -> None:
    config = read(ALERTMANAGER_FILE)
    for rule in config["inhibit_rules"]:
        (source,) = (re.fullmatch(r'alertname = "(\w+)"', each)[1] for each in rule["source_matchers"])  # type: ignore[index]
        assert set(rule["equal"]) <= labels_of(source)
        pattern = re.search(r'alertname =~? "([^"]+)"', rule["target_matchers"][0])
        assert pattern is not None
        targets = [name for name in ALERTS if re.fullmatch(pattern[1], name)]
        assert any(set(rule["equal"]) <= labels_of(name) for name in targets)


@pytest.mark.parametrize(("source", "target", "cause"), INHIBITIONS)
def test_of_alerts_with_one_cause_one_is_sent(manager: Alertmanager, source: str, target: str, cause: str) -> None:
    name = f"{source} over {target}"
    first = labelled(source, place(name), cause="model")
    here = labelled(target, place(name), cause=cause)
    there = labelled(target, place(f"another than {name}"), cause=cause)

    manager.post(first, here, there)

    until(lambda: manager.state(here) == "suppressed", f"{source} inhibits {target}")
    assert manager.state(there) == "active"
    assert manager.state(first) == "active"


def test_a_slow_host_hides_no_regression_of_another_cause(manager: Alertmanager) -> None:
    slow = labelled("MmiedHostSlow", place("slow"))
    by_host = labelled("MmiedModelRegression", place("slow"), cause="host")
    by_model = labelled("MmiedModelRegression", place("slow") | {"model": "changed"}, cause="model")

    manager.post(slow, by_host, by_model)

    until(lambda: manager.state(by_host) == "suppressed", "the host explains it")
    assert manager.state(by_model) == "active"


def test_the_receivers_get_what_is_meant_for_them_and_nothing_that_is_inhibited(
    manager: Alertmanager, told: Receiver
) -> None:
    severe = labelled("MmiedModelRegressionSevere", place("sent"), cause="model")
    mild = labelled("MmiedModelRegression", place("sent"), cause="model")
    offer = labelled("MmiedOptimizationAvailable", place("sent"))
    watchdog = labelled("MmiedWatchdog", {})
    manager.post(severe)
    until(lambda: manager.state(severe) == "active", "the first is known")

    manager.post(mild, offer, watchdog)
    until(lambda: manager.state(mild) == "suppressed", "the milder one is inhibited")

    until(lambda: severe in _arrived(told, "/on-call"), "the pager is told")
    until(lambda: watchdog in _arrived(told, "/dead-man-switch"), "the dead-man's switch is told")
    until(lambda: offer in _arrived(told, "/team"), "the team is told")
    assert mild not in _arrived(told, "/team")
    assert severe not in _arrived(told, "/team")
    assert watchdog not in _arrived(told, "/team")


def _arrived(told: Receiver, path: str) -> list[dict[str, str]]:
    return [alert["labels"] for at, message in list(told.posts) if at == path for alert in message["alerts"]]
