"""The keys of mmied.yaml, as pydantic models: an alias is a key, an attribute carries the unit."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationInfo

from mmied.alarms import DEFAULT_RUNBOOKS, Target
from mmied.config.notify import parse_notify
from mmied.config.objectives import parse_objectives
from mmied.config.schedule import Cron, Every, Never, parse_cron, parse_schedule, parse_schedule_or_never
from mmied.config.units import parse_duration, parse_size
from mmied.config.values import (
    Address,
    one_of,
    parse_budget_ratio,
    parse_candidates,
    parse_cpus,
    parse_device,
    parse_effect,
    parse_false_alarms,
    parse_flag,
    parse_function,
    parse_history_url,
    parse_listen,
    parse_metric,
    parse_name,
    parse_number,
    parse_range,
    parse_ratio,
    parse_shape,
    parse_text,
    parse_trust,
    parse_values,
    whole,
)
from mmied.records import SourceKind
from mmied.regression import Objective
from mmied.verdicts.guards import MAX_ACCURACY_DROP

MAX_MODELS = 200
MAX_BATCH_SIZES = 16
LEAST_SEARCH_SECONDS = 10.0  # below, not one candidate can be tried
MAX_PACINGS = 4  # with 16 batch sizes, 64 scenarios a model
SOURCE_KINDS: tuple[SourceKind, ...] = ("torchscript", "exported", "package", "factory", "huggingface", "pickle")
INPUT_FORMS = ("shape", "file", "factory", "list", "dict")
INTEGER_DTYPES = ("int64", "int32", "int16", "int8", "uint8")
INPUT_DTYPES = ("float64", "float32", "float16", "bfloat16", *INTEGER_DTYPES, "bool")

T = TypeVar("T")


def _parse_path(value: object, info: ValidationInfo) -> Path:
    """Return an absolute path; a relative one begins at the folder of the configuration."""
    text = parse_text(value)
    if text.startswith("~"):
        raise ValueError('begins with "~", which a daemon has no home for. Write the whole path.')
    context: dict[str, Path] = info.context or {}
    return context["folder"] / text


def _parse_recording(value: object, info: ValidationInfo) -> Path:
    path = _parse_path(value, info)
    if path.suffix not in (".npz", ".safetensors"):
        raise ValueError("is not a .npz or .safetensors file. Save recorded inputs as one of these.")
    return path


def _distinct(most: int) -> Callable[[tuple[T, ...]], tuple[T, ...]]:
    def check(items: tuple[T, ...]) -> tuple[T, ...]:
        if not 1 <= len(items) <= most or len(set(items)) != len(items):
            raise ValueError(f"has to hold 1 to {most} different items.")
        return items

    return check


Duration = Annotated[float, PlainValidator(parse_duration)]
Size = Annotated[int, PlainValidator(parse_size)]
SizeOrNone = Annotated[int, PlainValidator(partial(parse_size, minimum_bytes=0))]
Ratio = Annotated[float, PlainValidator(parse_ratio)]
BudgetRatio = Annotated[float, PlainValidator(parse_budget_ratio)]
Threads = Annotated[int, PlainValidator(whole(1, 4096))]
FilePath = Annotated[Path, PlainValidator(_parse_path)]
Function = Annotated[str, PlainValidator(parse_function)]
Name = Annotated[str, PlainValidator(parse_name)]


class Section(BaseModel):
    """A mapping of the file: frozen, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class History(Section):
    """Where records are kept, and how long."""

    url: Annotated[str, PlainValidator(parse_history_url)] | None = None
    retention_seconds: Duration = Field(90 * 86_400.0, alias="retention")
    max_size_bytes: Size = Field(2_000_000_000, alias="max_size")


class Http(Section):
    """Where metrics and pages are served, and to whom."""

    listen: Annotated[Address, PlainValidator(parse_listen)] = Address(host="127.0.0.1", port=9177)
    web_config: FilePath | None = None
    insecure: Annotated[bool, PlainValidator(parse_flag)] = False

    @property
    def host(self) -> str:
        return self.listen.host

    @property
    def port(self) -> int:
        return self.listen.port


class ScheduleKeys(Section):
    """When models are due."""

    profile: Annotated[Every | Cron, PlainValidator(parse_schedule)] | None = None
    cron: Annotated[Cron, PlainValidator(parse_cron)] | None = None
    inspect: Annotated[Every | Cron | Never, PlainValidator(parse_schedule_or_never)] | None = None

    def resolve(self, otherwise: Every | Cron) -> Every | Cron:
        return self.profile or self.cron or otherwise


class Budget(Section):
    """What profiling may take from the host."""

    cpu_ratio: BudgetRatio = 0.01
    gpu_ratio: BudgetRatio = 0.01
    scenario_seconds: Duration = Field(5.0, alias="scenario_time")
    run_timeout_seconds: Duration = Field(600.0, alias="run_timeout")
    worker_memory_bytes: Size = Field(8_000_000_000, alias="worker_memory")
    threads: Threads | None = None
    cpus: Annotated[tuple[int, ...], PlainValidator(parse_cpus)] | None = None
    nice: Annotated[int, PlainValidator(whole(0, 19))] = 10


class Admission(Section):
    """How busy the host may be for a run to start."""

    cpu_pressure: Ratio = 0.10
    memory_pressure: Ratio = 0.05
    io_pressure: Ratio = 0.05
    gpu_utilization: Ratio = 0.20
    gpu_memory_free_bytes: SizeOrNone = Field(2_000_000_000, alias="gpu_memory_free")
    force_after: Annotated[int, PlainValidator(whole(1, 1_000_000))] | None = None


class Artifacts(Section):
    """How long the files of inspections are kept, and how large they may become together."""

    retention_seconds: Duration = Field(14 * 86_400.0, alias="retention")
    max_size_bytes: Size = Field(1_000_000_000, alias="max_size")


class OptimizeKeys(Section):
    """When to look for optimizations, for how long, and which."""

    schedule: Annotated[Every | Cron | Never, PlainValidator(parse_schedule_or_never)] | None = None
    budget_seconds: Annotated[float, PlainValidator(partial(parse_duration, minimum_seconds=LEAST_SEARCH_SECONDS))] | (
        None
    ) = Field(None, alias="budget")
    candidates: Annotated[tuple[str, ...], PlainValidator(parse_candidates)] | None = None
    minimum_effect_ratio: Annotated[float, PlainValidator(parse_effect)] | None = Field(None, alias="minimum_effect")


class EvaluationKeys(Section):
    """Labelled samples, and how much worse a candidate may do on them."""

    data: Annotated[Path, PlainValidator(_parse_recording)]
    metric: Annotated[str, PlainValidator(parse_metric)] | None = None
    max_drop: Ratio = MAX_ACCURACY_DROP


class ModelOptimizeKeys(OptimizeKeys):
    """The same for one model, and its own data."""

    calibration: Annotated[Path, PlainValidator(_parse_recording)] | None = None
    evaluation: EvaluationKeys | None = None
    fine_tune: Function | None = None


class Regressions(Section):
    """When a change counts as one, and what is kept as evidence."""

    minimum_change_ratio: Annotated[float, PlainValidator(parse_effect)] = Field(0.02, alias="minimum_change")
    false_alarms_per_run: Annotated[float, PlainValidator(parse_false_alarms)] = Field(0.001, alias="false_alarms")
    confirm_runs: Annotated[int, PlainValidator(whole(0, 20))] = 4
    keep_previous_bytes: SizeOrNone = Field(2_000_000_000, alias="keep_previous")


class ModelRegressionsKeys(Section):
    """The same for one model."""

    minimum_change_ratio: Annotated[float, PlainValidator(parse_effect)] | None = Field(None, alias="minimum_change")


class Hardware(Section):
    """How often the host is looked at."""

    interval_seconds: Annotated[float, PlainValidator(partial(parse_duration, minimum_seconds=0.1))] = Field(
        5.0, alias="interval"
    )


class SourceKeys(Section):
    """Where a model comes from: one of SOURCE_KINDS, and what belongs to it."""

    torchscript: FilePath | None = None
    exported: FilePath | None = None
    package: FilePath | None = None
    factory: Function | None = None
    huggingface: FilePath | None = None
    pickle: FilePath | None = None
    weights: FilePath | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)
    trust: Annotated[str, PlainValidator(parse_trust)] | None = None


class InputKeys(Section):
    """One input of a model: one of INPUT_FORMS, and what belongs to it."""

    name: Annotated[str, PlainValidator(parse_text)] | None = None
    shape: Annotated[tuple[int | str, ...], PlainValidator(parse_shape)] | None = None
    dtype: Annotated[str, PlainValidator(one_of(*INPUT_DTYPES))] = "float32"
    range: Annotated[tuple[float, float], PlainValidator(parse_range)] | None = None
    values: Annotated[tuple[float, ...], PlainValidator(parse_values)] | None = None
    file: Annotated[Path, PlainValidator(_parse_recording)] | None = None
    factory: Function | None = None
    parts: tuple["InputKeys", ...] | None = Field(None, alias="list")
    mapping: dict[str, "InputKeys"] | None = Field(None, alias="dict")


class GapKeys(Section):
    """Idle time between two calls."""

    gap_seconds: Duration = Field(alias="gap")


class UnitKeys(Section):
    """What users of a model count, and how many of it are in a sample."""

    name: Name
    per_sample: Annotated[float, PlainValidator(parse_number)]


def _parse_pacing(value: object) -> object:
    """Return None for tight, and a mapping as it is."""
    if value == "tight" or isinstance(value, dict):
        return None if value == "tight" else value
    raise ValueError("is not a pacing. Try tight, or {gap: 100ms}.")


class ModelKeys(Section):
    """A deployed model, and how to call it."""

    name: Name
    source: SourceKeys
    device: Annotated[str, PlainValidator(parse_device)] = "cpu"
    dtype: Annotated[str, PlainValidator(one_of("float32", "float16", "bfloat16"))] = "float32"
    inputs: tuple[InputKeys, ...] = ()
    batch_sizes: Annotated[
        tuple[Annotated[int, PlainValidator(whole(1, 1_000_000))], ...], AfterValidator(_distinct(MAX_BATCH_SIZES))
    ] = (1,)
    pacing: Annotated[
        tuple[Annotated[GapKeys | None, BeforeValidator(_parse_pacing)], ...], AfterValidator(_distinct(MAX_PACINGS))
    ] = (None,)
    unit: UnitKeys | None = None
    threads: Threads | None = None
    schedule: ScheduleKeys | None = None
    optimize: ModelOptimizeKeys | None = None
    regressions: ModelRegressionsKeys | None = None
    objectives: Annotated[tuple[Objective, ...], PlainValidator(parse_objectives)] = ()
    seed: Annotated[int, PlainValidator(whole(0, 2**63 - 1))] = 0


class ConfigKeys(Section):
    """The whole file."""

    state: FilePath = Path("/var/lib/mmied")
    history: History = History()
    http: Http = Http()
    schedule: ScheduleKeys = ScheduleKeys()
    budget: Budget = Budget()
    admission: Admission = Admission()
    hardware: Hardware = Hardware()
    artifacts: Artifacts = Artifacts()
    optimize: OptimizeKeys = OptimizeKeys()
    regressions: Regressions = Regressions()
    notify: Annotated[tuple[Target, ...], PlainValidator(parse_notify)] = ()
    runbooks: Annotated[str, PlainValidator(parse_text)] = DEFAULT_RUNBOOKS
    models: tuple[ModelKeys, ...] = ()
