"""torch.compile in its modes: the same arithmetic in fewer, larger kernels."""

from typing import Any

from torch import nn

from mmied.bench.candidates.graphs import as_module
from mmied.bench.trial.context import Applied, Context
from mmied.errors import ModelError

LOCK_IN = ("a C++ compiler on the serving host", "minutes of compiling at every start, or its cache")


def apply(model: Any, context: Context, *, mode: str | None = None, freezing: bool = False) -> Applied:
    """Compile the model, with one graph for all batch sizes where dynamo can make one."""
    return compiled(as_module(model, context), context, mode=mode, freezing=freezing)


def compiled(
    model: nn.Module,
    context: Context,
    *,
    mode: str | None = None,
    freezing: bool = False,
    part: nn.Module | None = None,
) -> Applied:
    """Return the model compiled, or that `part` of it alone, and the proof: graphs that dynamo gave to the compiler.

    Settings of inductor are the process's; the process is the candidate's own. Raises ModelError where dynamo left
    everything to Python.
    """
    # Here and not above: it takes a second to import, which candidates that compile nothing would pay as well.
    import torch._dynamo.utils
    import torch._inductor.config as inductor

    inductor.freezing = freezing
    torch._dynamo.reset()
    counters = torch._dynamo.utils.counters
    before = counters["stats"]["unique_graphs"]
    broken_before = sum(counters["graph_break"].values())
    several = len(context.batch_sizes) > 1
    dynamic = True if several and not freezing else None
    if part is None:
        call: Any = torch.compile(model, mode=mode, dynamic=dynamic)
    else:
        part.compile(mode=mode, dynamic=dynamic)
        call = model.forward  # not the module: its recipe says nothing of compiling, and a file would not have it
    with torch.no_grad():
        args, kwargs = context.make(context.batch_sizes[0])
        call(*args, **kwargs)
    graphs = counters["stats"]["unique_graphs"] - before
    breaks = sum(counters["graph_break"].values()) - broken_before
    if not graphs:
        raise ModelError("torch.compile found nothing to compile: all of the model stayed Python")
    notes = (f"{breaks} graph breaks: Python runs between the graphs",) if breaks else ()
    return Applied(call=call, changed={"graphs": graphs}, notes=notes, lock_in=LOCK_IN, inference_mode=False)
