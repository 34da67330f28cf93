"""Load mmied.yaml: all of it, or all of its mistakes."""

from dataclasses import dataclass, field
from pathlib import Path

from mmied.alarms import DEFAULT_RUNBOOKS, Target
from mmied.config.mistakes import check_document
from mmied.config.schedule import Cron, Every, Never
from mmied.config.schema import (
    SOURCE_KINDS,
    Admission,
    Artifacts,
    Budget,
    ConfigKeys,
    Hardware,
    History,
    Http,
    InputKeys,
    ModelKeys,
    ModelOptimizeKeys,
    OptimizeKeys,
    Regressions,
    SourceKeys,
)
from mmied.config.source import Document, read_document, tell
from mmied.config.workloads import make_workload
from mmied.errors import ConfigError
from mmied.records import InputSpec, ModelSpec, Source, Workload
from mmied.regression import Objective
from mmied.verdicts.guards import MAX_ACCURACY_DROP

DEFAULT_SCHEDULE = Every(900.0)
DEFAULT_INSPECT = Every(6 * 3600.0)
DEFAULT_SEARCH_SECONDS = 1800.0
DEFAULT_EFFECT_RATIO = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What users of a model count: `per_sample` of it stand in one sample."""

    name: str
    per_sample: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Samples with labels, and how predictions are held against them; None: as the labels are."""

    data: str
    metric: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimize:
    """When to look for what makes a model faster, for how long, among which candidates, and by whose data."""

    schedule: Every | Cron
    budget_seconds: float = DEFAULT_SEARCH_SECONDS
    candidates: tuple[str, ...] = ()  # empty: all that are known
    minimum_effect_ratio: float = DEFAULT_EFFECT_RATIO
    calibration: str | None = None
    fine_tune: str | None = None
    evaluation: str | None = None
    metric: str | None = None
    max_drop: float = MAX_ACCURACY_DROP


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A deployed model, the ways to call it, and when it is to be profiled, inspected and searched."""

    name: str
    spec: ModelSpec
    workloads: tuple[Workload, ...]
    unit: Unit | None
    schedule: Every | Cron
    inspect: Every | Cron | None = None  # None: never
    optimize: Optimize | None = None  # None: never
    objectives: tuple[Objective, ...] = ()
    labelled: Labelled | None = None
    minimum_change_ratio: float = Regressions().minimum_change_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The configuration with its defaults filled in and its paths made absolute."""

    path: Path
    digest: str  # SHA-256 of the file, hex
    state: Path
    history: History
    http: Http
    schedule: Every | Cron
    budget: Budget
    admission: Admission
    hardware: Hardware
    models: tuple[Model, ...]
    artifacts: Artifacts = field(default_factory=Artifacts)
    notify: tuple[Target, ...] = ()
    runbooks: str = DEFAULT_RUNBOOKS
    regressions: Regressions = field(default_factory=Regressions)


def load_config(path: Path) -> Config:
    """Read the configuration at `path`, and nothing else: whether its models exist is not looked at.

    Raises ConfigError with a sentence for each mistake.
    """
    document = read_document(path)
    keys, mistakes = check_document(document)
    if keys is None:
        raise ConfigError(tell(document, mistakes))
    return _resolve(keys, document)


def _resolve(keys: ConfigKeys, document: Document) -> Config:
    schedule = keys.schedule.resolve(DEFAULT_SCHEDULE)
    inspect = keys.schedule.inspect or DEFAULT_INSPECT
    return Config(
        path=document.path.absolute(),
        digest=document.digest,
        state=keys.state,
        history=keys.history,
        http=keys.http,
        schedule=schedule,
        budget=keys.budget,
        admission=keys.admission,
        hardware=keys.hardware,
        artifacts=keys.artifacts,
        notify=keys.notify,
        runbooks=keys.runbooks,
        regressions=keys.regressions,
        models=tuple(_resolve_model(model, keys, schedule, inspect) for model in keys.models),
    )


def _resolve_model(keys: ModelKeys, whole: ConfigKeys, schedule: Every | Cron, inspect: Every | Cron | Never) -> Model:
    gaps_seconds = [pacing.gap_seconds if pacing else 0.0 for pacing in keys.pacing]
    inspect = (keys.schedule.inspect if keys.schedule else None) or inspect
    return Model(
        name=keys.name,
        spec=ModelSpec(
            name=keys.name,
            source=_resolve_source(keys.source),
            inputs=tuple(_resolve_input(item) for item in keys.inputs),
            device=keys.device,
            dtype=keys.dtype,
            threads=keys.threads or whole.budget.threads,
            seed=keys.seed,
        ),
        workloads=tuple(make_workload(size, gap) for gap in gaps_seconds for size in keys.batch_sizes),
        unit=Unit(name=keys.unit.name, per_sample=keys.unit.per_sample) if keys.unit else None,
        schedule=keys.schedule.resolve(schedule) if keys.schedule else schedule,
        inspect=None if isinstance(inspect, Never) else inspect,
        optimize=_resolve_optimize(keys, whole.optimize),
        objectives=keys.objectives,
        labelled=_resolve_labelled(keys),
        minimum_change_ratio=(keys.regressions and keys.regressions.minimum_change_ratio)
        or whole.regressions.minimum_change_ratio,
    )


def _resolve_labelled(model: ModelKeys) -> Labelled | None:
    """Return the labelled samples of a model, which inspections use whether or not it is searched."""
    found = model.optimize.evaluation if model.optimize is not None else None
    return None if found is None else Labelled(data=str(found.data), metric=found.metric)


def _resolve_optimize(model: ModelKeys, otherwise: OptimizeKeys) -> Optimize | None:
    """Return when and how a model is searched; None for never, as in a compiled package nothing can be changed."""
    own = model.optimize or ModelOptimizeKeys()
    schedule = own.schedule or otherwise.schedule or Never()
    if isinstance(schedule, Never) or model.source.package is not None:
        return None
    evaluation = own.evaluation
    return Optimize(
        schedule=schedule,
        budget_seconds=own.budget_seconds or otherwise.budget_seconds or DEFAULT_SEARCH_SECONDS,
        candidates=own.candidates or otherwise.candidates or (),
        minimum_effect_ratio=own.minimum_effect_ratio or otherwise.minimum_effect_ratio or DEFAULT_EFFECT_RATIO,
        calibration=None if own.calibration is None else str(own.calibration),
        fine_tune=own.fine_tune,
        evaluation=None if evaluation is None else str(evaluation.data),
        metric=None if evaluation is None else evaluation.metric,
        max_drop=MAX_ACCURACY_DROP if evaluation is None else evaluation.max_drop,
    )


def _resolve_source(keys: SourceKeys) -> Source:
    kind = next(kind for kind in SOURCE_KINDS if getattr(keys, kind) is not None)
    return Source(
        kind=kind,
        path=None if kind == "factory" else str(getattr(keys, kind)),
        factory=keys.factory,
        weights=None if keys.weights is None else str(keys.weights),
        arguments=keys.arguments,
        trust=keys.trust,
    )


def _resolve_input(keys: InputKeys) -> InputSpec:
    return InputSpec(
        name=keys.name,
        shape=keys.shape,
        dtype=keys.dtype,
        range=keys.range,
        values=keys.values,
        file=None if keys.file is None else str(keys.file),
        factory=keys.factory,
        list=None if keys.parts is None else tuple(_resolve_input(part) for part in keys.parts),
        dict=None if keys.mapping is None else {name: _resolve_input(part) for name, part in keys.mapping.items()},
    )
