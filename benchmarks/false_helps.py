"""How often is a candidate that is the baseline said to help, and one that is 1.15 times as fast not?

Trials as a search makes them, beside busy loops. The processes are started anew after every few trials: where their
memory comes to lie is a part of chance that pairs in one process would not see.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from contention import busy_loops
from figures import Figure, report
from host import describe_host
from serving_trials import ROUNDS, paired, served

from mmied.verdicts.paired import judge

FALSE_RATIO, FOUND_RATIO = 0.01, 0.95
GAIN = 1.15
TRIALS_A_START = 10
TRIAL_SECONDS = 30.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200, help="of either kind (default: 200)")
    parser.add_argument("--loops", type=int, default=1, help="busy processes beside it (default: 1)")
    options = parser.parse_args()
    describe_host()
    with busy_loops(options.loops):
        equal = verdicts(ROUNDS, options.trials)
        faster = verdicts(round(ROUNDS / GAIN), options.trials)
    helps, found = equal["helps"] / options.trials, faster["helps"] / options.trials
    return report(
        [
            Figure(
                what=f"A/A beside {options.loops} busy loops, {options.trials} trials: helps",
                shown=f"{helps:.1%} {dict(equal)}",
                bar=f"< {FALSE_RATIO:.0%}",
                met=helps < FALSE_RATIO,
            ),
            Figure(
                what=f"{GAIN:g} times as fast: helps",
                shown=f"{found:.1%} {dict(faster)}",
                bar=f"≥ {FOUND_RATIO:.0%}",
                met=found >= FOUND_RATIO,
            ),
        ]
    )


def verdicts(rounds: int, trials: int) -> Counter[str]:
    """Return how often each verdict was given on a model that calls its layer `rounds` times."""
    counts: Counter[str] = Counter()
    while counts.total() < trials:
        with tempfile.TemporaryDirectory() as folder, served(rounds, Path(folder)) as (servers, seconds):
            for _ in range(min(TRIALS_A_START, trials - counts.total())):
                seen = paired(servers, seconds, limit_seconds=TRIAL_SECONDS, whole=False)
                verdict, _ = judge([seen.ratio], [], fit=seen.fit)
                counts[verdict] += 1
        print(f"  {counts.total()} of {trials}: {dict(counts)}", flush=True)
    return counts


if __name__ == "__main__":
    sys.exit(main())
