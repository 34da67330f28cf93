"""Tell the kind of work that a frame does by its name, as torch, its kernels and the math libraries name things."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of operation, its colour in pictures, and what the names of its operators and kernels contain."""

    name: str
    colour: str  # bears dark text in light and in dark pages
    pattern: str


# The first that matches wins: attention is made of products, and a convolution's kernel may be called a gemm.
KINDS = (
    Kind("attention", "#e8a33d", r"attention|transformer_encoder_layer_fwd|flash_|fmha|bias_rescale_qkv|\bsdp"),
    Kind("convolution", "#b794e8", r"conv(?!ert)|winograd|implicit_gemm"),
    Kind("normalisation", "#5cb8b2", r"norm(?!al_)|welford"),
    Kind(
        "matmul",
        "#ef8354",
        r"gemm|gemv|matmul|(?<![a-z])(add|b|baddb)?mm(?![a-z])|addmv|\bmv\b|linear|einsum|\bdot\b|cutlass|lstm|gru|rnn_",
    ),
    Kind(
        "elementwise",
        "#8fc05a",
        r"relu|gelu|silu|elu\b|sigmoid|tanh|softmax|elementwise|dropout|hardtanh|hardswish"
        r"|^_*(add|sub|mul|div|pow|exp|log|sqrt|rsqrt|neg|abs|clamp\w*|where|eq|ne|lt|gt|le|ge|sum|mean|max|min|cumsum"
        r"|erf|cos|sin|bitwise_\w+|logical_\w+|masked_fill)_?$|reduce_kernel",
    ),
    Kind(
        "memory",
        "#6fa8dc",
        r"mem(cpy|set|move)|cop(y|ies)|empty|alloc|^_*(view|reshape|transpose|permute|contiguous|to|clone|cat|stack|t"
        r"|as_strided|expand|select|slice|index|index_select|gather|scatter|embedding|unsqueeze|squeeze|flatten|split"
        r"|chunk|narrow|unbind|zeros|ones|fill|zero|pad|resize|detach|lift_fresh|arange|full|unsafe_view)_?$",
    ),
    Kind("module", "#f2cc60", r"(?!)"),  # told by the profiler, never by a name
    Kind("python", "#c9b79c", r"(?!)"),
    Kind("other", "#b5b5b5", r""),
)
COLOURS = {kind.name: kind.colour for kind in KINDS}
_PATTERNS = tuple((kind.name, re.compile(kind.pattern, re.IGNORECASE)) for kind in KINDS)


def colour_of(kind: str) -> str:
    """Return the colour of a kind of operation; of one that is not known that of `other`."""
    return COLOURS.get(kind, COLOURS["other"])


def kind_of_operation(name: str) -> str:
    """Return the kind of an operator, a kernel or a native function; `other` where its name tells none."""
    bare = name.rpartition("::")[2] if name.startswith(("aten::", "prim::")) else name
    return next(kind for kind, pattern in _PATTERNS if pattern.search(bare))
