"""Small models as people hand them to the library: nested, with dropout, with outputs of every kind."""

from dataclasses import dataclass

import torch
from torch import nn


class Block(nn.Module):
    """Attention and a feed-forward part, as in a transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(16, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.drop = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attn(x, x, x, need_weights=False)[0]
        return x + self.drop(self.mlp(x))


class Classifier(nn.Module):
    """Token ids (batch, sequence) → {"logits": (batch, sequence, 5)}."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 16)
        self.blocks = nn.Sequential(Block(), Block())
        self.head = nn.Linear(16, 5)

    def forward(self, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": self.head(self.blocks(self.embedding(tokens)))}


class Normalized(nn.Module):
    """A network in training: batch normalisation, dropout, and a part that its user froze in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 8)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.5)
        self.frozen = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))
        self.modes: list[bool] = []
        self.train()
        self.frozen.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.modes.append(self.training)
        return self.frozen(self.drop(self.norm(self.linear(x))))


class TwoInputs(nn.Module):
    """Takes keyword inputs alone."""

    def forward(self, *, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return left + right


class OneMapping(nn.Module):
    """Takes one mapping, as some models of features do."""

    def forward(self, features: dict[str, torch.Tensor]) -> torch.Tensor:
        return features["left"] * features["right"]


class Remembering(nn.Module):
    """Keeps a mask that it made in its forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.mask: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.mask is None:
            self.mask = torch.ones(4)
        return self.linear(x) * self.mask


@dataclass
class Answer:
    """An output that no one told torch about."""

    scores: torch.Tensor
    names: list[str]


class Answering(nn.Module):
    """Returns a dataclass with a list in it, nested in a tuple, as long as its input."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> tuple[Answer, list[torch.Tensor]]:
        y = self.linear(x)
        return Answer(y, ["a"] * len(x)), list(y.unbind(0))


class Narrow(nn.Module):
    """Cannot take more than four samples."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[0] > 4:
            raise ValueError("five samples are too many")
        return self.linear(x)
