"""What the daemon says of itself: its models as they stand, what it costs, what an operator should know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mmied.records import HardwareSample, LatencySummary, Outcome, Workload
from mmied.regression import ObjectiveStanding, SeriesStanding, Trend

State = Literal["waiting", "running", "healthy", "refused", "regressed", "failing", "quarantined"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioStatus:
    """One scenario as it stands: its last run and the last figures that are still current."""

    workload: Workload
    last_outcome: Outcome | None = None
    last_message: str | None = None
    latency: LatencySummary | None = None
    throughput_samples_per_second: float | None = None
    items_per_second: float | None = None
    peak_memory_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionStatus:
    """How the inspections of a model stand. `why` says what is wrong with them or what they wait for."""

    interval_seconds: float
    last_run_id: str | None = None
    last_run_at: float | None = None
    last_success_id: str | None = None
    last_success_at: float | None = None
    next_run_at: float | None = None
    consecutive_failures: int = 0
    phase: str | None = None  # of the inspection under way
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizationStatus:
    """How the searches for optimizations of a model stand. `why` says what is wrong with them or what they wait for."""

    interval_seconds: float
    budget_seconds: float
    last_run_id: str | None = None
    last_run_at: float | None = None
    next_run_at: float | None = None
    consecutive_failures: int = 0
    phase: str | None = None  # of the search under way
    spent_seconds: float = 0.0  # of its budget
    why: str | None = None
    left: tuple[str, ...] = ()  # candidates that the round has not come to
    helps: Mapping[str, float | None] = field(default_factory=dict)  # candidates, and their best speed-up
    expired: Mapping[str, str] = field(default_factory=dict)  # candidates whose verdict holds no more, and why


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStatus:
    """One model as it stands. `why` says in a sentence what is wrong or what it waits for."""

    name: str
    state: State
    why: str | None
    device: str
    dtype: str
    format: str
    unit: str | None
    revision: str | None
    interval_seconds: float | None
    last_run_id: str | None
    last_run_at: float | None
    last_success_at: float | None
    next_run_at: float | None
    consecutive_failures: int
    scenarios: tuple[ScenarioStatus, ...]
    reference_seconds: Mapping[str, float] = field(default_factory=dict)
    phase: str | None = None  # of the run under way
    inspection: InspectionStatus | None = None  # None: never inspected
    optimization: OptimizationStatus | None = None  # None: never searched
    drift_ratio: float | None = None  # of the outputs, in the last success
    series: tuple[SeriesStanding, ...] = ()  # that are judged
    objectives: tuple[ObjectiveStanding, ...] = ()
    trends: tuple[Trend, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What mmied itself has used since it started, against its budget; ratios are of all the host's CPUs."""

    uptime_seconds: float
    daemon_cpu_seconds: float
    worker_cpu_seconds: float
    cpu_budget_ratio: float
    cpu_used_ratio: float
    cpu_tokens_seconds: float  # what the bucket holds; below zero: owed
    demand_ratio: float  # share of the budget that the schedule asks for; above 1 runs are put off
    daemon_memory_bytes: int | None
    worker_peak_bytes: int | None
    history_bytes: int | None
    history_limit_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The daemon as it stands: what `mmied status --json`, `/api/status` and the pages show."""

    version: str
    host: str
    at: float
    started_at: float
    config_path: str
    config_loaded_at: float
    config_error: str | None
    torch_version: str | None
    models: tuple[ModelStatus, ...]
    cost: Cost
    hardware: HardwareSample | None
    host_series: tuple[SeriesStanding, ...] = ()  # what is judged of the host itself
    notices: tuple[str, ...] = ()  # what an operator should know: a budget too small, NVML missing
