"""Prune a private copy of a model, in steps, with a chance to tune it after each."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from mmied.bench.optimize.calibration import as_inputs
from mmied.bench.optimize.export import Inputs, detach
from mmied.bench.optimize.private_copy import private_copy
from mmied.bench.optimize.pruning import masks
from mmied.bench.optimize.pruning.config import PruningConfig, amount_at
from mmied.bench.optimize.pruning.structured import ChannelPruner, unavailable
from mmied.bench.optimize.pruning.weights import Weight, prunable, sparsity
from mmied.bench.optimize.recipe import Recipe, attach, class_path
from mmied.bench.optimize.training_flags import training_flags
from mmied.errors import ModelError

FineTune = Callable[[nn.Module], Any]


class ModelPruner:
    """`ModelPruner(model, PruningConfig(amount=0.3)).prune_model()` leaves `model` as it is.

    `fine_tune` is called with the pruned model after each step and trains it as it likes; pruned weights stay zero,
    whatever the optimizer does. `example_inputs` are needed to take out whole channels.
    """

    def __init__(
        self,
        model: nn.Module,
        config: PruningConfig | None = None,
        example_inputs: Any = None,
        fine_tune: FineTune | None = None,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise ModelError(f"a {type(model).__name__} is no torch.nn.Module, and nothing else can be pruned")
        if isinstance(model, torch.jit.ScriptModule):
            raise ModelError("a TorchScript model cannot be pruned: prune the module that it was made from")
        self.model = model
        self.config = config or PruningConfig()
        self.example_inputs = example_inputs
        self.fine_tune = fine_tune
        self.pruned: nn.Module | None = None
        self._info: dict[str, Any] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the result."""
        return tuple(self.get_pruning_info()["notes"])

    def prune_model(self) -> nn.Module:
        """Return the pruned model. Raises ModelError where there is nothing to prune."""
        config = self.config
        copy = private_copy(self.model, "pruning")
        if not prunable(copy, config):
            raise ModelError(
                f"pruning by {config.method} changed nothing: no parameter is named {', '.join(config.pruning_dims)}"
                + (
                    f" in the modules {', '.join(config.modules)}"
                    if config.modules
                    else ", with two dimensions or more"
                )
            )
        example = None
        if self.example_inputs is not None:
            example = detach(as_inputs(self.example_inputs))
        notes: list[str] = []
        if config.n_iterations > 1 and self.fine_tune is None:
            notes.append(f"without fine_tune the {config.n_iterations} steps give what one step gives")
        reason = unavailable(example) if config.method == "structured" else "unstructured"
        if reason is None:
            steps = self._take_channels(copy, example)
        else:
            steps = self._mask(copy)
            if config.method == "structured":
                notes.append(f"channels were set to zero and not taken out, so that nothing is quicker: {reason}")
            else:
                notes.append("zeros are stored and multiplied as any number: neither quicker nor smaller as it is")
        self._finish(copy, steps, notes, taken_out=reason is None)
        return copy

    def get_pruning_info(self) -> dict[str, Any]:
        """Return what was pruned: sparsity in all, by layer and by step, parameters before and after, notes."""
        if self.pruned is None:
            raise ModelError("nothing was pruned yet: call prune_model() first")
        return self._info

    def _mask(self, model: nn.Module) -> list[dict[str, Any]]:
        weights = prunable(model, self.config)
        steps: list[dict[str, Any]] = []
        for step in range(1, self.config.n_iterations + 1):
            amount = amount_at(step, self.config)
            chosen = masks.choose_masks([masks.current(weight) for weight in weights], amount, self.config)
            for weight, mask in zip(weights, chosen, strict=True):
                masks.hold(weight, mask)
            tuned = self._tune(model)
            steps.append({"sparsity": sparsity([masks.current(weight) for weight in weights])} | tuned)
        for weight in weights:
            masks.release(weight)
        return steps

    def _take_channels(self, model: nn.Module, example: Inputs | None) -> list[dict[str, Any]]:
        assert example is not None
        flags = training_flags(model)
        model.eval()
        before = _parameters(model)
        pruner = ChannelPruner(model, self.config, example)
        steps: list[dict[str, Any]] = []
        for _ in range(self.config.n_iterations):
            model.eval()
            pruner.step()
            flags.restore(model)
            steps.append({"sparsity": 1 - _parameters(model) / before} | self._tune(model))
        return steps

    def _tune(self, model: nn.Module) -> dict[str, Any]:
        if self.fine_tune is None:
            return {}
        flags = training_flags(model)
        with torch.enable_grad(), torch.inference_mode(False):
            told = self.fine_tune(model)
        flags.restore(model)
        for parameter in model.parameters():
            parameter.grad = None
        return {"fine_tune": float(told)} if isinstance(told, int | float) else {}

    def _finish(self, model: nn.Module, steps: list[dict[str, Any]], notes: list[str], *, taken_out: bool) -> None:
        config = self.config
        before, after = _parameters(self.model), _parameters(model)
        weights = prunable(model, config)
        originals = {weight.name: weight for weight in prunable(self.model, config)}
        layers = [_layer(weight, originals[weight.name]) for weight in weights]
        new_zeros = sum(layer["zeros"] for layer in layers) - sum(
            int((weight.parameter == 0).sum()) for weight in originals.values()
        )
        changed = {"parameters": before - after if taken_out else max(0, new_zeros)}
        changed["modules"] = sum(layer["shape"] != layer["shape_before"] or layer["zeros"] > 0 for layer in layers)
        if not changed["parameters"]:
            raise ModelError(
                f"pruning by {config.method} changed nothing: {config.amount:.0%} of these layers is less than one "
                + (
                    "channel of each, or all their channels are outputs of the model or of layers that may not go"
                    if config.method == "structured"
                    else "weight of each, or they were as sparse before"
                )
            )
        recipe = Recipe(
            kind=f"{config.method} pruning",
            model=class_path(self.model),
            backend="torch-pruning" if taken_out else "torch.nn.utils.prune",
            settings=config.settings() | {"fine_tuned": self.fine_tune is not None},
            changed=changed,
            packages=("torch",),
            notes=tuple(notes),
        )
        self._info = {
            "final_sparsity": 1 - after / before if taken_out else sparsity([weight.parameter for weight in weights]),
            "model_sparsity": sparsity(list(model.parameters())),
            "parameters_before": before,
            "parameters_after": after,
            "layers": layers,
            "steps": steps,
            "changed": dict(changed),
            "backend": recipe.backend,
            "notes": list(notes),
        }
        self.pruned = attach(model, recipe)


def _parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _layer(weight: Weight, original: Weight) -> dict[str, Any]:
    parameter = weight.parameter
    return {
        "name": weight.name,
        "shape": list(parameter.shape),
        "shape_before": list(original.parameter.shape),
        "zeros": int((parameter == 0).sum()),
        "sparsity": sparsity([parameter]),
    }
