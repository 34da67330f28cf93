"""Small models of every form that optimizations meet; importable as `optimizable`, in other processes too."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn


@dataclass
class Answer:
    """What a model with a dataclass output gives."""

    logits: torch.Tensor
    parts: dict[str, torch.Tensor]
    note: str = "fine"


class Pair(NamedTuple):
    """What a model with a named tuple gives."""

    first: torch.Tensor
    second: torch.Tensor


class Ranker(nn.Module):
    """Keyword inputs in, a dataclass out: (batch, 8) → (batch, 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(8, 32)
        self.outer = nn.Linear(32, 4)

    def forward(self, features: torch.Tensor, *, weights: torch.Tensor | None = None) -> Answer:
        logits = self.outer(self.inner(features).relu())
        if weights is not None:
            logits = logits * weights
        return Answer(logits=logits, parts={"top": logits.max(dim=1).values})


class Logits(nn.Module):
    """A ranker's logits alone, in a form that torch.export knows."""

    def __init__(self, ranker: Ranker) -> None:
        super().__init__()
        self.ranker = ranker

    def forward(self, features: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        answer: Answer = self.ranker(features, weights=weights)
        return answer.logits


class Convolutional(nn.Module):
    """A residual block of convolutions that uses its ReLU twice: (batch, 3, 8, 8) → {"scores": (batch, 5)}."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.relu = nn.ReLU()
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        x = self.relu(self.norm(self.first(x)))
        return {"scores": self.head(self.relu(self.second(x) + x).mean((2, 3)))}


class Recurrent(nn.Module):
    """An LSTM with a linear head: (batch, 6, 8) → (batch, 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 16, batch_first=True)
        self.head = nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self.lstm(x)[0][:, -1])
        return scores


class Encoder(nn.Module):
    """Torch's own transformer encoder, with packed projections and a fused path: (batch, 5, 16) → the same."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        encoded: torch.Tensor = self.encoder(x)
        return encoded


class Tied(nn.Module):
    """Two layers that share one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(8, 8)
        self.two = nn.Linear(8, 8)
        self.two.weight = self.one.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.two(self.one(x).relu())
        return y


class Squaring(nn.Module):
    """A model without weights."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * x


class Holding(nn.Module):
    """A model that holds a function."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 4)
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.function(self.linear(x))
        return y


def mlp() -> nn.Module:
    """(batch, 8) → (batch, 4); large enough that 8-bit weights make a smaller file."""
    return nn.Sequential(nn.Linear(8, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 4)).eval()
