"""Models in memory with their inputs, ready for the deep passes."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from mmied.bench.profilers.recorded import Target


def target(model: Any, *args: Any, **kwargs: Any) -> Target:
    """Return a small model as a target of the passes."""
    if isinstance(model, nn.Module) and not isinstance(model, torch.fx.GraphModule):  # an exported one has no modes
        model.eval()
    return Target(name="model", model=model, args=args, kwargs=kwargs, device="cpu", call_seconds=1e-3)


@dataclass
class Answer:
    """An output that torch does not know how to take apart."""

    logits: torch.Tensor
    more: dict[str, Any]


class Odd(nn.Module):
    """Takes `x` by keyword alone, calls `shared` twice and `unused` never, works in place, answers with a nest."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Linear(8, 8, bias=False)
        self.unused = nn.Linear(8, 1000)
        self.act = nn.ReLU(inplace=True)

    def forward(self, *, x: torch.Tensor) -> Answer:
        y = self.act(self.shared(x))
        y.add_(1)
        z = self.shared(y)
        return Answer(z, {"hidden": [y, (z, "text")], "none": None})
