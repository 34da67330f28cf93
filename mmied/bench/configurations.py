"""Say in which ways a model is to be called, by the words that a user wrote."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from mmied.bench.precision_names import canonical_precision
from mmied.config.values import suggest
from mmied.errors import MmiedError
from mmied.records import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One way to call a model; no batch size is that of the input data, no precision the profiler's."""

    batch_size: int | None = None
    precision: str | None = None
    gap_seconds: float = 0.0


def configuration_of(words: Mapping[str, Any]) -> Configuration:
    """Return the configuration that `words` name. Raises MmiedError."""
    known = {field.name for field in fields(Configuration)}
    for word in words:
        if word not in known:
            raise MmiedError(f'configurations: "{word}" is not known. {suggest(str(word), sorted(known))}')
    return Configuration(**words)


def workload_of(configuration: Configuration, batch_size: int, own_precision: str) -> Workload:
    """Return the workload of a configuration, for input data of `batch_size`. Raises MmiedError."""
    size = configuration.batch_size if configuration.batch_size is not None else batch_size
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise MmiedError(f"batch_size: {size!r} is not a whole number of at least 1.")
    if not 0 <= configuration.gap_seconds < float("inf"):
        raise MmiedError(f"gap_seconds: {configuration.gap_seconds} is not a pause. Give 0 or more seconds.")
    gap = f"-gap{configuration.gap_seconds * 1e3:g}ms" if configuration.gap_seconds else ""
    precision = canonical_precision(configuration.precision) if configuration.precision is not None else None
    return Workload(
        scenario=f"b{size}{gap}",
        batch_size=size,
        gap_seconds=configuration.gap_seconds,
        precision=None if precision == own_precision else precision,
    )
