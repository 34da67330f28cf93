"""A model that can become slower, and a history that knows how fast it was."""

import math
import random
import socket
import warnings
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import torch

from mmied.history.store import Store
from mmied.verdicts.run_points import points_of

RUNS_BEFORE = 40


class Deep(torch.nn.Module):
    """A layer that is gone through `rounds` times; what it answers does not depend on how often."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layer, self.rounds = torch.nn.Linear(64, 64), rounds

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layer(x)
        for _ in range(self.rounds):
            y = self.layer(x + 0 * y)
        return y


def deploy(path: Path, rounds: int) -> None:
    """Put a TorchScript file in the place of the one before."""
    part = path.with_suffix(".part")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.trace(Deep(rounds).eval(), torch.randn(2, 64)).save(part)
    part.chmod(0o644)
    part.replace(path)


def remember(state: Path, model: str, interval_seconds: float) -> None:
    """Write runs like the last one of a model, of the time before it, so that the level of its median is known."""
    noise = random.Random(1)
    with closing(Store.open(state / "history.sqlite", host=socket.gethostname())) as store:
        known = store.latest_success(model)
        assert known is not None
        (point,) = (each for each in points_of(known) if each.key.metric == "latency_p50")
        for number in range(1, RUNS_BEFORE):
            began, factor = known.started_at - number * interval_seconds, noise.uniform(0.98, 1.02)
            run = replace(known, run_id=f"before-{number:02}", started_at=began, ended_at=began + 5)
            like = replace(point, run_id=run.run_id, at=began, fit=True)
            found = replace(like, figure=point.figure * factor, value=point.value + math.log(factor))
            store.record(run, points=[found])
