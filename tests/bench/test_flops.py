"""FLOPs are those that the model's architecture has, whichever way torch runs it; what cannot be counted is no zero."""

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from targets import Odd, target
from torch import nn

from mmied.bench.profilers import flops
from mmied.bench.profilers.flop_coverage import coverage_ratio, spent_by_operator
from mmied.errors import ModelError
from mmied.inspection import Flops

BATCH, SEQUENCE, WIDTH, HEADS, HIDDEN = 2, 8, 32, 4, 64
TOKENS = BATCH * SEQUENCE
# The projections of query, key and value, the scores and their product with the values, the output, the two linears.
ATTENTION = 2 * TOKENS * WIDTH * 3 * WIDTH + 2 * 2 * BATCH * SEQUENCE**2 * WIDTH + 2 * TOKENS * WIDTH * WIDTH
ENCODER_LAYER = ATTENTION + 2 * 2 * TOKENS * WIDTH * HIDDEN


def count(model: Any, *args: Any, **kwargs: Any) -> Flops:
    with torch.inference_mode():
        return flops.profile(target(model, *args, **kwargs))


def encoder(layers: int = 2) -> nn.Module:
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, dropout=0.0, batch_first=True)
    return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False).eval()


def traced(model: nn.Module, *args: torch.Tensor) -> Any:
    with torch.no_grad(), warnings.catch_warnings():  # as models are deployed; then the fused path is traced
        warnings.simplefilter("ignore")
        return torch.jit.trace(model, args, check_trace=False)


def exported(model: nn.Module, *args: torch.Tensor) -> Any:
    return torch.export.export(model, args).module()


FORMS: dict[str, Callable[..., Any]] = {"eager": lambda model, *args: model, "traced": traced, "exported": exported}


@pytest.mark.parametrize("form", FORMS)
def test_a_fused_encoder_counts_what_it_computes(form: str) -> None:
    x = torch.randn(BATCH, SEQUENCE, WIDTH)

    found = count(FORMS[form](encoder(), x), x)

    assert found.flops == 2 * ENCODER_LAYER
    assert found.coverage_ratio is not None and 0.2 < found.coverage_ratio <= 1
    assert sum(found.by_operator.values()) == found.flops


def test_a_scripted_encoder_counts_the_same() -> None:
    x = torch.randn(BATCH, SEQUENCE, WIDTH)

    assert count(torch.jit.script(encoder()), x).flops == 2 * ENCODER_LAYER


@pytest.mark.parametrize("form", ["eager", "traced"])
@pytest.mark.parametrize(("directions", "layers"), [(1, 1), (2, 2)])
def test_a_recurrent_layer_counts_every_step_of_every_gate(form: str, directions: int, layers: int) -> None:
    model = nn.LSTM(WIDTH, HIDDEN, layers, batch_first=True, bidirectional=directions == 2).eval()
    x = torch.randn(BATCH, SEQUENCE, WIDTH)

    found = count(FORMS[form](model, x), x)

    inputs = [WIDTH] + [directions * HIDDEN] * (layers - 1)
    assert found.flops == sum(directions * 2 * TOKENS * 4 * HIDDEN * (size + HIDDEN) for size in inputs)


def test_convolutions_count_their_outputs() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
    model.append(nn.ConvTranspose2d(8, 4, 2, stride=2))

    found = count(model, torch.randn(BATCH, 3, 16, 16))

    assert found.by_layer["0"] == 2 * BATCH * 8 * 8 * 8 * 3 * 9
    assert found.by_layer["3"] == 2 * BATCH * 8 * 4 * 4 * 8 * 8
    assert found.flops == found.by_layer["0"] + found.by_layer["3"]


def test_attention_with_shared_keys_counts_every_query_head() -> None:
    class Grouped(nn.Module):
        def forward(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
            return nn.functional.scaled_dot_product_attention(query, key, key, enable_gqa=True)

    found = count(Grouped(), torch.randn(BATCH, 8, SEQUENCE, 16), torch.randn(BATCH, 2, 5, 16))

    assert found.flops == 2 * 2 * BATCH * 8 * SEQUENCE * 5 * 16


def test_vectors_count_too() -> None:
    class Vectors(nn.Module):
        def forward(self, matrix: torch.Tensor, vector: torch.Tensor) -> torch.Tensor:
            return torch.addmv(vector, matrix, matrix @ vector) @ vector

    found = count(Vectors(), torch.randn(8, 8), torch.randn(8))

    assert found.flops == 2 * (64 + 64 + 8)


def test_layers_hold_what_their_parts_count() -> None:
    found = count(encoder(), torch.randn(BATCH, SEQUENCE, WIDTH))

    assert found.by_layer[""] == found.flops
    assert found.by_layer["layers.0"] == found.by_layer["layers.1"] == ENCODER_LAYER
    assert found.by_layer["layers.0.self_attn"] == ATTENTION
    assert found.by_layer["layers.1.linear1"] == 2 * TOKENS * WIDTH * HIDDEN
    assert "layers.0.dropout" not in found.by_layer


def test_the_layers_of_an_exported_program_count_too() -> None:
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Sequential(nn.Linear(16, 4)))
    x = torch.randn(4, 8)

    found = count(exported(model.eval(), x), x)

    assert found.by_layer == {"": 1536.0, "0": 1024.0, "2": 512.0, "2.0": 512.0}


def test_a_shared_module_counts_both_calls_and_an_unused_one_none() -> None:
    found = count(Odd(), x=torch.randn(4, 8))

    assert found.flops == found.by_layer["shared"] == 2 * 2 * 4 * 8 * 8
    assert "unused" not in found.by_layer


def test_a_module_of_two_names_counts_under_its_first() -> None:
    model = nn.Sequential(nn.Linear(8, 8, bias=False), nn.ReLU())
    model.append(model[0])

    found = count(model, torch.randn(4, 8))

    assert found.by_layer == {"": 1024.0, "0": 1024.0}


@pytest.mark.parametrize("fused", [True, False])
def test_torch_is_left_as_it_was(fused: bool) -> None:
    torch.backends.mha.set_fastpath_enabled(fused)
    try:
        count(nn.Linear(4, 4), torch.randn(1, 4))
        assert torch.backends.mha.get_fastpath_enabled() is fused

        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            count(nn.Linear(4, 4), torch.randn(1, 5))
        assert torch.backends.mha.get_fastpath_enabled() is fused
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


def test_a_model_that_fails_under_the_counter_leaves_torch_as_it_was() -> None:
    class Third(nn.Module):
        calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            if self.calls == 3:
                raise ValueError("enough")
            return x @ x

    with pytest.raises(ValueError, match="enough"):
        count(Third(), torch.randn(4, 4))

    assert torch.backends.mha.get_fastpath_enabled()
    assert count(nn.Linear(4, 4), torch.randn(1, 4)).flops == 32


def test_integers_are_told_and_not_taken_for_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch means to remove them, and they are deployed
        half = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(64, 64)), {nn.Linear})
    model = nn.Sequential(half, nn.Linear(64, 8))
    x = torch.randn(16, 64)

    found = count(model, x)

    assert found.flops == 2 * 16 * 64 * 8
    assert "quantized::linear_dynamic" in found.uncounted
    assert any("integers" in note and "quantized::linear_dynamic" in note for note in found.notes)
    with pytest.raises(ModelError, match="quantized::linear_dynamic"):
        count(half, x)


def test_what_no_operator_shows_is_no_zero() -> None:
    def opaque(x: torch.Tensor) -> torch.Tensor:
        return x

    with pytest.raises(ModelError, match="FLOPs cannot be counted: it runs no operators"):
        count(opaque, torch.randn(4, 4))


def test_a_model_of_elementwise_operations_counts_none() -> None:
    found = count(nn.Sequential(nn.ReLU(), nn.Sigmoid()), torch.randn(64, 64))

    assert (found.flops, found.coverage_ratio) == (0, 0)
    assert "aten::sigmoid" in found.uncounted


def test_what_a_custom_operator_computes_is_told_as_uncounted() -> None:
    @torch.library.custom_op("mmied_tests::slow_product", mutates_args=())
    def slow_product(x: torch.Tensor) -> torch.Tensor:
        for _ in range(50):
            product = x.numpy() @ x.numpy()
        return torch.from_numpy(product)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(64, 64)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return slow_product(self.linear(x))

    found = count(Model(), torch.randn(64, 64))

    assert found.flops == 2 * 64**3
    assert found.coverage_ratio is not None and found.coverage_ratio < 1
    assert "mmied_tests::slow_product" in found.uncounted


def test_a_batch_of_nothing_takes_nothing() -> None:
    found = count(nn.Sequential(nn.Linear(8, 8), nn.ReLU()), torch.randn(0, 8))

    assert (found.flops, found.by_layer["0"]) == (0, 0)


def test_ten_thousand_layers_are_counted() -> None:
    layers = [nn.Identity() for _ in range(10_000)]
    model = nn.Sequential(*layers, nn.Linear(8, 8))

    found = count(model, torch.randn(4, 8))

    assert found.by_layer == {"": 512.0, "10000": 512.0}


# Whose time is it?


def event(name: str, nanoseconds: int, *children: Any, tag: str = "TorchOp", scope: str = "FUNCTION") -> Any:
    typed = (None, SimpleNamespace(scope=SimpleNamespace(name=scope)))
    return SimpleNamespace(
        name=name, tag=SimpleNamespace(name=tag), duration_time_ns=nanoseconds, children=list(children), typed=typed
    )


COUNTED = {"aten::addmm", "aten::convolution"}


def test_time_below_a_counted_operator_is_counted_and_wrappers_compute_nothing() -> None:
    roots = [
        event("aten::linear", 100, event("aten::t", 10), event("aten::addmm", 70, event("aten::copy_", 20))),
        event("aten::relu", 30, event("aten::clamp_min", 25)),
        event("aten::cat", 500),
    ]

    spent = spent_by_operator(roots, COUNTED)

    assert spent.counted == {"aten::addmm": 70}
    assert spent.others == {"aten::relu": 5, "aten::clamp_min": 25}


def test_time_that_torchscript_spends_outside_of_operators_is_not_left_out() -> None:
    roots = [event("forward", 1000, event("aten::linear", 100, event("aten::addmm", 80)))]

    assert spent_by_operator(roots, COUNTED).others == {"forward": 900}


def test_on_a_device_the_kernels_of_an_operator_are_its_time() -> None:
    launch = event("cudaLaunchKernel", 5, event("ampere_sgemm", 900, tag="Kineto"), tag="Kineto")
    softmax = event("cudaLaunchKernel", 5, event("softmax_kernel", 100, tag="Kineto"), tag="Kineto")
    roots = [event("aten::addmm", 50, launch), event("aten::_softmax", 400, softmax)]

    spent = spent_by_operator(roots, COUNTED)

    assert (spent.counted, spent.others) == ({"aten::addmm": 900}, {"aten::_softmax": 100})


def test_a_range_that_the_program_marks_is_no_operator() -> None:
    marked = event("my block", 1000, event("aten::addmm", 80), scope="USER_SCOPE")

    spent = spent_by_operator([marked], COUNTED)

    assert (spent.counted, spent.others) == ({"aten::addmm": 80}, {})
    assert coverage_ratio(spent) == 1


def test_kernels_that_were_compiled_are_not_counted() -> None:
    region = event("Torch-Compiled Region: 0/0", 300, event("aten::addmm", 100), scope="USER_SCOPE")

    spent = spent_by_operator([region], COUNTED)

    assert spent.others == {"Torch-Compiled Region: 0/0": 200}
    assert coverage_ratio(spent) == pytest.approx(1 / 3)


def test_no_time_at_all_has_no_share() -> None:
    assert coverage_ratio(spent_by_operator([], COUNTED)) is None
