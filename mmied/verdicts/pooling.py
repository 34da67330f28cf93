"""Combine what several processes measured of the same two models into one ratio with an honest interval.

Where a process's memory came to lie makes two equal models differ in it for as long as it lives: of 20 processes that
held a small encoder twice, each for eight seconds, 5 had an interval of 95 % that left equality out, and the ratio was
off by 0.2 % in the median and by 1.3 % at most. So a process counts as one observation, with what it says of its own
uncertainty: a random-effects mean after DerSimonian and Laird (Controlled Clinical Trials 7, 1986) with the interval
of Hartung and Knapp, never narrower than the processes' own give it (Röver, Knapp and Friede, BMC Medical Research
Methodology 15, 2015).
"""

import math
from collections.abc import Sequence

from mmied.profiles import PairedRatio

LAYOUT_ERROR = 0.005  # standard error of the logarithm that one process alone has beyond its own interval
PLAIN_WIDTHS = 2.0  # of half the interval: further from equality than this, more processes change no verdict
LEAST_ERROR = 1e-4  # a bootstrap of few pairs may come out with no width
NORMAL_975 = 1.959964
STUDENT_975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)  # by degrees of freedom, from 1


def pooled_ratio(ratios: Sequence[PairedRatio]) -> PairedRatio:
    """Return one ratio for those of several processes, at least one, of one batch size."""
    first = ratios[0]
    speedup, lower, upper = _pooled([(each.lower, each.upper, each.speedup_ratio) for each in ratios])
    controls = [
        (each.control_lower, each.control_upper, math.sqrt(each.control_lower * each.control_upper))
        for each in ratios
        if each.control_lower is not None and each.control_upper is not None
    ]
    control = _pooled(controls) if controls else None
    return PairedRatio(
        variant=first.variant,
        batch_size=first.batch_size,
        pairs=sum(each.pairs for each in ratios),
        speedup_ratio=speedup,
        lower=lower,
        upper=upper,
        control_lower=control[1] if control else None,
        control_upper=control[2] if control else None,
    )


def is_plain(ratio: PairedRatio) -> bool:
    """Tell whether two models differ so plainly that it need not be asked again."""
    return abs(math.log(ratio.speedup_ratio)) > PLAIN_WIDTHS * math.log(ratio.upper / ratio.lower) / 2


def inverted_ratio(ratio: PairedRatio, variant: str) -> PairedRatio:
    """Return what the baseline is to the variant; the control is the variant's own then, and says the same."""
    return PairedRatio(
        variant=variant,
        batch_size=ratio.batch_size,
        pairs=ratio.pairs,
        speedup_ratio=1 / ratio.speedup_ratio,
        lower=1 / ratio.upper,
        upper=1 / ratio.lower,
        control_lower=ratio.control_lower,
        control_upper=ratio.control_upper,
    )


def _pooled(observed: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    """Return the ratio and its 95 % interval, of lower bounds, upper bounds and ratios."""
    values = [math.log(ratio) for _, _, ratio in observed]
    variances = [
        max(LEAST_ERROR, math.log(upper / lower) / (2 * NORMAL_975)) ** 2 if lower > 0 else math.inf
        for lower, upper, _ in observed
    ]
    count = len(values)
    if count == 1:
        centre, half = values[0], NORMAL_975 * math.sqrt(variances[0] + LAYOUT_ERROR**2)
    else:
        between = _between(values, variances)
        weights = [1 / (variance + between) for variance in variances]
        total = sum(weights)
        centre = sum(weight * value for weight, value in zip(weights, values, strict=True)) / total
        spread = sum(weight * (value - centre) ** 2 for weight, value in zip(weights, values, strict=True))
        student = STUDENT_975[min(count - 1, len(STUDENT_975)) - 1]
        half = student * math.sqrt(max(1.0, spread / (count - 1)) / total)
    return math.exp(centre), math.exp(centre - half), math.exp(centre + half)


def _between(values: Sequence[float], variances: Sequence[float]) -> float:
    """Return the variance between processes, beyond what each one's own uncertainty explains."""
    weights = [1 / variance for variance in variances]
    total = sum(weights)
    mean = sum(weight * value for weight, value in zip(weights, values, strict=True)) / total
    scatter = sum(weight * (value - mean) ** 2 for weight, value in zip(weights, values, strict=True))
    scale = total - sum(weight**2 for weight in weights) / total
    return max(0.0, (scatter - (len(values) - 1)) / scale) if scale > 0 else 0.0
