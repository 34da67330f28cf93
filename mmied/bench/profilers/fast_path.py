"""Take transformer encoders off their fused path for a while, where one operator is a whole layer."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def unfused() -> Iterator[None]:
    """Let nn.TransformerEncoderLayer and nn.MultiheadAttention run as the modules that they are made of."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
