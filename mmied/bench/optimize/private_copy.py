"""Work on a private copy of a model, so that the user's own stays as it is to the bit."""

import warnings

from torch import nn

from mmied.bench.precision import copied


def private_copy(model: nn.Module, why: str) -> nn.Module:
    """Return a copy of `model` that shares nothing with it. Raises ModelError where it cannot be copied."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch warns of its own class when an exported graph is copied
        return copied(model, why)
