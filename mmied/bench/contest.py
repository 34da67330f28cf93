"""Hold several models open in one process, to call them in turn and to hold their predictions against labels."""

from collections.abc import Callable
from pathlib import Path

import torch

from mmied.bench import accuracy, golden
from mmied.bench.dataset import fed_by, read_dataset
from mmied.bench.orders import CompareOrder
from mmied.bench.rotation import Rotation, rotate
from mmied.bench.session import Session
from mmied.profiles import Accuracy
from mmied.records import Golden, ModelSpec, Workload


class Contest:
    """The models that are open, by name in the order in which they were opened."""

    def __init__(self, order: CompareOrder, *, scratch: Path) -> None:
        self._order = order
        self._scratch = scratch
        self._dataset = read_dataset(order.dataset) if order.dataset else None
        self._sessions: dict[str, Session] = {}
        self._specs: dict[str, ModelSpec] = {}

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

    def revision(self, name: str) -> str | None:
        """Return the SHA-256 of the files that a model was opened from."""
        return self._sessions[name].model.revision

    def look(self, name: str, workload: Workload) -> Golden:
        """Return what a model gives for its fixed inputs. Raises whatever the model raises."""
        return golden.look(self._sessions[name], self._specs[name], workload, run_id="")

    def drop(self, name: str) -> None:
        """Let go of a model that failed, if it was opened."""
        self._sessions.pop(name, None)

    def rotate(self, workload: Workload, *, failed: Callable[[str, BaseException], None]) -> Rotation:
        """Call the models in turn; `failed` is told of those that raise."""
        return rotate(
            self._sessions,
            workload,
            num_runs=self._order.num_runs,
            limit_seconds=self._order.limit_seconds,
            failed=failed,
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
