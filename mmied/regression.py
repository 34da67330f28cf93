"""What is known of a model's figures through time: series, baselines, changes and their causes, as data.

A series is one metric of one scenario of a model. The host has series of its own, under the model "": what its
reference workloads took. Figures are in the unit that METRICS names. A `None` figure was not measured; it is never a
zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mmied.profiles import PairedRatio
from mmied.records import Event, Source

Better = Literal["lower", "higher"]
Cause = Literal["model", "environment", "host", "contention", "unknown"]
SeriesState = Literal["learning", "stable", "suspect", "regressed", "recovered", "too_noisy"]
ChangeState = Literal["active", "recovered", "accepted", "superseded"]
BaselineSource = Literal["learned", "accepted", "pinned"]
Unit = Literal["seconds", "per_second", "bytes", "ratio"]
EvidenceKind = Literal["paired", "reference", "event", "contention", "environment", "others", "inspection"]

HOST = ""  # the model that the host's own series are kept under
PREDECESSOR_FILE = "predecessor.json"  # in a job's folder: the order, and beside it what came of it
PREDECESSOR_RESULT_FILE = "predecessor_result.json"


@dataclass(frozen=True, slots=True)
class MetricKind:
    """What is judged of a run: `of_model` where it has no scenario."""

    unit: Unit
    better: Better
    of_model: bool = False


METRICS: Mapping[str, MetricKind] = {
    "latency_p50": MetricKind("seconds", "lower"),
    "latency_p95": MetricKind("seconds", "lower"),
    "latency_p99": MetricKind("seconds", "lower"),
    "throughput": MetricKind("per_second", "higher"),  # samples
    "peak_memory": MetricKind("bytes", "lower"),
    "first_call": MetricKind("seconds", "lower"),
    "load_time": MetricKind("seconds", "lower", of_model=True),
    "output_drift": MetricKind("ratio", "lower", of_model=True),
    "accuracy": MetricKind("ratio", "higher", of_model=True),
    "reference_compute": MetricKind("seconds", "lower", of_model=True),  # the host's own
    "reference_memory": MetricKind("seconds", "lower", of_model=True),
    "reference_interpreter": MetricKind("seconds", "lower", of_model=True),
}


def host_scenario(device: str, threads: int | None) -> str:
    """Return the scenario of the host's own series: on a CPU, reference work in other threads is other work.

    A host that lost a CPU is slower for what has two threads, and as fast as ever for what has one.
    """
    if device != "cpu" or threads is None:
        return device
    return f"{device}-{threads}-{'thread' if threads == 1 else 'threads'}"


def device_of_host(scenario: str) -> str:
    """Return the device of one of the host's own scenarios."""
    return scenario.partition("-")[0]


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """One series of this host. The host's own have the model HOST, and `host_scenario` as scenario."""

    model: str
    scenario: str  # "" for what is of a model as a whole
    metric: str  # of METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPoint:
    """What one run says of one series.

    `figure` is what is published, in the metric's unit. `value` is what is judged: the figure, or its logarithm where
    the figure is positive by nature and `log` says so, from whichever estimator is steadiest. `references` are the
    logarithms of what the reference workloads took in the same minutes; `uncertainty` is the standard error of
    `value` within the run, `calm` the share of it that nothing disturbed. A point that is not `fit` is shown, and is no
    evidence. `fingerprint` is of what it ran on; of the host's own series, beside which model it was looked at.
    """

    key: SeriesKey
    run_id: str
    at: float
    figure: float
    value: float
    log: bool = True
    references: Mapping[str, float] = field(default_factory=dict)
    uncertainty: float | None = None
    calm: float | None = None
    fit: bool = True
    contended_ratio: float | None = None
    revision: str | None = None
    fingerprint: str | None = None
    confirming: bool = False  # the run was made because of a suspicion


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a series is held against. One that was accepted or pinned stands until it is reset or replaced."""

    key: SeriesKey
    figure: float
    at: float  # since when it is so: the first run that it was learned from, or the moment of acceptance
    source: BaselineSource
    runs: int = 0  # that make it up
    run_id: str | None = None  # the last of them
    by: str | None = None  # who accepted or pinned it
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One reason to believe in a cause, in a sentence with figures."""

    kind: EvidenceKind
    text: str
    cause: Cause | None = None  # that it speaks for; None: it speaks against the others, or for none


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedChange:
    """A confirmed level shift of a series; a regression where it is `worse`. Ratios are after over before, less 1.

    `change_ratio` is signed so that positive is worse. `started_at` is the first run of the new level; between it and
    the last good run lies what caused it.
    """

    change_id: str
    key: SeriesKey
    device: str
    worse: bool
    before: float  # figures, in the metric's unit
    after: float
    change_ratio: float
    lower: float | None  # its 95 % interval
    upper: float | None
    sureness: float  # 0 to 1: how sure that the level differs at all
    started_at: float
    first_run_id: str
    last_good_at: float | None
    last_good_run_id: str | None
    confirmed_at: float
    confirmed_run_id: str
    cause: Cause = "unknown"
    evidence: tuple[Evidence, ...] = ()
    events: tuple[Event, ...] = ()  # of the ledger, between the last good and the first bad run
    paired: PairedRatio | None = None  # the file before against the file after, in the same minutes
    part_of: str | None = None  # the change of the host that explains it
    state: ChangeState = "active"
    ended_at: float | None = None
    acknowledged_at: float | None = None
    acknowledged_by: str | None = None
    note: str | None = None  # of who acknowledged or accepted
    inspection_before: str | None = None  # run ids
    inspection_after: str | None = None
    explanation: tuple[str, ...] = ()  # what the two inspections say, in sentences


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesStanding:
    """How one series stands: what is exported and shown of it. `why` says what is wrong or missing, in a sentence."""

    key: SeriesKey
    device: str
    state: SeriesState
    runs: int  # that were judged
    at: float | None = None  # of the last of them
    figure: float | None = None  # of the last run
    baseline: Baseline | None = None
    change_ratio: float | None = None  # against the baseline, positive is worse
    threshold_ratio: float | None = None  # at which it counts as regressed
    minimum_change_ratio: float | None = None  # the least that is found with 95 % power within three runs
    change: RecordedChange | None = None  # that is active
    why: str | None = None


# The deployed file against the one before


@dataclass(frozen=True, slots=True, kw_only=True)
class Predecessor:
    """The files of a model as they were before they changed, kept under the daemon's own folder."""

    model: str
    revision: str
    kept_at: float
    source: Source  # that opens the kept files
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PredecessorResult:
    """The deployed file (variant) against its predecessor (baseline) in the same minutes, for each batch size.

    A `speedup_ratio` below 1 is a slower file. `drift_ratio` is how far the outputs are apart, 0 for equal.
    """

    model: str
    revision: str | None
    predecessor_revision: str
    ratios: tuple[PairedRatio, ...] = ()
    fit: bool = True  # false: contention left too little to stand on
    drift_ratio: float | None = None
    notes: tuple[str, ...] = ()


# What was promised, and where it goes


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What a metric of a model is to be at worst, in the metric's unit.

    It holds for the scenario that it names; without one for each scenario of the model. A throughput without one is
    what the model as a whole has to bear: its best scenario is held against it.
    """

    metric: str
    value: float
    scenario: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveStanding:
    """How a series does against its objective. `missed` is None, and `why` says why, where that cannot be told.

    `headroom_ratio` is how far the figure is on the good side, over the objective: below 0 it is missed.
    """

    key: SeriesKey
    objective: float
    figure: float | None = None
    runs: int = 0  # behind the figure
    headroom_ratio: float | None = None
    missed: bool | None = None
    why: str | None = None
    days_left: float | None = None  # until it is crossed if the trend goes on; None: no trend towards it


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How a series drifts, as a ratio of its level per week; positive is worse. Level shifts are no part of it.

    `sure` tells whether the 95 % interval leaves 0 out.
    """

    key: SeriesKey
    ratio_per_week: float
    lower: float
    upper: float
    level: float  # the figure at the end of the trend's line
    days: float  # that it was seen over

    @property
    def sure(self) -> bool:
        return self.lower > 0 or self.upper < 0
