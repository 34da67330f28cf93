"""How many bytes does a model take when it is saved?"""

import pickle
import warnings

import torch
from torch import nn

from mmied.bench.optimize.flat_model import FlatModel
from mmied.bench.optimize.pickling import torchscript_bytes


class _Counter:
    """A file that counts what is written to it, and keeps nothing."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: bytes) -> int:
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        return


def saved_bytes(model: nn.Module) -> int:
    """Return the bytes of a model's saved weights; of one that runs in another runtime, of its whole file there."""
    if isinstance(model, FlatModel) and (size := model.artifact_bytes()) is not None:
        return size
    if isinstance(model, torch.jit.ScriptModule):
        return len(torchscript_bytes(model))  # a frozen one has its weights in its code
    counter = _Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of packed legacy weights
        warnings.simplefilter("ignore", UserWarning)
        torch.save(model.state_dict(), counter, pickle_protocol=pickle.DEFAULT_PROTOCOL)  # type: ignore[arg-type]
    return counter.size
