"""How many floating point operations do the fused operators take that torch's own counter has no formula for?

Each formula gets the operator's arguments, shapes in the place of tensors, and its output's shape as `out_shape`. A
multiply-add counts two; as with torch's own formulas a causal mask halves nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import conv_flop_count

Shape = Sequence[int]


def _attention(query: Shape, key: Shape, value: Shape, *args: Any, **kwargs: Any) -> int:
    """Count query × key and weights × value; several heads of a query may share one of key and value."""
    *batch_and_heads, queries, width = query
    return 2 * prod(batch_and_heads) * queries * key[-2] * (width + value[-1])


def _multi_head_attention(
    query: Shape, key: Shape, value: Shape, embed_dim: int, heads: int, qkv: Shape, qkv_bias: Shape, out: Shape,
    *args: Any, **kwargs: Any,
) -> int:  # fmt: skip
    batch, queries, width = query
    keys = key[1]
    # The projections of query, key and value are a third of `qkv` each.
    projections = 2 * batch * (queries + keys + value[1]) * prod(qkv) // 3
    return projections + 4 * batch * queries * keys * width + 2 * batch * queries * prod(out)


def _encoder_layer(
    source: Shape, embed_dim: int, heads: int, qkv: Shape, qkv_bias: Shape, out: Shape, out_bias: Shape,
    use_gelu: bool, norm_first: bool, eps: float, norm_1: Shape, norm_1_bias: Shape, norm_2: Shape, norm_2_bias: Shape,
    linear_1: Shape, linear_1_bias: Shape, linear_2: Shape, *args: Any, **kwargs: Any,
) -> int:  # fmt: skip
    """Count nn.TransformerEncoderLayer's fast path, https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html."""
    attention = _multi_head_attention(source, source, source, embed_dim, heads, qkv, qkv_bias, out)
    return attention + 2 * prod(source[:-1]) * (prod(linear_1) + prod(linear_2))


def _recurrent_layer(inputs: Shape, from_input: Shape, from_hidden: Shape, *args: Any, **kwargs: Any) -> int:
    """Count one layer in one direction: each step of each sequence goes through both matrices, all gates in one."""
    return 2 * prod(inputs[:-1]) * (prod(from_input) + prod(from_hidden))


def _cudnn_recurrent(inputs: Shape, weights: Sequence[Shape], *args: Any, **kwargs: Any) -> int:
    return 2 * prod(inputs[:-1]) * sum(prod(weight) for weight in weights if len(weight) == 2)


def _biased_product(bias: Shape, left: Shape, right: Shape, *args: Any, **kwargs: Any) -> int:
    return 2 * prod(left) * (right[1] if len(right) == 2 else 1)


def _product(left: Shape, right: Shape, *args: Any, **kwargs: Any) -> int:
    return 2 * prod(left) * (right[1] if len(right) == 2 else 1)


def _linear(inputs: Shape, weight: Shape, *args: Any, out_shape: Shape, **kwargs: Any) -> int:
    return 2 * prod(out_shape) * inputs[-1]


def _convolution(inputs: Shape, weight: Shape, *args: Any, out_shape: Shape, **kwargs: Any) -> int:
    return int(conv_flop_count(list(inputs), list(weight), list(out_shape)))


_FORMULAS: dict[str, Callable[..., int]] = {
    "aten::_scaled_dot_product_flash_attention_for_cpu": _attention,
    "aten::_scaled_dot_product_fused_attention_overrideable": _attention,
    "aten::_native_multi_head_attention": _multi_head_attention,
    "aten::_transformer_encoder_layer_fwd": _encoder_layer,
    "aten::mkldnn_rnn_layer": _recurrent_layer,
    "aten::_cudnn_rnn": _cudnn_recurrent,
    "aten::_addmm_activation": _biased_product,
    "aten::addmv": _biased_product,
    "aten::mv": _product,
    "aten::dot": _product,
    "aten::vdot": _product,
    "aten::mkldnn_linear": _linear,
    "aten::_weight_int8pack_mm": _linear,  # integers at rest, products of floats
    "aten::_weight_int4pack_mm": _linear,
    "mkldnn::_linear_pointwise": _linear,
    "mkldnn::_convolution_pointwise": _convolution,
    "aten::mkldnn_convolution": _convolution,
}


def formulas() -> dict[Any, Callable[..., int]]:
    """Return the formulas by operator, of those operators that this build of torch has."""
    return dict(_by_operator())


def _by_operator() -> Iterator[tuple[Any, Callable[..., int]]]:
    for name, formula in _FORMULAS.items():
        namespace, _, operator = name.partition("::")
        packet = getattr(getattr(torch.ops, namespace), operator, None)
        if packet is not None:
            yield packet, formula
