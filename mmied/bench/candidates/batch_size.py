"""Requests that are answered together: the deployed model, called with larger batches."""

from typing import Any

import torch

from mmied.bench.failures import brief
from mmied.bench.trial.context import Applied, Context
from mmied.bench.trial.protocol import NotApplicable


def apply(model: Any, context: Context, *, times: int) -> Applied:
    """Call with `times` as many samples as are deployed; its time counts for as many calls."""
    for size in context.batch_sizes:
        args, kwargs = context.make(size * times)
        try:
            with torch.no_grad():
                model(*args, **kwargs)
        except Exception as error:
            raise NotApplicable(
                f"the model does not take a batch of {size * times}: {type(error).__name__}: {brief(error)}"
            ) from error
    shown = " and ".join(f"{size * times} instead of {size}" for size in context.batch_sizes)
    notes = (
        f"batches of {shown}: the speed-up is in time per sample",
        f"a request waits until {times} are there, and then for all of them: throughput is bought with latency",
    )
    return Applied(call=model, changed={"samples": times - 1}, notes=notes, batches=times)
