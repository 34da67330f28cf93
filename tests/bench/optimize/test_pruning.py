"""Pruned models have the zeros that were asked for, and lose channels only where the model allows it."""

from typing import Any

import pytest
import torch
from optimizable import Convolutional, Encoder, Ranker, Squaring, Tied, mlp
from torch import nn

from mmied.bench.optimize.pruning import ModelPruner, PruningConfig
from mmied.bench.optimize.pruning.config import amount_at
from mmied.errors import ModelError


def zeros(module: nn.Module) -> int:
    return int((module.weight == 0).sum())


def test_the_smallest_weights_of_each_layer_become_zero(snapshot: Any) -> None:
    model = mlp()
    before = snapshot(model)
    pruner = ModelPruner(model, PruningConfig(method="magnitude", amount=0.3, pruning_dims=["weight"]))
    pruned = pruner.prune_model()

    before.assert_untouched()
    for original, layer in zip(model, pruned, strict=True):
        if isinstance(layer, nn.Linear):
            gone = layer.weight == 0
            assert int(gone.sum()) == round(0.3 * gone.numel())
            assert original.weight[gone].abs().max() <= original.weight[~gone].abs().min()
            assert torch.equal(layer.weight[~gone], original.weight[~gone])
            assert torch.equal(layer.bias, original.bias)
            assert isinstance(layer.weight, nn.Parameter)
    assert not any("mask" in name or "orig" in name for name in pruned.state_dict())
    info = pruner.get_pruning_info()
    assert info["final_sparsity"] == pytest.approx(0.3, abs=0.001)
    assert info["parameters_before"] == info["parameters_after"]
    assert info["changed"]["parameters"] == sum(layer["zeros"] for layer in info["layers"])
    assert [layer["name"] for layer in info["layers"]] == ["0.weight", "2.weight", "4.weight"]
    assert any("neither quicker nor smaller" in note for note in pruner.notes)


def test_global_pruning_takes_from_the_layer_with_the_smallest_weights() -> None:
    model = mlp()
    with torch.no_grad():
        model[2].weight *= 0.01
    info_of = {}
    for together in (False, True):
        pruner = ModelPruner(model, PruningConfig(amount=0.5, global_=True) if together else PruningConfig(amount=0.5))
        pruner.prune_model()
        info_of[together] = pruner.get_pruning_info()
    assert info_of[True]["final_sparsity"] == pytest.approx(info_of[False]["final_sparsity"], abs=0.001)
    assert [round(layer["sparsity"], 1) for layer in info_of[False]["layers"]] == [0.5, 0.5, 0.5]
    assert info_of[True]["layers"][1]["sparsity"] > 0.5 > info_of[True]["layers"][0]["sparsity"]


def test_random_pruning_is_the_same_for_a_seed() -> None:
    one, again, other = (
        ModelPruner(mlp(), PruningConfig(method="random", seed=seed)).prune_model()[0].weight == 0 for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_iterative_pruning_tunes_after_each_step_and_keeps_the_zeros(snapshot: Any) -> None:
    model = mlp()
    before = snapshot(model)
    x, y = torch.randn(64, 8), torch.randint(4, (64,))
    seen: list[float] = []

    def fine_tune(pruned: nn.Module) -> float:
        pruned.train()
        optimizer = torch.optim.SGD(pruned.parameters(), lr=0.1, momentum=0.9)
        for _ in range(5):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(pruned(x), y)
            loss.backward()
            optimizer.step()
        seen.append(float((pruned[0].weight == 0).float().mean()))
        return float(loss.detach())

    pruner = ModelPruner(model, PruningConfig(amount=0.6, n_iterations=3), fine_tune=fine_tune)
    pruned = pruner.prune_model()

    before.assert_untouched()
    assert len(seen) == 3
    assert seen == sorted(seen)
    assert seen[0] < seen[1] < seen[2] == pytest.approx(0.6, abs=0.001)
    info = pruner.get_pruning_info()
    assert info["final_sparsity"] == pytest.approx(0.6, abs=0.001)
    assert info["steps"][2]["fine_tune"] < info["steps"][0]["fine_tune"]
    assert not pruned.training  # as the original, whatever the hook did
    assert not torch.equal(pruned[4].bias, model[4].bias)  # it was really trained


def test_steps_without_tuning_are_told_to_be_one_step() -> None:
    once = ModelPruner(mlp(), PruningConfig(amount=0.5)).prune_model()
    pruner = ModelPruner(mlp(), PruningConfig(amount=0.5, n_iterations=3))
    torch.manual_seed(0)
    pruner.prune_model()
    assert any("the 3 steps give what one step gives" in note for note in pruner.notes)
    assert zeros(once[0]) == pruner.get_pruning_info()["layers"][0]["zeros"]


def test_each_step_takes_the_same_share_of_what_is_left() -> None:
    config = PruningConfig(amount=0.75, n_iterations=2)
    assert [amount_at(step, config) for step in (1, 2)] == [pytest.approx(0.5), 0.75]


def test_tied_weights_stay_tied() -> None:
    pruned = ModelPruner(Tied().eval(), PruningConfig(amount=0.5)).prune_model()
    assert pruned.one.weight is pruned.two.weight
    assert zeros(pruned.one) == 32


def test_only_what_was_named_is_pruned() -> None:
    pruned = ModelPruner(mlp(), PruningConfig(amount=0.5, modules=("2",))).prune_model()
    assert (zeros(pruned[0]), zeros(pruned[4])) == (0, 0)
    assert zeros(pruned[2]) == 128 * 256 // 2


@pytest.mark.parametrize("model", [mlp(), Convolutional().eval(), Encoder().eval()], ids=["mlp", "conv", "encoder"])
def test_structured_pruning_makes_layers_smaller(model: nn.Module, snapshot: Any) -> None:
    pytest.importorskip("torch_pruning", reason="channels are taken out by torch-pruning")
    example = {
        "Sequential": torch.randn(2, 8),
        "Convolutional": torch.randn(2, 3, 8, 8),
        "Encoder": torch.randn(2, 5, 16),
    }
    x = example[type(model).__name__]
    before = snapshot(model)
    pruner = ModelPruner(model, PruningConfig(method="structured", amount=0.25), example_inputs=x)
    pruned = pruner.prune_model()

    before.assert_untouched()
    assert _form(pruned(x)) == _form(model(x))
    info = pruner.get_pruning_info()
    parameters = sum(parameter.numel() for parameter in pruned.parameters())
    assert info["parameters_after"] == parameters < info["parameters_before"]
    assert info["final_sparsity"] == pytest.approx(1 - parameters / info["parameters_before"])
    assert any(layer["shape"] < layer["shape_before"] for layer in info["layers"])


def _form(output: Any) -> Any:
    return {name: part.shape for name, part in output.items()} if isinstance(output, dict) else output.shape


def test_structured_pruning_follows_keyword_inputs_and_dataclasses() -> None:
    pytest.importorskip("torch_pruning", reason="channels are taken out by torch-pruning")
    example = {"features": torch.randn(2, 8), "weights": torch.rand(2, 1)}
    pruned = ModelPruner(Ranker().eval(), PruningConfig(method="structured", amount=0.5), example).prune_model()
    assert pruned.inner.weight.shape == (16, 8)
    assert pruned(**example).logits.shape == (2, 4)


def test_structured_pruning_tunes_after_each_step() -> None:
    pytest.importorskip("torch_pruning", reason="channels are taken out by torch-pruning")
    widths: list[int] = []
    config = PruningConfig(method="structured", amount=0.5, n_iterations=2)
    ModelPruner(mlp(), config, torch.randn(2, 8), lambda model: widths.append(model[0].out_features)).prune_model()
    assert widths == [192, 128]


def test_without_an_example_channels_become_zero_and_it_is_told() -> None:
    pruner = ModelPruner(mlp(), PruningConfig(method="structured", amount=0.25))
    pruned = pruner.prune_model()
    rows = pruned[0].weight.abs().sum(dim=1)
    assert int((rows == 0).sum()) == 64
    assert any("set to zero and not taken out" in note for note in pruner.notes)


@pytest.mark.parametrize("amount", [0, 1, 1.5, -0.1, 30, True, "0.3"])
def test_an_amount_out_of_range_is_refused(amount: Any) -> None:
    with pytest.raises(ModelError, match=r"amount: .* is out of range: .* above 0 and below 1, as 0.3 for 30 %"):
        PruningConfig(amount=amount)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"method": "magic"}, r"method: 'magic' is not known. Take one of magnitude, random, structured"),
        ({"n_iterations": 0}, "n_iterations: 0 is out of range"),
        ({"pruning_dims": "weight"}, r"write a list of names, \['weight'\]"),
        ({"pruning_dims": []}, "pruning_dims: is empty"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        PruningConfig(**settings)


def test_nothing_pruned_is_no_pruned_model() -> None:
    with pytest.raises(ModelError, match="pruning by magnitude changed nothing: no parameter is named weight"):
        ModelPruner(Squaring()).prune_model()
    with pytest.raises(ModelError, match="changed nothing: 1% of these layers is less than one weight"):
        ModelPruner(nn.Linear(4, 4), PruningConfig(amount=0.01)).prune_model()


def test_a_scripted_model_is_refused() -> None:
    with pytest.raises(ModelError, match="prune the module that it was made from"):
        ModelPruner(torch.jit.script(mlp()))
