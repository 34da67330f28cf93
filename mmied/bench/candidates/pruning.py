"""Weights or whole channels taken out, and where the user gives a function, training after it."""

from typing import Any

from torch import nn

from mmied.bench.candidates.graphs import examples
from mmied.bench.optimize.pruning import ModelPruner, PruningConfig
from mmied.bench.trial.context import Context
from mmied.bench.trial.protocol import NotApplicable

STEPS = 3  # with training between them; without it three steps are one


def apply(model: Any, context: Context, *, method: str, amount: float, tuned: bool = False) -> nn.Module:
    """Prune by `method`. `tuned` says that the model is trained after each step, by the function that was given."""
    if tuned and context.fine_tune is None:
        raise NotApplicable("needs a function that trains the pruned model: give `fine_tune`")
    if not any(parameter.dim() > 1 for parameter in model.parameters()):
        raise NotApplicable("the model has no weights of two dimensions or more")
    config = PruningConfig(
        method=method, amount=amount, n_iterations=STEPS if tuned else 1, global_=method == "magnitude"
    )
    pruner = ModelPruner(model, config, examples(context)[0], context.fine_tune if tuned else None)
    return pruner.prune_model()
