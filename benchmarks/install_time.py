"""How long from nothing to the first figure: installing, starting, and a model's first published median.

`deploy/install.sh --root` installs this checkout with all that it depends on into a folder, by pip as it is set up
here: what is in pip's cache is not downloaded again, unless `--cold` says so. Then the installed `mmied demo` is
started and asked until it shows a figure. Exits 1 when a bar is missed.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from figures import Figure, at_most, report
from host import describe_host

ROOT = Path(__file__).parents[1]
FIRST_FIGURE_SECONDS = 60.0
GIVE_UP_SECONDS = 300.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cold", action="store_true", help="download everything, whatever pip has kept")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="install there, and leave it")
    options = parser.parse_args()
    describe_host()
    with tempfile.TemporaryDirectory(prefix="mmied-install-") as name:
        root = options.keep or Path(name) / "root"
        first = install(root, cold=options.cold)
        again = install(root, cold=False)
        size_bytes = sum(path.lstat().st_size for path in root.rglob("*"))
        up, figure = first_figure(root / "opt/mmied/bin/python3", Path(name) / "state")
    return report(
        [
            Figure(
                what="install" + (", all downloaded" if options.cold else ", pip's cache used"), shown=f"{first:.0f} s"
            ),
            Figure(what="install again, nothing new", shown=f"{again:.1f} s"),
            Figure(what="installed", shown=f"{size_bytes / 1e6:.0f} MB"),
            Figure(what="`mmied demo` to port open, writing three models", shown=f"{up:.1f} s"),
            at_most("`mmied demo` to first figure", figure, FIRST_FIGURE_SECONDS, "{:.1f} s"),
            Figure(what="install and first figure together", shown=f"{first + figure:.0f} s"),
        ]
    )


def install(root: Path, *, cold: bool) -> float:
    """Install into `root` and return how long it took."""
    environ = os.environ | ({"PIP_NO_CACHE_DIR": "1"} if cold else {})
    began = time.monotonic()
    subprocess.run([ROOT / "deploy/install.sh", "--root", root], env=environ, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def first_figure(python: Path, state: Path) -> tuple[float, float]:
    """Start the demonstration; return the seconds until its port is open, and until a median is published."""
    port = free_port()
    began = time.monotonic()
    daemon = subprocess.Popen(
        [python, "-m", "mmied", "demo", "--state", state, "--listen", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    up = None
    try:
        while daemon.poll() is None and time.monotonic() - began < GIVE_UP_SECONDS:
            status = ask(f"http://127.0.0.1:{port}/api/status")
            if status is not None:
                up = up or time.monotonic() - began
                latencies = [scenario["latency"] for model in status["models"] for scenario in model["scenarios"]]
                if any(latency is not None and latency["quantiles"].get("0.5") for latency in latencies):
                    return up, time.monotonic() - began
            time.sleep(0.1)
        raise SystemExit(f"no figure after {time.monotonic() - began:.0f} s; exit status {daemon.poll()}")
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def ask(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return json.load(response)
    except (urllib.error.URLError, ConnectionError):
        return None


if __name__ == "__main__":
    sys.exit(main())
