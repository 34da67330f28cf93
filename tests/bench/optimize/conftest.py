"""Models for optimizations, with seeds, and a guard that an original stays as it was to the bit."""

import warnings
from collections.abc import Iterator

import pytest
import torch
from torch import nn


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """Give each test the same random numbers and one thread, and let others' warnings of their imports pass."""
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        # Extension modules of OpenVINO and ONNX are built by SWIG and tell so once in a process.
        warnings.filterwarnings("ignore", message=".*(SwigPy|swigvarlink).*")
        yield
    torch.set_num_threads(threads)


class Snapshot:
    """The bits and training flags of a model at one moment."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        self._flags = {name: module.training for name, module in model.named_modules()}
        self._types = {name: type(module) for name, module in model.named_modules()}

    def assert_untouched(self) -> None:
        state = self._model.state_dict()
        assert state.keys() == self._state.keys()
        assert all(torch.equal(state[name], tensor) for name, tensor in self._state.items())
        assert {name: module.training for name, module in self._model.named_modules()} == self._flags
        assert {name: type(module) for name, module in self._model.named_modules()} == self._types
        assert not any(name.startswith("_mmied") for name in vars(self._model))
        assert all(parameter.grad is None for parameter in self._model.parameters())


@pytest.fixture
def snapshot() -> type[Snapshot]:
    """`snapshot(model)` remembers, `.assert_untouched()` compares."""
    return Snapshot
