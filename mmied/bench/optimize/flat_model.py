"""Call a graph that takes and gives flat tensors as the model that it was made from was called."""

from typing import Any

import torch
from torch import nn

from mmied.bench.optimize.structure import Structure, put_together, take_apart
from mmied.errors import ModelError


class FlatModel(nn.Module):
    """A module around a graph of some runtime. Subclasses have `run`; callers see the original's inputs and outputs.

    `sizes` holds for each input tensor its sizes, None where any is taken; and `dtypes` their names.
    """

    runtime = "graph"

    def __init__(
        self, *, inputs: Structure, outputs: Structure, sizes: list[list[int | None]], dtypes: list[str]
    ) -> None:
        super().__init__()
        self.inputs, self.outputs, self.sizes, self.dtypes = inputs, outputs, sizes, dtypes
        self.training = False  # what was exported in evaluation mode has no other

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        tensors, structure = take_apart({"args": list(args), "kwargs": kwargs}, "inputs")
        if structure != self.inputs:
            raise ModelError(
                f"{self.runtime}: called with other inputs than it was exported with: "
                f"{_words(structure)} instead of {_words(self.inputs)}. Export it again with inputs of this form."
            )
        self._check(tensors)
        return put_together(self.outputs, self.run(tensors))

    def run(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return the output tensors for the input tensors."""
        raise NotImplementedError

    def artifact_bytes(self) -> int | None:
        """Return the bytes of the graph's file; None where its weights are this module's own."""
        return None

    def train(self, mode: bool = True) -> "FlatModel":
        """Stay in evaluation mode. Raises ModelError when asked to train."""
        if mode:
            raise ModelError(f"{self.runtime}: was exported in evaluation mode and cannot be trained")
        return self

    def facts(self) -> dict[str, Any]:
        """Return what `__init__` needs besides the graph, as JSON can hold it."""
        return {"inputs": self.inputs, "outputs": self.outputs, "sizes": self.sizes, "dtypes": self.dtypes}

    def _check(self, tensors: list[torch.Tensor]) -> None:
        for index, (tensor, sizes, dtype) in enumerate(zip(tensors, self.sizes, self.dtypes, strict=True)):
            found = tuple(tensor.shape)
            fits = len(found) == len(sizes) and all(want in (None, got) for got, want in zip(found, sizes, strict=True))
            if not fits:
                shown = ", ".join("any" if size is None else str(size) for size in sizes)
                raise ModelError(f"{self.runtime}: input {index} has the shape {found}, exported for ({shown})")
            if str(tensor.dtype) != f"torch.{dtype}":
                raise ModelError(f"{self.runtime}: input {index} is {tensor.dtype}, exported for {dtype}")


def _words(structure: Structure) -> str:
    parts = structure["parts"]
    names = ", ".join(f"{name}=…" for name in parts["kwargs"]["parts"])
    return f"({', '.join(filter(None, ['…, ' * len(parts['args']['parts']), names])).rstrip(', ')})"
