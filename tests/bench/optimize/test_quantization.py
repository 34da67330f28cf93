"""Quantized models are smaller, near the original and proven; what cannot be quantized says why."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from optimizable import Answer, Convolutional, Encoder, Holding, Logits, Ranker, Recurrent, Squaring, Tied, mlp
from torch import nn

from mmied.bench.fidelity import output_tensors
from mmied.bench.optimize.difference import check_another_batch
from mmied.bench.optimize.flat_model import FlatModel
from mmied.bench.optimize.quantization import DynamicQuantizer, QuantizationConfig, StaticQuantizer
from mmied.bench.optimize.quantization.backend import Backend, Quantized, Request
from mmied.bench.optimize.quantization.backends.table import BACKENDS
from mmied.bench.optimize.quantization.choosing import fitting_backends
from mmied.bench.optimize.recipe import recipe_of
from mmied.bench.optimize.saving import load_optimized, save_optimized
from mmied.errors import ModelError

NEEDS = {
    "torchao": ("torchao",),
    "pt2e": ("torchao",),
    "legacy": ("torch.ao.quantization",),
    "onnxruntime": ("onnx", "onnxruntime", "onnxscript"),
    "openvino": ("openvino", "nncf"),
}
WAYS = [(backend.name, kind) for backend in BACKENDS for kind in backend.types]


def need(backend: str) -> None:
    """Skip where an optional package is missing."""
    for package in NEEDS[backend]:
        if package == "openvino":
            import sys

            sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        pytest.importorskip(package, reason=f"the backend {backend} needs {package}")


def quantizer(model: nn.Module, kind: str, backend: str, batches: list[Any], **settings: Any) -> Any:
    config = QuantizationConfig(quantization_type=kind, backend=backend, **settings)
    if kind == "static":
        return StaticQuantizer(model, config, calibration_loader=batches)
    return DynamicQuantizer(model, config, example_inputs=batches[0])


def relative(one: Any, other: Any) -> float:
    """Relative L2 distance of all tensors of two outputs."""
    a = torch.cat([tensor.detach().flatten() for _, tensor in output_tensors(one)])
    b = torch.cat([tensor.detach().flatten() for _, tensor in output_tensors(other)])
    return float((a - b).norm() / a.norm())


@pytest.mark.parametrize(("backend", "kind"), WAYS)
def test_each_way_gives_a_smaller_model_near_the_original(backend: str, kind: str, snapshot: Any) -> None:
    need(backend)
    model = mlp()
    before = snapshot(model)
    work = quantizer(model, kind, backend, [torch.randn(100, 8) for _ in range(3)])

    quantized = work.optimize()

    before.assert_untouched()
    x = torch.randn(5, 8).clamp(-2, 2)  # another batch size than any that was seen, and no value out of range
    assert 0 < relative(model(x), quantized(x)) < 0.05
    size = work.get_size_info()
    assert size["quantized_size_bytes"] < size["original_size_bytes"]
    assert size["compression_ratio"] == size["original_size_bytes"] / size["quantized_size_bytes"] > 2
    assert size["quantized_parameters_ratio"] > 0.9
    assert size["changed"]["parameters"] >= 8 * 256 + 256 * 128 + 128 * 4
    assert size["backend"] == backend
    assert work.notes[0].startswith(f"backend {backend}")
    assert any("relative L2" in note for note in work.notes)


@pytest.mark.parametrize(("backend", "kind"), [("onnxruntime", "dynamic"), ("pt2e", "dynamic"), ("openvino", "static")])
def test_keyword_inputs_and_dataclass_outputs_survive_another_runtime(backend: str, kind: str) -> None:
    need(backend)
    model = Ranker().eval()
    batches = [{"features": torch.randn(100, 8), "weights": torch.ones(100, 1)} for _ in range(3)]
    quantized = quantizer(model, kind, backend, batches).optimize()

    answer = quantized(features=torch.ones(3, 8), weights=torch.ones(3, 1))

    assert isinstance(answer, Answer)
    assert answer.note == "fine"
    assert relative(model(torch.ones(3, 8), weights=torch.ones(3, 1)), answer) < 0.05
    with pytest.raises(ModelError, match="called with other inputs than it was exported with"):
        quantized(torch.ones(3, 8))


@pytest.mark.parametrize(
    ("backend", "kind"), [("torchao", "dynamic"), ("legacy", "dynamic"), ("torchao", "weight_only")]
)
def test_modules_keep_their_own_calls_and_flags(backend: str, kind: str, snapshot: Any) -> None:
    need(backend)
    model = Ranker()
    model.outer.eval()
    before = snapshot(model)
    quantized = quantizer(model, kind, backend, [(torch.randn(4, 8),)]).optimize()

    before.assert_untouched()
    assert isinstance(quantized(torch.ones(2, 8)), Answer)
    assert (quantized.training, quantized.inner.training, quantized.outer.training) == (True, True, False)


def test_an_exported_model_says_that_it_left_training_mode() -> None:
    need("onnxruntime")
    model = mlp().train()
    work = quantizer(model, "dynamic", "onnxruntime", [torch.randn(2, 8)])
    quantized = work.optimize()
    assert model.training
    assert not quantized.training
    assert any("training mode" in note for note in work.notes)
    with pytest.raises(ModelError, match="cannot be trained"):
        quantized.train()


def test_an_encoder_with_a_fused_path_works_after_legacy_quantization() -> None:
    need("legacy")
    model = Encoder().eval()
    quantized = quantizer(model, "dynamic", "legacy", [torch.randn(2, 5, 16)]).optimize()
    x = torch.randn(3, 5, 16)
    with torch.inference_mode():
        assert 0 < relative(model(x), quantized(x)) < 0.05


def test_equal_layers_that_an_onnx_file_shares_are_each_turned_once() -> None:
    # The layers of a fresh nn.TransformerEncoder are copies; ONNX Runtime transposed their one weight twice.
    need("onnxruntime")
    model = Encoder().eval()
    quantized = quantizer(model, "dynamic", "onnxruntime", [torch.randn(2, 5, 16)]).optimize()
    x = torch.randn(3, 5, 16)
    assert 0 < relative(model(x), quantized(x)) < 0.05


def test_recurrent_layers_are_quantized_where_a_way_knows_them() -> None:
    need("legacy")
    model = Recurrent().eval()
    work = DynamicQuantizer(model)  # no example: nothing can be exported
    quantized = work.optimize()
    x = torch.randn(3, 6, 8)
    assert relative(model(x), quantized(x)) < 0.05
    assert work.get_size_info()["quantized_parameters_ratio"] == 1.0
    assert "recurrent" in work.notes[0]


def test_convolutions_are_quantized_by_calibration() -> None:
    need("pt2e")
    model = Convolutional().eval()
    work = quantizer(model, "static", "pt2e", [torch.randn(32, 3, 8, 8)])
    quantized = work.optimize()
    x = torch.randn(2, 3, 8, 8)
    assert relative(model(x), quantized(x)) < 0.05
    assert work.get_size_info()["changed"]["tensors"] == 3


def test_only_the_modules_that_were_named_are_quantized() -> None:
    need("legacy")
    quantized = quantizer(mlp(), "dynamic", "legacy", [torch.randn(2, 8)], modules=("2",)).optimize()
    assert type(quantized[0]) is nn.Linear
    assert type(quantized[2]) is not nn.Linear


def test_four_bits_are_coarser_than_eight() -> None:
    need("torchao")
    model, x = mlp(), torch.randn(5, 8)
    four, eight = (quantizer(model, "weight_only", "torchao", [x], bits=bits).optimize() for bits in (4, 8))
    assert relative(model(x), four(x)) > 4 * relative(model(x), eight(x))


def test_one_scale_a_tensor_is_coarser_than_one_a_channel() -> None:
    need("onnxruntime")
    model = mlp()
    with torch.no_grad():
        model[0].weight[0] *= 50  # one loud channel takes the scale of all
    batches = [torch.randn(32, 8)]
    fine, coarse = (
        quantizer(model, "static", "onnxruntime", batches, per_channel=each).optimize() for each in (True, False)
    )
    x = torch.randn(64, 8)
    assert relative(model(x), fine(x)) < relative(model(x), coarse(x))


@pytest.fixture(scope="module")
def in_onnx() -> FlatModel:
    """The small model in ONNX Runtime."""
    need("onnxruntime")
    model = quantizer(mlp(), "dynamic", "onnxruntime", [torch.randn(2, 8)]).optimize()
    assert isinstance(model, FlatModel)
    return model


def test_a_quantized_copy_can_be_copied(in_onnx: FlatModel) -> None:
    x = torch.randn(3, 8)
    expected = in_onnx(x)  # its session is open now
    assert torch.equal(copy.deepcopy(in_onnx)(x), expected)


def test_another_shape_than_was_exported_is_told(in_onnx: FlatModel) -> None:
    quantized = in_onnx
    with pytest.raises(ModelError, match=r"input 0 has the shape \(3, 9\), exported for \(any, 8\)"):
        quantized(torch.randn(3, 9))
    with pytest.raises(ModelError, match=r"input 0 is torch.float64, exported for float32"):
        quantized(torch.randn(3, 8).double())


def test_a_tied_weight_stays_right() -> None:
    need("onnxruntime")
    model = Tied().eval()
    quantized = quantizer(model, "dynamic", "onnxruntime", [torch.randn(2, 8)]).optimize()
    assert relative(model(torch.ones(3, 8)), quantized(torch.ones(3, 8))) < 0.05


@pytest.mark.parametrize(("backend", "kind"), [("onnxruntime", "dynamic"), ("openvino", "static")])
def test_a_traced_model_has_ways_of_its_own(backend: str, kind: str, snapshot: Any) -> None:
    need(backend)
    model = mlp()
    traced = torch.jit.trace(model, torch.randn(2, 8))
    before = snapshot(model)
    frozen = torch.jit.freeze(traced.eval())  # its weights are constants now
    work = quantizer(frozen, kind, backend, [torch.randn(100, 8)])
    quantized = work.optimize()
    assert work.get_size_info()["compression_ratio"] > 2
    assert work.get_size_info()["quantized_parameters_ratio"] > 0.9
    x = torch.randn(7, 8).clamp(-2, 2)
    before.assert_untouched()
    assert 0 < relative(model(x), quantized(x)) < 0.05


def test_a_trace_of_the_fused_encoder_is_told_to_have_no_form_in_onnx(capfd: pytest.CaptureFixture[str]) -> None:
    need("onnxruntime")
    x = torch.randn(2, 5, 16)
    with torch.no_grad():
        traced = torch.jit.trace(Encoder().eval(), x)
    with pytest.raises(ModelError, match="_transformer_encoder_layer_fwd has no form in ONNX"):
        quantizer(traced, "dynamic", "onnxruntime", [x]).optimize()
    assert "Torch IR graph" not in "".join(capfd.readouterr())


def test_a_graph_that_holds_the_examples_batch_size_is_refused() -> None:
    class Fixed(FlatModel):
        runtime = "moulded graph"

        def run(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
            return [tensors[0].reshape(2, 8)]

    tensor = {"is": "tensor"}
    inputs = {
        "is": "mapping",
        "parts": {"args": {"is": "list", "parts": [tensor]}, "kwargs": {"is": "mapping", "parts": {}}},
    }
    graph = Fixed(inputs=inputs, outputs=tensor, sizes=[[None, 8]], dtypes=["float32"])
    with pytest.raises(ModelError, match="moulded graph: does not work with another batch size than the example's"):
        check_another_batch(nn.Identity(), graph, ((torch.randn(2, 8),), {}))


def test_a_scripted_model_without_a_way_is_told_why_by_each() -> None:
    with pytest.raises(ModelError, match="torchao: it knows eager modules, and a TorchScript model has none"):
        DynamicQuantizer(torch.jit.script(mlp())).optimize()
    with pytest.raises(ModelError, match="legacy: it knows eager modules"):
        quantizer(torch.jit.script(mlp()), "dynamic", "legacy", [torch.randn(2, 8)]).optimize()


@pytest.mark.parametrize("backend", ["pt2e", "onnxruntime"])
def test_an_exported_model_is_quantized_as_it_is(backend: str, tmp_path: Path) -> None:
    need(backend)
    model = Ranker().eval()
    batch = torch.export.Dim("batch", min=1, max=64)
    example = (torch.randn(2, 8),)
    shapes = {"features": {0: batch}}
    exported = torch.export.export(Logits(model), example, dynamic_shapes=shapes).module()
    quantized = quantizer(exported, "dynamic", backend, [example]).optimize()
    x = torch.ones(7, 8)
    assert 0 < relative(model(x).logits, quantized(x)) < 0.05
    assert torch.equal(load_optimized(save_optimized(quantized, tmp_path / "saved"))(x), quantized(x))


def test_a_model_with_a_lambda_is_quantized_in_memory() -> None:
    need("torchao")
    model = Holding(lambda tensor: tensor.relu()).eval()
    assert (
        relative(
            model(torch.ones(1, 8)),
            quantizer(model, "dynamic", "torchao", [torch.ones(1, 8)]).optimize()(torch.ones(1, 8)),
        )
        < 0.1
    )


# What cannot be


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"quantization_type": "dynamical"}, r"quantization_type: 'dynamical' is not known. Take one of dynamic"),
        ({"bits": 3}, "bits: 3 is not supported by dynamic quantization, which takes 8"),
        ({"bits": 4}, "4 bits go with quantization_type='weight_only'"),
        ({"quantization_type": "weight_only", "bits": 16}, "which takes 8 or 4"),
        ({"quantization_type": "static", "quantize_activations": False}, "contradicts quantization_type='static'"),
        ({"quantization_type": "weight_only", "quantize_activations": True}, "contradicts"),
        ({"quantize_weights": False}, "leaves nothing to quantize"),
        ({"dtype": torch.float16}, r"For torch.float16 take MixedPrecisionConverter"),
        ({"dtype": torch.quint8}, "Unsigned integers are for activations"),
        ({"modules": "encoder"}, r"write a tuple of names, \('encoder',\)"),
    ],
)
def test_contradictions_are_refused_at_once(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        QuantizationConfig(**settings)


def test_calibration_is_required_and_has_to_be_enough() -> None:
    with pytest.raises(ModelError, match="Give a DataLoader"):
        StaticQuantizer(mlp()).optimize()
    with pytest.raises(ModelError, match="gave 8 samples, and 32 are the least"):
        StaticQuantizer(mlp(), calibration_loader=[torch.randn(8, 8)]).optimize()


def test_calibration_data_of_another_shape_is_told_with_the_batch() -> None:
    with pytest.raises(ModelError, match=r"calibration batch 1: the model does not take inputs of shape \(16, 9\)"):
        StaticQuantizer(mlp(), calibration_loader=[torch.randn(16, 8), torch.randn(16, 9)]).optimize()
    with pytest.raises(ModelError, match="not finite"):
        StaticQuantizer(mlp(), calibration_loader=[torch.full((32, 8), float("inf"))]).optimize()


def test_labels_of_a_data_set_are_left_out_of_the_inputs() -> None:
    need("legacy")
    data = torch.utils.data.TensorDataset(torch.randn(48, 8), torch.zeros(48, dtype=torch.long))
    config = QuantizationConfig(quantization_type="static", backend="legacy")
    work = StaticQuantizer(mlp(), config, torch.utils.data.DataLoader(data, batch_size=16))
    assert work.optimize()(torch.ones(1, 8)).shape == (1, 4)


def test_a_model_without_weights_is_told_why_by_every_way() -> None:
    with pytest.raises(ModelError, match=r"no way fits this model on this host.*torchao: the model has no nn.Linear"):
        DynamicQuantizer(Squaring()).optimize()


def test_nothing_quantized_is_no_quantized_model() -> None:
    need("onnxruntime")
    with pytest.raises(ModelError, match="dynamic quantization with onnxruntime changed nothing: 0 tensors"):
        quantizer(Squaring(), "dynamic", "onnxruntime", [torch.randn(2, 8)]).optimize()


def test_a_backend_of_another_type_is_refused_with_those_that_do() -> None:
    with pytest.raises(ModelError, match=r"'openvino' does no dynamic quantization. Take one of auto, onnxruntime"):
        quantizer(mlp(), "dynamic", "openvino", [torch.randn(2, 8)]).optimize()
    with pytest.raises(ModelError, match=r"DynamicQuantizer does no static quantization. Take StaticQuantizer"):
        DynamicQuantizer(mlp(), QuantizationConfig(quantization_type="static"))


def test_size_before_optimizing_is_refused() -> None:
    with pytest.raises(ModelError, match=r"call optimize\(\) first"):
        DynamicQuantizer(mlp()).get_size_info()


# How "auto" chooses


def way(name: str, *, needs: str = "torch", reason: str | None = None, makes: Any = None) -> Backend:
    return Backend(
        name=name,
        types=("dynamic",),
        needs={needs: f"pip install {needs}"},
        versions=("torch",),
        good_for=f"{name} is good",
        applicable=lambda request: reason,
        apply=makes or (lambda request: Quantized(model=request.model, changed={"modules": 1, "parameters": 1})),
    )


def test_auto_tells_what_it_passed_over_and_why() -> None:
    request = Request(model=mlp(), config=QuantizationConfig())
    ways = [way("absent", needs="no_such_package"), way("unfit", reason="the moon is full"), way("taken")]
    reasons: list[str] = []
    backend, why = next(fitting_backends(request, reasons, ways))
    assert backend.name == "taken"
    assert "taken is good" in why
    assert "absent: the package no_such_package is missing: pip install no_such_package" in why
    assert "unfit: the moon is full" in why


def test_what_a_library_raises_is_told_with_the_backend() -> None:
    need("legacy")

    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(8, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.linear(x if x.sum() > 0 else -x)
            return y

    with pytest.raises(ModelError, match="legacy cannot quantize Branching: TraceError: symbolically traced"):
        quantizer(Branching().eval(), "static", "legacy", [torch.randn(40, 8)]).optimize()


def test_auto_goes_on_to_the_next_way_when_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(request: Request) -> Quantized:
        request.model[0] = nn.Identity()  # a half-changed copy must not reach the next way
        raise ModelError("its exporter broke")

    def check(request: Request) -> Quantized:
        assert type(request.model[0]) is nn.Linear
        return Quantized(model=request.model, changed={"modules": 1, "parameters": 1})

    ways = (way("first", makes=fail), way("second", makes=check))
    monkeypatch.setattr(
        "mmied.bench.optimize.quantization.quantizer.fitting_backends",
        lambda request, reasons: fitting_backends(request, reasons, ways),
    )
    work = DynamicQuantizer(mlp())
    recipe = recipe_of(work.optimize())
    assert recipe is not None
    assert recipe.backend == "second"
    assert "first: its exporter broke" in work.notes[0]
