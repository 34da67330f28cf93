"""Know the precisions that a model can be measured in by all their names, without torch."""

import difflib
from types import MappingProxyType

from mmied.errors import MmiedError

# By each name its canonical one, which records hold. "amp" is bfloat16, on CUDA too: it has float32's range, so that
# a model that was never scaled for float16 gives finite outputs.
PRECISIONS = MappingProxyType(
    {
        "float64": "float64",
        "fp64": "float64",
        "double": "float64",
        "float32": "float32",
        "fp32": "float32",
        "float": "float32",
        "full": "float32",
        "float16": "float16",
        "fp16": "float16",
        "half": "float16",
        "bfloat16": "bfloat16",
        "bf16": "bfloat16",
        "autocast-bfloat16": "autocast-bfloat16",
        "autocast-bf16": "autocast-bfloat16",
        "autocast": "autocast-bfloat16",
        "amp": "autocast-bfloat16",
        "mixed": "autocast-bfloat16",
        "autocast-float16": "autocast-float16",
        "autocast-fp16": "autocast-float16",
    }
)
AUTOCAST = "autocast-"
_QUANTIZED = {"int8", "uint8", "qint8", "quint8", "int4", "fp8", "float8", "nf4"}


def canonical_precision(name: object, *, option: str = "precision") -> str:
    """Return the canonical name of a precision; a torch.dtype is taken by its own. Raises MmiedError."""
    word = str(name).removeprefix("torch.").lower().replace("_", "-")
    if word in PRECISIONS:
        return PRECISIONS[word]
    if word in _QUANTIZED:
        raise MmiedError(
            f"{option}: {name} is nothing that a model can be cast to: it takes a quantizer, which chooses the "
            "scales. Quantize the model first, then measure what came of it in its own precision."
        )
    near = difflib.get_close_matches(word, PRECISIONS, n=1)
    known = dict.fromkeys(PRECISIONS.values())
    raise MmiedError(
        f"{option}: {name} is not known. "
        + (f'Did you mean "{near[0]}"? ' if near else "")
        + f"Known are {', '.join(known)}."
    )
