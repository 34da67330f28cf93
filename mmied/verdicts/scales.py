"""Turn figures on the scale of a series' points into its metric's unit, and back."""

import math

from mmied.errors import MmiedError
from mmied.verdicts.series import DetectorSettings


def in_unit(value: float, settings: DetectorSettings) -> float:
    return math.exp(min(value, 700.0)) if settings.scale == "log" else value


def on_scale(value: float, settings: DetectorSettings) -> float:
    """Return a figure of the metric as points have it. Raises MmiedError where it has no logarithm."""
    if settings.scale == "plain":
        return value
    if not value > 0:
        raise MmiedError(
            f"a baseline of {value:g} has no ratio to anything. Give one above 0, or judge on a plain scale."
        )
    return math.log(value)


def as_ratio(distance: float, level: float, settings: DetectorSettings) -> float | None:
    """Return a distance from `level` as a ratio of it; None where it is none."""
    if settings.scale == "log":
        return math.expm1(distance) if distance < 50 else None
    return distance / abs(level) if level and (level + distance) * level > 0 and math.isfinite(distance) else None
