"""Let tests that use the library measure briefly, on one thread."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from mmied.bench import interleave
from mmied.bench.profilers import latency, memory


@contextmanager
def briefly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Spare what such tests do not look at; OpenMP threads that spin beside a busy neighbour would make them wait."""
    monkeypatch.setattr(memory, "LIMIT_SECONDS", 0.01)
    monkeypatch.setattr(latency, "REFERENCE_ROUNDS", 1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.freeze()  # what all the imports left is not looked through again in each collection
    try:
        yield
    finally:
        gc.unfreeze()
        torch.set_num_threads(threads)


@contextmanager
def briefly_in_turn(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Spare, beside that, most rounds of calls in turn."""
    monkeypatch.setattr(latency, "MINIMUM_SECONDS", 0.05)
    monkeypatch.setattr(interleave, "MINIMUM_ROUNDS", 6)
    with briefly(monkeypatch):
        yield
