"""Remember on an optimized model how it was made, so that it can be saved with its proof."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from mmied.errors import ModelError

_KEY = "_mmied_recipe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a model was made, in words and figures alone: whoever unpickles the model needs nothing of ours for it."""

    kind: str  # "dynamic quantization"
    backend: str  # "torchao"
    model: str = ""  # the original's class: "shop.models:Ranker"
    settings: Mapping[str, Any] = field(default_factory=dict)
    changed: Mapping[str, int]  # the proof: modules, nodes, parameters, bytes, …; never all zero
    packages: tuple[str, ...] = ("torch",)  # distributions whose versions matter to the result
    notes: tuple[str, ...] = ()


def class_path(model: object) -> str:
    """Return the import path of a model's class."""
    return f"{type(model).__module__}:{type(model).__qualname__}"


def attach(model: nn.Module, recipe: Recipe) -> nn.Module:
    """Put `recipe` on `model`. Raises ModelError where nothing was changed."""
    require_change(recipe)
    model.__dict__[_KEY] = dataclasses.asdict(recipe)
    return model


def require_change(recipe: Recipe) -> None:
    """Raise ModelError where nothing was changed: that is no optimization, whatever it was called."""
    if not any(recipe.changed.values()):
        raise ModelError(f"{recipe.kind} with {recipe.backend} changed nothing: {_why(recipe)}")


def recipe_of(model: object) -> Recipe | None:
    """Return how a model was made; None for one that none of our optimizations made."""
    told = getattr(model, "__dict__", {}).get(_KEY)
    return None if told is None else Recipe(**told)


def _why(recipe: Recipe) -> str:
    found = ", ".join(f"{count} {name}" for name, count in recipe.changed.items())
    return f"{found}. " + (" ".join(recipe.notes) or "The model has nothing that this applies to.")
