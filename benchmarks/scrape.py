"""What does a scrape cost where all families of metrics are filled: 100 models with three scenarios each?

Their series are judged, some are in a regression, all have objectives. Trends alone are missing: they come with a
model's next run.
"""

import argparse
import gzip
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from daemon_process import free_port, running_daemon
from figures import Figure, at_most, report
from fleet import make_fleet
from host import describe_host
from overhead import scrape

SCRAPE_SECONDS = 0.100
PLAIN_BYTES = 3e6
FAMILIES = (
    "mmied_regression_active",
    "mmied_regression_cause",
    "mmied_detector_state",
    "mmied_baseline_latency_seconds",
    "mmied_objective_latency_seconds",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--scrapes", type=int, default=30)
    options = parser.parse_args()
    describe_host()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="mmied-scrape-") as name:
        config = make_fleet(Path(name) / "fleet", models=options.models, runs=2, port=port, judged=True)
        with running_daemon(config, port) as daemon:
            before = daemon.cpu_seconds()
            times, body = scrape(daemon, options.scrapes)
            used = (daemon.cpu_seconds() - before) / (options.scrapes + 1)
            resident = daemon.resident_bytes()
    text = gzip.decompress(body)
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    size = f"{len(lines)} series, {len(body) / 1e3:.0f} kB gzipped"
    what = f"scrape of {options.models} models × 3 scenarios"
    figures = [
        at_most(f"{what}, median of {len(times)}", median(times) * 1e3, SCRAPE_SECONDS * 1e3, "{:.1f} ms"),
        Figure(what="CPU time of the daemon for each", shown=f"{used * 1e3:.1f} ms"),
        Figure(what="slowest", shown=f"{max(times) * 1e3:.1f} ms"),
        at_most("size, plain", len(text) / 1e6, PLAIN_BYTES / 1e6, "{:.2f} MB"),
        Figure(what="its series", shown=size),
        Figure(what="largest families", shown=", ".join(largest(lines))),
        Figure(what="series of one model", shown=str(sum('"ranker-01"' in line for line in lines))),
        Figure(what="start to ready, all series judged", shown=f"{daemon.start_seconds:.2f} s"),
        Figure(what="resident", shown=f"{resident / 1e6:.1f} MB"),
    ]
    for family in FAMILIES:
        count = sum(line.startswith(family + "{") for line in lines)
        figures.append(Figure(what=f"series of {family}", shown=str(count), bar="> 0", met=count > 0))
    return report(figures)


def largest(lines: Sequence[str]) -> list[str]:
    """Return the five families that take most room, with their share of it."""
    bytes_of: Counter[str] = Counter()
    for line in lines:
        bytes_of[line.partition("{")[0].partition(" ")[0]] += len(line) + 1
    whole = bytes_of.total()
    return [f"{name.removeprefix('mmied_')} {size / whole:.0%}" for name, size in bytes_of.most_common(5)]


if __name__ == "__main__":
    sys.exit(main())
