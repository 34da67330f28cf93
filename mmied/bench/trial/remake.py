"""Make a candidate's model again from what a search wrote down: what the scripts beside applied models call."""

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mmied.bench.models import Inputs, OpenedModel, open_model, require_device
from mmied.bench.trial.context import Applied
from mmied.bench.trial.protocol import ServeJob
from mmied.bench.trial.served import Served, apply_candidate
from mmied.codec import from_json
from mmied.errors import ModelError
from mmied.optimization import Candidate
from mmied.records import ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Remade:
    """The model as the candidate serves it. `call` takes what the deployed model takes."""

    name: str
    applied: Applied
    deployed: OpenedModel
    mode: Any

    @property
    def call(self) -> Any:
        """What a server calls."""
        return self.applied.call

    def inputs(self, batch_size: int = 1) -> Inputs:
        """Return inputs for one call, positional and by name."""
        return self.deployed.make(batch_size)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the model as a server would."""
        with self.mode():
            return self.applied.call(*args, **kwargs)

    def save(self, folder: str | Path) -> Path:
        """Write the model into a new folder, for `mmied.load_optimized`. Raises ModelError where it cannot be."""
        from mmied.bench.optimize.saving import save_optimized  # with the libraries of its kind

        if self.applied.call is self.deployed.call:
            raise ModelError(f"{self.name}: is a setting, under which the deployed model is served: nothing to save")
        if not isinstance(self.applied.call, torch.nn.Module):
            raise ModelError(f"{self.name}: cannot be saved: it is made anew at each start of the server")
        return save_optimized(self.applied.call, folder)

    def __str__(self) -> str:
        changed = ", ".join(f"{count:,} {name}" for name, count in self.applied.changed.items())
        return "\n".join([f"{self.name}: changed {changed}", *self.applied.notes])


def remake(
    model: Mapping[str, Any],
    candidate: Mapping[str, Any],
    *,
    revision: str | None,
    batch_sizes: Sequence[int],
    wait_policy: str | None = None,
    calibration: str | None = None,
    fine_tune: str | None = None,
) -> Remade:
    """Open the deployed model, whose files have to be those of `revision`, and apply the candidate to it.

    `model` and `candidate` are records as JSON has them. The variables that the candidate's process is started with
    have to be set before torch is imported. Raises ModelError, NotApplicable and what the candidate raises.
    """
    spec, chosen = _read(ModelSpec, model), _read(Candidate, candidate)
    missing = {name: value for name, value in chosen.environment.items() if os.environ.get(name) != value}
    if missing:
        told = " ".join(f"{name}={value}" for name, value in missing.items())
        raise ModelError(f"{chosen.name}: takes {told} in the environment, before torch is imported")
    require_device(spec.device)
    if spec.threads is not None:
        torch.set_num_threads(spec.threads)
    scratch = Path(tempfile.mkdtemp(prefix="mmied-remake-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)  # compiled code may live there till then
    opened = open_model(spec, scratch=scratch, known_digests={})
    if revision is not None and opened.revision != revision:
        raise ModelError(
            f"{spec.source.path or spec.source.factory}: is another model than the one that was measured: its hash is "
            f"{opened.revision}, and was {revision}"
        )
    job = ServeJob(
        model=spec,
        batch_sizes=tuple(batch_sizes),
        wait_policy=wait_policy,
        candidate=chosen,
        calibration=calibration,
        fine_tune=fine_tune,
    )
    applied = apply_candidate(chosen, opened, Served(job, scratch).context(opened))
    mode = torch.inference_mode if applied.inference_mode else torch.no_grad
    return Remade(name=chosen.name, applied=applied, deployed=opened, mode=mode)


def _read(kind: Any, told: Mapping[str, Any]) -> Any:
    return from_json(kind, json.dumps(told))
