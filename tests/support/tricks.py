"""Candidates of a user's own, good and bad, for trials to apply; importable as `tricks`."""

import ctypes
import time
from typing import Any

import torch
from torch import nn

from mmied.bench.trial.context import Applied, Context
from mmied.bench.trial.protocol import NotApplicable


class Work(nn.Module):
    """Multiplies matrices `rounds` times: (batch, 256) → (batch, 256). Half the rounds take half the time."""

    def __init__(self, rounds: int = 40) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(256, 256)
        self.rounds = rounds

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(self.rounds):
            x = torch.tanh(self.layer(x))
        return x


def fewer_rounds(model: Work, context: Context, *, rounds: int) -> Applied:
    faster = Work(rounds)
    return Applied(call=faster, changed={"rounds": model.rounds - rounds}, notes=("fewer rounds",))


def same_object(model: Any, context: Context) -> Any:
    return model


def nothing(model: Any, context: Context) -> Applied:
    return Applied(call=lambda *inputs: model(*inputs), changed={"modules": 0})


def refuse(model: Any, context: Context) -> Applied:
    raise NotApplicable("there is no convolution in this model")


def fail(model: Any, context: Context) -> Applied:
    raise RuntimeError("no kernel image is available")


def segfault(model: Any, context: Context) -> Applied:
    ctypes.string_at(0)
    return Applied(call=model)


def hang(model: Any, context: Context) -> Applied:
    time.sleep(3600)
    return Applied(call=model)


def nan(model: Any, context: Context) -> Applied:
    return Applied(call=lambda x: model(x) * float("nan"), changed={"modules": 1})


def other_shape(model: Any, context: Context) -> Applied:
    return Applied(call=lambda x: model(x)[:, :5], changed={"modules": 1})


def not_callable(model: Any, context: Context) -> Applied:
    return Applied(call=None, changed={"modules": 1})  # type: ignore[arg-type]


class Picky(nn.Module):
    """Takes (1, 4) and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > 1:
            raise ValueError("one sample at a time")
        y: torch.Tensor = self.layer(x)
        return y


def same_work(model: Work, context: Context) -> Applied:
    other = Work(model.rounds)
    other.load_state_dict(model.state_dict())
    return Applied(call=other, changed={"modules": 1})
