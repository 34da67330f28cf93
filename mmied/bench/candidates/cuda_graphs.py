"""A call recorded once and replayed: its many launches become one, which is what small batches wait for."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from mmied.bench.optimize.recipe import Recipe, attach
from mmied.bench.optimize.structure import Structure, map_tensors, put_together, take_apart
from mmied.bench.trial.context import Applied, Context
from mmied.bench.trial.protocol import NotApplicable

WARM_UP = 3  # calls before a recording: libraries choose their algorithms and allocate in the first ones


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recording:
    graph: torch.cuda.CUDAGraph
    inputs: list[torch.Tensor]  # where a replay reads
    output: Any  # where it writes


class CudaGraphs(nn.Module):
    """Replays a model's calls; each new form of inputs is recorded when it is first met.

    A recording holds on to its memory. What the model does on the host, or by the values of its inputs, is recorded
    once and not done again: only outputs that were compared tell whether that is right.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.training = model.training
        self._recordings: dict[Any, _Recording] = {}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        tensors, structure = take_apart({"args": list(args), "kwargs": kwargs}, "inputs")
        key = (str(structure), tuple((tuple(tensor.shape), tensor.dtype) for tensor in tensors))
        recording = self._recordings.get(key)
        if recording is None:
            recording = self._recordings[key] = self._record(tensors, structure)
        for place, tensor in zip(recording.inputs, tensors, strict=True):
            place.copy_(tensor)
        recording.graph.replay()
        # The next replay writes over it.
        return map_tensors(torch.clone, recording.output)

    def _record(self, tensors: list[torch.Tensor], structure: Structure) -> _Recording:
        inputs = [tensor.clone() for tensor in tensors]
        given = put_together(structure, list(inputs))
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # a recording may not be begun on the default stream
            for _ in range(WARM_UP):
                self.model(*given["args"], **given["kwargs"])
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            output = self.model(*given["args"], **given["kwargs"])
        return _Recording(graph=graph, inputs=inputs, output=output)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_recordings": {}}


def apply(model: Any, context: Context) -> Applied:
    """Record the model for each deployed batch size. The proof is the recordings."""
    recorded = CudaGraphs(model)
    with torch.no_grad():
        for size in context.batch_sizes:
            args, kwargs = context.make(size)
            try:
                recorded(*args, **kwargs)
            except RuntimeError as error:
                raise NotApplicable(
                    f"a call of batch size {size} cannot be recorded: {(str(error).splitlines() or [''])[0][:200]}"
                ) from error
    changed = {"graphs": len(recorded._recordings)}
    recipe = Recipe(kind="CUDA graphs", backend="torch.cuda", changed=changed)
    # Under no_grad: a recording's places outlive the call, and inference tensors may not be written outside of it.
    return Applied(call=attach(recorded, recipe), changed=changed, inference_mode=False)
