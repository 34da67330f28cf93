"""Serve a model to trials as a search does: the deployed one, a candidate that does known work, and the control."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmied.bench.trial.pairing import Paired, pair
from mmied.bench.trial.process import Server
from mmied.bench.trial.protocol import Command, ServeJob
from mmied.optimization import Candidate
from mmied.records import InputSpec, ModelSpec, Source
from mmied.verdicts.paired import LOOK_CONFIDENCE, is_settled

ROUNDS = 230  # of the deployed model: about 2 ms
OPEN_SECONDS = 120.0
Servers = tuple[Server, Server, Server]


def work(rounds: int = ROUNDS) -> Any:
    """Return a model whose time is in proportion to `rounds`: (batch, 128) → (batch, 128)."""
    import torch

    class Work(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(128, 128)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(rounds):
                x = torch.tanh(self.layer(x))
            return x

    return Work()


def less_work(model: Any, context: Any, *, rounds: int) -> Any:
    """Apply the candidate: the same layer, called `rounds` times."""
    from mmied.bench.trial.context import Applied

    return Applied(call=work(rounds).eval(), changed={"rounds": 1 + abs(ROUNDS - rounds)})


@contextmanager
def served(rounds: int, folder: Path) -> Iterator[tuple[Servers, tuple[float, float, float]]]:
    """Serve the deployed model, one that calls its layer `rounds` times, and the control; tell what a call takes."""
    model = ModelSpec(
        name="work",
        source=Source(kind="factory", factory="serving_trials:work"),
        inputs=(InputSpec(shape=("batch", 128)),),
        threads=1,
    )
    candidate = Candidate(
        name="less_work",
        summary="a known share of the work",
        function="serving_trials:less_work",
        exactness="reduced",
        routes=("eager",),
        settings={"rounds": rounds},
    )
    environ = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(Path(__file__).parent)}
    servers: list[Server] = []
    try:
        for number, chosen in enumerate((None, candidate, None)):
            job = ServeJob(model=model, batch_sizes=(1,), candidate=chosen)
            servers.append(Server(job, folder / str(number), environ))
        seconds = [server.ask(Command(do="open"), timeout_seconds=OPEN_SECONDS).call_seconds[1] for server in servers]
        yield (servers[0], servers[1], servers[2]), (seconds[0], seconds[1], seconds[2])
    finally:
        for server in servers:
            server.close()


def paired(servers: Servers, call_seconds: tuple[float, float, float], *, limit_seconds: float, whole: bool) -> Paired:
    """Pair for `limit_seconds`, or until it is settled unless the `whole` time is asked for."""
    return pair(
        servers,
        call_seconds,
        name="less_work",
        batch_size=1,
        several_threads=False,
        limit_seconds=limit_seconds,
        settled=lambda ratio: not whole and is_settled(ratio),
        look_confidence=LOOK_CONFIDENCE,
    )
