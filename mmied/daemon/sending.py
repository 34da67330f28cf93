"""Send a message to its target over HTTP, in the form that Alertmanager speaks, or by Apprise in its own process."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mmied.alarms import Alarm, Target
from mmied.errors import NotSent

APPRISE_SECONDS = 60.0
STANDS_SECONDS = 600.0  # Alertmanager lets an alarm end that nobody repeats for so long
APPRISE_FAILED, APPRISE_MISSING = 3, 4  # exit statuses of mmied.daemon.apprise_process


def send(target: Target, alarms: Sequence[Alarm], *, now: float, runbooks: str, host: str) -> None:
    """Send alarms to a target. Raises NotSent, with a sentence that shows no address."""
    from mmied.daemon.posting import post  # with an HTTP client, which a daemon that tells nobody need not hold

    address = _address(target)
    match target.kind:
        case "webhook":
            post(address, webhook_body(alarms, runbooks=runbooks, host=host))
        case "alertmanager":
            body = [_alert(alarm, runbooks, host, stands_until=now + STANDS_SECONDS) for alarm in alarms]
            post(address.rstrip("/") + "/api/v2/alerts", body)
        case "apprise":
            _apprise(address, alarms, runbooks, host)


def webhook_body(alarms: Sequence[Alarm], *, runbooks: str, host: str) -> dict[str, Any]:
    """Return what Alertmanager would post to a webhook (its format 4), so that receivers of it take ours."""
    alerts = [_alert(alarm, runbooks, host) for alarm in alarms]
    for alert, alarm in zip(alerts, alarms, strict=True):
        alert["status"] = _status(alarm)
        alert["fingerprint"] = alarm.fingerprint
    return {
        "version": "4",
        "groupKey": f"mmied/{host}/{alarms[0].fingerprint}",
        "truncatedAlerts": 0,
        "status": "firing" if any(alarm.ended_at is None for alarm in alarms) else "resolved",
        "receiver": "mmied",
        "groupLabels": {"model": alarms[0].labels.get("model", "")},
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": "",
        "alerts": alerts,
    }


def _common(mappings: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {
        name: value
        for name, value in mappings[0].items()
        if all(mapping.get(name) == value for mapping in mappings[1:])
    }


def _alert(alarm: Alarm, runbooks: str, host: str, *, stands_until: float | None = None) -> dict[str, Any]:
    ends_at = stands_until if alarm.ended_at is None else alarm.ended_at
    return {
        "labels": {"alertname": alarm.name, "severity": alarm.severity, "instance": host, **alarm.labels},
        "annotations": {
            "summary": alarm.summary,
            "description": alarm.description,
            "runbook_url": runbook_of(alarm, runbooks),
            **alarm.details,
        },
        "startsAt": _timestamp(alarm.started_at),
        "endsAt": "0001-01-01T00:00:00Z" if ends_at is None else _timestamp(ends_at),
        "generatorURL": "",
    }


def runbook_of(alarm: Alarm, runbooks: str) -> str:
    """Return where it is told what to do about an alarm."""
    return f"{runbooks.rstrip('/')}/{alarm.name}.md"


def _status(alarm: Alarm) -> str:
    return "firing" if alarm.ended_at is None else "resolved"


def _timestamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _address(target: Target) -> str:
    if target.file is None:
        assert target.address is not None
        return target.address
    try:
        return Path(target.file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise NotSent(f"{target.kind}_file: {target.file} cannot be read: {why}.") from error


def _apprise(address: str, alarms: Sequence[Alarm], runbooks: str, host: str) -> None:
    first = min(alarms, key=lambda alarm: ("critical", "warning", "info").index(alarm.severity))
    lines = [alarm.description for alarm in alarms]
    lines.append(f"Host: {host}. Runbook: {runbook_of(first, runbooks)}")
    title = f"[{_status(first)}] {first.summary}"
    severity = first.severity if first.ended_at is None else "success"
    _run_apprise({"address": address, "title": title, "body": "\n".join(lines), "severity": severity})


def _run_apprise(text: Mapping[str, str]) -> None:
    # Apprise knows a hundred services, and takes tens of megabytes that the daemon need not hold.
    command = [sys.executable, "-m", "mmied.daemon.apprise_process"]
    try:
        done = subprocess.run(command, input=json.dumps(text).encode(), capture_output=True, timeout=APPRISE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise NotSent(f"Apprise did not end within {APPRISE_SECONDS:.0f} s.") from error
    if done.returncode == APPRISE_MISSING:
        raise NotSent('the package apprise is missing: pip install "mmied[apprise]".')
    if done.returncode:
        raise NotSent("Apprise could not deliver it: is the address right?")
