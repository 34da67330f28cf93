"""Hold several models open in one process, to call them in turn and to hold their predictions against labels."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from mmied.bench import accuracy
from mmied.bench.contention import Neighbours, Theft, WaitMeter
from mmied.bench.dataset import fed_by, read_dataset
from mmied.bench.fidelity import output_tensors
from mmied.bench.interleave import Interleaved, interleave
from mmied.bench.orders import CompareOrder
from mmied.bench.profilers.device import Meter
from mmied.bench.profilers.recorded import Target
from mmied.bench.session import Session
from mmied.bench.timing import CpuTimer, CudaTimer
from mmied.profiles import Accuracy
from mmied.records import ModelSpec, Workload

Shapes = tuple[tuple[str, tuple[int, ...]], ...]


class CallFailed(Exception):
    """A model raised while it was called in turn; `name` is its name, the cause is what it raised."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


class Contest:
    """The models that are open, by name in the order in which they were opened."""

    def __init__(self, order: CompareOrder, *, scratch: Path) -> None:
        self._order = order
        self._scratch = scratch
        self._dataset = read_dataset(order.dataset) if order.dataset else None
        self._sessions: dict[str, Session] = {}
        self._specs: dict[str, ModelSpec] = {}
        self._device = order.models[0].device

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._sessions)

    @property
    def labelled(self) -> bool:
        """Whether there are labels to hold predictions against."""
        return self._dataset is not None and self._dataset.labels is not None

    def open(self, spec: ModelSpec) -> None:
        """Open a model. Raises ModelError."""
        session = Session(spec, scratch=self._scratch)
        session.open()
        if self._dataset is not None:
            session.model = fed_by(session.model, self._dataset, spec)
        self._sessions[spec.name], self._specs[spec.name] = session, spec

    def drop(self, name: str) -> None:
        """Let go of a model that failed, if it was opened."""
        self._sessions.pop(name, None)

    def warm(self, name: str, workload: Workload) -> tuple[Target, Shapes]:
        """Return a model warm with its inputs, and the shapes of its outputs. Raises whatever the model raises."""
        target = self._sessions[name].target(workload)
        with torch.inference_mode():
            output = target.model(*target.args, **target.kwargs)
        return target, tuple((path, tuple(tensor.shape)) for path, tensor in output_tensors(output))

    def run(self, targets: Mapping[str, Target]) -> Interleaved:
        """Call the models in turn. Raises CallFailed."""
        return call_in_turn(
            targets, device=self._device, num_runs=self._order.num_runs, limit_seconds=self._order.limit_seconds
        )

    def accuracy(self, name: str, batch_size: int) -> Accuracy:
        """Return how well a model predicts the labels. Raises ModelError, and whatever the model raises."""
        assert self._dataset is not None
        with torch.inference_mode():
            return accuracy.measure(
                self._sessions[name].model.call,
                self._dataset,
                self._specs[name],
                batch_size=batch_size,
                metric=self._order.metric,
            )


def call_in_turn(targets: Mapping[str, Target], *, device: str, num_runs: int, limit_seconds: float) -> Interleaved:
    """Call models that are warm in turn; the first is the baseline. Raises CallFailed."""
    meter = Meter(device) if device.startswith("cuda") else None
    theft = Theft()
    with torch.inference_mode():
        return interleave(
            {name: _call_of(name, target) for name, target in targets.items()},
            timer=CpuTimer(WaitMeter()) if meter is None else CudaTimer(WaitMeter(), torch.device(device)),
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
            raise CallFailed(name) from error

    return call
