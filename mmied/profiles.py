"""What profiling on demand found of one model, or of several side by side: all that a report is made from.

These are the JSON files that `mmied profile`, `mmied compare` and the library write and read again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mmied.inspection import Inspection, Sizes, Usage
from mmied.records import Environment, LatencySummary, WorkloadResult

Confidence = Literal["low", "medium", "high"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """Advice that follows from what was measured. `evidence` holds the figures that `because` quotes."""

    rule: str  # a name of verdicts.recommend.RULES
    title: str  # what to do, in a few words
    because: str  # a sentence with the figures
    confirm: str  # what would settle it
    confidence: Confidence
    evidence: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knee:
    """Where a batch sweep stops paying: larger batches raise latency faster than throughput."""

    batch_size: int  # the knee
    throughput_samples_per_second: float
    latency_seconds: float
    best_batch_size: int  # of the highest throughput
    best_throughput_samples_per_second: float
    precision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One model, measured: a result for each workload, and what the deep passes saw of one of them.

    `stages` are the latencies of a request's parts: preprocess, inference, postprocess and total, where the first and
    third were given. `items_per_sample` tells what else a sample counts for: {"tokens": 128}. `custom` are the user's
    own metrics. A precision sweep has workloads whose `precision` differs.
    """

    version: Literal[1] = 1
    kind: Literal["profile"] = "profile"
    mmied_version: str
    model: str
    host: str
    device: str
    precision: str
    threads: int
    at: float  # Unix time
    format: str | None = None  # a records.SourceKind, or "eager" for a module in memory
    revision: str | None = None  # SHA-256 of the model's files
    artifact_bytes: int | None = None
    load_seconds: float | None = None
    sizes: Sizes | None = None
    items_per_sample: Mapping[str, float] = field(default_factory=dict)
    environment: Environment | None = None
    results: tuple[WorkloadResult, ...] = ()
    knees: tuple[Knee, ...] = ()
    stages: Mapping[str, LatencySummary] = field(default_factory=dict)
    inspection: Inspection | None = None
    usage: Usage | None = None
    custom: Mapping[str, float | int | str | None] = field(default_factory=dict)
    recommendations: tuple[Recommendation, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """How well a model did on labelled data: `value` with its 95 % interval."""

    metric: str  # accuracy, mse, or the import path of the user's own
    value: float
    lower: float | None
    upper: float | None
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedRatio:
    """How much faster a variant was than the baseline, from blocks of calls in turn: above 1 is faster.

    The estimate is the median of the ratios of neighbouring blocks, lower and upper its 95 % bootstrap interval.
    `control` is the same for the baseline against itself.
    """

    variant: str
    batch_size: int
    pairs: int
    speedup_ratio: float
    lower: float
    upper: float
    control_lower: float | None = None
    control_upper: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One model of a comparison. `failure` says why it has no figures."""

    name: str
    profile: Profile | None
    accuracy: Accuracy | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonReport:
    """Models measured side by side, their calls in turn; the first is the baseline."""

    version: Literal[1] = 1
    kind: Literal["comparison"] = "comparison"
    mmied_version: str
    host: str
    device: str
    at: float
    variants: tuple[Variant, ...]
    ratios: tuple[PairedRatio, ...] = ()
    dataset: str | None = None
    notes: tuple[str, ...] = ()
