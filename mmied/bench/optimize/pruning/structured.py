"""Take whole channels out of a model with torch-pruning, layer by layer that depend on each other."""

import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from mmied.bench.fidelity import output_tensors
from mmied.bench.optimize.export import Inputs
from mmied.bench.optimize.pruning.config import PruningConfig
from mmied.bench.optimize.pruning.weights import prunable
from mmied.errors import ModelError

MOST_OF_A_LAYER = 0.9  # in global pruning one layer may not go wholly


def unavailable(example: Inputs | None) -> str | None:
    """Say why channels cannot be taken out here; None when they can."""
    if find_spec("torch_pruning") is None:
        return "the package torch-pruning is missing: pip install 'mmied[pruning]'"
    if example is None:
        return "it needs example_inputs to follow the model with"
    return None


class ChannelPruner:
    """Takes channels out of `model`, which it changes, a step at a time."""

    def __init__(self, model: nn.Module, config: PruningConfig, example: Inputs) -> None:
        import torch_pruning

        self._model, self._example = model, example
        self._before = self._shapes()
        layers, lone = self._to_be_kept(config)
        try:
            with warnings.catch_warnings(), torch.enable_grad():
                warnings.simplefilter("ignore")
                self._pruner = torch_pruning.pruner.BasePruner(
                    model,
                    example_inputs=example,
                    forward_fn=lambda model, call: model(*call[0], **call[1]),
                    output_transform=lambda output: [tensor for _, tensor in output_tensors(output)],
                    importance=torch_pruning.importance.GroupMagnitudeImportance(p=2),
                    pruning_ratio=config.amount,
                    max_pruning_ratio=max(MOST_OF_A_LAYER, config.amount),
                    iterative_steps=config.n_iterations,
                    global_pruning=config.global_,
                    ignored_layers=[*layers, *lone],
                )
        except Exception as error:
            raise self._failed(error) from error

    def step(self) -> None:
        """Take the share of one step. Raises ModelError where the model does not work without it."""
        try:
            with warnings.catch_warnings(), torch.enable_grad():
                warnings.simplefilter("ignore")
                self._pruner.step()
            after = self._shapes()
        except Exception as error:
            raise self._failed(error) from error
        if after != self._before:
            raise ModelError(f"structured pruning gave outputs of another form: {after} instead of {self._before}")

    def _shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        args, kwargs = self._example
        with torch.no_grad():
            return [(path, tuple(tensor.shape)) for path, tensor in output_tensors(self._model(*args, **kwargs))]

    def _to_be_kept(self, config: PruningConfig) -> tuple[list[nn.Module], list[nn.Parameter]]:
        """Return the layers and lone parameters that may lose no channel.

        Those are what was not asked for, and those whose channels are the output's.
        """
        asked = {id(weight.parameter) for weight in prunable(self._model, config)}
        reached = _output_weights(self._model, self._example)
        layers: list[nn.Module] = []
        lone: list[nn.Parameter] = []
        for module in self._model.modules():
            matrices: list[Any] = [each for each in module.parameters(recurse=False) if each.dim() > 1]
            if isinstance(module, nn.MultiheadAttention):
                matrices = [module.out_proj.weight]  # the projections into it go and stay with that out of it
            kept = [parameter for parameter in matrices if id(parameter) not in asked or id(parameter) in reached]
            # Naming a container would keep all that is in it.
            if kept and (isinstance(module, nn.MultiheadAttention) or not list(module.children())):
                layers.append(module)
            elif kept:
                lone += kept
        return layers, lone

    def _failed(self, error: Exception) -> ModelError:
        lines = str(error).splitlines() or [""]
        return ModelError(
            f"torch-pruning cannot follow {type(self._model).__name__}: {type(error).__name__}: {lines[0][:300]}. "
            "Name the layers that it may prune by modules=[…]."
        )


def _output_weights(model: nn.Module, example: Inputs) -> set[int]:
    """Return the ids of the weights whose channels reach an output without passing through another weight.

    The autograd graph tells: from each output back, through sums and activations, to the first products.
    """
    matrices = {id(parameter) for parameter in model.parameters() if parameter.dim() > 1}
    args, kwargs = example
    with torch.enable_grad():
        outputs = [tensor for _, tensor in output_tensors(model(*args, **kwargs))]
    reached: set[int] = set()
    seen: set[Any] = set()
    rest = [tensor.grad_fn for tensor in outputs if tensor.grad_fn is not None]
    while rest:
        node = rest.pop()
        if node in seen:
            continue
        seen.add(node)
        weights = [id(leaf) for leaf in _leaves(node) if id(leaf) in matrices]
        if weights:
            reached.update(weights)
        else:
            rest += [following for following, _ in node.next_functions if following is not None]
    return reached


def _leaves(node: Any) -> Iterator[torch.Tensor]:
    """Yield the parameters that an operator reads as they are, or turned."""
    for following, _ in node.next_functions:
        while following is not None and following.name().startswith(
            ("TBackward", "TransposeBackward", "PermuteBackward")
        ):
            inner = following.next_functions[0][0]
            if inner is None or not (hasattr(inner, "variable") or inner.name().startswith(("T", "Permute"))):
                break
            following = inner
        variable = getattr(following, "variable", None)
        if variable is not None:
            yield variable
