"""A model that wastes time, and candidates for it; importable as `searchable`."""

import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mmied.bench.optimize.recipe import Recipe, attach
from mmied.bench.trial.context import Applied, Context
from mmied.bench.trial.protocol import NotApplicable

INPUTS = 16
CLASSES = 3


class Wasteful(nn.Module):
    """Finds the largest of its first three inputs `rounds` times: (batch, 16) → (batch, 3)."""

    def __init__(self, rounds: int = 40) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.hidden = nn.Linear(INPUTS, 256)
        self.rounds = rounds

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.hidden(x)
        for _ in range(self.rounds):
            hidden = torch.tanh(self.hidden(x))
        return x[:, :CLASSES] + 0 * hidden[:, :CLASSES]


class Blind(Wasteful):
    """Is quick, and answers wrongly where the first input is large: random inputs seldom show it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = super().forward(x)
        return torch.where(x[:, :1] > 4, scores.flip(1), scores)


def once(model: Wasteful, context: Context) -> nn.Module:
    """The same answers by a fortieth of the work."""
    return _made(Wasteful(rounds=1), model)


def blind(model: Wasteful, context: Context) -> nn.Module:
    return _made(Blind(rounds=1), model)


def unsaved(model: Wasteful, context: Context) -> Applied:
    """As `once`, by something that cannot be written to a file."""
    quick = _made(Wasteful(rounds=1), model)
    return Applied(call=lambda x: quick(x), changed={"rounds": 39}, notes=("made by a closure",))


def calibrated(model: Wasteful, context: Context) -> nn.Module:
    """As `once`, for those who bring calibration data."""
    if context.calibration is None:
        raise NotApplicable("needs calibration data")
    (samples,), _ = next(iter(context.calibration))
    model(samples)  # its labels would not fit
    return once(model, context)


def held(model: Wasteful, context: Context) -> Applied:
    """As `unsaved`, as soon as there is no file `hold` in the folder for temporary files."""
    while (Path(tempfile.gettempdir()) / "hold").exists():
        time.sleep(0.1)
    return unsaved(model, context)


def greedy(model: Wasteful, context: Context) -> Applied:
    """Wants 4 GB."""
    table = torch.ones(1 << 30)
    return Applied(call=lambda x: model(x) * table[0], changed={"tensors": 1})


def setting(model: Wasteful, context: Context) -> Applied:
    """The deployed model itself, served under another setting."""
    return Applied(call=model, changed={"settings": 1}, notes=("torch.set_flush_denormal(True)",))


def share_of_largest(outputs: torch.Tensor, labels: torch.Tensor) -> float:
    """A measure of a user's own."""
    return float((outputs.argmax(1) == labels).double().mean())


def of_few(outputs: torch.Tensor, labels: torch.Tensor) -> float:
    """A measure that fails where too many answers are wrong."""
    share = share_of_largest(outputs, labels)
    if share < 1:
        raise ValueError("an answer is wrong")
    return share


def raises(outputs: torch.Tensor, labels: torch.Tensor) -> float:
    raise ValueError("labels of another world")


def _made(quick: Wasteful, model: Wasteful) -> nn.Module:
    quick.load_state_dict(model.state_dict())
    recipe = Recipe(kind="less work", backend="test", changed={"rounds": model.rounds - 1}, notes=("one round",))
    return attach(quick.eval(), recipe)


def labelled(samples: int, *, large: int = 0) -> dict[str, Any]:
    """Return arrays of samples, `large` of them with a first input that `blind` errs on, and their true classes."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(samples, INPUTS, generator=generator).clamp(-3, 3)
    x[:large, 0] = 9.0
    return {"x": x.numpy(), "labels": x[:, :CLASSES].argmax(1).numpy()}
