"""A model is as large as its tensors are, whatever form keeps them."""

import io
import warnings
from typing import Any

import pytest
import torch
from torch import nn

from mmied.bench.profilers.sizes import sizes_of, tensor_bytes
from mmied.inspection import Sizes


def small() -> nn.Module:
    """58 parameters, of which 8 do not train, and a buffer."""
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    model.register_buffer("scale", torch.zeros(3, dtype=torch.float64))
    model[0].bias.requires_grad = False
    return model.eval()


SMALL = Sizes(parameters=58, trainable_parameters=50, parameter_bytes=232, buffer_bytes=24)


def traced(model: nn.Module) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(model, torch.randn(2, 4))


def reopened(module: Any) -> Any:
    buffer = io.BytesIO()
    torch.jit.save(module, buffer)
    buffer.seek(0)
    return torch.jit.load(buffer)


def test_a_module_tells_what_trains() -> None:
    assert sizes_of(small()) == SMALL


def test_a_torchscript_file_has_the_sizes_of_its_module() -> None:
    assert sizes_of(reopened(traced(small()))) == SMALL


def test_an_exported_program_has_the_sizes_of_its_module() -> None:
    assert sizes_of(torch.export.export(small(), (torch.randn(2, 4),)).module()) == SMALL


def test_a_frozen_module_keeps_its_weights_as_constants() -> None:
    frozen = torch.jit.freeze(traced(small()))

    assert list(frozen.parameters()) == []
    assert sizes_of(frozen) == Sizes(parameters=58, trainable_parameters=0, parameter_bytes=232, buffer_bytes=0)


@pytest.mark.parametrize("form", [lambda model: model, lambda model: reopened(traced(model))])
def test_shared_parameters_count_once(form: Any) -> None:
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    model[1].weight = model[0].weight

    sizes = sizes_of(form(model))

    assert sizes is not None and (sizes.parameters, sizes.parameter_bytes) == (16, 64)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.LSTM(4, 8)
        self.last = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.first(x)[0])


def quantized(model: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch means to remove them, and they are deployed
        return torch.ao.quantization.quantize_dynamic(model.eval(), {nn.Linear, nn.LSTM})


def test_packed_weights_of_a_quantized_module_count() -> None:
    model = Recurrent()

    sizes = sizes_of(quantized(model))

    assert sizes is not None
    assert sizes.parameters == sum(parameter.numel() for parameter in model.parameters())
    weights, biases = 4 * 8 * 4 + 4 * 8 * 8 + 8 * 2, 2 * 4 * 8 + 2
    assert sizes.parameter_bytes == weights + 4 * biases
    assert sizes.trainable_parameters == 0


def test_packed_weights_count_in_a_torchscript_file_too() -> None:
    model = quantized(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2)))

    assert sizes_of(reopened(traced(model))) == sizes_of(model)


def test_a_sparse_weight_is_as_large_as_what_it_keeps() -> None:
    sparse = torch.eye(100).to_sparse_coo()

    assert tensor_bytes(sparse) == 100 * 4 + 2 * 100 * 8


def test_a_model_without_tensors_is_of_size_zero() -> None:
    assert sizes_of(nn.ReLU()) == Sizes(parameters=0, trainable_parameters=0, parameter_bytes=0, buffer_bytes=0)


def test_what_is_no_module_does_not_tell() -> None:
    assert sizes_of(lambda x: x) is None
