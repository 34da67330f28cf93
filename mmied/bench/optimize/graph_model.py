"""A graph of torch operators, callable and savable like the module that it was exported from."""

import io
import warnings
from typing import Any

import torch

from mmied.bench.optimize.export import FlatCalls, zeros_for
from mmied.bench.optimize.flat_model import FlatModel


class GraphModel(FlatModel):
    """Holds the graph as a submodule: `model.graph = torch.compile(model.graph)` lowers it."""

    runtime = "exported graph"

    def __init__(self, graph: torch.nn.Module, **facts: Any) -> None:
        super().__init__(**facts)
        self.graph = graph

    def run(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        """Run the graph."""
        return list(self.graph(*tensors))

    def exported_bytes(self) -> bytes:
        """Return the graph as a .pt2 file."""
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.export.save(self.exported(), buffer)
        return buffer.getvalue()

    def exported(self) -> torch.export.ExportedProgram:
        """Return the graph as a program, with the sizes free that were."""
        example = zeros_for(self.sizes, self.dtypes)
        shapes: tuple[object, ...] = tuple(
            {dim: torch.export.Dim.AUTO for dim, size in enumerate(row) if size is None} for row in self.sizes
        )
        if isinstance(self.graph, FlatCalls):
            shapes = (shapes,)  # its inputs are variadic
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.export(self.graph, example, dynamic_shapes=shapes)
