"""What the detector is fed of a series, and what it says of it: data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["learning", "stable", "suspect", "regressed", "recovered", "too_noisy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One run as the detector sees it.

    `value` and `references` are on the scale of the settings: logarithms, unless the scale is plain. `uncertainty` is
    the standard error of `value` as far as the run itself can tell, `calm` the share of it that nothing disturbed. A
    point that is not `fit` is set aside, and so is one that is not finite, or not later than the one before. Where
    `epoch` differs, what was learned before does not hold (other inputs, another unit), and learning begins anew.
    """

    at: float
    value: float
    references: Mapping[str, float] = field(default_factory=dict)
    uncertainty: float | None = None
    calm: float | None = None
    fit: bool = True
    epoch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSettings:
    """What is worth an alarm, and how often one may be false."""

    minimum_ratio: float = 0.02  # the smallest shift that matters, of the level before
    minimum_change: float = 0.0  # the same in the metric's unit; the larger of both counts
    false_alarms_per_run: float = 0.001
    better: Literal["lower", "higher"] = "lower"
    scale: Literal["log", "plain"] = "log"  # what the points' values are; references count on a log scale only
    window: int = 120  # points that are remembered
    least_seconds: float = 0.0  # that a shift lasts: runs close in time may have met one and the same disturbance
    too_noisy_ratio: float = 0.5  # a series in which only larger shifts could be found is not judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What a series is about, in the metric's unit, while what runs beside it is as `references` say."""

    value: float
    at: float | None = None  # since when, or when it was accepted
    references: Mapping[str, float] = field(default_factory=dict)  # and "calm", on the points' scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A confirmed shift from one level to another, both in the metric's unit, and held against equal references.

    `ratio` is after over before less 1, with its 95 % interval; None where the level before is 0 or the sign turns.
    `first_index` counts the points that were ever fed, from 0, and `first_at` is when that first point of the new
    level was; `confirmed_at` when it was sure. `sureness` is 1 less the probability that a run without any change
    looks so.
    """

    before: float
    after: float
    ratio: float | None
    lower: float | None
    upper: float | None
    first_index: int
    first_at: float
    confirmed_at: float
    sureness: float
    worse: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is known of a series, and thought of it.

    `level` is where it is now, `baseline` what that is held against: the last level that was good, or the one that
    was `pinned`. `change_ratio` is level over baseline less 1. `suspect_since` is the time of the first run of a
    shift that is not confirmed yet, also while `status` is "regressed". `evidence` of a shift is confirmed from
    `threshold` on. `minimum_change_ratio` is the smallest shift that is found within three runs in 95 of 100 cases.
    """

    status: Status = "learning"
    why: str = "no runs yet"
    level: Level | None = None
    baseline: Level | None = None
    pinned: bool = False
    change_ratio: float | None = None
    suspect_since: float | None = None
    suspect_ratio: float | None = None  # how far the suspect runs are from the level
    evidence: float = 0.0
    threshold: float | None = None
    minimum_change_ratio: float | None = None
    noise_ratio: float | None = None  # standard deviation of runs of one level, by all that is not their own error
    shifts: tuple[Shift, ...] = ()  # the newest last
    points: tuple[Point, ...] = ()  # of the window, those that count
    indexes: tuple[int, ...] = ()  # of these points, among all that were fed
    seen: int = 0  # points that were fed, set aside ones too
    late: int = 0  # points in a row that were not later than those known
