"""A real Prometheus scrapes a real daemon and finds what the catalog promises."""

import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from daemon_process import Daemon, linear

pytestmark = pytest.mark.prometheus
MakeDaemon = Callable[..., Daemon]


@pytest.fixture
def daemon(make_daemon: MakeDaemon) -> Daemon:
    models = [
        linear("good", batch_sizes=[1, 4], pacing=["tight", {"gap": "10ms"}], unit={"name": "tokens", "per_sample": 7}),
        linear("bad", "raise"),
    ]
    return make_daemon(models).start()


@pytest.fixture
def query(daemon: Daemon, tmp_path: Path) -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """Ask a Prometheus that scrapes the daemon every second."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "prometheus.yml"
    target = daemon.url.removeprefix("http://")
    config.write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": "1s"},
                "scrape_configs": [{"job_name": "mmied", "static_configs": [{"targets": [target]}]}],
            }
        )
    )
    command = shutil.which("prometheus")
    assert command is not None
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                command,
                f"--config.file={config}",
                f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--enable-feature=exemplar-storage",
            ],
            stdout=log,
            stderr=log,
        )

    def ask(expression: str) -> list[dict[str, Any]]:
        address = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        with urllib.request.urlopen(address, timeout=10) as response:
            return list(json.loads(response.read())["data"]["result"])

    ask.port = port  # type: ignore[attr-defined]
    yield ask
    process.terminate()
    process.wait(timeout=20)


def test_prometheus_sees_figures_failures_and_hardware(
    daemon: Daemon, query: Callable[[str], list[dict[str, Any]]]
) -> None:
    daemon.wait_for_state("good", "healthy")
    daemon.wait_for_state("bad", "failing")

    def value(expression: str) -> float | None:
        found = query(expression)
        return float(found[0]["value"][1]) if found else None

    daemon.wait_for(lambda: value('up{job="mmied"}') == 1.0, "the target is up")
    p50 = 'mmied_profile_latency_seconds{model="good",scenario="b1",quantile="0.5"}'
    assert 0 < daemon.wait_for(lambda: value(p50), "the median is there") < 0.1
    time.sleep(1.5)
    for name in ("b1", "b4", "b1-gap10ms", "b4-gap10ms"):
        assert value(f'mmied_profile_last_run_successful{{model="good",scenario="{name}"}}') == 1
    rate = value('mmied_profile_throughput_samples_per_second{model="good",scenario="b4"}')
    tokens = value('mmied_profile_items_per_second{model="good",scenario="b4",unit="tokens"}')
    assert rate is not None
    assert tokens == pytest.approx(7 * rate, rel=2e-5), "exported with six digits"
    assert value('mmied_profile_consecutive_failures{model="bad",scenario="b1"}') == 1
    assert value('mmied_profile_run_failures_total{model="bad",reason="internal"}') == 1
    assert len(query('mmied_profile_run_failures_total{model="good"} == 0')) == 4 * 7, "reasons start at zero"
    assert value("mmied_host_memory_total_bytes") is not None
    assert value("mmied_overhead_cpu_seconds_total{component='worker'}") is not None
    quantile = value(
        'histogram_quantile(0.5, mmied_profile_iteration_duration_seconds_bucket{model="good",scenario="b1"})'
    )
    assert quantile is not None
    assert quantile > 0
    address = f"http://127.0.0.1:{query.port}/api/v1/query_exemplars?"  # type: ignore[attr-defined]
    asked = {"query": "mmied_profile_iteration_duration_seconds_bucket", "start": time.time() - 600, "end": time.time()}
    with urllib.request.urlopen(address + urllib.parse.urlencode(asked), timeout=10) as response:
        exemplars = json.loads(response.read())["data"]
    runs = {run["run_id"] for run in daemon.runs("good")}
    assert {e["labels"]["run_id"] for series in exemplars for e in series["exemplars"]} <= runs
    assert exemplars
