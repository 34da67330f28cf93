"""Say how much evidence a shift of a series takes, so that its own noise rarely looks like one; pure."""

import math
from collections.abc import Sequence

from mmied.verdicts.evidence import NEAR, SLOW
from mmied.verdicts.noise import REFERENCE_RUNS, Noise

EXPECTED_EVIDENCE = 1.4  # what the strongest evidence in noise is short of the logarithm of how rare it is
LEAST = 2.0
KNOWN = 30  # runs from which on a series' own noise may ask for less than is asked for of any
SPARED = 1.0  # by how much less, at most: real noise has rare moods that hundreds of runs do not show
MOST = 12.0
LOOKS = (2, 3, 4, 5, 8, 12, 16, 24)  # numbers of newest runs that stand for all
OVERLAP = 2.0  # alarms over what these looks sum up to, by simulation of independent noise
WANDERS = 1.0  # evidence per factor e of dependence: what a wandering series will do is known from few stretches
HALVINGS = 10


def threshold(false_alarms_per_run: float) -> float:
    """Return the evidence that a shift takes while little is known of a series.

    A likelihood ratio of e^x comes up by chance about once in e^x times. That the newest runs are tried at every
    length, and that next to the same ones are tried again after each run, was found by simulation of independent noise
    (benchmarks/online_detection.py): the two nearly cancel, and `EXPECTED_EVIDENCE` is what is left.
    """
    return max(-math.log(false_alarms_per_run) - EXPECTED_EVIDENCE, LEAST)


def own_threshold(
    false_alarms_per_run: float, noise: Noise, variances: Sequence[float], smallest: float, *, runs: int
) -> float:
    """Return the evidence that a shift by at least `smallest` takes in a series of which `runs` tell the `noise`.

    Where runs scatter by less than what matters, noise hardly ever looks like a shift that matters, and little evidence
    is rare already; where they scatter by more, it comes up more often.
    """
    usual = threshold(false_alarms_per_run)
    newest = variances[-REFERENCE_RUNS:]
    mass = sum(1 / variance for variance in newest)
    distances = {size: smallest / math.sqrt(noise.inflation(size) * (len(newest) / size + 1) / mass) for size in LOOKS}
    low, high = max(usual - SPARED, LEAST) if runs >= KNOWN else usual, MOST
    if _alarms(low, noise, distances) <= false_alarms_per_run:
        high = low
    for _ in range(HALVINGS if high > low else 0):
        middle = (low + high) / 2
        if _alarms(middle, noise, distances) > false_alarms_per_run:
            low = middle
        else:
            high = middle
    return high + WANDERS * math.log(max(noise.dependence))


def _alarms(needed: float, noise: Noise, distances: dict[int, float]) -> float:
    """Return how often per run normal noise gives so much evidence; `distances` are `smallest` in deviations."""
    total = 0.0
    for size, distance in distances.items():
        proof = noise.untempered(needed, size)
        # Evidence of a shift d where the mean is off by z: z d - d²/2, with d at least the smallest that matters.
        off = distance / 2 + proof / distance if distance * distance > 2 * proof else math.sqrt(2 * proof)
        total += math.erfc(max(off, NEAR * distance if size < SLOW else 0.0) / math.sqrt(2))
    return OVERLAP * total
