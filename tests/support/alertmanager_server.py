"""A real Alertmanager in a process of its own, with the shipped configuration, and what a test asks of it."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from rule_files import ALERTMANAGER_FILE, read


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


@contextmanager
def alerting(folder: Path, hook: str, *, group_wait: str) -> Iterator[Alertmanager]:
    """Give an Alertmanager that waits for `group_wait` only, and tells all that it tells to `hook`'s server.

    There a receiver's name is the path. All else of the shipped configuration is as it is. Its files are in `folder`.
    """
    config = read(ALERTMANAGER_FILE)
    for route in (config["route"], *config["route"]["routes"]):
        route |= {"group_wait": group_wait, "group_interval": group_wait}
    for each in config["receivers"]:
        each["webhook_configs"][0]["url"] = urllib.parse.urljoin(hook, f"/{each['name']}")
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = shutil.which("prometheus-alertmanager")
    assert command is not None
    with (folder / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(
            [
                command,
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'alerts'}",
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
