"""Turn what a command line says of a model into the records that the configuration would give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmied.bench.dataset_file import find_dataset
from mmied.bench.lone import source_of
from mmied.config import Budget, load_config
from mmied.config.input_text import parse_input
from mmied.config.loading import Optimize
from mmied.config.units import parse_duration, parse_size
from mmied.config.values import parse_device, parse_function, parse_name, parse_number
from mmied.daemon.jobs import worker_limits
from mmied.daemon.outcome import Limits
from mmied.errors import MmiedError
from mmied.records import InputSpec, ModelSpec, Workload

TIMEOUT_SECONDS = 1800.0  # deep passes of a large model; whoever waits for them can end them


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenModel:
    """The model that a command is to work on, how it is served, and what its workers may use."""

    spec: ModelSpec
    limits: Limits
    workloads: tuple[Workload, ...] = ()  # as configured; none for a lone model
    items_per_sample: Mapping[str, float] = field(default_factory=dict)
    dataset: Path | None = None
    optimize: Optimize | None = None  # as configured


def chosen_model(
    model: str | None,
    *,
    kind: str | None,
    weights: Path | None,
    trust: str | None,
    inputs: Sequence[str],
    dataset: Path | None,
    config: Path | None,
    name: str | None,
    device: str | None,
    option: str = "--model",
) -> ChosenModel:
    """Return the model that the options name, lone or in a configuration.

    Raises ConfigError or MmiedError.
    """
    if model is not None:
        if name is not None:
            raise MmiedError(f"--name: names a model of a configuration. Give --config instead of {option}.")
        return lone_model(
            model,
            kind=kind,
            weights=weights,
            trust=trust,
            inputs=inputs,
            dataset=dataset,
            device=device,
            option=option,
        )
    assert config is not None  # the parser makes sure
    if inputs or kind or weights or trust:
        raise MmiedError("--config: says what the model is; --inputs, --source-kind, --weights and --trust do not.")
    chosen = _configured(config, name)
    if device is not None:
        chosen = replace(chosen, spec=replace(chosen.spec, device=_known_device(device)))
    return chosen if dataset is None else _fed(chosen, dataset)


def lone_model(
    model: str,
    *,
    called: str | None = None,
    kind: str | None = None,
    weights: Path | None = None,
    trust: str | None = None,
    inputs: Sequence[str] = (),
    dataset: Path | None = None,
    device: str | None = None,
    option: str = "--model",
) -> ChosenModel:
    """Return the model that a file, a folder or a factory is. Raises MmiedError."""
    source = source_of(model, kind=kind, weights=weights, trust=trust, option=option)
    spec = ModelSpec(
        name=called or (model if source.kind == "factory" else Path(model).stem),
        source=source,
        inputs=tuple(parse_input(text) for text in inputs),
        device=_known_device(device or "cpu"),
    )
    budget = Budget()
    limits = Limits(timeout_seconds=TIMEOUT_SECONDS, memory_bytes=budget.worker_memory_bytes, nice=budget.nice)
    chosen = ChosenModel(spec=spec, limits=limits)
    return chosen if dataset is None else _fed(chosen, dataset)


def with_place(chosen: ChosenModel, *, threads: int | None, timeout: str | None, memory: str | None) -> ChosenModel:
    """Return the model with other threads and limits, where they were given. Raises MmiedError."""
    limits = chosen.limits
    timeout_seconds = parse_time(timeout, "--timeout")
    if timeout_seconds is not None:
        limits = replace(limits, timeout_seconds=timeout_seconds)
    if memory is not None:
        try:
            limits = replace(limits, memory_bytes=parse_size(memory))
        except ValueError as error:
            raise MmiedError(f"--worker-memory: {memory} {error}") from error
    spec = chosen.spec if threads is None else replace(chosen.spec, threads=threads)
    return replace(chosen, spec=spec, limits=limits)


def require_function(path: str, option: str) -> None:
    """Raise MmiedError for what is no import path of a function."""
    try:
        parse_function(path)
    except ValueError as error:
        raise MmiedError(f"{option}: {path} {error}") from error


def parse_time(text: str | None, option: str) -> float | None:
    """Return the seconds of "30s" or "5m". Raises MmiedError."""
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise MmiedError(f"{option}: {text} {error}") from error


def parse_units(texts: Sequence[str]) -> dict[str, float]:
    """Return how many of each a sample holds: {"tokens": 128.0} of "tokens=128". Raises MmiedError."""
    units: dict[str, float] = {}
    for text in texts:
        name, equals, number = text.partition("=")
        if not equals:
            raise MmiedError(f'--unit: "{text}" is not NAME=NUMBER. Try tokens=128.')
        try:
            units[parse_name(name)] = _number_of(number)
        except ValueError as error:
            raise MmiedError(f"--unit: {text}: {error}") from error
    return units


def _number_of(text: str) -> float:
    try:
        return parse_number(float(text))
    except ValueError as error:
        raise ValueError(f'"{text}" is not a number above zero.') from error


def _known_device(device: str) -> str:
    try:
        return parse_device(device)
    except ValueError as error:
        raise MmiedError(f"--device: {device} {error}") from error


def _fed(chosen: ChosenModel, dataset: Path) -> ChosenModel:
    """Return the model with its inputs out of a data set; the worker knows which of its arrays they are."""
    file = find_dataset(dataset)
    return replace(chosen, spec=replace(chosen.spec, inputs=(InputSpec(file=str(file)),)), dataset=file)


def _configured(config_path: Path, name: str | None) -> ChosenModel:
    config = load_config(config_path)
    found = [model for model in config.models if name in (None, model.name)]
    if len(found) != 1:
        wrong = f"has no model {name}" if name is not None else f"has {len(config.models)} models"
        raise MmiedError(
            f"{config_path}: {wrong}. Give --name with one of: {', '.join(model.name for model in config.models)}."
        )
    (model,) = found
    return ChosenModel(
        spec=model.spec,
        limits=worker_limits(config),
        workloads=model.workloads,
        items_per_sample={model.unit.name: model.unit.per_sample} if model.unit is not None else {},
        optimize=model.optimize,
    )
