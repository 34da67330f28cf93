"""Measures, stages and inputs as users write them, for commands to be told by import path."""

import time

import torch


class Wide(torch.nn.Module):
    """A model of the same inputs as `models/linear.pt`, with another output."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x)


class Wider(Wide):
    """The same again."""


class Fussy(torch.nn.Module):
    """A model that takes single samples alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > 1:
            raise RuntimeError("one at a time, please")
        return x * 2


class Tiring(torch.nn.Module):
    """A model that gives up after some hundred calls: not when it is warmed up, but in the midst."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.calls > 300:
            raise RuntimeError("the cache is full")
        time.sleep(0.001)
        return x.repeat(1, 16)


def count(outputs: torch.Tensor, labels: torch.Tensor) -> int:
    """How many there are."""
    return len(outputs)


def failing(outputs: torch.Tensor, labels: torch.Tensor) -> float:
    return 1 / 0


def endless(outputs: torch.Tensor, labels: torch.Tensor) -> float:
    return float("inf")


def scale(x: torch.Tensor) -> torch.Tensor:
    """A preprocessing that takes a millisecond."""
    time.sleep(0.001)
    return x * 2


def largest(output: torch.Tensor) -> torch.Tensor:
    """A postprocessing."""
    return output.argmax(-1)
