"""A real Prometheus in a process of its own, and what a test asks of it."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml


class Prometheus:
    """Where it answers, and its queries. A query that it refuses is an AssertionError with its reason."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def instant(self, expr: str) -> list[dict[str, Any]]:
        return list(self._get("query", query=expr)["result"])

    def range(self, expr: str, *, seconds: float = 60, step: str = "1s") -> list[dict[str, Any]]:
        now = time.time()
        return list(self._get("query_range", query=expr, start=now - seconds, end=now, step=step)["result"])

    def label_values(self, selector: str, label: str) -> list[str]:
        return sorted({series[label] for series in self._get("series", **{"match[]": selector}) if label in series})

    def wait_for(self, expr: str, seconds: float = 40) -> None:
        """Return once `expr` finds something; fail when that takes too long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(OSError):  # not up yet
                if self.instant(expr):
                    return
            time.sleep(0.1)
        raise AssertionError(f"waited {seconds:g} s in vain for {expr}")

    def _get(self, path: str, **parameters: Any) -> Any:
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=20) as response:
                return json.loads(response.read())["data"]
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode()
            if error.code == 503:  # it is still starting
                raise ConnectionError(said) from None
            raise AssertionError(f"{parameters}: {said}") from None


@contextmanager
def scraping(
    folder: Path, target: str, rules: dict[str, Any] | None = None, *, alertmanager: str | None = None
) -> Iterator[Prometheus]:
    """Give a Prometheus that scrapes `target` every second as job `mmied`, with its files in `folder`.

    Where `alertmanager` is given, host and port, it is sent the alerts.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "rules.yml").write_text(yaml.safe_dump(rules or {"groups": []}))
    config: dict[str, Any] = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yml")],
        "scrape_configs": [{"job_name": "mmied", "static_configs": [{"targets": [target]}]}],
    }
    if alertmanager is not None:
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = shutil.which("prometheus")
    assert command is not None
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                command,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--enable-feature=exemplar-storage",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield Prometheus(port)
    finally:
        process.terminate()
        process.wait(timeout=20)
