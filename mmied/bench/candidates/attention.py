"""Another kernel for scaled_dot_product_attention: a setting of the process, that needs no change of the model."""

from collections import Counter
from typing import Any

import torch

from mmied.bench.trial.context import Applied, Context
from mmied.bench.trial.protocol import NotApplicable
from mmied.errors import ModelError

# What switches a kernel on, and what its operator is called. On a CPU there are flash and math.
SWITCHES = {
    "flash": "enable_flash_sdp",
    "efficient": "enable_mem_efficient_sdp",
    "cudnn": "enable_cudnn_sdp",
    "math": "enable_math_sdp",
}
OPERATORS = {
    "flash": "_scaled_dot_product_flash_attention",
    "efficient": "_scaled_dot_product_efficient_attention",
    "cudnn": "_scaled_dot_product_cudnn_attention",
    "math": "_scaled_dot_product_attention_math",
}


def apply(model: Any, context: Context, *, backend: str) -> Applied:
    """Allow `backend` alone. The proof is the calls that came to run under it."""
    before = _kernels(model, context)
    calls = sum(before.values())
    if not calls:
        raise NotApplicable("the model calls no scaled_dot_product_attention")
    if before[backend] == calls:
        raise NotApplicable(f"its {calls} calls of scaled_dot_product_attention take the {backend} kernel already")
    for name, switch in SWITCHES.items():
        getattr(torch.backends.cuda, switch)(name == backend)
    try:
        after = _kernels(model, context)
    except RuntimeError as error:
        raise NotApplicable(f"the {backend} kernel does not take the model's attention: {str(error)[:200]}") from error
    if after[backend] <= before[backend]:
        raise ModelError(f"the {backend} kernel was allowed alone, and ran {after[backend]} of {calls} calls")
    note = f"{', '.join(SWITCHES.values())} of torch.backends.cuda, all off but for {SWITCHES[backend]}"
    return Applied(call=model, changed={"attention_calls": after[backend] - before[backend]}, notes=(note,))


def _kernels(model: Any, context: Context) -> Counter[str]:
    """Return how often each kernel runs in one call."""
    args, kwargs = context.make(context.batch_sizes[0])
    with torch.no_grad(), torch.autograd.profiler.profile(use_kineto=False) as profile:
        model(*args, **kwargs)
    names = [str(event.name).rpartition("::")[2] for event in profile.function_events or ()]
    return Counter(kernel for name in names for kernel, start in OPERATORS.items() if name.startswith(start))
