"""Quantize a private copy of a model, with proof that something changed."""

import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Any

from torch import nn

from mmied.bench.optimize.artifact_size import saved_bytes
from mmied.bench.optimize.difference import check_another_batch, relative_difference
from mmied.bench.optimize.export import Inputs
from mmied.bench.optimize.flat_model import FlatModel
from mmied.bench.optimize.private_copy import private_copy
from mmied.bench.optimize.quantization.backend import Backend, Quantized, Request
from mmied.bench.optimize.quantization.choosing import fitting_backends
from mmied.bench.optimize.quantization.config import QuantizationConfig
from mmied.bench.optimize.recipe import Recipe, attach, class_path, recipe_of, require_change
from mmied.bench.optimize.training_flags import training_flags
from mmied.bench.profilers.sizes import sizes_of
from mmied.errors import ModelError


class Quantizer:
    """What the two quantizers share: the original, the configuration, and what came of it."""

    quantization_type = "dynamic"

    def __init__(self, model: nn.Module, config: QuantizationConfig | None = None) -> None:
        if not isinstance(model, nn.Module):
            raise ModelError(f"a {type(model).__name__} is no torch.nn.Module, and nothing else can be quantized")
        if config is not None and config.quantization_type not in self._types():
            raise ModelError(
                f"{type(self).__name__} does no {config.quantization_type} quantization. "
                f"Take {'StaticQuantizer' if config.quantization_type == 'static' else 'DynamicQuantizer'}."
            )
        self.model = model
        self.config = config or QuantizationConfig(quantization_type=self.quantization_type)
        self.quantized: nn.Module | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the result: which backend and why, and what is left to do."""
        return self._recipe().notes

    def optimize(self) -> nn.Module:
        """Return the quantized model. Raises ModelError where no way fits it, or where nothing was changed."""
        original = self._evaluated_copy()
        examples = self._examples(original)
        config = self.config
        reasons: list[str] = []
        for backend, why in fitting_backends(Request(model=original, config=config, examples=examples), reasons):
            try:
                made = self._apply(backend, examples)
                self.quantized = self._finish(made, backend, why, original, examples)
                return self.quantized
            except ModelError as error:
                if config.backend != "auto":
                    raise
                reasons.append(f"{backend.name}: {error}")
        raise ModelError(
            f"{config.quantization_type} quantization: no way fits this model on this host. {'; '.join(reasons)}"
        )

    def get_size_info(self) -> dict[str, Any]:
        """Return the sizes of both models as saved, their ratio, and how much was quantized."""
        recipe = self._recipe()
        assert self.quantized is not None
        original, quantized = saved_bytes(self.model), saved_bytes(self.quantized)
        sizes = sizes_of(self.model)
        parameters = sizes.parameters if sizes is not None and sizes.parameters else recipe.changed["parameters"]
        return {
            "original_size_bytes": original,
            "quantized_size_bytes": quantized,
            "compression_ratio": original / quantized,
            "quantized_parameters_ratio": min(1.0, recipe.changed["parameters"] / parameters),
            "changed": dict(recipe.changed),
            "backend": recipe.backend,
        }

    @classmethod
    def _types(cls) -> tuple[str, ...]:
        return (cls.quantization_type,)

    def _apply(self, backend: Backend, examples: Sequence[Inputs]) -> Quantized:
        # A copy for each: a backend that fails may have changed half of it.
        request = Request(model=self._evaluated_copy(), config=self.config, examples=examples)
        try:
            return backend.apply(request)
        except (ModelError, MemoryError):
            raise
        except Exception as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
            raise ModelError(
                f"{backend.name} cannot quantize {type(self.model).__name__}: {type(error).__name__}: {lines[0][:300]}"
            ) from error

    def _evaluated_copy(self) -> nn.Module:
        copy = private_copy(self.model, "quantization")
        with contextlib.suppress(NotImplementedError):  # an exported module has the one mode that it was exported in
            copy.eval()
        return copy

    def _finish(
        self, made: Quantized, backend: Backend, why: str, original: nn.Module, examples: Sequence[Inputs]
    ) -> nn.Module:
        notes = [why, *made.notes]
        recipe = Recipe(
            kind=f"{self.config.quantization_type} quantization",
            model=class_path(self.model),
            backend=backend.name,
            settings=self.config.settings(),
            changed=made.changed,
            packages=backend.versions,
            notes=tuple(notes),
        )
        require_change(recipe)
        if examples:
            if isinstance(made.model, FlatModel):
                check_another_batch(original, made.model, examples[0])
            difference = relative_difference(original, made.model, examples[0])
            notes.append(f"on example inputs its outputs are off by {difference:.2%} (relative L2)")
        if not isinstance(made.model, FlatModel):
            training_flags(self.model).restore(made.model)
        elif getattr(self.model, "training", False):  # frozen TorchScript has no mode
            notes.append("the model was in training mode, and was exported in evaluation mode")
        return attach(made.model, dataclasses.replace(recipe, notes=tuple(notes)))

    def _examples(self, model: nn.Module) -> list[Inputs]:
        raise NotImplementedError

    def _recipe(self) -> Recipe:
        recipe = None if self.quantized is None else recipe_of(self.quantized)
        if recipe is None:
            raise ModelError("nothing was quantized yet: call optimize() first")
        return recipe
