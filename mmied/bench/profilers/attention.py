"""Where does attention look? The weights of each nn.MultiheadAttention on the first sample of one call."""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from math import isqrt
from typing import Any

import torch

from mmied.bench.profilers.fast_path import unfused
from mmied.bench.profilers.model_tree import module_of
from mmied.bench.profilers.recorded import Target, profiled_call
from mmied.inspection import Attention

MAX_LAYERS = 12
MAX_HEADS = 16
MAX_TOKENS = 128
MAX_WEIGHTS = 250_000  # in all: 2 MB of JSON, beside which the rest of an inspection is small
DIGITS = 5

Keep = Callable[[torch.Tensor], object]


def profile(target: Target) -> tuple[Attention, ...]:
    """Return the weights of the first attention layers; () for a model without any, and for scripted ones.

    Of many heads and tokens the first are kept. The model is called once with its attention told to give weights,
    off the fused path that computes none, and is left as it was.
    """
    module = module_of(target.model)
    if module is None:
        return ()
    layers = [(name, part) for name, part in module.named_modules() if isinstance(part, torch.nn.MultiheadAttention)]
    if not layers:
        return ()
    kept: dict[str, torch.Tensor] = {}
    with unfused(), _uncompiled(), _watched(layers[:MAX_LAYERS], kept):
        profiled_call(target)
    heads = sum(min(MAX_HEADS, weights.shape[0]) for weights in kept.values())
    tokens = min(MAX_TOKENS, isqrt(MAX_WEIGHTS // max(1, heads)))
    return tuple(_attention(name, weights, tokens) for name, weights in kept.items())


def _attention(layer: str, weights: torch.Tensor, tokens: int) -> Attention:
    heads, queries, keys = weights.shape
    shown = weights[:MAX_HEADS, :tokens, :tokens].float().cpu().tolist()
    return Attention(
        layer=layer,
        weights=tuple(tuple(tuple(round(weight, DIGITS) for weight in row) for row in head) for head in shown),
        heads=heads,
        queries=queries,
        keys=keys,
    )


def _uncompiled() -> AbstractContextManager[object]:
    """Let compiled modules run as they were written; where nothing was compiled its machinery is not even loaded."""
    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()


@contextmanager
def _watched(layers: list[tuple[str, torch.nn.MultiheadAttention]], kept: dict[str, torch.Tensor]) -> Iterator[None]:
    """Put a forward that keeps its weights before each layer's own."""
    before = [(layer, layer.__dict__.get("forward")) for _, layer in layers]
    try:
        for name, layer in layers:
            layer.__dict__["forward"] = _asking_for_weights(layer.forward, partial(kept.setdefault, name))
        yield
    finally:
        for layer, own in before:
            if own is None:
                layer.__dict__.pop("forward", None)
            else:
                layer.__dict__["forward"] = own


def _asking_for_weights(forward: Callable[..., Any], keep: Keep) -> Callable[..., Any]:
    """Return a forward that asks for weights by head, and gives its caller those that the caller asked for."""
    signature = inspect.signature(forward)

    def asking(*args: Any, **kwargs: Any) -> Any:
        asked = signature.bind(*args, **kwargs)
        asked.apply_defaults()
        wanted, average = asked.arguments["need_weights"], asked.arguments["average_attn_weights"]
        asked.arguments |= {"need_weights": True, "average_attn_weights": False}
        output, weights = forward(*asked.args, **asked.kwargs)
        by_head_at = weights.dim() - 3
        keep((weights if by_head_at == 0 else weights[0]).clone())
        if not wanted:
            return output, None
        return output, weights.mean(dim=by_head_at) if average else weights

    return asking
