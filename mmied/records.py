"""The nouns that every stage hands to the next: frozen data, no behaviour, base units in the names.

Times are Unix timestamps in seconds (`*_at`), durations are seconds, sizes are bytes, ratios run from 0 to 1.
A `None` figure was not measured; it is never a zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["succeeded", "failed", "timed_out", "crashed", "refused"]
SourceKind = Literal["torchscript", "exported", "package", "factory", "huggingface", "pickle", "optimized"]
Estimator = Literal["clean", "wall_minus_wait", "device"]


# What is to be done


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a model comes from. `path` is the model file or folder; a factory has `factory` and maybe `weights`."""

    kind: SourceKind
    path: str | None = None
    factory: str | None = None  # "package.module:callable"
    weights: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    trust: str | None = None  # "sha256:<64 hex digits>" of the file


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """One input of a model: declared (shape, dtype), recorded (file), made (factory), or a nest of others."""

    name: str | None = None  # set: passed by keyword
    shape: tuple[int | str, ...] | None = None  # "batch" stands for the batch size
    dtype: str = "float32"
    range: tuple[float, float] | None = None  # low inclusive; high exclusive for integers
    values: tuple[float, ...] | None = None  # drawn from these
    file: str | None = None  # .npz or .safetensors with a leading batch dimension
    factory: str | None = None  # "package.module:callable", called with the batch size
    list: tuple["InputSpec", ...] | None = None
    dict: Mapping[str, "InputSpec"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One way to call a model. `scenario` is its name: "b8", or "b8-gap100ms" when calls are paced."""

    scenario: str
    batch_size: int
    gap_seconds: float = 0.0  # 0: back to back
    precision: str | None = None  # float32, float16, bfloat16, or autocast to one of them; None: the model's own


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A deployed model, as a worker has to open and feed it."""

    name: str
    source: Source
    inputs: tuple[InputSpec, ...]
    device: str = "cpu"
    dtype: str = "float32"
    threads: int | None = None  # None: as many as torch takes by itself
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One thing to do to one model: what `job.json` holds."""

    version: Literal[1] = 1
    run_id: str
    kind: Literal["profile", "check", "inspect", "optimize", "compare"]
    model: ModelSpec
    workloads: tuple[Workload, ...]
    scenario_seconds: float
    memory_bytes: int | None = None
    known_digests: Mapping[str, str] = field(default_factory=dict)  # file identity → sha256, to hash a file once
    golden: "Golden | None" = None  # what the outputs are held against
    labelled: str | None = None  # a .npz or .safetensors of labelled samples, for an inspection
    metric: str | None = None  # of them: accuracy, mse or an import path; None: by the labels


# What came of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a run ran on. `stable` makes the fingerprint; `momentary` may differ from run to run."""

    fingerprint: str
    stable: Mapping[str, str | int | float | bool | None]
    momentary: Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Iterations:
    """Raw samples of repeated calls, one entry an iteration, in the order in which they ran.

    `wait_seconds` is the time that the worst-off of our threads was ready and had no CPU; `wait_total_seconds`,
    where several threads compute, the waits of all of them, at most what the calling thread did not itself compute.
    `disturbed` holds the indexes of iterations in whose block the hypervisor or a cgroup quota took the CPU away, or
    another process used the device. `others_cpus` is how many of our CPUs everything else on the host kept busy
    meanwhile: where that is next to nothing, our threads waited for one another. `device_seconds` is set on CUDA: the
    time between the events around the call.
    """

    wall_seconds: tuple[float, ...]
    wait_seconds: tuple[float, ...]
    wait_total_seconds: tuple[float, ...] | None = None
    disturbed: tuple[int, ...] = ()
    others_cpus: float | None = None
    device_seconds: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySummary:
    """Statistics of one scenario's iterations. Quantiles that the sample does not support are absent.

    `quantiles` and `wall_quantiles` map "0.5" and the like to seconds. `fit` says whether the figures can be
    held against other runs: false when contention left too little to stand on.
    """

    estimator: Estimator
    samples: int  # iterations behind the quantiles
    iterations: int  # all that were timed
    mean_seconds: float
    max_seconds: float
    noise_ratio: float  # median absolute deviation over median
    standard_deviation_seconds: float | None = None
    median_interval_seconds: tuple[float, float] | None = None  # of 95 % confidence, from order statistics
    quantiles: Mapping[str, float]
    wall_quantiles: Mapping[str, float]
    wall_max_seconds: float
    contended_ratio: float
    fit: bool
    pooled_runs: int = 1
    pooled_samples: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Memory while one scenario ran, above the bare runtime; `activation` is the peak above the loaded model."""

    space: Literal["host", "device"]
    peak_bytes: int
    average_bytes: int | None = None
    activation_bytes: int | None = None
    fragmentation_ratio: float | None = None  # device: inactive split bytes over reserved bytes
    cache_slack_ratio: float | None = None  # device: (reserved - allocated) over reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadResult:
    """What one scenario of a run gave; `latency` and `iterations` are None when it failed before they were had."""

    workload: Workload
    outcome: Outcome
    reason: str | None = None  # one of catalog.FAILURE_REASONS
    message: str | None = None
    first_call_seconds: float | None = None
    cold: bool = False  # the first call was also the first of its process
    warmup_seconds: float | None = None
    warmup_iterations: int | None = None
    settled: bool | None = None
    measure_seconds: float | None = None
    throughput_samples_per_second: float | None = None
    latency: LatencySummary | None = None
    iterations: Iterations | None = None
    references: Mapping[str, Iterations] = field(default_factory=dict)  # compute, memory, interpreter
    reference_seconds: Mapping[str, float] = field(default_factory=dict)  # their medians, treated like latency
    memory: tuple[Memory, ...] = ()
    captured_seconds: float | None = None  # CUDA: median of the call replayed as a graph, where it can be captured
    energy_joules: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """What a model gave for its fixed inputs once: a sample of the outputs, and digests (SHA-256) of all of it.

    `floating` and `discrete` (integers and truth values) are the outputs at positions that depend on their shapes
    alone; a floating one that is not finite is None.
    """

    at: float
    run_id: str
    scenario: str
    revision: str | None  # of the model's files
    inputs: str  # digest of the inputs: under others the outputs cannot be held against these
    structure: str  # digest of the outputs' paths, shapes and dtypes
    content: str  # digest of every value
    floating: tuple[float | None, ...]
    discrete: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What an inspection came to, in short; the whole is in its artifacts. Times are of one call."""

    scenario: str
    flops: float | None = None
    flops_coverage_ratio: float | None = None
    operator_seconds: Mapping[str, float] = field(default_factory=dict)  # own time by category
    layer_seconds: Mapping[str, float] = field(default_factory=dict)  # own time of the ten costliest
    failures: Mapping[str, str] = field(default_factory=dict)  # passes that failed, with a sentence
    artifacts: Mapping[str, int] = field(default_factory=dict)  # names of files, and their bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What one part of a search for optimizations came to, in short; the verdicts are kept apart.

    A search is done in parts with other runs between them. A round goes through all candidates, and may take more
    than one search.
    """

    began_at: float  # of the search
    round_at: float  # of the round
    budget_seconds: float
    spent_seconds: float  # by this part and those before it
    verdicts: Mapping[str, str] = field(default_factory=dict)  # of the candidates that this part tried
    left: tuple[str, ...] = ()  # of the round, as far as is known
    finished: bool = False  # the round: every candidate had its turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of one job: what `run.json` holds. A run that was refused or crashed is a record like any other.

    An inspection has findings and a search `searched`, both no results. `golden` is set by the run that recorded it,
    `drift_ratio` by those that were held against it: how far the outputs are from it, 0 for equal.
    """

    version: Literal[1] = 1
    run_id: str
    host: str
    model: str
    kind: str
    device: str
    started_at: float
    ended_at: float
    outcome: Outcome
    reason: str | None = None  # of catalog.FAILURE_REASONS, or of catalog.SKIP_REASONS when refused
    message: str | None = None
    forced: bool = False  # admission was against it, `force_after` overruled
    orphaned: bool = False  # the daemon died while it ran
    confirming: bool = False  # it was made at once, because the one before was suspicious
    revision: str | None = None  # SHA-256 of the model's files
    artifact_bytes: int | None = None
    format: str | None = None
    dtype: str | None = None
    parameters: int | None = None
    threads: int | None = None
    load_seconds: float | None = None
    import_seconds: float | None = None
    cpu_seconds: float | None = None
    gpu_seconds: float | None = None
    worker_peak_bytes: int | None = None  # as the supervisor saw it, so that a crash keeps it
    environment: Environment | None = None
    results: tuple[WorkloadResult, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    phase: str | None = None  # where the worker was when it ended: load, warmup b8, measure b8, done
    log_tail: str = ""
    drift_ratio: float | None = None
    golden: Golden | None = None
    accuracy: float | None = None  # on the labelled samples, by an inspection; more is better
    findings: Findings | None = None
    searched: Searched | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPoint:
    """One run of one scenario as a chart or a table shows it; summaries only, no samples."""

    run_id: str
    at: float
    outcome: Outcome
    reason: str | None
    latency: LatencySummary | None
    throughput_samples_per_second: float | None
    peak_memory_bytes: int | None
    reference_seconds: Mapping[str, float]
    revision: str | None
    fingerprint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """A run that was started; it stays until the run is recorded, so that a death of the daemon is accounted for."""

    run_id: str
    model: str
    kind: str
    device: str
    started_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A row of the change ledger; `model` is None when the whole host is concerned."""

    at: float
    kind: str  # one of catalog.EVENT_KINDS
    model: str | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuSample:
    """One GPU at one moment; a figure that the driver does not give is None."""

    gpu: str
    uuid: str
    name: str
    driver_version: str
    utilization_ratio: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    power_watts: float | None = None
    power_limit_watts: float | None = None
    energy_joules_total: float | None = None
    temperature_celsius: float | None = None
    clock_hertz: Mapping[str, float] = field(default_factory=dict)  # sm, memory
    throttle_active: Mapping[str, bool] = field(default_factory=dict)
    ecc_uncorrected_errors_total: int | None = None
    compute_pids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareSample:
    """The host at one moment. `collectors` tells which parts succeeded, with the seconds that each took."""

    at: float
    cpus: int | None = None
    cpu_busy_seconds_total: float | None = None
    cpu_utilization_ratio: float | None = None  # since the sample before; None for the first
    cpu_frequency_hertz: float | None = None
    load1: float | None = None
    memory_total_bytes: int | None = None
    memory_available_bytes: int | None = None
    disk_bytes_total: Mapping[str, int] = field(default_factory=dict)  # read, written
    network_bytes_total: Mapping[str, int] = field(default_factory=dict)  # received, sent
    pressure_waiting_seconds_total: Mapping[str, float] = field(default_factory=dict)  # cpu, memory, io
    pressure_stalled_seconds_total: Mapping[str, float] = field(default_factory=dict)
    pressure_waiting_ratio: Mapping[str, float] = field(default_factory=dict)  # PSI some avg10
    pressure_stalled_ratio: Mapping[str, float] = field(default_factory=dict)  # PSI full avg10
    runnable: int | None = None  # tasks running or ready, where PSI is off
    temperature_celsius: Mapping[str, float] = field(default_factory=dict)
    gpus: tuple[GpuSample, ...] = ()
    collectors: Mapping[str, "CollectorState"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorState:
    """How the last collection of one hardware collector went."""

    success: bool
    duration_seconds: float
    message: str | None = None
