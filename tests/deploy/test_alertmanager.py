"""A real Alertmanager with the shipped configuration tells the right people, and of one cause only once."""

import re
import subprocess
from collections.abc import Iterator

import pytest
from alertmanager_server import Alertmanager, alerting, until
from receivers import Receiver, receiver
from rule_files import ALERTMANAGER_FILE, ALERTS, labels_of, read

pytestmark = pytest.mark.alertmanager
GROUP_WAIT = "2s"  # shorter than for people; long enough for a second alert to be inhibited by the first


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
    with alerting(tmp_path_factory.mktemp("alertmanager"), told.url, group_wait=GROUP_WAIT) as manager:
        yield manager


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
