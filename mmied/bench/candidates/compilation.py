"""torch.compile in its modes: the same arithmetic in fewer, larger kernels."""

from typing import Any

from torch import nn

from mmied.bench.trial.context import Applied, Context
from mmied.errors import ModelError

LOCK_IN = ("a C++ compiler on the serving host", "minutes of compiling at every start, or its cache")


def apply(model: Any, context: Context, *, mode: str | None = None, freezing: bool = False) -> Applied:
    """Compile the model, with one graph for all batch sizes where dynamo can make one."""
    return compiled(model, context, mode=mode, freezing=freezing)


def compiled(model: nn.Module, context: Context, *, mode: str | None = None, freezing: bool = False) -> Applied:
    """Return the model compiled, and the proof: graphs that dynamo handed to the compiler.

    Settings of inductor are the process's; the process is the candidate's own. Raises ModelError where dynamo left
    everything to Python.
    """
    import torch._dynamo.utils
    import torch._inductor.config as inductor

    inductor.freezing = freezing
    torch._dynamo.reset()
    counters = torch._dynamo.utils.counters
    before = counters["stats"]["unique_graphs"]
    several = len(context.batch_sizes) > 1
    call = torch.compile(model, mode=mode, dynamic=True if several and not freezing else None)
    with torch.no_grad():
        args, kwargs = context.make(context.batch_sizes[0])
        call(*args, **kwargs)
    graphs = counters["stats"]["unique_graphs"] - before
    breaks = sum(counters["graph_break"].values())
    if not graphs:
        raise ModelError("torch.compile found nothing to compile: all of the model stayed Python")
    notes = (f"{breaks} graph breaks: Python runs between the graphs",) if breaks else ()
    return Applied(call=call, changed={"graphs": graphs}, notes=notes, lock_in=LOCK_IN, inference_mode=False)
