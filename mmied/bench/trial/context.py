"""What a candidate's function is given, and what it gives back."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmied.bench.models import Inputs
from mmied.optimization import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where and how the model is served. `make` gives inputs for a batch size, as the baseline gets them."""

    make: Callable[[int], Inputs]
    batch_sizes: tuple[int, ...]  # deployed ones
    device: str
    route: Route
    threads: int
    wait_policy: str | None  # OMP_WAIT_POLICY of the deployment
    scratch: Path  # private to this candidate, gone with the trial
    calibration: Iterable[Any] | None = None  # batches of real inputs
    fine_tune: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A model as the candidate serves it.

    `changed` proves that something was changed, by counts of modules, nodes, bytes or settings. A model that carries
    the recipe of mmied.bench.optimize proves it by that. With `batches` above 1 one call takes that many deployed
    batches together, and its time is told in equal shares.
    """

    call: Callable[..., Any]
    changed: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    lock_in: tuple[str, ...] = ()
    inference_mode: bool = True  # false: called under no_grad, for tensors that inference mode forbids to change
    batches: int = 1


Apply = Callable[..., Any]  # (model, context, **settings) → Applied, or a module with its recipe
