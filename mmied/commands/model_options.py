"""Turn what a command line says of a lone model into the records that the configuration would give."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmied.bench.lone import source_of
from mmied.config import Budget, load_config
from mmied.config.schema import INPUT_DTYPES
from mmied.config.values import (
    one_of,
    parse_device,
    parse_function,
    parse_range,
    parse_shape,
    parse_text,
    parse_values,
    suggest,
)
from mmied.daemon.jobs import worker_limits
from mmied.daemon.outcome import Limits
from mmied.errors import MmiedError
from mmied.records import InputSpec, ModelSpec

INPUT_EXAMPLE = '--inputs "shape=batch,64 dtype=int64 range=0,10000"'


def chosen_model(
    model: str | None,
    *,
    kind: str | None,
    weights: Path | None,
    trust: str | None,
    inputs: Sequence[str],
    config: Path | None,
    name: str | None,
    device: str | None,
) -> tuple[ModelSpec, Limits]:
    """Return the model that the options name, lone or in a configuration, and what its workers may use.

    Raises ConfigError or MmiedError.
    """
    if device is not None:
        try:
            parse_device(device)
        except ValueError as error:
            raise MmiedError(f"--device: {device} {error}") from error
    if model is None:
        assert config is not None  # the parser makes sure
        if inputs or kind or weights or trust:
            raise MmiedError("--config: says what the model is; --inputs, --source-kind, --weights and --trust do not.")
        spec, limits = _configured(config, name)
        return (spec if device is None else replace(spec, device=device)), limits
    if name is not None:
        raise MmiedError("--name: names a model of a configuration. Give --config instead of --model.")
    source = source_of(model, kind=kind, weights=weights, trust=trust)
    lone = ModelSpec(
        name=model if source.kind == "factory" else Path(model).stem,
        source=source,
        inputs=tuple(parse_input(text) for text in inputs),
        device=device or "cpu",
    )
    budget = Budget()
    return lone, Limits(
        timeout_seconds=budget.run_timeout_seconds, memory_bytes=budget.worker_memory_bytes, nice=budget.nice
    )


def _configured(config_path: Path, name: str | None) -> tuple[ModelSpec, Limits]:
    config = load_config(config_path)
    found = [model for model in config.models if name in (None, model.name)]
    if len(found) != 1:
        wrong = f"has no model {name}" if name is not None else f"has {len(config.models)} models"
        raise MmiedError(
            f"{config_path}: {wrong}. Give --name with one of: {', '.join(model.name for model in config.models)}."
        )
    return found[0].spec, worker_limits(config)


def parse_input(text: str) -> InputSpec:
    """Return the input that words such as "shape=batch,64 dtype=int64 range=0,10000" declare.

    Raises MmiedError with what is wrong in them.
    """
    told: dict[str, Any] = {}
    for word in text.split():
        key, equals, value = word.partition("=")
        if not equals:
            raise MmiedError(f'--inputs: "{word}" is not KEY=VALUE. Try {INPUT_EXAMPLE}.')
        if key not in _PARSERS:
            raise MmiedError(f'--inputs: "{key}" is not known. {suggest(key, _PARSERS)}')
        if key in told:
            raise MmiedError(f"--inputs: {key} stands twice in one input. Give each input in quotes of its own.")
        try:
            told[key] = _PARSERS[key](value)
        except ValueError as error:
            raise MmiedError(f'--inputs: {key}={value}: "{value}" {error}') from error
    if len({"shape", "file", "factory"} & set(told)) != 1:
        raise MmiedError(f'--inputs: "{text}" needs one of shape=, file= and factory=. Try {INPUT_EXAMPLE}.')
    return InputSpec(**told)


def _items(text: str) -> list[Any]:
    return [_number(item) for item in text.split(",")]


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _recording(text: str) -> str:
    if not text.endswith((".npz", ".safetensors")):
        raise ValueError("is neither a .npz nor a .safetensors file.")
    return str(Path(text).absolute())


_PARSERS: dict[str, Callable[[str], Any]] = {
    "shape": lambda text: parse_shape(_items(text)),
    "dtype": one_of(*INPUT_DTYPES),
    "range": lambda text: parse_range(_items(text)),
    "values": lambda text: parse_values(_items(text)),
    "name": parse_text,
    "file": _recording,
    "factory": parse_function,
}
