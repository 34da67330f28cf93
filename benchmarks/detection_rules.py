"""The rules that find level shifts, ours and those of others, each as a function of a series that gives indexes."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mmied.verdicts.changes import find_changes

# Of one kernel change point, chosen as our constants were: on the mean F1 of the chosen-on halves of both sets, of
# 2, 4, 8, 12, 16 and 24.
KERNEL_PENALTY = 12.0

Values = NDArray[np.float64]
Rule = Callable[[Values], list[int]]


def rules() -> dict[str, Rule]:
    """Return what is compared; of other packages those that are installed."""
    found: dict[str, Rule] = {
        "find_changes": lambda values: [change.index for change in find_changes(values)],
        "never": lambda values: [],
        "10 % above the mean of 10": partial(fixed_threshold, ratio=0.10),
        "Perfherder's t > 7": partial(perfherder, threshold=7.0),
        "Perfherder's t > 5": partial(perfherder, threshold=5.0),
    }
    for name, load in (("Otava's defaults", otava), ("kernel change points", kernel), ("asv's steps", asv)):
        try:
            found[name] = load()
        except ImportError as error:
            print(f"{name}: left out, {error}. To have all: pip install apache-otava ruptures asv")
    return found


def otava() -> Rule:
    """Return apache-otava's rule with its defaults."""
    from otava.analysis import compute_change_points

    def find(values: Values) -> list[int]:
        finite = np.flatnonzero(np.isfinite(values))
        points, _ = compute_change_points(values[finite].tolist())
        return [int(finite[point.index]) for point in points]

    return find


def kernel() -> Rule:
    """Return ruptures' kernel change points (Arlot, Celisse and Harchaoui, JMLR 2019), of values of deviation 1."""
    from ruptures import KernelCPD

    def find(values: Values) -> list[int]:
        finite = np.flatnonzero(np.isfinite(values))
        known = values[finite]
        if len(known) < 4 or not known.std():
            return []
        search = KernelCPD(kernel="rbf", min_size=2).fit((known / known.std())[:, None])
        return [int(finite[index]) for index in search.predict(pen=KERNEL_PENALTY)[:-1]]

    return find


def asv() -> Rule:
    """Return the step detection of airspeed velocity."""
    from asv.step_detect import detect_steps

    def find(values: Values) -> list[int]:
        steps = detect_steps([float(value) if np.isfinite(value) else None for value in values])
        return [step[0] for step in steps[1:]]

    return find


def fixed_threshold(values: Values, ratio: float, before: int = 10) -> list[int]:
    """Return where a value leaves the mean of those before it, since the last time, by `ratio`."""
    found: list[int] = []
    start = 0
    for index in range(before, len(values)):
        if index - start < before:
            continue
        mean = float(np.nanmean(values[max(start, index - before) : index]))
        if mean and abs(values[index] / mean - 1) > ratio:
            found.append(index)
            start = index
    return found


def perfherder(values: Values, threshold: float, window: int = 12) -> list[int]:
    """Return the peaks of Welch's t between the `window` values before and from each point, as Perfherder alerts."""
    t = np.zeros(len(values))
    for index in range(window, len(values) - window + 1):
        before, after = values[index - window : index], values[index : index + window]
        spread = np.sqrt((before.var(ddof=1) + after.var(ddof=1)) / window)
        difference = abs(after.mean() - before.mean())
        t[index] = difference / spread if spread > 0 else (np.inf if difference else 0.0)
    found: list[int] = []
    index = 0
    while index < len(t):
        end = index
        while end < len(t) and t[end] >= threshold:
            end += 1
        if end > index:
            found.append(index + int(np.argmax(t[index:end])))
        index = end + 1
    return found
