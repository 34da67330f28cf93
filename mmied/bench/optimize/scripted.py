"""Take a TorchScript model to other runtimes: torch.export does not know it, the older exporters do."""

import contextlib
import io
import warnings
from collections.abc import Sequence
from typing import Any, cast

import torch

from mmied.bench.optimize.export import Inputs, flatten_call, free_dimensions, output_structure
from mmied.errors import ModelError

OPSET = 20  # the last that torch's older exporter writes
# What a trace of nn.TransformerEncoder and nn.MultiheadAttention in evaluation mode is made of.
_WITHOUT_ONNX = ("aten::_transformer_encoder_layer_fwd", "aten::_native_multi_head_attention")


class ScriptedCalls:
    """A TorchScript model with positional tensors as inputs. `facts` are the keyword arguments of a FlatModel."""

    notes: tuple[str, ...] = ()

    def __init__(self, model: torch.jit.ScriptModule, examples: Sequence[Inputs]) -> None:
        args, kwargs = examples[0]
        if kwargs or not all(isinstance(value, torch.Tensor) for value in args):
            raise ModelError("a TorchScript model is exported by positional tensors alone: give example inputs so")
        self.model = model
        self.tensors, inputs = flatten_call(examples[0])
        self.free = free_dimensions(self.tensors, [flatten_call(example)[0] for example in examples[1:]])
        with torch.no_grad():
            outputs = output_structure(model, inputs, self.tensors)
        if not _is_plain(outputs):
            raise ModelError("a TorchScript model is exported with tensors and tuples of them as outputs alone")
        self.facts: dict[str, Any] = {
            "inputs": inputs,
            "outputs": outputs,
            "sizes": [
                [None if dim in dims else size for dim, size in enumerate(tensor.shape)]
                for tensor, dims in zip(self.tensors, self.free, strict=True)
            ],
            "dtypes": [str(tensor.dtype).removeprefix("torch.") for tensor in self.tensors],
        }

    def to_onnx(self) -> bytes:
        """Return the model as an ONNX file. Raises ModelError."""
        graph = cast(Any, self.model.inlined_graph)
        for name in _WITHOUT_ONNX:  # asked here, since the exporter prints the whole graph and gives up
            if graph.findAllNodes(name):
                raise ModelError(f"torch.onnx.export: {name} has no form in ONNX, and the model was traced with it")
        names = [f"input_{index}" for index in range(len(self.tensors))]
        buffer = io.BytesIO()
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # where it prints whole graphs
            warnings.simplefilter("ignore")
            try:
                torch.onnx.export(
                    self.model,
                    tuple(self.tensors),
                    cast(Any, buffer),  # a stub that knows paths alone
                    dynamo=False,
                    input_names=names,
                    dynamic_axes={
                        name: {dim: f"{name}_{dim}" for dim in dims}
                        for name, dims in zip(names, self.free, strict=True)
                    },
                    opset_version=OPSET,
                )
            except Exception as error:
                lines = [line for line in str(error).splitlines() if line.strip()] or [""]
                raise ModelError(f"torch.onnx.export: {type(error).__name__}: {lines[0][:300]}") from error
        return buffer.getvalue()


def _is_plain(structure: dict[str, Any]) -> bool:
    if structure["is"] == "tensor":
        return True
    return structure["is"] in ("tuple", "list") and all(part["is"] == "tensor" for part in structure["parts"])
