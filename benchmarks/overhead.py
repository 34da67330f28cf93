"""What does the daemon itself cost: idle, while it starts, and when Prometheus scrapes it?

Idle means with nothing due: 20 models whose last runs are in the history, a schedule of a day, and the usual work
between runs (looking once a second at what is due, every two at the model files, every five at the hardware).
"""

import argparse
import gzip
import http.client
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from daemon_process import Daemon, free_port, running_daemon
from figures import Figure, at_most, report
from fleet import make_fleet
from host import describe_host

IDLE_CPU_RATIO = 0.005  # of one core
RESIDENT_BYTES = 80e6
START_SECONDS = 1.5
SCRAPE_SECONDS = 0.050
STARTS = 5
SCRAPES = 30
SETTLE_SECONDS = 5.0  # what a start leaves to be done is not idling
RUN_LIMIT_SECONDS = 180.0
# What Prometheus asks with.
SCRAPE_HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.1",
    "Accept-Encoding": "gzip",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="for which to watch it idle (default: 120)")
    parser.add_argument("--quick", action="store_true", help="10 s, and less history: to see whether it works")
    options = parser.parse_args()
    describe_host()
    seconds, runs = (10.0, 3) if options.quick else (options.seconds, 30)
    with tempfile.TemporaryDirectory(prefix="mmied-overhead-") as name:
        figures = [
            *idle_figures(Path(name) / "idle", seconds=seconds, runs=runs),
            *scrape_figures(Path(name) / "scrape", runs=max(1, runs // 3)),
        ]
    return report(figures)


def idle_figures(folder: Path, *, seconds: float, runs: int) -> list[Figure]:
    """Start the daemon of 20 models several times, watch it idle, then use it and look again."""
    port = free_port()
    config = make_fleet(folder, models=20, runs=runs, port=port)
    starts = []
    for _ in range(STARTS):
        with running_daemon(config, port) as daemon:
            starts.append(daemon.start_seconds)
    with running_daemon(config, port) as daemon:
        time.sleep(SETTLE_SECONDS)
        before, began = daemon.cpu_seconds(), time.monotonic()
        time.sleep(seconds)
        used = (daemon.cpu_seconds() - before) / (time.monotonic() - began)
        resident = daemon.resident_bytes()
        libraries = mapped_libraries(daemon)
        browse(daemon)
        browsed = daemon.resident_bytes()
        ran = profile_one(daemon, folder / "ranker-00.pt")
        browse(daemon)
        after_run = daemon.resident_bytes()
    return [
        at_most(f"start to ready, median of {STARTS}", median(starts), START_SECONDS, "{:.2f} s"),
        Figure(what="start to ready, slowest", shown=f"{max(starts):.2f} s"),
        at_most(f"idle CPU over {seconds:.0f} s, of one core", used * 100, IDLE_CPU_RATIO * 100, "{:.2f} %"),
        at_most("resident, idle", resident / 1e6, RESIDENT_BYTES / 1e6, "{:.1f} MB"),
        at_most(f"resident after all pages and {SCRAPES} scrapes", browsed / 1e6, RESIDENT_BYTES / 1e6, "{:.1f} MB"),
        Figure(what="a run of one model", shown=ran),
        at_most("resident after it and all pages again", after_run / 1e6, RESIDENT_BYTES / 1e6, "{:.1f} MB"),
        Figure(
            what="torch or numpy mapped",
            shown=", ".join(sorted(libraries)) or "no",
            bar="no",
            met=not libraries,
        ),
    ]


def scrape_figures(folder: Path, *, runs: int) -> list[Figure]:
    """Scrape a daemon of 50 models with three scenarios each, over one connection as Prometheus does."""
    port = free_port()
    config = make_fleet(folder, models=50, runs=runs, port=port)
    with running_daemon(config, port) as daemon:
        times, body = scrape(daemon, SCRAPES)
        resident = daemon.resident_bytes()
    text = gzip.decompress(body)
    series = sum(not line.startswith(b"#") for line in text.splitlines())
    return [
        at_most("scrape of 50 models × 3 scenarios, median", median(times) * 1e3, SCRAPE_SECONDS * 1e3, "{:.1f} ms"),
        Figure(what="scrape, slowest", shown=f"{max(times) * 1e3:.1f} ms"),
        Figure(what="its size", shown=f"{series} series, {len(text) / 1e3:.0f} kB, {len(body) / 1e3:.0f} kB gzipped"),
        at_most(f"resident with 50 models after {SCRAPES} scrapes", resident / 1e6, RESIDENT_BYTES / 1e6, "{:.1f} MB"),
        Figure(what="start to ready with 50 models", shown=f"{daemon.start_seconds:.2f} s"),
    ]


def scrape(daemon: Daemon, count: int) -> tuple[list[float], bytes]:
    """Return the seconds of `count` scrapes, a warm-up left out, and the last body as it came."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
    times = []
    for _ in range(count + 1):
        began = time.perf_counter()
        connection.request("GET", "/metrics", headers=SCRAPE_HEADERS)
        body = connection.getresponse().read()
        times.append(time.perf_counter() - began)
    connection.close()
    return times[1:], body


def browse(daemon: Daemon) -> None:
    """Open every kind of page, some of them for every model, and scrape."""
    for page in ("/", "/hardware", "/daemon", "/api/status", "/api/runs"):
        daemon.get(page)
    for model in daemon.status()["models"]:
        daemon.get(f"/models/{model['name']}")
        daemon.get(f"/runs/{model['last_run_id']}")
    scrape(daemon, SCRAPES)


def profile_one(daemon: Daemon, path: Path) -> str:
    """Touch a model's file, which makes its run due, wait for the run and return what came of it."""
    before = _first_model(daemon)["last_run_id"]
    os.utime(path)
    deadline = time.monotonic() + RUN_LIMIT_SECONDS
    while time.monotonic() < deadline:
        model = _first_model(daemon)
        if model["last_run_id"] != before and model["phase"] is None:
            return "succeeded" if model["state"] == "healthy" else f"{model['state']}: {model['why']}"
        time.sleep(1)
    return f"none was started: {_first_model(daemon)['why']}"


def _first_model(daemon: Daemon) -> dict[str, str | None]:
    model: dict[str, str | None] = daemon.status()["models"][0]
    return model


def mapped_libraries(daemon: Daemon) -> set[str]:
    """Return which of the heavy libraries the daemon has mapped."""
    maps = Path(f"/proc/{daemon.pid}/maps").read_text()
    return {name for name in ("torch", "numpy") if f"/{name}/" in maps or f"lib{name}" in maps}


if __name__ == "__main__":
    sys.exit(main())
