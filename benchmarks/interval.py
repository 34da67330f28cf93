"""How narrow is the interval of a speed-up after a minute, and how often does it hold the truth?

The candidate calls the deployed model's layer a known share of the times, so that the true ratio is known but for
what a call costs around its layers; that is measured by the longest of all pairings together.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median

from figures import Figure, at_most, report
from host import describe_host
from serving_trials import ROUNDS, paired, served

HALF_WIDTH_RATIO = 0.02
COVERAGE_RATIO = 0.90  # of 95 %, less what so few repeats can tell


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the long pairing (default: 60)")
    parser.add_argument("--repeats", type=int, default=20, help="of short pairings (default: 20)")
    parser.add_argument("--share", type=float, default=0.8, help="of the work that the candidate does (default: 0.8)")
    options = parser.parse_args()
    describe_host()
    with tempfile.TemporaryDirectory() as folder, served(round(options.share * ROUNDS), Path(folder)) as given:
        servers, seconds = given
        whole = paired(servers, seconds, limit_seconds=options.seconds, whole=True).ratio
        short = [
            paired(servers, seconds, limit_seconds=options.seconds / 10, whole=True).ratio
            for _ in range(options.repeats)
        ]
    truth = median([whole.speedup_ratio, *(one.speedup_ratio for one in short)])
    held = sum(one.lower <= truth <= one.upper for one in short) / max(1, len(short))
    half_width = (whole.upper - whole.lower) / 2 / whole.speedup_ratio
    figures = [
        at_most(
            f"half-width after {options.seconds:.0f} s, {whole.pairs} pairs", half_width, HALF_WIDTH_RATIO, "{:.2%}"
        ),
        Figure(
            what="speed-up; by the work alone",
            shown=f"{whole.speedup_ratio:.3f} [{whole.lower:.3f}, {whole.upper:.3f}]; {1 / options.share:.3f}",
        ),
        Figure(what="the model against itself", shown=f"[{whole.control_lower:.3f}, {whole.control_upper:.3f}]"),
        Figure(
            what=f"{len(short)} pairings of {options.seconds / 10:.0f} s that hold the median of all",
            shown=f"{held:.0%}",
            bar=f"≥ {COVERAGE_RATIO:.0%}",
            met=held >= COVERAGE_RATIO,
        ),
    ]
    return report(figures)


if __name__ == "__main__":
    sys.exit(main())
