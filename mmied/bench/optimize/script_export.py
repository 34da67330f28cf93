"""Make an exportable module of a TorchScript model, which torch.export, compilers and other runtimes do not take."""

import warnings
from typing import Any

import torch
from torch import nn

from mmied.bench.optimize.difference import relative_difference
from mmied.bench.optimize.export import Inputs
from mmied.bench.parameters import parameters_of
from mmied.errors import ModelError

MOST_DIFFERENCE = 1e-4  # relative L2: the same arithmetic, in other kernels at most


def from_torchscript(script: torch.jit.ScriptModule, example: Inputs) -> nn.Module:
    """Return a graph of torch operators that computes what `script` does; sizes of the example stay free.

    The converter is torch's own, and private: it may go with any release, and what it gives is held against the
    original. Raises ModelError where it is gone, cannot follow the model, or gives another one.
    """
    try:
        from torch._export.converter import TS2EPConverter
    except ImportError as error:
        raise ModelError("this torch has no converter from TorchScript (torch._export.converter)") from error
    args = _in_order(script, example)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            converted = TS2EPConverter(script, args).convert().module()
        except Exception as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
            raise ModelError(f"TorchScript cannot be converted: {type(error).__name__}: {lines[0][:300]}") from error
    try:
        difference = relative_difference(script, converted, (args, {}))
    except RuntimeError as error:
        raise ModelError(f"what TorchScript was converted to cannot be called: {str(error)[:300]}") from error
    if difference > MOST_DIFFERENCE:
        raise ModelError(f"what TorchScript was converted to is another model: off by {difference:.2%} (relative L2)")
    return _Positional(converted, parameters_of(script).names) if example[1] else converted


class _Positional(nn.Module):
    """Takes inputs by the names that the script had for them; the converter knows none."""

    def __init__(self, graph: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.graph = graph
        self.names = names
        self.training = False

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        rest = [kwargs[name] for name in self.names[len(args) :] if name in kwargs]
        return self.graph(*args, *rest)


def _in_order(script: torch.jit.ScriptModule, example: Inputs) -> tuple[Any, ...]:
    args, kwargs = example
    names = parameters_of(script).names
    rest = names[len(args) : len(args) + len(kwargs)]
    if set(rest) != set(kwargs):
        raise ModelError(f"TorchScript cannot be converted: {', '.join(kwargs)} are not the first of its inputs")
    return (*args, *(kwargs[name] for name in rest))
