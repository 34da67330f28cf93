"""What a command asks of its worker, beside the job: order.json in the job's folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from mmied.codec import from_json, to_json
from mmied.profiles import Accuracy, PairedRatio
from mmied.records import Iterations, ModelSpec

ORDER_FILE = "order.json"
PROFILE_FILE = "profile.json"
FLAME_FILE = "flamegraph.json"
INTERLEAVED_FILE = "interleaved.json"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileOrder:
    """How to profile the job's model; functions are import paths."""

    num_runs: int | None = None  # None: as many as the quantiles take
    warmup_runs: int | None = None  # None: until it is steady
    detailed: bool = True
    dataset: str | None = None
    preprocess: str | None = None
    postprocess: str | None = None
    items_per_sample: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOrder:
    """Which models to call in turn. `metric` is the import path of the user's own."""

    models: tuple[ModelSpec, ...]
    baseline: str  # what the others are held against; where it failed alone it is not among them
    num_runs: int
    limit_seconds: float  # of each batch size
    dataset: str | None = None
    metric: str | None = None
    look: bool = False  # hold the outputs against the baseline's
    option: str = "--time-limit"  # what gives the calls more time


@dataclass(frozen=True, slots=True, kw_only=True)
class InterleavedResult:
    """What calling the models in turn gave: calls by workload and model, and what went wrong by model.

    `rounds` are by workload, `revisions` of the models that were opened. `drift_ratios` tell how far outputs are from
    the baseline's, 0 for equal, for the first workload.
    """

    iterations: Mapping[str, Mapping[str, Iterations]]
    ratios: tuple[PairedRatio, ...]
    accuracies: Mapping[str, Accuracy]
    failures: Mapping[str, str]
    notes: tuple[str, ...]
    rounds: Mapping[str, int] = field(default_factory=dict)
    revisions: Mapping[str, str | None] = field(default_factory=dict)
    drift_ratios: Mapping[str, float] = field(default_factory=dict)


def give_order(order: object, folder: Path) -> None:
    """Write an order into the folder of its job."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ORDER_FILE).write_text(to_json(order))


def take_order(kind: type[T], folder: Path) -> T:
    """Return the order that a job's folder holds."""
    return from_json(kind, (folder / ORDER_FILE).read_bytes())
