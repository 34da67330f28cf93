"""Call models that are open in turn, and go on without those that raise."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from mmied.bench.contention import Neighbours, Theft, WaitMeter
from mmied.bench.fidelity import output_tensors
from mmied.bench.interleave import Interleaved, interleave
from mmied.bench.profilers.device import Meter
from mmied.bench.profilers.recorded import Target
from mmied.bench.session import Session
from mmied.bench.speedups import Shapes
from mmied.bench.timing import timer_on
from mmied.records import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What was seen of the models that took part to the end, and the shapes of their outputs."""

    seen: Interleaved | None  # None: nothing was called in turn
    shapes: Mapping[str, Shapes]


def rotate(
    sessions: Mapping[str, Session],
    workload: Workload,
    *,
    num_runs: int,
    limit_seconds: float,
    failed: Callable[[str, BaseException], None],
    is_worthwhile: Callable[[Collection[str]], bool] = bool,
) -> Rotation:
    """Warm the models up and call them in turn; the first of those that can be called is the baseline.

    `failed` is told of a model that raises, and the others begin anew. `is_worthwhile` is asked whether it is worth
    calling the models of these names.
    """
    targets: dict[str, Target] = {}
    shapes: dict[str, Shapes] = {}
    for name, session in list(sessions.items()):
        try:
            target = session.target(workload)
            shapes[name] = _shapes_of(target)
        except Exception as error:  # noqa: BLE001 - a model raises what it likes, and the others go on
            failed(name, error)
            continue
        targets[name] = target
    seen = None
    while seen is None and is_worthwhile(targets):
        try:
            seen = _call_in_turn(targets, num_runs=num_runs, limit_seconds=limit_seconds)
        except _CallFailed as failure:
            del targets[failure.name], shapes[failure.name]
            failed(failure.name, failure.__cause__ or failure)
    return Rotation(seen=seen, shapes=shapes)


class _CallFailed(Exception):
    """A model raised while it was called in turn; `name` is its name, the cause is what it raised."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


def _shapes_of(target: Target) -> Shapes:
    with torch.inference_mode():
        output = target.model(*target.args, **target.kwargs)
    return tuple((path, tuple(tensor.shape)) for path, tensor in output_tensors(output))


def _call_in_turn(targets: Mapping[str, Target], *, num_runs: int, limit_seconds: float) -> Interleaved:
    device = next(iter(targets.values())).device
    meter = Meter(device) if device.startswith("cuda") else None
    theft = Theft()
    with torch.inference_mode():
        return interleave(
            {name: _call_of(name, target) for name, target in targets.items()},
            timer=timer_on(device, WaitMeter()),
            several_threads=torch.get_num_threads() > 1,
            num_runs=num_runs,
            limit_seconds=limit_seconds,
            was_disturbed=lambda: bool(meter and meter.shared()) or theft.since_last(),
            others_cpus=Neighbours().busy_cpus_since_last,
        )


def _call_of(name: str, target: Target) -> Callable[[], Any]:
    model, args, kwargs = target.model, target.args, target.kwargs

    def call() -> Any:
        try:
            return model(*args, **kwargs)
        except Exception as error:
            raise _CallFailed(name) from error

    return call
