"""Float32 products computed in a shorter format: a setting of the process, that needs no change of the model."""

from typing import Any

import torch

from mmied.bench.trial.context import Applied, Context
from mmied.bench.trial.protocol import NotApplicable


def apply(model: Any, context: Context, *, precision: str) -> Applied:
    """Let oneDNN ("bf16") or cuBLAS and cuDNN ("tf32") round the factors of float32 products."""
    backends: Any = torch.backends
    library, convolutions = ("cuda", "cudnn") if context.device.startswith("cuda") else ("mkldnn", "mkldnn")
    changed = 0
    for part in (getattr(backends, library).matmul, getattr(backends, convolutions).conv):
        changed += part.fp32_precision != precision
        part.fp32_precision = precision
    if not changed:
        raise NotApplicable(f"float32 products are computed in {precision} already")
    note = f'torch.backends.{library}.matmul.fp32_precision = "{precision}", and the same for convolutions'
    return Applied(call=model, changed={"settings": changed}, notes=(note,))
